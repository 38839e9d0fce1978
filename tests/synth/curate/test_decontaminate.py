"""Contamination by a benchmark: what must be found, in whatever form, and what must be left alone."""

from __future__ import annotations

import ast
import random
import re
from pathlib import Path

import pytest

from synth.curate.decontaminate import Benchmark, Decontaminator, Hit, Task, load_benchmark

RENAMED = """def g_0(xs, t):
    for a, b in enumerate(xs):
        for c, d in enumerate(xs):
            if a != c:
                # how far apart
                e = abs(b - d)
                if e < t:
                    return True

    return False
"""
JAVASCRIPT = """const hasCloseElements = (numbers, threshold) => {
  for (let i = 0; i < numbers.length; i++) {
    for (let j = 0; j < numbers.length; j++) {
      if (i != j) {
        let distance = Math.abs(numbers[i] - numbers[j]);
        if (distance < threshold) { return true; }
      }
    }
  }
  return false;
}
"""
CHINESE = '''def has_close_elements(numbers, threshold):
    """检查给定的数字列表中，是否有任意两个数字之间的距离小于给定的阈值。
    >>> has_close_elements([1.0, 2.0, 3.0], 0.5)
    False
    """
'''


@pytest.fixture(scope="module")
def humaneval() -> Decontaminator:
    return Decontaminator([load_benchmark("humaneval")])


@pytest.fixture(scope="module")
def files() -> Decontaminator:
    return Decontaminator([load_benchmark("humaneval")], use_entry_points=False)


def against(*texts: str, entry_point: str = "") -> Decontaminator:
    return Decontaminator([Benchmark(name="b", tasks=(Task(id="b/1", entry_point=entry_point, texts=texts),))])


def share_found(decontaminator: Decontaminator, texts: list[str]) -> float:
    return sum(hit is not None for hit in decontaminator.find_many([(text,) for text in texts])) / len(texts)


def test_every_task_is_found_in_its_own_text_but_for_one_liners(files: Decontaminator) -> None:
    hits = files.find_many([(task.texts[0],) for task in load_benchmark("humaneval").tasks])
    assert sum(hit is not None and hit.score > 0.9 for hit in hits) >= 0.99 * len(hits)


def test_tasks_are_found_without_their_docstrings(files: Decontaminator) -> None:
    texts = []
    for task in load_benchmark("humaneval").tasks:
        tree = ast.parse(task.texts[0])
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body[:1] = [] if len(node.body) > 1 else [ast.Pass()]
        texts.append(ast.unparse(tree))
    assert share_found(files, texts) >= 0.9


def test_tasks_are_found_under_other_names(files: Decontaminator) -> None:
    tasks = load_benchmark("humaneval").tasks
    texts = [re.sub(rf"\b{task.entry_point}\b", "g_0", task.texts[0]) for task in tasks]
    assert share_found(files, texts) >= 0.97


def test_a_renamed_and_commented_function_is_found_by_its_form(humaneval: Decontaminator) -> None:
    hit = humaneval.find("Are two of them close?", f"Like this:\n```python\n{RENAMED}```\n")
    assert hit is not None
    assert (hit.task, hit.rule, hit.score, hit.part) == ("HumanEval/0", "fingerprint", 1.0, 1)


def test_the_place_of_a_match_is_in_characters_of_its_text(humaneval: Decontaminator) -> None:
    text = "İ. Check if in given list of numbers, are any two numbers closer to each other than given threshold. Ok?"
    hit = humaneval.find("First.", text)
    assert hit is not None
    assert (hit.rule, hit.part) == ("run", 1)
    assert text[hit.start : hit.end] == hit.text
    assert hit.text.startswith("Check if in given list")


@pytest.mark.parametrize(
    "text",
    [
        "xs = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
        "for i in range(len(lst)):\n    for j in range(i + 1, len(lst)):\n        pass",
        "# Check some edge cases that are easy to work out by hand.",
        "Write a function that takes a list of integers and returns the largest of them.",
        "def plus(a, b):\n    return a + b",
        "def gcd(a, b):\n    return a if b == 0 else gcd(b, a % b)",
        "{'one': 1, 'two': 2, 'three': 3, 'four': 4, 'five': 5, 'six': 6}",
        "",
        "(" * 5000,
        "\ud800 lone",
    ],
)
def test_boilerplate_is_no_contamination(humaneval: Decontaminator, text: str) -> None:
    assert humaneval.find(text) is None


