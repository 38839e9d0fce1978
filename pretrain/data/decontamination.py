"""Files that repeat a benchmark's task, by `synth.curate`'s rules for text.

Its other rule, which drops what calls a function named like a benchmark's, is for rows of instructions: over whole
source files it would hit every `search(` and `add(`, so here it is off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pretrain.data.document import Document
from pretrain.errors import SourceError
from synth.curate.benchmarks import Benchmark, load_benchmark
from synth.curate.decontaminate import Decontaminator


class FileDecontaminator:
    """Searches files for any of several benchmarks."""

    def __init__(self, benchmarks: Sequence[Benchmark]) -> None:
        self._found = Decontaminator(benchmarks, use_entry_points=False)

    def reasons(self, documents: Sequence[Document]) -> list[str | None]:
        """`decontaminate.run` or `decontaminate.fingerprint` for each document that repeats a benchmark's task."""
        hits = self._found.find_many([(document.text,) for document in documents])
        return [f"decontaminate.{hit.rule}" if hit else None for hit in hits]


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
