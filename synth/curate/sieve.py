"""Stage 1 of decontamination: which texts share several telling grams with a passage of a benchmark, close together.

Whole-array operations over many texts at once, because nearly all texts end here: it takes less time than `re` does to
cut them into tokens. What passes comes with its *seeds*, the places where a gram of the text is one of the passage's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synth.curate.grams import GRAM_SIZES, KEPT
from synth.curate.passages import Passage
from synth.curate.shingles import Hashes, mix, shingle_many

MIN_GRAMS = 4
"""Distinct telling grams that a text must share with a passage, within the passage's reach."""
_MAX_REPEATS = 16
"""Places of one gram in one text that are looked at: tables and generated code repeat some thousands of times."""
_GRAM = np.uint64(0xD6E8FEB86659FD93)
_BLANK = np.uint64(0x9E3779B97F4A7C15)
_COARSE_BITS = 22
_COARSE_SHIFT = np.uint64(64 - _COARSE_BITS)
_KEPT_BITS = 20
_KEPT_SHIFT = np.uint64(64 - _KEPT_BITS)

Seeds = list[tuple[int, int]]
"""Pairs of a token's number in the text and in the passage."""


class _Found(NamedTuple):
    start: int
    gram: tuple[int, int]
    """View and number."""
    place: int
    """In the passage."""


class Sieve:
    """Searches texts for passages."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._reach = [passage.reach for passage in passages]
        self._tables = [self._table(passages, view) for view in range(len(GRAM_SIZES))]

    def seeds(self, texts: Sequence[str]) -> list[dict[int, Seeds]]:
        """For each text the passages, by number, that it may hold, each with its seeds in text order."""
        found: list[dict[int, list[_Found]]] = [{} for _ in texts]
        if not texts or not self._reach:
            return [{} for _ in texts]
        tokens, offsets = hash_tokens(texts)
        for view, table in enumerate(self._tables):
            self._search(hash_grams(tokens, view), offsets, view, table, found)
        return [dict(self._dense(passages)) for passages in found]

    def _table(self, passages: Sequence[Passage], view: int) -> _Table:
        tokens, offsets = hash_tokens([passage.text for passage in passages] or [""])
        grams = hash_grams(tokens, view)
        begins = [
            (number, place, int(offsets[number]) + place)
            for number, passage in enumerate(passages)
            for place, tells in enumerate(passage.telling[view])
            if tells
        ]
        owners = np.array(begins, np.int64).reshape(-1, 3)
        hashes = grams[owners[:, 2]]
        order = hashes.argsort(kind="stable")
        return _Table(hashes[order], owners[order, :2])

    def _search(
        self,
        grams: Hashes,
        offsets: NDArray[np.int64],
        view: int,
        table: _Table,
        found: list[dict[int, list[_Found]]],
    ) -> None:
        starts, firsts, lasts = table.find(grams)
        if not len(starts):
            return
        numbers = np.searchsorted(offsets, starts, side="right") - 1
        inside = starts + GRAM_SIZES[view] <= offsets[numbers + 1]
        places = starts - offsets[numbers]
        repeats: dict[tuple[int, int], int] = defaultdict(int)
        columns = (column[inside].tolist() for column in (numbers, places, firsts, lasts))
        for number, place, first, last in zip(*columns, strict=True):
            repeats[number, first] += 1
            if repeats[number, first] > _MAX_REPEATS:
                continue
            for owner in range(first, last):
                passage, there = table.owners[owner]
                found[number].setdefault(passage, []).append(_Found(place, (view, first), there))

    def _dense(self, passages: dict[int, list[_Found]]) -> Iterator[tuple[int, Seeds]]:
        """The passages with enough different grams near each other, and the seeds that are."""
        for passage, grams in passages.items():
            if len({found.gram for found in grams}) < MIN_GRAMS:
                continue
            grams.sort()
            near: dict[tuple[int, int], int] = defaultdict(int)  # gram -> how often it stands within reach
            first = done = 0
            seeds: Seeds = []
            for last, found in enumerate(grams):
                near[found.gram] += 1
                while found.start - grams[first].start > self._reach[passage]:
                    near[grams[first].gram] -= 1
                    if not near[grams[first].gram]:
                        del near[grams[first].gram]
                    first += 1
                if len(near) >= MIN_GRAMS:
                    seeds += [(gram.start, gram.place) for gram in grams[max(first, done) : last + 1]]
                    done = last + 1
            if seeds:
                yield passage, seeds


class _Table:
    """Hashed grams, with the passage and the place of each."""

    def __init__(self, hashes: Hashes, owners: NDArray[np.int64]) -> None:
        self._hashes = hashes
        self.owners: list[tuple[int, int]] = list(zip(*owners.T.tolist(), strict=True))
        self._coarse = np.zeros(1 << _COARSE_BITS, bool)  # a first look at a hash's top bits lets 1 % through
        self._coarse[hashes >> _COARSE_SHIFT] = True

    def find(self, grams: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Where a known gram stands, and the range of its owners."""
        starts = np.flatnonzero(self._coarse[grams >> _COARSE_SHIFT])
        looked = grams[starts]
        firsts = np.searchsorted(self._hashes, looked, side="left")
        lasts = np.searchsorted(self._hashes, looked, side="right")
        known = lasts > firsts
        return starts[known], firsts[known], lasts[known]


def hash_tokens(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """A hash for each token of all `texts`, one where a text has none, and where each begins, with the end."""
    shingles = shingle_many([text.lower() for text in texts], size=1)
    return shingles.hashes, shingles.offsets


def hash_grams(tokens: Hashes, view: int) -> Hashes:
    """A hash for each gram in that view, those across the ends of texts too."""
    if view:
        tokens = np.where(_kept()[tokens >> _KEPT_SHIFT], tokens, _BLANK)
    count = max(0, len(tokens) - GRAM_SIZES[view] + 1)
    grams = tokens[:count].copy()
    for shift in range(1, GRAM_SIZES[view]):
        grams *= _GRAM
        grams += tokens[shift : shift + count]
    return mix(grams)


@lru_cache(maxsize=1)
def _kept() -> NDArray[np.bool_]:
    """Whether the tokens with these top bits are kept in a skeleton; one name in a thousand is by accident."""
    kept = np.zeros(1 << _KEPT_BITS, bool)
    kept[hash_tokens([" ".join(sorted(KEPT))])[0] >> _KEPT_SHIFT] = True
    return kept
