"""Near duplicates: MinHash finds candidate pairs, exact Jaccard on the hashed shingles decides.

A signature holds `num_perm` minima, cut into bands; two texts are a candidate pair when a whole band agrees. Each
candidate is then compared exactly, so nothing below the threshold is ever called a twin: what banding costs is recall
alone (`benchmarks/dedup.py`).

The first of a group survives, in input order or by a rank, and a text is compared with survivors only. So a chain
a ~ b ~ c with a unlike c keeps a and c. A batch (`search.py`) and row by row (`NearIndex`) give the same answer.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from synth.curate.shingles import distinct_each, jaccard, shingle_many
from synth.curate.signature import Keys, band_keys
from synth.curate.survivors import BandTable, ShingleStore

THRESHOLD = 0.7
"""Jaccard similarity from which two texts are twins."""

_BATCH = 256  # texts sketched at once: enough to spread the cost of a call, few enough that shingles stay small
_MIN_RECALL = 0.85


@dataclass(frozen=True, slots=True)
class Twin:
    """The surviving text that makes another one superfluous."""

    index: int
    jaccard: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """The shape of a signature."""

    num_perm: int
    """Minima a signature."""
    rows: int | None = None
    """Minima a band; `None` chooses by threshold (`rows_for`)."""


PRESETS = {"default": Preset(num_perm=256), "opencoder": Preset(num_perm=2048, rows=128)}
"""`default` is 32 bands of 8 at threshold 0.7. `opencoder` is 16 bands of 128, which finds pairs from J = 0.98 or so.
Source: OpenCoder (arXiv 2411.04905), section 2.1."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides which texts are twins: threshold and banding."""

    threshold: float
    num_perm: int
    rows: int

    @property
    def num_bands(self) -> int:
        """Bands a signature."""
        return self.num_perm // self.rows


def shape_of(threshold: float, preset: str) -> Shape:
    """Raises: `ValueError` for an unknown preset or a threshold outside (0, 1]."""
    if not 0 < threshold <= 1:
        raise ValueError(f"dedup: threshold must be in (0, 1], got {threshold}")
    if preset not in PRESETS:
        raise ValueError(f"dedup: unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    num_perm, rows = PRESETS[preset].num_perm, PRESETS[preset].rows
    return Shape(threshold, num_perm, rows or rows_for(threshold, num_perm))


class NearIndex:
    """Survivors so far, to be asked row by row."""

    def __init__(self, *, threshold: float = THRESHOLD, preset: str = "default") -> None:
        """Raises: `ValueError` for an unknown preset or a threshold outside (0, 1]."""
        self.shape = shape_of(threshold, preset)
        self._table = BandTable(self.shape.num_bands)
        self._store = ShingleStore()
        self._numbers = array("Q")  # of each survivor, among all texts
        self._added = 0

    def add(self, text: str) -> Twin | None:
        """The twin of `text` among the survivors, numbered by `add` calls from 0; `None` makes it a survivor itself.

        Raises: `OSError` where its shingles cannot be kept.
        """
        return next(self.add_many([text]))

    def add_many(self, texts: Iterable[str]) -> Iterator[Twin | None]:
        """What `add` says of each text in turn, several times faster; takes up to 256 at once."""
        remaining = iter(texts)
        while batch := list(islice(remaining, _BATCH)):
            sets = distinct_each(shingle_many(batch))
            yield from self.add_batch(sets, keys_of(sets, self.shape))

    def add_batch(
        self, sets: Sequence[NDArray[np.uint32]], keys: Keys, accept: Callable[[int, int], bool] | None = None
    ) -> list[Twin | None]:
        """What `add` says of each of several texts, given by shingles and keys `(num_texts, num_bands)`.

        With `accept` only those survivors count as twins for which `accept(text, survivor)` holds too.
        """
        earlier = self._table.sharing(keys)
        repeated = _repeated(keys)
        buckets: dict[int, list[int]] = {}  # the survivors among these, by the keys that repeat
        twins: list[Twin | None] = []
        for row, shingles in enumerate(sets):
            shared = repeated.get(row, ())
            here = {other for key in shared for other in buckets.get(key, ())}
            before = ((self._numbers[i], self._store.read(i)) for i in sorted(earlier.get(row, ())))
            others = chain(before, ((self._added + i, sets[i]) for i in sorted(here)))
            if accept is not None:
                me = self._added + row
                others = (other for other in others if accept(me, other[0]))  # type: ignore[assignment]
            twin = self._closest(shingles, others)
            twins.append(twin)
            if twin is None:
                for key in shared:
                    buckets.setdefault(key, []).append(row)
        self._keep(sets, keys, [row for row, twin in enumerate(twins) if twin is None])
        return twins

    def keep(self, sets: Sequence[NDArray[np.uint32]], keys: Keys) -> None:
        """Makes survivors of all of these, whatever they are like."""
        self._keep(sets, keys, list(range(len(sets))))

    def _keep(self, sets: Sequence[NDArray[np.uint32]], keys: Keys, rows: list[int]) -> None:
        self._store.add([sets[row] for row in rows])
        self._table.add(keys[rows])
        self._numbers.extend(self._added + row for row in rows)
        self._added += len(sets)

    def _closest(
        self, shingles: NDArray[np.uint32], candidates: Iterable[tuple[int, NDArray[np.uint32]]]
    ) -> Twin | None:
        """The most similar of the candidates, numbers and shingles, and of equals the first; `None` below the line."""
        best: Twin | None = None
        for number, other in candidates:
            similarity = self._similarity(shingles, other)
            if similarity >= self.shape.threshold and (best is None or similarity > best.jaccard):
                best = Twin(number, similarity)
        return best

    def _similarity(self, left: NDArray[np.uint32], right: NDArray[np.uint32]) -> float:
        """Their Jaccard similarity; 0 where their sizes alone keep it below the threshold."""
        small, large = sorted((len(left), len(right)))
        return jaccard(left, right) if small >= self.shape.threshold * large else 0.0


def _repeated(keys: Keys) -> dict[int, list[int]]:
    """For each row of `keys`, `(num_texts, num_bands)`, those that another row has in the same band, made one number
    with the band."""
    if len(keys) < 2:
        return {}
    num_bands = keys.shape[1]
    tagged = (keys + (np.arange(num_bands, dtype=np.uint64) << np.uint64(32))).ravel()
    order = tagged.argsort(kind="stable")
    tagged = tagged[order]
    equal = tagged[1:] == tagged[:-1]
    repeats = np.zeros(len(tagged), bool)
    repeats[1:] |= equal
    repeats[:-1] |= equal
    found: dict[int, list[int]] = {}
    for row, key in zip((order[repeats] // num_bands).tolist(), tagged[repeats].tolist(), strict=True):
        found.setdefault(row, []).append(key)
    return found


def rows_for(threshold: float, num_perm: int) -> int:
    """The most rows a band (a power of two, for the fewest candidates) that still find 85 % of pairs *at* `threshold`.

    Two texts of similarity J share a band with probability `1 - (1 - J**rows) ** (num_perm / rows)`.
    """
    rows = 1
    while num_perm % (2 * rows) == 0 and 1 - (1 - threshold ** (2 * rows)) ** (num_perm // (2 * rows)) >= _MIN_RECALL:
        rows *= 2
    return rows


def keys_of(sets: Sequence[NDArray[np.uint32]], shape: Shape) -> Keys:
    """The band keys of shingle sets, `(num_sets, num_bands)`."""
    offsets = np.cumsum([0, *map(len, sets)])
    return band_keys(sets[0] if len(sets) == 1 else np.concatenate(sets), offsets, shape.num_perm, shape.rows)
