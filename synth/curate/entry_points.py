"""Rows that use a benchmark's entry points: the cheapest sign that a row was made for one of its tasks.

Source: OpenCoder (arXiv 2411.04905), section 4 (decontamination of the SFT data).

Many names are plain words (`add`, `unique`, `search`), so a name counts only as an identifier in use: `add(` with no
dot before it (`seen.add(` and `re.search(` are other functions), or `add = lambda`, `const add =`. The camel case of a
snake-case name counts too, as translated benchmarks use it. A name of one or two characters, or a Python builtin (`f`,
MBPP's `sum`), must be defined to count. Over whole source files the rule would hit every `search(` and `add(`: it is
for rows of instructions. Measured: 2.7 % of the functions of the standard library use a HumanEval entry point, most of
them `def f(`.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from synth.curate.benchmarks import Task

_WORD = re.compile(r"\w+")


class Use(NamedTuple):
    """Where a text uses an entry point."""

    task: str
    start: int
    end: int


class EntryPoints:
    """The entry points of some tasks."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks: dict[str, str] = {}  # spelling of an entry point -> task id
        for task in tasks:
            for name in _spellings(task.entry_point):
                self._tasks.setdefault(name, task.id)
        self._names: dict[str, list[str]] = {}  # first word -> entry points; "" -> those that have no word
        for name in self._tasks:
            self._names.setdefault(next(iter(_WORD.findall(name)), ""), []).append(name)

    def find(self, text: str) -> Use | None:
        """The first definition, or else the first call. Only names that the text holds somewhere are searched for."""
        words = self._names.keys() & ["", *_WORD.findall(text)]
        names = sorted(name for word in words for name in self._names.get(word, ()) if name in text)
        strong = [name for name in names if not _is_weak(name)]
        for patterns in ({name: _defines(name) for name in names}, {name: _calls(name) for name in strong}):
            matches = [(match, name) for name, use in patterns.items() if (match := use.search(text)) is not None]
            if matches:
                first, name = min(matches, key=lambda found: found[0].start())
                return Use(self._tasks[name], first.start(), first.end())
        return None


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
