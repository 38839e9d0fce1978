"""Files that share a telling ten-gram with a benchmark, by `synth.curate`'s rule, made fast enough for a corpus.

The other rule of `synth.curate`, which drops what calls a function named like a benchmark's, is for rows of
instructions: over whole source files it would hit every `search(` and `add(`, so here it is off.

`find` takes about a microsecond a token. So a sieve goes first: hashed ten-token shingles, of which a file needs one
in common with the benchmarks' to be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from pretrain.data.document import Document
from pretrain.errors import SourceError
from synth.curate.decontaminate import GRAM_SIZE, Benchmark, Decontaminator, load_benchmark
from synth.curate.shingles import shingle_many

_COARSE_BITS = 22
_COARSE_SHIFT = np.uint64(64 - _COARSE_BITS)


class FileDecontaminator:
    """Searches files for any of several benchmarks."""

    def __init__(self, benchmarks: Sequence[Benchmark]) -> None:
        nameless = [
            replace(benchmark, tasks=tuple(replace(task, entry_point="") for task in benchmark.tasks))
            for benchmark in benchmarks
        ]
        self._exact = Decontaminator(nameless)
        texts = [text.lower() for benchmark in benchmarks for task in benchmark.tasks for text in task.texts]
        self._sieve = np.unique(shingle_many(texts, size=GRAM_SIZE).hashes)
        self._coarse = np.zeros(1 << _COARSE_BITS, bool)  # a first look at a hash's top bits lets 1 % through
        self._coarse[self._sieve >> _COARSE_SHIFT] = True

    def reasons(self, documents: Sequence[Document]) -> list[str | None]:
        """`decontaminate.ten_gram` for each document that shares one with a benchmark."""
        if not documents:
            return []
        shingles = shingle_many((document.text.lower() for document in documents), size=GRAM_SIZE)
        shared = self._coarse[shingles.hashes >> _COARSE_SHIFT]
        shared[shared] = np.isin(shingles.hashes[shared], self._sieve)
        suspect = np.logical_or.reduceat(shared, shingles.offsets[:-1])
        return [
            self._reason(document.text) if look else None for document, look in zip(documents, suspect, strict=True)
        ]

    def _reason(self, text: str) -> str | None:
        hit = self._exact.find(text)
        return f"decontaminate.{hit.rule}" if hit else None


def load_benchmarks(names: Sequence[str]) -> list[Benchmark]:
    """The benchmarks of these names, `none` being no benchmark.

    Raises: SourceError.
    """
    try:
        return [load_benchmark(name) for name in names if name != "none"]
    except (ValueError, ImportError) as error:
        raise SourceError(f"--against: {error}") from error


def decontaminate(names: tuple[str, ...], documents: list[Document]) -> list[str | None]:
    """`FileDecontaminator.reasons` against the benchmarks of these names, which each process loads once."""
    return _decontaminator(names).reasons(documents) if names else [None] * len(documents)


@lru_cache(maxsize=1)
def _decontaminator(names: tuple[str, ...]) -> FileDecontaminator:
    return FileDecontaminator(load_benchmarks(names))
