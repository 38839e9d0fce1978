from __future__ import annotations

import time

import pytest

from finetune.benchmarks import Problem, load_problems
from finetune.errors import ConfigError
from finetune.extract import STOPS, ask, cut_at_stop, fenced_blocks, read_program

PROBLEM = Problem(
    id="t/0",
    prompt='import math\n\n\ndef one():\n    return 1\n\n\ndef inc(x):\n    """One more."""\n',
    entry_point="inc",
    test="assert inc(1) == 2",
    canonical="    return x + one()\n",
)


def run(program: str | None) -> dict[str, object]:
    """The namespace after running it."""
    assert program is not None
    namespace: dict[str, object] = {}
    exec(program, namespace)
    return namespace


@pytest.mark.parametrize("stop", STOPS)
def test_a_continuation_ends_where_a_top_level_statement_begins(stop: str) -> None:
    assert cut_at_stop(f"\n    return x{stop}more") == "\n    return x"


def test_an_indented_statement_is_part_of_the_body() -> None:
    body = "\n    def inner(): return 1\n    if x:\n        print(x)\n    return x"
    assert cut_at_stop(body) == body


def test_a_continued_prompt_is_the_program() -> None:
    answer = "\n" + PROBLEM.canonical + "\nprint(inc(1))\n"
    namespace = run(read_program(PROBLEM, answer, "base"))
    assert namespace["inc"](1) == 2  # type: ignore[operator]
    assert ask(PROBLEM, "base").endswith('"""One more."""')


@pytest.mark.parametrize("answer", ["", " \n", "\n# nothing", "\ndef other(): pass"])
def test_an_empty_continuation_is_no_code(answer: str) -> None:
    assert read_program(PROBLEM, answer, "base") is None


def test_the_first_block_that_defines_the_function_counts() -> None:
    answer = "```python\nprint(1)\n```\nthen\n```\ndef inc(x): return x + 1\n```\nor\n```\ndef inc(x): return 7\n```"
    assert run(read_program(PROBLEM, answer, "chat"))["inc"](1) == 2  # type: ignore[operator]


def test_what_the_prompt_defines_before_is_there_for_the_block() -> None:
    answer = "```python\ndef inc(x):\n    return x + math.floor(one())\n```"
    assert run(read_program(PROBLEM, answer, "chat"))["inc"](1) == 2  # type: ignore[operator]


@pytest.mark.parametrize(
    "answer",
    ["def inc(x): return x + 1", "I cannot.", "```python\nincrement = 1\n```", "```\ndef inc2(x): pass\n```", ""],
)
def test_an_answer_without_a_block_of_the_function_is_no_code(answer: str) -> None:
    assert read_program(PROBLEM, answer, "chat") is None


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("```\na\n```", ["a\n"]),
        ("~~~py\na\n~~~", ["a\n"]),
        ("- item:\n  ```python\n  a\n    b\n  ```", ["a\n  b\n"]),
        ("````\n```\na\n```\n````", ["```\na\n```\n"]),
        ("```\ncut off", ["cut off"]),
        ("no fence", []),
    ],
)
def test_fences(text: str, blocks: list[str]) -> None:
    assert list(fenced_blocks(text)) == blocks


@pytest.mark.parametrize("part", ["```", "`", "\n```\n", "def inc(", "~~~\n```\n", " ", "\n"])
@pytest.mark.parametrize("mode", ["base", "chat"])
def test_hostile_answers_take_linear_time(part: str, mode: str) -> None:
    started = time.perf_counter()
    read_program(PROBLEM, part * 200_000, mode)  # type: ignore[arg-type]
    assert time.perf_counter() - started < 2


def test_a_limit_spreads_over_the_benchmark() -> None:
    chosen = [problem.id for problem in load_problems("humaneval", limit=4)]
    assert chosen == ["HumanEval/0", "HumanEval/41", "HumanEval/82", "HumanEval/123"]


def test_an_unknown_benchmark_is_named() -> None:
    with pytest.raises(ConfigError, match=r"benchmark: must be one of humaneval, got 'humanevil'"):
        load_problems("humanevil")
