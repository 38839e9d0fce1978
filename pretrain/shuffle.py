"""Documents in random order, whatever their number: each is thrown on one of a few piles on disk, piles are sorted.

A document's place is a hash of the seed and its number in corpus order; a pile holds one range of hashes. So the order
does not depend on the number of piles, all reading and writing is sequential, and memory holds one pile.
Measured on 40 MB of text: 2 % of the time tokenisation takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from pretrain.shards import Tokens

PILE_TEXT_BYTES = 32 << 20
"""Text per pile; its tokens take about as much."""
MAX_PILES = 256
"""Two open files each. Beyond 8 GB of text in one shard piles grow: 1 TB needs about 10 GB of memory."""
RECORD = np.dtype([("key", "<u8"), ("size", "<i4")])


class Shuffle:
    """Takes documents in corpus order, then gives them back in shuffled order, once."""

    def __init__(self, folder: Path, *, seed: int, text_bytes: int) -> None:
        """`folder` exists and is empty; `text_bytes` is about how much text will come."""
        wanted = -(-text_bytes // PILE_TEXT_BYTES)
        self._bits = min(max(wanted - 1, 0).bit_length(), MAX_PILES.bit_length() - 1)
        self._seed, self._count = seed, 0
        self._folder = folder
        self._stack = ExitStack()
        self._tokens: list[IO[bytes]] = []
        self._records: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        """Opens the piles."""
        for pile in range(1 << self._bits):
            self._tokens.append(self._stack.enter_context(self._path(pile, "tokens").open("wb")))
            self._records.append(self._stack.enter_context(self._path(pile, "records").open("wb")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes them."""
        self._stack.close()

    def add(self, tokens: Tokens, sizes: NDArray[np.int32]) -> None:
        """The next documents in corpus order: their tokens one after the other, and the size of each."""
        records = np.empty(len(sizes), RECORD)
        records["key"] = _keys(self._seed, self._count, len(sizes))
        records["size"] = sizes
        self._count += len(sizes)
        if self._bits == 0:
            self._tokens[0].write(tokens.data)
            self._records[0].write(records.tobytes())
            return
        ends = np.cumsum(sizes, dtype=np.int64)
        piles = (records["key"] >> np.uint64(64 - self._bits)).tolist()
        for i, (pile, end, size) in enumerate(zip(piles, ends.tolist(), sizes.tolist(), strict=True)):
            self._tokens[pile].write(tokens[end - size : end].data)
            self._records[pile].write(records[i].tobytes())

    def drain(self) -> Iterator[tuple[Tokens, NDArray[np.int32]]]:
        """All documents in order of their hash, a pile at a time; its files go when the next one is asked for."""
        for file in (*self._tokens, *self._records):
            file.flush()
        for pile in range(1 << self._bits):
            tokens = np.fromfile(self._path(pile, "tokens"), np.int32)
            records = np.fromfile(self._path(pile, "records"), RECORD)
            order = np.argsort(records["key"], kind="stable")
            ends = np.cumsum(records["size"], dtype=np.int64)
            starts = (ends - records["size"])[order].tolist()
            pieces = [tokens[start:end] for start, end in zip(starts, ends[order].tolist(), strict=True)]
            if pieces:
                yield np.concatenate(pieces), records["size"][order]
            self._path(pile, "tokens").unlink()
            self._path(pile, "records").unlink()

    def _path(self, pile: int, kind: str) -> Path:
        return self._folder / f"{pile:03d}.{kind}"


def _keys(seed: int, first: int, count: int) -> NDArray[np.uint64]:
    """A 64-bit hash per document number: SplitMix64's finaliser (Steele, Lea, Flood 2014) over a Weyl sequence."""
    x = np.arange(first, first + count, dtype=np.uint64) + np.uint64((seed << 32) % 2**64)
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
