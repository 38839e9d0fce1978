"""The language of short prompts with code in them, by a labelled set and by what must not sway it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from synth.locales import locale_of

LABELLED = Path(__file__).parent / "locale_prompts.txt"
"""Label, tab, prompt (`\\n` for a line break); after the blank line those that were written after the word lists."""
BENCHMARKS = Path(__file__).parents[2].parent / "shared" / "data" / "benchmarks"


def accuracy(lines: str) -> float:
    pairs = [line.split("\t", 1) for line in lines.strip().splitlines()]
    return sum(locale_of(text.replace("\\n", "\n")) == label for label, text in pairs) / len(pairs)


def test_labelled_prompts() -> None:
    tuned, others = LABELLED.read_text(encoding="utf-8").split("\n\n")
    assert accuracy(tuned) >= 0.98
    assert accuracy(others) >= 0.9


@pytest.mark.parametrize(("name", "column"), [("mbpp", "text"), ("HumanEval", "prompt")])
def test_benchmark_prompts_are_english(name: str, column: str) -> None:
    path = BENCHMARKS / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no {path.name} in a folder named shared beside the repository")
    prompts = [json.loads(line)[column] for line in path.read_text(encoding="utf-8").splitlines()]
    assert {locale_of(prompt) for prompt in prompts} == {"en"}


@pytest.mark.parametrize(
    "code", ["```python\n# el valor de la suma para la lista\n```", "`la lista de los`", "```\n打印结果\n"]
)
def test_code_does_not_sway_it(code: str) -> None:
    assert locale_of(f"Why does this fail?\n{code}") == "en"
    assert locale_of(f"为什么会报错？\n{code}") == "zh"


def test_program_alone_is_read_for_its_comments() -> None:
    assert locale_of("```python\n# 计算两个数的最大公约数\ngcd(a, b)\n```") == "zh"
    assert locale_of("def f(x):\n    return x  # the value of it\n") == "en"


@pytest.mark.parametrize("text", ["Do pythons bite?", "hello world program", "merge as per line", "catch e"])
def test_words_that_other_languages_share_do_not_sway_it(text: str) -> None:
    assert locale_of(text) == "en"


@pytest.mark.parametrize("text", ["", "  \n", "123 + 456 = ?", "🙂🙂"])
def test_text_without_words_is_in_no_language(text: str) -> None:
    assert locale_of(text) == "other"


@pytest.mark.parametrize("piece", ["`", "```\n", "<", "a ", "{", "“", "- ", "#include", "\t"])
def test_hostile_text_takes_time_in_proportion(piece: str) -> None:
    def seconds(size: int) -> float:
        begun = time.process_time()
        locale_of(piece * (size // len(piece)))
        return time.process_time() - begun

    seconds(10_000)
    assert seconds(320_000) < 0.2 + 24 * min(seconds(40_000) for _ in range(3))
