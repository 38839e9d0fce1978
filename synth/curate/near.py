"""Near duplicates: MinHash finds candidate pairs, exact Jaccard on the hashed shingles decides.

A signature holds `num_perm` minima, cut into bands; two texts are a candidate pair when a whole band agrees. Each
candidate is then compared exactly, so nothing below the threshold is ever called a twin: what banding costs is recall
alone, 0.97 over pairs of edited Python files spread above J = 0.7 (`benchmarks/dedup.py`).

Input order is rank: the first of a group survives, and a text is compared with survivors only. So a chain a ~ b ~ c
with a unlike c keeps a and c. Batch (`find_near_duplicates`) and row-by-row (`NearIndex`) give the same answer.
Not covered: more texts than fit in memory (about 260 bytes a text in a batch, 3 kB and its shingles in an index).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from synth.curate.shingles import Hashes, Shingles, distinct, jaccard, mix, shingle_many

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
    bands = [part for _, part in _sketch_batches(texts, index)]
    twins: list[Twin | None] = [None] * len(texts)
    if not bands:
        return twins
    # A text that shares no band with any other can neither be a twin nor have one: only the rest enter the index.
    keys, counts = np.unique(np.concatenate(bands), return_counts=True)
    shared = keys[counts > 1]
    suspects = np.flatnonzero(np.concatenate([np.isin(part, shared).any(axis=1) for part in bands])).tolist()
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
        self._buckets: dict[int, list[int]] = {}
        self._shingles: dict[int, NDArray[np.uint32]] = {}
        self._added = 0

    def add(self, text: str) -> Twin | None:
        """The twin of `text` among the survivors, numbered by `add` calls from 0; `None` makes it a survivor itself."""
        return next(self.add_many([text]))

    def add_many(self, texts: Iterable[str]) -> Iterator[Twin | None]:
        """What `add` says of each text in turn, faster."""
        for shingles, bands in _sketch_batches(texts, self):
            for row, keys in enumerate(bands.tolist()):
                begin, end = shingles.offsets[row : row + 2]
                yield self._add(distinct(shingles.hashes[begin:end]), keys)

    def sketch(self, shingles: Shingles) -> Hashes:
        """One key per text and band, `(num_texts, num_bands)`; equal keys mean equal bands."""
        from rensa import RMinHash  # compiled; loaded by those who search

        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            shingles.hashes, shingles.offsets, self.num_perm, _SEED
        ).to_rows()
        minima = np.array(matrix, np.uint64).reshape(-1, self.num_perm // self.rows, self.rows)  # (N, bands, rows)
        # One random odd factor for each place in the signature, so that equal minima in two bands give two keys.
        return mix((minima * _factors(self.num_perm).reshape(minima.shape[1:])).sum(axis=2, dtype=np.uint64))

    def _add(self, shingles: NDArray[np.uint32], keys: list[int]) -> Twin | None:
        number = self._added
        self._added += 1
        best: Twin | None = None
        for candidate in sorted({other for key in keys for other in self._buckets.get(key, ())}):
            similarity = self._similarity(shingles, self._shingles[candidate])
            if similarity >= self.threshold and (best is None or similarity > best.jaccard):
                best = Twin(candidate, similarity)
        if best is None:
            self._shingles[number] = shingles
            for key in keys:
                self._buckets.setdefault(key, []).append(number)
        return best

    def _similarity(self, left: NDArray[np.uint32], right: NDArray[np.uint32]) -> float:
        """Their Jaccard similarity; 0 where their sizes alone keep it below the threshold."""
        small, large = sorted((len(left), len(right)))
        return jaccard(left, right) if small >= self.threshold * large else 0.0


def rows_for(threshold: float, num_perm: int) -> int:
    """The most rows a band (a power of two, for the fewest candidates) that still find 85 % of pairs *at* `threshold`.

    Two texts of similarity J share a band with probability `1 - (1 - J**rows) ** (num_perm / rows)`.
    """
    rows = 1
    while num_perm % (2 * rows) == 0 and 1 - (1 - threshold ** (2 * rows)) ** (num_perm // (2 * rows)) >= _MIN_RECALL:
        rows *= 2
    return rows


def _sketch_batches(texts: Iterable[str], index: NearIndex) -> Iterator[tuple[Shingles, Hashes]]:
    remaining = iter(texts)
    while batch := list(islice(remaining, _BATCH)):
        shingles = shingle_many(batch)
        yield shingles, index.sketch(shingles)


def _factors(count: int) -> Hashes:
    return mix(np.arange(1, count + 1, dtype=np.uint64)) | np.uint64(1)
