"""The last look at a finished row of `synth generate`: `Curator` drops what is contaminated or a duplicate. And the
first look at a seed, `contamination`, before anything is paid for.

Rows come in seed order and the first of two twins stays, so what is kept depends on the rows alone, never on how many
come at once. Not covered: how contamination and twins are found (`curate/`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from synth.curate.decontaminate import Decontaminator, Hit, decontaminator
from synth.curate.exact import ExactIndex
from synth.curate.near import NearIndex
from synth.curate.pairs import content_words
from synth.errors import SynthError
from synth.sample import Sample
from synth.seeds import Seed

BENCHMARKS = ("humaneval",)
"""What rows and seeds are searched for unless something else is said."""
_ID_BYTES = 8


class Curator:
    """Drops contaminated rows and duplicates, in seed order; about 500 bytes of memory a row.

    Thirty rows at once take less than a third of the CPU of thirty taken singly (`benchmarks/curate.py`).
    """

    def __init__(self, against: Sequence[str] = BENCHMARKS) -> None:
        """`against` are the benchmarks, by name or file. Raises: `SynthError` for one that cannot be read."""
        self._decontaminator = _decontaminator(against)
        self._exact = ExactIndex()
        self._near = NearIndex()
        self._ids = bytearray()
        """Of every row that the indexes were shown, kept or not: their answers count in those."""
        self._instructions: dict[int, int] = {}
        """Digest of a task's content words and language -> the kept row that has them."""

    def admit(self, sample: Sample) -> Sample:
        """The row, dropped if it must be."""
        return self.admit_many([sample])[0]

    def admit_many(self, samples: Sequence[Sample]) -> list[Sample]:
        """The rows, each dropped if it must be; none may be dropped already.

        Raises: `SynthError` where the shingles of rows cannot be kept.
        """
        rows = self._decontaminate(samples)
        clean = [i for i, row in enumerate(rows) if row.dropped is None]
        texts = [f"{rows[i].instruction}\n{rows[i].response}" for i in clean]
        for i in clean:
            self._ids += bytes.fromhex(rows[i].id)
        try:
            twins = list(self._near.add_many(texts))
        except OSError as error:
            raise SynthError(error.strerror) from error
        for i, text, twin in zip(clean, texts, twins, strict=True):
            same = self._exact.add(text)
            if same is not None:
                rows[i] = rows[i].drop("dedup.exact", f"the same as {self._id(same)}")
            elif twin is not None:
                rows[i] = rows[i].drop("dedup.near", f"Jaccard {twin.jaccard:.2f} with {self._id(twin.index)}")
            elif (asked := self._same_task(rows[i])) is not None:
                rows[i] = rows[i].drop("dedup.instruction", f"asks for the same as {asked:016x}")
        return rows

    def _same_task(self, sample: Sample) -> int | None:
        """The id of the kept row whose instruction has the same content words, for rows that ask for a function.

        Near copies of instructions that differ in one word are mostly other tasks (`curate/pairs.py`), so the words
        must be equal; what a rewording of fillers made look new goes here.
        """
        if not sample.entry_point:
            return None
        key = "\x00".join((sample.language, *content_words(sample.instruction)))
        digest = int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8])
        mine = int(sample.id, 16)
        first = self._instructions.setdefault(digest, mine)
        return None if first == mine else first

    def _decontaminate(self, samples: Sequence[Sample]) -> list[Sample]:
        texts = [(sample.instruction, sample.response, *sample.tests) for sample in samples]
        hits = self._decontaminator.find_many(texts)
        return [
            sample.drop(f"decontaminate.{hit.rule}", _in_words(hit)) if hit else sample
            for sample, hit in zip(samples, hits, strict=True)
        ]

    def _id(self, number: int) -> str:
        return self._ids[number * _ID_BYTES : (number + 1) * _ID_BYTES].hex()


def contamination(seed: Seed, against: Sequence[str] = BENCHMARKS) -> str:
    """The benchmark task that a seed repeats, in words; empty where it repeats none.

    Names of functions do not count here: a seed may well define some `add` or `search`.
    """
    hit = _decontaminator(against).find_text(seed.text)
    return _in_words(hit) if hit else ""


def _decontaminator(against: Sequence[str]) -> Decontaminator:
    try:
        return decontaminator(tuple(against))
    except ValueError as error:
        raise SynthError(f"--against: {error}") from error


def _in_words(hit: Hit) -> str:
    return f"{hit.task}: {hit.text}"