def test_the_standard_library_is_clean(files: Decontaminator) -> None:
    paths = sorted(Path(re.__file__).parents[1].glob("[a-m]*.py"))
    rows = [(path.read_text(encoding="utf-8", errors="replace"),) for path in paths]
    assert len(rows) > 50
    assert files.find_many(rows) == [None] * len(rows)


def test_a_run_ignores_case_and_layout(humaneval: Decontaminator) -> None:
    hit = humaneval.find(
        "CHECK if in given\n\tlist of numbers, are any two numbers closer to each OTHER than given threshold"
    )
    assert hit is not None
    assert (hit.task, hit.rule) == ("HumanEval/0", "run")


def test_entry_points_are_named_before_runs(humaneval: Decontaminator) -> None:
    hit = humaneval.find("Check if in given list of numbers, are any two numbers closer", "def add(a): pass")
    assert hit == Hit("HumanEval/53", "entry_point", "def add(", 1.0, 1, 0, 8)


def test_seeds_may_use_names_but_not_repeat_text(humaneval: Decontaminator) -> None:
    assert humaneval.find_text("def add(a, b):\n    return search(a) + b") is None
    hit = humaneval.find_text(RENAMED)
    assert hit is not None
    assert hit.task == "HumanEval/0"


def test_a_copied_chinese_benchmark_is_found() -> None:
    hit = against(CHINESE).find("任务：检查给定的数字列表中，是否有任意两个数字之间的距离小于给定的阈值。请写代码。")
    assert hit is not None
    assert (hit.task, hit.rule) == ("b/1", "run")
    assert against(CHINESE).find("检查给定的数字是不是质数，如果不是，返回它的所有因数。") is None


def test_a_short_chinese_prompt_is_found_whole() -> None:
    found = against("编写一个函数来查找给定字符串中最长的回文子串的长度", "def f(s): ...")
    assert found.find("请编写一个函数来查找给定字符串中最长的回文子串的长度。") is not None
    assert found.find("编写一个函数来计算给定列表的平均值") is None


def test_renamed_code_of_another_language_is_found() -> None:
    renamed = re.sub(r"\b(hasCloseElements|numbers|threshold|distance)\b", lambda m: f"q{len(m[0])}", JAVASCRIPT)
    hit = against(JAVASCRIPT).find(renamed)
    assert hit is not None
    assert hit.rule == "run"


def test_many_rows_at_once_are_found_as_each_alone(humaneval: Decontaminator) -> None:
    rng = random.Random(5)
    words = [word for task in load_benchmark("humaneval").tasks for text in task.texts for word in text.split(" ")]
    rows = []
    for _ in range(200):
        begin = rng.randrange(len(words))
        rows.append((" ".join(words[begin : begin + rng.randrange(1, 60)]), "pass " * rng.randrange(9)))
    together = humaneval.find_many(rows)
    assert together == [humaneval.find(*row) for row in rows]
    assert {hit and hit.rule for hit in together} >= {None, "run", "entry_point"}


def test_opencoders_preset_counts_any_ten_tokens() -> None:
    preset = Decontaminator([load_benchmark("humaneval")], preset="opencoder")
    hit = preset.find("x", "xs = [1, 2, 3, 4, 5, 6, 7, 8]")
    assert hit is not None
    assert (hit.rule, hit.part) == ("ten_gram", 1)
    assert preset.find("def add(x): ...") == Hit("HumanEval/53", "entry_point", "def add(", 1.0, 0, 0, 8)
    assert preset.find("plain words") is None


def test_an_unknown_preset_names_the_known() -> None:
    with pytest.raises(ValueError, match="unknown preset 'strict'; known: default, opencoder"):
        Decontaminator([], preset="strict")


def test_no_benchmark_finds_nothing() -> None:
    assert Decontaminator([]).find("def add(a, b): ...") is None


def test_hostile_repeats_end_soon(files: Decontaminator) -> None:
    text = load_benchmark("humaneval").tasks[0].texts[0]
    assert files.find(text * 500 + "for i in range(2, n): " * 20_000) is not None
