"""Names of benchmark functions in use, and the same words left alone."""

from __future__ import annotations

import pytest

from synth.curate.benchmarks import Task, load_benchmark
from synth.curate.entry_points import EntryPoints


@pytest.fixture(scope="module")
def humaneval() -> EntryPoints:
    return EntryPoints(load_benchmark("humaneval").tasks)


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("def add(x, y):\n    return x + y", "def add("),
        ("print(has_close_elements([1], 2))", "has_close_elements("),
        ("async def solve ( n ): ...", "def solve ("),
        ("function hasCloseElements (a) {}", "function hasCloseElements ("),
        ("const isPrime = (n) => n > 1", "const isPrime = ("),
        ("unique = lambda l: sorted(set(l))", "unique = lambda"),
        ("def f(n): return n", "def f("),
        ("Write `fizz_buzz(n)`.", "fizz_buzz("),
        ("add(1); def unique(l): ...", "def unique("),
    ],
)
def test_an_entry_point_in_use_is_found(humaneval: EntryPoints, text: str, matched: str) -> None:
    use = humaneval.find(text)
    assert use is not None
    assert text[use.start : use.end] == matched


@pytest.mark.parametrize(
    "text",
    [
        "Add the unique words, then search and encode them; multiply (or compare) the rest and solve it.",
        "seen.add(x); re.search(p, s); text.encode('utf-8'); self.compare(a)",
        "return f(x)",
        "def is_prime_like(n): ...\ndef re_add(x): ...\nadd_all(xs)",
        "total = add + 1; unique = set(xs)",
        "",
        "(" * 5000,
    ],
)
def test_common_words_are_left_alone(humaneval: EntryPoints, text: str) -> None:
    assert humaneval.find(text) is None


def test_a_builtin_as_entry_point_counts_only_when_defined() -> None:
    points = EntryPoints([Task(id="MBPP/1", entry_point="sum", texts=())])
    assert points.find("total = sum(xs)") is None
    assert points.find("def sum(a, b): ...") is not None


def test_no_names_are_never_found() -> None:
    assert EntryPoints([Task(id="1", entry_point="", texts=())]).find("def f(): ...") is None
