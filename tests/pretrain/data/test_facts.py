"""What is measured of a text, against plain definitions, and that no text makes it slow."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from pretrain.data.facts import _ENCODED, Facts

PLAIN_SLASH = re.compile(r"^[ \t]*//[^\n]*$|/\*.*?\*/", re.MULTILINE | re.DOTALL)
PIECES = [
    "/*",
    "*/",
    "//",
    "/",
    "*",
    "\n",
    " ",
    "\t",
    "é",
    "語",
    "²",
    "A" * 70,
    "=",
    "b+/",
    "0x1f, ",
    "\\x1f",
    "\\u00ff",
    "- ",
]


def texts() -> list[str]:
    """Random ones of the marks that matter, and our own sources."""
    chance = random.Random(0)
    made = ["".join(chance.choices(PIECES, k=chance.randint(0, 30))) for _ in range(5000)]
    runs = [text + chance.choice(PIECES[-4:-1]) * 9 for text in made[:500]]
    plain = ["".join(chance.choices([*"aB9+/= \n", "A" * 70], k=20)) for _ in range(2000)]  # without escapes
    return made + runs + plain + [path.read_text() for path in Path("pretrain").glob("*.py")]


def test_comments_are_those_of_the_plain_pattern() -> None:
    for text in texts():
        assert Facts(text, "c").comments == PLAIN_SLASH.findall(text)


def test_encoded_runs_are_those_of_the_one_full_pattern() -> None:
    for text in texts():
        plain = [match.end() - match.start() for match in _ENCODED.finditer(text)]
        facts = Facts(text, "c")
        assert (facts.longest_encoded, facts.encoded_share) == (max(plain, default=0), sum(plain) / max(len(text), 1))


def test_letters_of_any_script_count() -> None:
    for text in texts():
        visible = max(sum(char not in " \t\n\r\f\v" for char in text), 1)
        assert Facts(text, "c").letter_share == sum(map(str.isalpha, text)) / visible


@pytest.mark.parametrize(
    "mark", ["/*", "/*/", "/* *", "//", '"', "{", " ", "\t", "\n", "A", "A" * 63 + " ", "0x", "\\x"]
)
@pytest.mark.parametrize("language", ["c", "shell", "sql"])
def test_no_repeated_mark_is_slow(mark: str, language: str) -> None:
    facts = Facts(mark * (2**20 // len(mark)), language)
    started = time.process_time()
    for fact in (facts.comment_share, facts.todo_share, facts.assert_share, facts.encoded_share, facts.hex_share):
        assert fact >= 0
    assert time.process_time() - started < 2  # the quadratic one took minutes
