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
from pretrain.errors import ShardError
from pretrain.pack_input import Row, Source, digest, find_sources, read_rows, text_bytes
from pretrain.pack_show import Progress, say
from pretrain.run_folder import differences, hold_folder
from pretrain.shards import write_shard
from pretrain.shuffle import Shuffle
from pretrain.tokenizer import END_OF_TEXT, fingerprint, load_tokenizer
from synth.files import atomic_file

BATCH_CHARACTERS = 1 << 20
"""Per task of a worker: large enough that passing it costs nothing, small enough that all finish together."""
TASKS_PER_WORKER = 3
SCRATCH = ".packing"


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
    Raises: ShardError, TokenizerError, RunFolderError; `synth.errors.RunFolderError` for a full disk.
    """
    started = time.monotonic()
    settings = Settings(fingerprint(tokenizer), fim_rate, spm_rate, seed)
    sources = find_sources(data)
    files = {source.label: digest(source.paths) for source in sources}
    inputs = {**asdict(settings), "files": files}
    with hold_folder(out):
        if not restart and (found := _finished(out, inputs)) is not None:
            say(f"{out}: already finished; --restart does it again")
            return found
        (out / "manifest.json").unlink(missing_ok=True)
        facts = _pack_all(sources, tokenizer, out, inputs, workers=workers or len(os.sched_getaffinity(0)))
        manifest = _manifest(facts, inputs, seconds=time.monotonic() - started)
        with atomic_file(out / "manifest.json") as file:
            file.write(json.dumps(manifest, indent=1).encode() + b"\n")
    return manifest


def _pack_all(
    sources: Sequence[Source], tokenizer: Path, out: Path, inputs: dict[str, Any], *, workers: int
) -> dict[str, dict[str, Any]]:
    """Label -> facts of each shard; those that an earlier run finished are taken as they are."""
    special = load_tokenizer(tokenizer)  # refuses a bad folder here, in one line, instead of in every worker
    base = {"vocab_size": special.get_vocab_size(), "end_of_text": special.token_to_id(END_OF_TEXT)}
    planned = {source.label: _identity(inputs, source.label) for source in sources}
    _clear(out, keep=planned)
    facts = {label: found for label in planned if (found := _read_facts(out / label)) is not None}
    todo = [source for source in sources if source.label not in facts]
    total = sum(text_bytes(path) for source in todo for path in source.paths)
    setup = (str(tokenizer), inputs["fim_rate"], inputs["spm_rate"], inputs["seed"])
    with (
        ProcessPoolExecutor(workers, get_context("spawn"), encode.set_up, setup) as pool,
        Progress(total) as progress,
    ):
        for source in todo:
            rates = {key: 0.0 if source.held_out else inputs[key] for key in ("fim_rate", "spm_rate")}
            known = base | rates | {"tokenizer": inputs["tokenizer"], "seed": inputs["seed"]}
            known |= {"identity": planned[source.label]}
            _pack_source(source, out, known, pool, progress, max_tasks=TASKS_PER_WORKER * workers)
            facts[source.label] = _read_facts(out / source.label) or {}
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    return {label: facts[label] for label in planned}


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

    write_shard(out / source.label, documents(), facts)


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


def _identity(inputs: dict[str, Any], label: str) -> str:
    """What a finished shard must have been made from to be taken as it is."""
    own = {key: value for key, value in inputs.items() if key != "files"} | {"files": inputs["files"][label]}
    return json.dumps(own, sort_keys=True)


def _read_facts(prefix: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(prefix.with_name(prefix.name + ".json").read_bytes()))
    except (OSError, ValueError):
        return None


def _clear(out: Path, *, keep: dict[str, str]) -> None:
    """Removes shards of other inputs and what killed runs left; other files stay."""
    for folder in (out, out / "heldout"):
        for path in folder.glob("*.json"):
            label = path.relative_to(out).with_suffix("").as_posix()
            facts = _read_facts(out / label)
            if facts is not None and "sha256_bin" in facts and facts.get("identity") != keep.get(label):
                for suffix in (".json", ".idx", ".bin"):
                    path.with_name(path.stem + suffix).unlink(missing_ok=True)
        for suffix in ("bin", "idx", "json"):
            for path in folder.glob(f".*.{suffix}.*"):  # temporary files of `atomic_file`
                path.unlink()


def _finished(out: Path, inputs: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest in `out`, if it is there. Raises: ShardError where it was packed from other inputs."""
    try:
        manifest: dict[str, Any] = json.loads((out / "manifest.json").read_bytes())
        changed = differences(manifest["inputs"], inputs)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{out}/manifest.json: not ours, got {error!r}; give --restart or another --out") from error
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ShardError(
            f"{out}: packed from other inputs: {', '.join(changed[:3])}{more}; give --restart or another --out"
        )
    whole = all((out / f"{label}.json").is_file() for label in (*manifest["shards"], *manifest["heldout"]))
    return manifest if whole else None


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
        "inputs": inputs,
        **sides,
        "tokens": tokens,
        "seconds": round(seconds, 2),
        "tokens_per_s": round(sum(fact["tokens"] for fact in facts.values()) / seconds),
    }
