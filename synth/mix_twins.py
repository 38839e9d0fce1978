"""Twins within and across the sets of a mixture: of each group the best row of the earliest set stays.

Rows are compared in the order of their rank, so the first of a group is the one to keep: earlier set, more tests
passed, higher scores, longer, then by the hash of the row. Not covered: how twins are found (`curate/`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from synth.curate.exact import ExactIndex
from synth.curate.near import NearIndex
from synth.curate.near import Twin as Like
from synth.curate.pairs import InstructionIndex
from synth.errors import SynthError
from synth.mix_config import Compared
from synth.mix_rows import Found, Spool, text_of
from synth.training_rows import Row

SLICE = 256
"""Rows compared at once."""

Twin = tuple[int, int, str, float]
"""Row, the row that stays in its place, how they are alike, how much."""


def ranked(found: Found) -> NDArray[np.int64]:
    """The rows, best first within a set, the sets in order."""
    last_first = (found.digests, *(-_numbers(key) for key in (found.lengths, found.scores, found.passed)), found.sets)
    return np.lexsort([np.asarray(key) for key in last_first])


def _numbers(values: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)


def find_twins(found: Found, spool: Spool, compare: Sequence[Compared], threshold: float | None) -> Iterator[Twin]:
    """The rows that another makes superfluous. Raises: `SynthError` where the shingles of rows cannot be kept."""
    finders = [_Finder(by, threshold) for by in compare]
    order = iter(ranked(found).tolist())
    while numbers := list(itertools.islice(order, SLICE)):
        rows = {number: spool.read(number) for number in numbers}
        for finder in finders:
            for twin in finder.find(rows):
                del rows[twin[0]]
                yield twin


class _Finder:
    """Rows so far, compared by one of their texts."""

    def __init__(self, by: Compared, threshold: float | None) -> None:
        self._by = by
        self._exact = ExactIndex()
        self._exact_rows: list[int] = []
        self._near = None if threshold is None or by == "instruction" else NearIndex(threshold=threshold)
        self._similar = InstructionIndex() if threshold is not None and by == "instruction" else None
        self._near_rows: list[int] = []

    def find(self, rows: dict[int, Row]) -> list[Twin]:
        """Those of the next rows that have a twin."""
        texts = {number: text for number, row in rows.items() if (text := self._text(row)).strip()}
        twins: list[Twin] = []
        for number, text in list(texts.items()):
            same = self._exact.add(text)
            self._exact_rows.append(number)
            if same is not None:
                twins.append((number, self._exact_rows[same], f"exact {self._by}", 1.0))
                del texts[number]
        self._near_rows += texts
        for number, like in zip(texts, self._alike(list(texts.values())), strict=True):
            if like is not None:
                twins.append((number, self._near_rows[like.index], f"near {self._by}", like.jaccard))
        return twins

    def _text(self, row: Row) -> str:
        if self._by == "text":
            return text_of(row)
        return str(row["instruction"] if self._by == "instruction" else row["code"])

    def _alike(self, texts: list[str]) -> list[Like | None]:
        """For each text the number of its near twin among all that were asked about, and how alike they are."""
        try:
            if self._near is not None:
                return list(self._near.add_many(texts))
            if self._similar is not None:
                return [self._similar.add(text) for text in texts]
            return [None] * len(texts)
        except OSError as error:
            raise SynthError(error.strerror) from error
