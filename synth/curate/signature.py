"""MinHash signatures in one pass over a text's shingles, and the band keys made of them.

A signature holds `K` minima. A shingle's low bits choose its bin and each bin takes its least shingle (one-permutation
hashing), so a long text costs one look a shingle where plain MinHash takes `K` hashes. A bin that stays empty, as most
do in a short text, borrows from the first full one in an order of its own ("optimal densification"). Two texts then
agree in a bin with the probability of their Jaccard similarity, however short they are, and each of a band's bins asks
for itself, so that a band of `r` agrees with J**r. Borrowing from the next full bin, the usual shortcut, makes whole
bands of a short text copies of one minimum. Source: Shrivastava, "Optimal Densification for Fast and Accurate Minwise
Hashing" (ICML 2017); the orders are those of double hashing here.

`compiled.py` makes the same numbers from text at once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from synth.curate.shingles import Hashes, mix

Keys = NDArray[np.uint32]

ALGORITHM = 1
"""To be raised whenever the shingles, signatures or keys of a text change: an index on disk remembers it."""

_SETS = 256  # signed at once: 256 kB an array of K = 256
_FIRST_ASKED, _THEN_ASKED = 16, 64  # bins asked at once


def band_keys(shingles: NDArray[np.uint32], offsets: NDArray[np.int64], num_perm: int, rows: int) -> Keys:
    """One key per set and band, `(num_sets, num_perm // rows)`; equal keys in a column mean equal bands.

    Set `i` is `shingles[offsets[i] : offsets[i + 1]]`, sorted, distinct and not empty. Two bands that differ have one
    key once in four billion times, which costs a comparison.
    """
    keys = np.empty((len(offsets) - 1, num_perm // rows), np.uint32)
    scale = factors(num_perm)
    for first in range(0, len(keys), _SETS):  # a few at a time, for the processor's cache
        part = offsets[first : first + _SETS + 1]
        minima = signatures(shingles[part[0] : part[-1]], part - part[0], num_perm)
        # A band holds every 32nd bin, not neighbours, so that its sum runs over whole rows.
        folded = (minima * scale).reshape(len(minima), rows, -1).sum(axis=1)
        keys[first : first + _SETS] = mix(folded) >> np.uint64(32)
    return keys


def signatures(shingles: NDArray[np.uint32], offsets: NDArray[np.int64], num_perm: int) -> NDArray[np.uint32]:
    """The minima of each set, `(num_sets, num_perm)`; `num_perm` is a power of two."""
    first_bins = np.repeat(np.arange(len(offsets) - 1) * num_perm, np.diff(offsets))
    bins = first_bins + (shingles & np.uint32(num_perm - 1))
    minima = np.zeros((len(offsets) - 1, num_perm), np.uint32)
    full = np.zeros((len(offsets) - 1, num_perm), bool)
    full.reshape(-1)[bins] = True
    minima.reshape(-1)[bins[::-1]] = shingles[::-1]  # of several for one bin the last stays: sets are sorted
    return minima if full.all() else _densify(minima, full)


def _densify(minima: NDArray[np.uint32], full: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """The minima, each bin that is not full with the value of the first full one that it asks."""
    num_perm = full.shape[1]
    # The first questions of all bins at once (a full bin answers itself), then those bins alone that are still empty.
    asked = _asked(num_perm, 0, _FIRST_ASKED)
    first = full.take(asked, axis=1).argmax(axis=2)  # (num_sets, num_perm)
    first += np.arange(0, asked.size, _FIRST_ASKED)
    donors = asked.take(first)
    donors += np.arange(0, full.size, num_perm)[:, None]
    lent: NDArray[np.uint32] = minima.take(donors)
    left = (~full.take(donors)).reshape(-1).nonzero()[0]
    attempt = _FIRST_ASKED
    while len(left):
        here = left & (num_perm - 1)
        others = _asked(num_perm, attempt, _THEN_ASKED).take(here, axis=0)
        others += (left - here)[:, None]
        donors = others[np.arange(len(left)), full.take(others).argmax(axis=1)]
        lent.reshape(-1)[left] = minima.take(donors)
        left = left[~full.take(donors)]
        attempt += _THEN_ASKED
    return lent


@lru_cache(maxsize=4)
def factors(num_perm: int) -> Hashes:
    """A random odd factor for each place in a signature: a band's key is a sum of products."""
    return mix(np.arange(1, num_perm + 1, dtype=np.uint64)) | np.uint64(1)


@lru_cache(maxsize=4)
def walks(num_perm: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each bin where its search for a full one begins, and its odd step: they visit every bin once."""
    random = mix(mix(np.arange(num_perm, dtype=np.uint64) + np.uint64(1 << 32)))
    begin = random >> np.uint64(32) & np.uint64(num_perm - 1)
    step = random & np.uint64(num_perm - 1) | np.uint64(1)
    return begin.astype(np.int64), step.astype(np.int64)


@lru_cache(maxsize=64)
def _asked(num_perm: int, attempt: int, count: int) -> NDArray[np.int64]:
    """The bins that each bin asks from its `attempt` on, `(num_perm, count)`: itself, then those on its walk."""
    begin, step = walks(num_perm)
    bins = (begin[:, None] + step[:, None] * np.arange(attempt - 1, attempt - 1 + count)) & (num_perm - 1)
    if attempt == 0:
        bins[:, 0] = np.arange(num_perm)
    return bins
