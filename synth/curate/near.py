"""Near duplicates: MinHash finds candidate pairs, exact Jaccard on the hashed shingles decides.

A signature holds `num_perm` minima, cut into bands; two texts are a candidate pair when a whole band agrees. Each
candidate is then compared exactly, so nothing below the threshold is ever called a twin: what banding costs is recall
alone, 0.97 over pairs of edited Python files spread above J = 0.7 (`benchmarks/dedup.py`).

Input order is rank: the first of a group survives, and a text is compared with survivors only. So a chain a ~ b ~ c
with a unlike c keeps a and c. Batch (`find_near_duplicates`) and row-by-row (`NearIndex`) give the same answer.
Not covered: more texts than fit in memory (about 130 bytes a text in a batch, 400 in an index: `survivors.py`).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from synth.curate.shingles import Hashes, Shingles, distinct_each, jaccard, mix, shingle_many
from synth.curate.survivors import BandTable, Keys, ShingleStore

THRESHOLD = 0.7
"""Jaccard similarity from which two texts are twins."""

_SEED = 42
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


def find_near_duplicates(
    texts: Sequence[str], *, threshold: float = THRESHOLD, preset: str = "default"
) -> list[Twin | None]:
    """For each text its twin among the survivors before it (the most similar, then the earliest); `None`: it survives.

    Raises: `ValueError` for an unknown preset or a threshold outside (0, 1].
    """
    index = NearIndex(threshold=threshold, preset=preset)
    keys = [part for _, part in _sketch_batches(texts, index)]
    twins: list[Twin | None] = [None] * len(texts)
    if not keys:
        return twins
    # A text that shares no band with any other can neither be a twin nor have one: only the rest enter the index.
    suspects = np.flatnonzero(_share_a_band(np.concatenate(keys))).tolist()
    for twin, suspect in zip(index.add_many(texts[i] for i in suspects), suspects, strict=True):
        if twin is not None:
            twins[suspect] = Twin(suspects[twin.index], twin.jaccard)
    return twins


class NearIndex:
    """Survivors so far, to be asked row by row."""

    def __init__(self, *, threshold: float = THRESHOLD, preset: str = "default") -> None:
        """Raises: `ValueError` for an unknown preset or a threshold outside (0, 1]."""
        if not 0 < threshold <= 1:
            raise ValueError(f"dedup: threshold must be in (0, 1], got {threshold}")
        if preset not in PRESETS:
            raise ValueError(f"dedup: unknown preset {preset!r}; known: {', '.join(PRESETS)}")
        self.threshold = threshold
        self.num_perm = PRESETS[preset].num_perm
        self.rows = PRESETS[preset].rows or rows_for(threshold, self.num_perm)
        self._factors = _factors(self.num_perm).reshape(-1, self.rows)
        self._table = BandTable(self.num_perm // self.rows)
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
        for shingles, keys in _sketch_batches(texts, self):
            yield from self._add_batch(distinct_each(shingles), keys)

    def sketch(self, shingles: Shingles) -> Keys:
        """One key per text and band, `(num_texts, num_bands)`; equal keys in a column mean equal bands.

        Two bands that differ have one key once in four billion times, which costs a comparison.
        """
        from rensa import RMinHash  # compiled; loaded by those who search

        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            shingles.hashes, shingles.offsets, self.num_perm, _SEED
        ).to_rows()
        minima = np.fromiter(chain.from_iterable(matrix), np.uint64, len(matrix) * self.num_perm)
        # One random odd factor for each place in the signature.
        folded = np.einsum("nbr,br->nb", minima.reshape(len(matrix), -1, self.rows), self._factors)
        return (mix(folded) >> np.uint64(32)).astype(np.uint32)

    def _add_batch(self, sets: Sequence[NDArray[np.uint32]], keys: Keys) -> list[Twin | None]:
        """What `add` says of each of several texts, given by shingles and keys `(num_texts, num_bands)`."""
        earlier = self._table.sharing(keys)
        repeated = _repeated(keys)
        buckets: dict[int, list[int]] = {}  # the survivors among these, by the keys that repeat
        twins: list[Twin | None] = []
        for row, shingles in enumerate(sets):
            shared = repeated.get(row, ())
            here = {other for key in shared for other in buckets.get(key, ())}
            before = ((self._numbers[i], self._store.read(i)) for i in sorted(earlier.get(row, ())))
            twin = self._closest(shingles, chain(before, ((self._added + i, sets[i]) for i in sorted(here))))
            twins.append(twin)
            if twin is None:
                for key in shared:
                    buckets.setdefault(key, []).append(row)
        kept = [row for row, twin in enumerate(twins) if twin is None]
        self._store.add([sets[row] for row in kept])
        self._table.add(keys[kept])
        self._numbers.extend(self._added + row for row in kept)
        self._added += len(sets)
        return twins

    def _closest(
        self, shingles: NDArray[np.uint32], candidates: Iterable[tuple[int, NDArray[np.uint32]]]
    ) -> Twin | None:
        """The most similar of the candidates, numbers and shingles, and of equals the first; `None` below the line."""
        best: Twin | None = None
        for number, other in candidates:
            similarity = self._similarity(shingles, other)
            if similarity >= self.threshold and (best is None or similarity > best.jaccard):
                best = Twin(number, similarity)
        return best

    def _similarity(self, left: NDArray[np.uint32], right: NDArray[np.uint32]) -> float:
        """Their Jaccard similarity; 0 where their sizes alone keep it below the threshold."""
        small, large = sorted((len(left), len(right)))
        return jaccard(left, right) if small >= self.threshold * large else 0.0


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


def _share_a_band(keys: Keys) -> NDArray[np.bool_]:
    """Whether each row of `keys`, `(num_texts, num_bands)`, has one that another row has in the same band."""
    sharing = np.zeros(len(keys), bool)
    for column in keys.T:
        _, places, counts = np.unique(column, return_inverse=True, return_counts=True)
        sharing |= counts[places] > 1
    return sharing


def _sketch_batches(texts: Iterable[str], index: NearIndex) -> Iterator[tuple[Shingles, Keys]]:
    remaining = iter(texts)
    while batch := list(islice(remaining, _BATCH)):
        shingles = shingle_many(batch)
        yield shingles, index.sketch(shingles)


def _factors(count: int) -> Hashes:
    return mix(np.arange(1, count + 1, dtype=np.uint64)) | np.uint64(1)
