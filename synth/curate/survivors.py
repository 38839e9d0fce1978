"""What near-duplicate search keeps of each surviving text: band keys in memory, shingles in a file.

With 32 bands that is 340 to 420 bytes of memory a text, however long the texts and however many there are; a dict of
lists of Python integers took 3 kB. Shingles are read back only for texts that share a band with a new one.

Not covered: keys on disk; forgetting a text.
"""

from __future__ import annotations

import mmap
import tempfile
import weakref
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synth.curate.signature import Keys

_FIRST_SLOTS = 1 << 17
_ENTRIES_PER_SLOT = 2  # at most: 2 to 4 bytes of slots an entry
_MAX_ENTRIES = (1 << 32) - 1  # 134 million texts of 32 bands
_KEY_SHIFT = np.uint64(32)
_HELD_BYTES = 16 << 20  # shingles in memory before they go to a file


class BandTable:
    """Which texts have which key in which band: a chained hash table in two flat arrays.

    A slot holds the entry that came to it last, an entry the one that came before. To double the slots is to write
    them twice, side by side: either half goes on with the chain that was, no entry moves and nothing stands still for
    it. The price is chains that grow by one entry a doubling: eight long on average at 200,000 texts, 20 us a text.
    """

    def __init__(self, num_bands: int) -> None:
        self._num_bands = num_bands
        self._last = np.zeros(_FIRST_SLOTS, np.uint32)  # of each slot; 0 is none
        # Key above, the entry before in the low half: one look at memory for both. The first is no entry; then come
        # `num_bands` for each text, in order.
        self._entries = array("Q", [0])

    def add(self, keys: Keys) -> None:
        """Takes the next texts, `(num_texts, num_bands)`."""
        flat = keys.ravel()
        first = len(self._entries)
        assert first + len(flat) <= _MAX_ENTRIES, "more texts than 32-bit entries can number"
        while first + len(flat) > _ENTRIES_PER_SLOT * len(self._last):
            self._last = np.concatenate([self._last, self._last])
        slots = flat & np.uint32(len(self._last) - 1)
        order = slots.argsort(kind="stable")
        slots = slots[order]
        numbers = (first + order).astype(np.uint32)
        before = self._last[slots]
        same = slots[1:] == slots[:-1]
        before[1:][same] = numbers[:-1][same]
        self._last[slots] = numbers  # of several for one slot, the last stays
        entries = flat.astype(np.uint64) << _KEY_SHIFT
        entries[order] |= before
        self._entries.frombytes(entries.tobytes())

    def sharing(self, keys: Keys) -> dict[int, set[int]]:
        """For each row of `keys`, `(num_texts, num_bands)`, the texts that have one of its keys; rows without: none."""
        entries = np.frombuffer(self._entries, np.uint64)
        wanted = keys.ravel()
        places = np.arange(len(wanted))
        numbers = self._last[wanted & np.uint32(len(self._last) - 1)]
        found: dict[int, set[int]] = {}
        while len(live := numbers.nonzero()[0]):
            numbers, places, wanted = numbers[live], places[live], wanted[live]
            reached = entries[numbers]
            equal = (reached >> _KEY_SHIFT == wanted).nonzero()[0]
            for number, place in zip(numbers[equal].tolist(), places[equal].tolist(), strict=True):
                text, band = divmod(number - 1, self._num_bands)
                if band == place % self._num_bands:
                    found.setdefault(place // self._num_bands, set()).add(text)
            numbers = reached.astype(np.uint32)
        return found


class ShingleStore:
    """Shingle sets by number: in memory up to 16 MB, beyond that in a temporary file without a name.

    The file lies in `TMPDIR`, takes 4 bytes a shingle, and goes with the process.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_HELD_BYTES)  # noqa: SIM115 - closed with its owner
        weakref.finalize(self, self._file.close)
        self._ends = array("Q", [0])  # of each set, in shingles

    def add(self, sets: Sequence[NDArray[np.uint32]]) -> None:
        """Takes the next sets.

        Raises: `OSError` with one line of help where they cannot be written.
        """
        try:
            self._file.seek(0, 2)
            self._file.write(b"".join(shingles.tobytes() for shingles in sets))
            self._file.flush()  # so that a full disk shows here
        except OSError as error:
            said = f"TMPDIR: cannot keep the shingles of rows in a temporary file, got {error}"
            raise OSError(error.errno, f"{said}; free some space there or choose another folder") from error
        for shingles in sets:
            self._ends.append(self._ends[-1] + len(shingles))

    def all(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Every set, one after another, and `(num_sets + 1,)` where each begins; from a file as it is looked at."""
        ends = np.array(self._ends, np.int64)
        if not ends[-1]:
            return np.empty(0, np.uint32), ends
        self._file.rollover()
        return np.frombuffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY), np.uint32), ends

    def read(self, number: int) -> NDArray[np.uint32]:
        """A set, as it was added."""
        begin, end = self._ends[number : number + 2]
        self._file.seek(4 * begin)
        return np.frombuffer(self._file.read(4 * (end - begin)), np.uint32)
