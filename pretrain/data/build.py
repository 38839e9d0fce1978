"""`pretrain data` from source to corpus folder, stage after stage.

All documents are in memory at once: about 1.5 times the text, which is read by worker processes a package at a time.
A run that was interrupted starts again from the archives in the cache; a finished one is left alone.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pretrain.data import corpus
from pretrain.data.decontamination import decontaminate, load_benchmarks
from pretrain.data.dedup import exact_reasons, near_reasons
from pretrain.data.document import Document, Funnel
from pretrain.data.filters import broken_rules
from pretrain.data.packages import BUNDLED, read_pins
from pretrain.data.preprocess import preprocess_unit
from pretrain.data.progress import Stages, say
from pretrain.data.sources import Unit, open_source, source_fingerprint
from pretrain.data.split import held_out_repos
from pretrain.data.workers import Map, ordered_map
from pretrain.errors import CorpusError, RunFolderError
from sandbox.console import command_line

PIPELINE = 2
"""Raised with every change that makes other documents of the same source."""
_CHUNK_CHARS = 1 << 20  # documents that travel to a worker together: enough that pickling is nothing beside the work


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """What decides which documents a corpus holds; how fast it is made is no part of it."""

    source: str = "pypi"
    packages: int | None = None
    held_out: float = 0.02
    against: tuple[str, ...] = ("humaneval",)
    max_mb: float | None = None


def build_corpus(options: DataOptions, out: Path, *, workers: int, restart: bool = False) -> dict[str, Any]:
    """The manifest of the corpus at `out`, made now or found finished.

    Raises: PretrainError.
    """
    started = time.perf_counter()
    inputs = _inputs(options)
    with corpus.hold_folder(out):
        if restart:
            corpus.clear(out)
        if (manifest := corpus.read_manifest(out)) is not None:
            _check_same(manifest, inputs, out)
            say(f"{out}: already finished; --restart makes it anew")
            return manifest
        corpus.clear(out)
        manifest = _build(options, out, workers) | {"inputs": inputs}
        manifest["seconds"] = round(time.perf_counter() - started, 2)
        corpus.write_manifest(out, manifest)
    return manifest


def _build(options: DataOptions, out: Path, workers: int) -> dict[str, Any]:
    load_benchmarks(options.against)  # a wrong name is told before minutes of work
    stages, funnel = Stages(), Funnel()
    units = _fetch(options, stages)
    with ordered_map(workers) as run:
        documents = _preprocess(units, options, run, stages, funnel)
        documents = _whole(exact_reasons, documents, "exact dedup", stages, funnel)
        documents = _whole(near_reasons, documents, "near dedup", stages, funnel)
        documents = _chunked(broken_rules, documents, "filters", run, stages, funnel)
        search = partial(decontaminate, tuple(name for name in options.against if name != "none"))
        documents = _chunked(search, documents, "decontaminate", run, stages, funnel)
    if not documents:
        raise CorpusError(f"--source {options.source}: no file was kept of {funnel.files}; {_most_dropped(funnel)}")
    funnel.kept, funnel.bytes_kept = len(documents), sum(len(document.text.encode()) for document in documents)
    held_out = held_out_repos((document.repo for document in documents), options.held_out)
    with stages.stage("write", total=len(documents), unit="files") as advance:
        train = corpus.write_split(out / "train", (doc for doc in documents if doc.repo not in held_out))
        heldout = corpus.write_split(out / "heldout", (doc for doc in documents if doc.repo in held_out))
        advance(len(documents))
    return {
        "stage": "data",
        "command": command_line(),
        "status": "done",
        "funnel": funnel.as_dict(),
        "train": train,
        "heldout": heldout,
        "held_out_repos": sorted(held_out),
        "python": platform.python_version(),  # the syntax filter knows the grammar of this one
        "repos": len({document.repo for document in documents}),
        "stage_seconds": stages.seconds,
    }


def _inputs(options: DataOptions) -> dict[str, Any]:
    """What a finished corpus is compared by."""
    fingerprint = source_fingerprint(options.source, packages=options.packages)
    benchmarks = {
        name: Path(name).stat().st_mtime_ns for name in options.against if name != "none" and Path(name).is_file()
    }
    return {
        **asdict(options),
        "against": list(options.against),
        "benchmark_files": benchmarks,
        "fingerprint": fingerprint,
        "pipeline": PIPELINE,
    }


def _check_same(manifest: dict[str, Any], inputs: dict[str, Any], out: Path) -> None:
    """Raises: RunFolderError where the finished corpus was made of something else."""
    made_of = manifest.get("inputs", {})
    changed = [key for key in inputs if made_of.get(key) != inputs[key]]
    if changed:
        was, now = made_of.get(changed[0]), inputs[changed[0]]
        raise RunFolderError(
            f"{out}: finished with another {changed[0]} ({was}), got {now}; choose another --out or --restart"
        )


def _fetch(options: DataOptions, stages: Stages) -> tuple[Unit, ...]:
    pins = options.source == "pypi" or options.source.startswith("pypi:")
    path = Path(options.source.removeprefix("pypi:")) if options.source != "pypi" else BUNDLED
    total = len(read_pins(path)[: options.packages]) if pins else 1
    with stages.stage("fetch", total=total, unit="archives") as advance:
        return open_source(options.source, packages=options.packages, on_fetched=lambda _bytes: advance(1)).units


def _preprocess(
    units: Sequence[Unit], options: DataOptions, run: Map, stages: Stages, funnel: Funnel
) -> list[Document]:
    documents: list[Document] = []
    limit = None if options.max_mb is None else options.max_mb * 1e6
    num_bytes = 0
    with stages.stage("preprocess", total=len(units), unit="packages") as advance:
        for results in run(preprocess_unit, units):
            for result in results:
                funnel.files += 1
                if isinstance(result, str):
                    funnel.dropped[result] += 1
                    continue
                num_bytes += len(result.text.encode())
                if limit is not None and num_bytes > limit:
                    funnel.dropped["preprocess.max_mb"] += 1
                    continue
                documents.append(result)
            advance(1)
            if limit is not None and num_bytes > limit:
                break
    funnel.bytes_read = sum(len(document.text.encode()) for document in documents)
    return documents


def _whole(
    judge: Callable[[Sequence[Document]], list[str | None]],
    documents: list[Document],
    name: str,
    stages: Stages,
    funnel: Funnel,
) -> list[Document]:
    """The documents that `judge`, which must see all of them at once, gives no reason to drop."""
    with stages.stage(name, total=len(documents), unit="files") as advance:
        reasons = judge(documents)
        advance(len(documents))
    return _keep(documents, reasons, funnel)


def _chunked(
    judge: Callable[[list[Document]], list[str | None]],
    documents: list[Document],
    name: str,
    run: Map,
    stages: Stages,
    funnel: Funnel,
) -> list[Document]:
    """The documents that `judge`, which sees each alone, gives no reason to drop."""
    reasons: list[str | None] = []
    with stages.stage(name, total=len(documents), unit="files") as advance:
        for part in run(judge, _chunks(documents)):
            reasons += part
            advance(len(part))
    return _keep(documents, reasons, funnel)


def _keep(documents: list[Document], reasons: list[str | None], funnel: Funnel) -> list[Document]:
    funnel.dropped.update(reason for reason in reasons if reason is not None)
    return [document for document, reason in zip(documents, reasons, strict=True) if reason is None]


def _chunks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """The documents in order, in lists of about `_CHUNK_CHARS`."""
    chunk: list[Document] = []
    num_chars = 0
    for document in documents:
        chunk.append(document)
        num_chars += len(document.text)
        if num_chars >= _CHUNK_CHARS:
            yield chunk
            chunk, num_chars = [], 0
    if chunk:
        yield chunk


def _most_dropped(funnel: Funnel) -> str:
    if not funnel.dropped:
        return "it holds none"
    reason, count = funnel.dropped.most_common(1)[0]
    return f"{count} were dropped as {reason}"
