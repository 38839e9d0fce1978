"""`Shard` I/N: every N-th seed of a run from I on, as a run folder of its own that `merge.py` joins with the others.

Every seed gives one row and rows are stored in seed order, so row k of shard I/N is that of seed I + k x N. A shard
cooks without curation: which of two twins stays is decided over the rows of all shards. What the user allows a run
(calls, tokens, cost, rates, calls at once) is divided by N.
Not covered: where shards run (`ray_engine.py`, `launch.slurm`).
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synth.errors import SynthError
from synth.seeds import Seed


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One of `count` parts, from 0."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`3/8`, the fourth of eight.

        Raises:
            SynthError: anything else.
        """
        numbers = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
        if not numbers or not int(numbers[1]) < int(numbers[2]):
            raise SynthError(f"--shard: must be I/N with I from 0 to N-1, such as 0/8, got {text!r}")
        return cls(int(numbers[1]), int(numbers[2]))

    def __str__(self) -> str:
        """As the user says it."""
        return f"{self.index}/{self.count}"

    def folder(self, out: Path) -> Path:
        """The run folder of this part of the run in `out`."""
        return out / "shards" / f"{self.index}-of-{self.count}"

    def rows(self, rows: int | None) -> int | None:
        """Kept rows that this part aims at, of `rows` wanted in all."""
        return None if rows is None else math.ceil(rows / self.count)

    def num_seeds(self, seeds: int) -> int:
        """How many of the first `seeds` seeds are this part's."""
        return max(0, math.ceil((seeds - self.index) / self.count))


class Draw:
    """The seeds of a shard, drawn once out of all seeds, and what must be known of those to merge it with others."""

    def __init__(self, seeds: Iterator[Seed], shard: Shard, num_seeds: int | None = None) -> None:
        """`num_seeds` bounds all seeds, not those of the shard."""
        self._seeds = seeds
        self._shard = shard
        self._num_seeds = num_seeds
        self.taken = 0
        """Seeds of the shard so far."""
        self.ended = False
        """Whether the source has no further seed."""
        self.digests: dict[str, str] = {}
        """Of the first 1, 2, 4, 8, ... of all seeds: those that two shards both have must be equal."""

    def __iter__(self) -> Iterator[Seed]:
        """The shard's seeds, in order."""
        digest = hashlib.sha256()
        for number, seed in enumerate(itertools.islice(self._seeds, self._num_seeds), start=1):
            digest.update(seed.id.encode())
            if number.bit_count() == 1:
                self.digests[str(number)] = digest.hexdigest()[:16]
            if (number - 1) % self._shard.count == self._shard.index:
                self.taken += 1
                yield seed
        self.ended = next(self._seeds, None) is None
