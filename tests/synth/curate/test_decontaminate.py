"""Contamination by HumanEval and MBPP: what must be found, and what must be left alone."""

import builtins
import gzip
import json
import keyword
import random
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from synth.curate.decontaminate import Benchmark, Decontaminator, Hit, load_benchmark

ROW = {
    "task_id": 7,
    "text": "Write a function to find the nth lucky gnome.",
    "code": "def gnome(n):\n    return n",
    "test_list": ["assert gnome(2) == 2"],
}


@pytest.fixture(scope="module")
def humaneval() -> Decontaminator:
    return Decontaminator([load_benchmark("humaneval")])


def test_every_task_is_found_in_its_own_prompt(humaneval: Decontaminator) -> None:
    assert all(humaneval.find(task.texts[0]) for task in load_benchmark("humaneval").tasks)


def test_renamed_tasks_are_found_by_their_ten_grams(humaneval: Decontaminator) -> None:
    tasks = load_benchmark("humaneval").tasks
    renamed = [re.sub(rf"\b{task.entry_point}\b", "g_0", task.texts[0]) for task in tasks]
    hits = [humaneval.find(text) for text in renamed]
    assert sum(hit is not None for hit in hits) >= 158


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
    ],
)
def test_an_entry_point_in_use_is_found(humaneval: Decontaminator, text: str, matched: str) -> None:
    hit = humaneval.find(text)
    assert hit is not None
    assert (hit.rule, hit.text) == ("entry_point", matched)


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
def test_common_words_are_left_alone(humaneval: Decontaminator, text: str) -> None:
    assert humaneval.find(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "xs = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
        "for i in range(len(lst)):\n    for j in range(i + 1, len(lst)):\n        pass",
        "# Check some edge cases that are easy to work out by hand.",
        "Write a function that takes a list of integers and returns the largest of them.",
    ],
)
def test_boilerplate_is_no_contamination(humaneval: Decontaminator, text: str) -> None:
    assert humaneval.find(text) is None


def test_a_ten_gram_ignores_case_and_layout(humaneval: Decontaminator) -> None:
    hit = humaneval.find(
        "CHECK if in given\n\tlist of numbers, are any two numbers closer to each OTHER than given threshold"
    )
    assert hit is not None
    assert (hit.task, hit.rule) == ("HumanEval/0", "ten_gram")


def test_entry_points_are_named_before_ten_grams(humaneval: Decontaminator) -> None:
    hit = humaneval.find("Check if in given list of numbers, are any two numbers closer", "def add(a): pass")
    assert hit == Hit("HumanEval/53", "entry_point", "def add(")


def plain_find(benchmark: Benchmark, text: str) -> tuple[str, str] | None:
    """Rule and text of the first hit: every name in one pattern, then every ten tokens in a row."""
    camels = {re.sub(r"_(\w)", lambda match: match[1].upper(), task.entry_point) for task in benchmark.tasks}
    names = sorted({task.entry_point for task in benchmark.tasks} | camels)
    any_of = "|".join(names)
    strong = "|".join(name for name in names if len(name) > 2 and not hasattr(builtins, name))
    defined = (
        rf"\b(?:def|function|func|fn|fun)\s+({any_of})\s*\("
        rf"|(?<![\w.$])({any_of})\s*=\s*(?:lambda|function|async)\b"
        rf"|\b(?:const|let|var)\s+({any_of})\s*=\s*\("
    )
    for pattern in (defined, rf"(?<![\w.$])({strong})\("):
        if (match := re.search(pattern, text)) is not None:
            return "entry_point", match.group().strip()
    told = telling_ten_grams(benchmark)
    tokens = re.findall(r"\w+|[^\w\s]", text.lower())
    grams = (tuple(tokens[i : i + 10]) for i in range(len(tokens) - 9))
    return next((("ten_gram", " ".join(gram)) for gram in grams if gram in told), None)


