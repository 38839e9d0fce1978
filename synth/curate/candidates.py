"""Which texts share a band with another: sorting, one band at a time, so that keys may lie on disk.

A column of a million keys sorts in a tenth of a second; a hash table of all bands would take ten times the memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_HELD_BYTES = 512 << 20
_KEY_SHIFT = np.uint64(32)


def scratch(num_bands: int, num_texts: int) -> NDArray[np.uint32]:
    """Room for keys, `(num_bands, num_texts)`: in memory up to 512 MB, beyond that in a nameless file in `TMPDIR`."""
    if 4 * num_bands * num_texts <= _HELD_BYTES:
        return np.empty((num_bands, num_texts), np.uint32)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint32, "w+", shape=(num_bands, num_texts))


def sharing(columns: Iterable[NDArray[np.uint32]], num_earlier: int, num_texts: int) -> NDArray[np.int64]:
    """The texts that share a band with another, ascending; of the first `num_earlier` only those that share it with a
    later one.

    `columns` gives each band's keys, `(num_earlier + num_texts,)`.
    """
    found = np.zeros(num_earlier + num_texts, bool)
    for column in columns:
        tagged, same = _sorted(column)
        # Runs of equal keys, numbers ascending: a run counts if its last is not an earlier text.
        numbers = tagged.astype(np.uint32)
        ends = np.flatnonzero(~same)
        sizes = np.diff(ends, prepend=-1)
        fits = (sizes > 1) & (numbers[ends] >= num_earlier)
        found[numbers[np.repeat(fits, sizes)]] = True
    return np.flatnonzero(found)


def number_groups(columns: Iterable[NDArray[np.uint32]], num_texts: int, num_bands: int) -> NDArray[np.int32]:
    """A number for each band and key, `(num_texts, num_bands)`: equal where the keys are, different across bands."""
    groups = np.empty((num_texts, num_bands), np.int32)
    begin = 0
    for band, column in enumerate(columns):
        tagged, same = _sorted(column)
        begins = np.ones(len(same), np.int64)
        begins[1:] = ~same[:-1]
        numbers = np.cumsum(begins) + (begin - 1)
        groups[tagged.astype(np.uint32), band] = numbers
        begin = int(numbers[-1]) + 1
    return groups


def _sorted(column: NDArray[np.uint32]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Keys, sorted, with the number of each text below, and whether each is equal to the next; the last is not."""
    tagged = column.astype(np.uint64) << _KEY_SHIFT
    tagged |= np.arange(len(tagged), dtype=np.uint64)
    tagged.sort()
    keys = (tagged >> _KEY_SHIFT).astype(np.uint32)
    same = np.zeros(len(keys), bool)
    np.equal(keys[1:], keys[:-1], out=same[:-1])
    return tagged, same
