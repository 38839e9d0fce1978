"""OpenCoder's rule: ten tokens in a row that a benchmark has too, whatever they say.

Source: OpenCoder (arXiv 2411.04905), section 4. The paper names no tokeniser; these are lower-case tokens, each mark
and each Chinese character alone. It flags about a quarter of clean source files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from synth.curate.benchmarks import Task
from synth.curate.grams import TOKEN, Gram, grams_of, tokenize

SIZE = 10
_PART = 5  # tokens looked up at once; half a ten-gram


class Found(NamedTuple):
    """The first ten tokens that a text shares."""

    task: str
    text: str
    start: int
    end: int


class TenGrams:
    """The ten-grams of some tasks."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks: dict[Gram, str] = {}
        for task in tasks:
            for text in task.texts:
                for gram in grams_of(tokenize(text), SIZE):
                    self._tasks.setdefault(gram, task.id)
        # All that five tokens of a ten-gram in a row can be.
        self._parts = {gram[begin : begin + _PART] for gram in self._tasks for begin in range(SIZE - _PART + 1)}

    def find(self, text: str) -> Found | None:
        """The first shared ten-gram."""
        tokens = tokenize(text)
        # Ten tokens in a row hold five in a row that begin at a multiple of five, and few texts have such a five.
        if self._parts.isdisjoint(zip(*(tokens[shift::_PART] for shift in range(_PART)), strict=False)):
            return None
        for first, gram in enumerate(grams_of(tokens, SIZE)):
            if (task := self._tasks.get(gram)) is not None:
                spans = [match.span() for match in TOKEN.finditer(text)][first : first + SIZE]
                return Found(task, " ".join(gram), spans[0][0], spans[-1][1])
        return None
