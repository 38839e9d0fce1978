"""A corpus as token shards: read, cut for FIM, encode in parallel, shuffle, write.

One process reads and writes; workers encode. Each worker is a process with one thread, which took 4.5 s of CPU for
12 MB of text; the tokenizer library's own two threads took 6 s, as they wait for each other's cache. Batches go out by
size and come back in order, so the bytes written do not depend on the number of workers. Memory holds a few batches,
one pile of the shuffle, and 4 bytes a document (20 while the index is written), however large the corpus is.
A killed run goes on with the first shard that it did not finish.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pretrain import encode
from pretrain.errors import ConfigError, ShardError
from pretrain.pack_folder import SCRATCH, clear, identity, read_manifest, whole_shards
from pretrain.pack_input import Row, Source, digest, find_sources, read_rows, text_bytes
from pretrain.pack_show import Progress, say
from pretrain.run_folder import hold_folder
from pretrain.shards import Shard, write_shard
from pretrain.shuffle import Shuffle
from pretrain.tokenizer import END_OF_TEXT, fingerprint, load_tokenizer
from sandbox.console import command_line
from synth.files import atomic_file

BATCH_CHARACTERS = 1 << 20
"""Per task of a worker: large enough that passing it costs nothing, small enough that all finish together."""
TASKS_PER_WORKER = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the bytes of a shard, beside its text."""

    tokenizer: str
    """Fingerprint."""
    fim_rate: float
    spm_rate: float
    seed: int


def pack(
    data: Sequence[str],
    tokenizer: Path,
    out: Path,
    *,
    fim_rate: float = 0.5,
    spm_rate: float = 0.5,
    seed: int = 0,
    workers: int | None = None,
    restart: bool = False,
) -> dict[str, Any]:
    """The manifest of the shards in `out`, packed now or, from the same inputs, before.

    `workers` is `None` for one per core.
    Raises: ConfigError, ShardError, TokenizerError, RunFolderError; `synth.errors.RunFolderError` for a full disk.
    """
    started = time.monotonic()
    for name, rate in (("--fim-rate", fim_rate), ("--spm-rate", spm_rate)):
        if not 0 <= rate <= 1:  # true of NaN too, which the parser lets through
            raise ConfigError(f"{name}: must be in [0, 1], got {rate}; change it")
    settings = Settings(fingerprint(tokenizer), fim_rate, spm_rate, seed)
    sources = find_sources(data)
    files = {source.label: digest(source.paths) for source in sources}
    inputs = {**asdict(settings), "files": files}
    with hold_folder(out):
        before = read_manifest(out, inputs, restart=restart)
        done = {} if restart else whole_shards(out, inputs)
        lost = [label for label in files if label not in done]
        if before is not None and not lost:
            say(f"{out}: already finished; --restart does it again")
            return before
        if before is not None and not restart:
            say(f"{out}: finished before, but {', '.join(lost)} is missing or damaged and packed again")
        count = workers or len(os.sched_getaffinity(0))
        facts = _pack_all(sources, tokenizer, out, inputs, done=done, workers=count)
        manifest = _manifest(facts, inputs, seconds=time.monotonic() - started)
        with atomic_file(out / "manifest.json") as file:
            file.write(json.dumps(manifest, indent=1).encode() + b"\n")
    return manifest


def _pack_all(
    sources: Sequence[Source],
    tokenizer: Path,
    out: Path,
    inputs: dict[str, Any],
    *,
    done: dict[str, dict[str, Any]],
    workers: int,
) -> dict[str, dict[str, Any]]:
    """Label -> facts of each shard; those that are `done` stay, all others go or are written."""
    special = load_tokenizer(tokenizer)  # refuses a bad folder here, in one line, instead of in every worker
    base = {"vocab_size": special.get_vocab_size(), "end_of_text": special.token_to_id(END_OF_TEXT)}
    (out / "manifest.json").unlink(missing_ok=True)
    clear(out, keep=done)
    facts = dict(done)
    todo = [source for source in sources if source.label not in done]
    total = sum(text_bytes(path) for source in todo for path in source.paths)
    setup = (str(tokenizer), inputs["fim_rate"], inputs["spm_rate"], inputs["seed"])
    with (
        ProcessPoolExecutor(workers, get_context("spawn"), encode.set_up, setup) as pool,
        Progress(total) as progress,
    ):
        for source in todo:
            rates = {key: 0.0 if source.held_out else inputs[key] for key in ("fim_rate", "spm_rate")}
            known = base | rates | {"tokenizer": inputs["tokenizer"], "seed": inputs["seed"]}
            known |= {"identity": identity(inputs, source.label)}
            _pack_source(source, out, known, pool, progress, max_tasks=TASKS_PER_WORKER * workers)
            facts[source.label] = Shard.open(out / source.label, verify=False).facts
    return {source.label: facts[source.label] for source in sources}


def _pack_source(
    source: Source, out: Path, facts: dict[str, Any], pool: ProcessPoolExecutor, progress: Progress, *, max_tasks: int
) -> None:
    """Writes one shard."""
    scratch = out / SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    dropped: Counter[str] = Counter()
    counted = {"bytes": 0}
    size = sum(text_bytes(path) for path in source.paths)

    def documents() -> Iterator[Any]:
        """Runs inside `write_shard`, whose file explains a full disk."""
        scratch.mkdir(parents=True)
        with Shuffle(scratch, seed=facts["seed"], text_bytes=size) as shuffle:
            for encoded in _encoded(_batches(read_rows(source.paths, dropped)), source, pool, max_tasks):
                shuffle.add(encoded.tokens, encoded.sizes)
                counted["bytes"] += encoded.text_bytes
                progress.advance(source.label, encoded.text_bytes, len(encoded.tokens))
            yield from shuffle.drain()
        facts.update(counted, dropped=dict(sorted(dropped.items())))

    try:
        write_shard(out / source.label, documents(), facts)
    finally:  # also on a full disk, where it would stay in the way
        shutil.rmtree(scratch, ignore_errors=True)


def _encoded(
    batches: Iterator[list[Row]], source: Source, pool: ProcessPoolExecutor, max_tasks: int
) -> Iterator[encode.Encoded]:
    """The batches encoded, in order, at most `max_tasks` of them under way. Raises: ShardError for a dead worker."""
    waiting: deque[Future[encode.Encoded]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(encode.encode_rows, batch, cut=not source.held_out))
            if len(waiting) >= max_tasks:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ShardError(f"{source.label}: a worker died, perhaps for want of memory; give fewer --workers") from error
    finally:
        for future in waiting:
            future.cancel()


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Runs of rows of about `BATCH_CHARACTERS`."""
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row[0])
        if characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _manifest(facts: dict[str, dict[str, Any]], inputs: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    """Raises: ShardError where no document came in."""
    shown = ("tokens", "documents", "bytes", "dropped", "sha256_bin")
    sides: dict[str, dict[str, Any]] = {"shards": {}, "heldout": {}}
    for label, fact in facts.items():
        sides["heldout" if label.startswith("heldout/") else "shards"][label] = {key: fact[key] for key in shown}
    tokens = sum(fact["tokens"] for fact in sides["shards"].values())
    if not tokens:
        raise ShardError("--data: no row has a text; give other data")
    return {
        "stage": "pack",
        "status": "done",
        "command": command_line(),
        "inputs": inputs,
        **sides,
        "tokens": tokens,
        "seconds": round(seconds, 2),
        "tokens_per_s": round(sum(fact["tokens"] for fact in facts.values()) / seconds),
    }
