"""Shingles against a plain Python reading of the same definition."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from synth.curate.shingles import jaccard, shingle_many, shingle_set

SOURCES = [path.read_text(encoding="utf-8") for path in sorted(Path(re.__file__).parent.glob("*.py"))]
HOSTILE = [
    "",
    " \n\t",
    "a",
    "\x00\x01",
    "x" * 70_000,
    "\ud800 lone",
    "é̀ ß ſ",
    "你好，世界。" * 3,
    "\U0001f600" * 9,
    "\U0010ffff",
]


def reference_set(text: str) -> set[tuple[str, ...]]:
    tokens = re.findall(r"\w+|[^\w\s]", text)
    return {tuple(tokens[i : i + 5]) for i in range(max(1, len(tokens) - 4))}


def test_distinct_shingles_are_distinct_token_windows() -> None:
    for text in SOURCES:
        assert len(shingle_set(text)) == len(reference_set(text))


def test_jaccard_is_that_of_the_token_windows() -> None:
    for left, right in pairwise(SOURCES):
        a, b = reference_set(left), reference_set(right)
        assert jaccard(shingle_set(left), shingle_set(right)) == pytest.approx(len(a & b) / len(a | b), abs=1e-3)


def test_a_text_keeps_its_shingles_in_any_company() -> None:
    texts = [*HOSTILE, *SOURCES]
    together = shingle_many(texts)
    for i, text in enumerate(texts):
        part = together.hashes[together.offsets[i] : together.offsets[i + 1]]
        np.testing.assert_array_equal(part, shingle_many([text]).hashes)


def test_every_text_has_a_shingle() -> None:
    assert (np.diff(shingle_many(HOSTILE).offsets) >= 1).all()


def test_no_texts_give_no_shingles() -> None:
    assert len(shingle_many([]).hashes) == 0


@pytest.mark.parametrize(("left", "right"), [("a b", "a c"), ("a", "a a"), ("ab", "a b"), ("f()", "f[]"), ("", "a")])
def test_short_texts_differ(left: str, right: str) -> None:
    assert jaccard(shingle_set(left), shingle_set(right)) == 0


def test_white_space_does_not_count() -> None:
    assert jaccard(shingle_set("if x :\n\treturn  y"), shingle_set("if x:\n    return y\r\n")) == 1


def test_each_chinese_character_is_a_token() -> None:
    assert len(shingle_set("求列表中的最大值")) == 4


def test_a_word_hashes_alike_in_ascii_and_in_other_company() -> None:
    ascii_only, mixed = shingle_set("a b c d e"), shingle_set("a b c d e é")
    assert set(ascii_only.tolist()) < set(mixed.tolist())


def test_hashes_do_not_depend_on_the_process() -> None:
    program = "from synth.curate.shingles import shingle_set; print(shingle_set('def f(x): return x').tolist())"
    answers = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert answers == {f"{shingle_set('def f(x): return x').tolist()}\n".encode()}