@cache
def telling_ten_grams(benchmark: Benchmark) -> frozenset[tuple[str, ...]]:
    no_words = {word.lower() for word in (*keyword.kwlist, *keyword.softkwlist, *dir(builtins))}
    tasks: Counter[tuple[str, ...]] = Counter()
    for task in benchmark.tasks:
        grams = set()
        for text in task.texts:
            tokens = re.findall(r"\w+|[^\w\s]", text.lower())
            grams |= {tuple(tokens[i : i + 10]) for i in range(len(tokens) - 9)}
        tasks.update(grams)
    return frozenset(
        gram
        for gram, count in tasks.items()
        if count <= 2 and sum(len(t) > 1 and not t.isdigit() and t not in no_words for t in set(gram)) >= 4
    )


def test_hits_are_those_of_a_plain_search(humaneval: Decontaminator) -> None:
    benchmark = load_benchmark("humaneval")
    rng = random.Random(5)
    names = [task.entry_point for task in benchmark.tasks]
    words = [word for task in benchmark.tasks for text in task.texts for word in text.split(" ")]
    frames = (
        "def {}(x)",
        "fun {} (",
        "let {} =(",
        "{} = lambda",
        "x.{}(",
        "{}(",
        "{} = function {}(",
        "{}",
        "const {}=(",
    )
    found: Counter[str | None] = Counter()
    for _ in range(500):
        parts = [rng.choice(frames).replace("{}", rng.choice(names)) for _ in range(rng.randrange(2))]
        for _ in range(rng.randrange(3)):
            begin = rng.randrange(len(words))
            parts.append(" ".join(words[begin : begin + rng.randrange(1, 30)]))
        rng.shuffle(parts)
        text = rng.choice(("\n", " ", "; ")).join(parts)
        hit, wanted = humaneval.find(text), plain_find(benchmark, text)
        assert (hit and (hit.rule, hit.text)) == wanted, text
        found[wanted and wanted[0]] += 1
    assert min(found[None], found["entry_point"], found["ten_gram"]) > 40


def write(path: Path, *rows: Any) -> str:
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.jsonl.gz"])
def test_a_file_in_mbpp_form_is_a_benchmark(tmp_path: Path, name: str) -> None:
    decontaminator = Decontaminator([load_benchmark(write(tmp_path / name, ROW))])
    assert decontaminator.find("x = gnome(3)") == Hit("MBPP/7", "entry_point", "gnome(")


def test_a_builtin_as_entry_point_counts_only_when_defined(tmp_path: Path) -> None:
    row = ROW | {"code": "def sum(a, b):\n    return a + b", "test_list": ["assert sum(1, 2) == 3"]}
    decontaminator = Decontaminator([load_benchmark(write(tmp_path / "b.jsonl", row))])
    assert decontaminator.find("total = sum(xs)") is None
    assert decontaminator.find("def sum(a, b): ...") is not None


def test_chinese_ten_grams_are_of_characters(tmp_path: Path) -> None:
    row = ROW | {"text": "编写一个函数来查找给定字符串中最长的回文子串的长度"}
    decontaminator = Decontaminator([load_benchmark(write(tmp_path / "zh.jsonl", row))])
    hit = decontaminator.find("任务：给定字符串中最长的回文子串是什么")
    assert hit is not None
    assert hit.rule == "ten_gram"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "no tasks in it"),
        (("{torn\n",), "cannot read it as JSONL"),
        ((ROW, {"a": 1}), r":2: need HumanEval's fields or MBPP's, got a;"),
        (([1],), ":1: need HumanEval's fields or MBPP's, got list"),
        ((ROW | {"code": 3},), ":1: a field is missing or of the wrong type"),
    ],
)
def test_a_bad_file_is_one_line_with_its_place(tmp_path: Path, rows: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_benchmark(write(tmp_path / "bad.jsonl", *rows))


def test_an_unknown_benchmark_says_what_to_give() -> None:
    with pytest.raises(ValueError, match="give 'humaneval' or a JSONL file"):
        load_benchmark("humanevil")


def test_mbpp_entry_points_are_found_where_the_data_lies_beside_us() -> None:
    path = Path(__file__).parents[4] / "shared" / "data" / "benchmarks" / "mbpp.jsonl"
    if not path.is_file():
        pytest.skip("no MBPP in a folder `shared` beside the repository")
    tasks = load_benchmark(str(path)).tasks
    assert len(tasks) == 974
    assert all(task.entry_point for task in tasks)
