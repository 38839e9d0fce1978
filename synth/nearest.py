"""How similar each row is to the nearest kept one: an estimate for a page of some thousand rows.

A row is sketched by the smallest `SKETCH` of its hashed shingles. Rows that share one of their very smallest are
candidates, and the two sketches of a candidate pair give its Jaccard similarity: exactly for texts of up to `SKETCH`
shingles, within .03 or so beyond. 1.3 kB of memory a row at most.
Not covered: pairs whose similarity is so low that no small shingle is shared, which count as 0; deciding what is a
duplicate (`curate/near.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.curate.shingles import distinct_each, shingle_many

SKETCH = 256
KEYS = 32
"""Shingles of a row by which others find it."""
NEIGHBOURS = 12
"""Rows on either side, among those with the same shingle, that are looked at: what all rows share tells little."""
CANDIDATES = 4
"""Rows a row is compared with: those that it shares most keys with."""
BATCH = 256

Sketch = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Near:
    """The kept row most like another one."""

    index: int
    similarity: float
    """Jaccard similarity of their shingles, in [0, 1]."""


class NearestKept:
    """Rows to be compared, numbered from 0 as they are added."""

    def __init__(self) -> None:
        self._sketches: list[Sketch] = []
        self._is_kept: list[bool] = []
        self._waiting: list[str] = []

    def add(self, text: str, *, is_kept: bool) -> None:
        """Takes one row; an empty text is like no other."""
        self._waiting.append(text)
        self._is_kept.append(is_kept)
        if len(self._waiting) == BATCH:
            self._sketch()

    def find(self) -> list[Near | None]:
        """For each row the kept row most like it, other than itself; `None` where none was found."""
        self._sketch()
        best: list[Near | None] = [None] * len(self._sketches)
        for row, other in self._candidates():
            similarity = estimate(self._sketches[row], self._sketches[other])
            before = best[row]
            if similarity > 0 and (before is None or similarity > before.similarity):
                best[row] = Near(other, similarity)
        return best

    def _sketch(self) -> None:
        if self._waiting:
            for text, shingles in zip(self._waiting, distinct_each(shingle_many(self._waiting)), strict=True):
                self._sketches.append(shingles[: SKETCH if text.strip() else 0].copy())
            self._waiting = []

    def _candidates(self) -> list[tuple[int, int]]:
        """Pairs of a row and a kept row that may be like it, at most `CANDIDATES` for each."""
        keys = [sketch[:KEYS] for sketch in self._sketches]
        if not keys:
            return []
        rows = np.repeat(np.arange(len(keys)), [len(part) for part in keys])
        hashes = np.concatenate(keys)
        order = np.lexsort((rows, hashes))
        rows, hashes = rows[order], hashes[order]
        pairs = []
        for shift in range(1, NEIGHBOURS + 1):
            same = hashes[shift:] == hashes[:-shift]
            left, right = rows[:-shift][same], rows[shift:][same]
            pairs += [left * len(keys) + right, right * len(keys) + left]
        codes, shared = np.unique(np.concatenate(pairs), return_counts=True)
        row, other = np.divmod(codes, len(keys))
        fits = np.array(self._is_kept)[other]
        row, other, shared = row[fits], other[fits], shared[fits]
        order = np.lexsort((other, -shared, row))
        row, other = row[order], other[order]
        begins = np.searchsorted(row, row)  # where the pairs of the same row begin
        chosen = np.arange(len(row)) - begins < CANDIDATES
        return list(zip(row[chosen].tolist(), other[chosen].tolist(), strict=True))


def estimate(left: Sketch, right: Sketch) -> float:
    """The Jaccard similarity of the sets behind two sketches."""
    limit = min(int(sketch[-1]) if len(sketch) == SKETCH else 1 << 32 for sketch in (left, right))
    both = np.concatenate([left, right])
    both = both[both <= limit]
    both.sort()
    shared = int(np.count_nonzero(both[1:] == both[:-1]))
    return shared / (len(both) - shared) if len(both) else 0.0
