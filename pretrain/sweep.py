"""A scaling curve from a few small runs.

Each depth is `pretrain train --preset OUT/depth-NN.yaml`, a process of its own that can also be run alone; what is
finished is skipped. Losses are held-out bits per byte at the end of the *stable* phase, the same point for every run.
A sweep that ends early leaves the figures of the runs that are finished.
Not covered: two data sets side by side (`comparison.py`), tuning the learning rate by depth, runs at one time on
several machines.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pretrain.config import Preset
from pretrain.dial import preset_for_depth
from pretrain.errors import ConfigError, PretrainError, RunFolderError
from pretrain.fit import fit_curve, predict
from pretrain.phase import overridden
from pretrain.run_facts import number, numbers
from pretrain.shards import Shard, open_heldout
from sandbox.console import INTERRUPTED, command_line
from synth.files import atomic_file

AHEAD = 10
"""The prediction is for so many times the compute of the largest run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One finished run."""

    depth: int
    parameters: int
    tokens: int
    compute: float
    """FLOPs per token x tokens."""
    bits_per_byte: dict[str, float]
    """Held-out, by language; `all` is every token together."""
    seconds: float


def plan_sweep(
    depths: Sequence[int],
    *,
    vocab_size: int,
    context: int = 512,
    tokens_per_parameter: float = 20,
    settings: Mapping[str, Any] | None = None,
) -> dict[int, Preset]:
    """Depth -> its preset under `settings` (`{"train.seed": 1}`), shallow first.

    Raises: ConfigError.
    """
    if not depths or len(set(depths)) < len(depths):
        raise ConfigError(f"--depths: must be different whole numbers, got {list(depths)}; try 1,2,3,4")
    presets = {}
    for depth in sorted(depths):
        preset = preset_for_depth(
            depth, vocab_size=vocab_size, context=context, tokens_per_parameter=tokens_per_parameter
        )
        presets[depth] = overridden(preset, settings or {})
    return presets


def run_sweep(presets: Mapping[int, Preset], shards: Sequence[Path], tokenizer: Path, out: Path) -> dict[str, Any]:
    """The sweep's record, also in `out/sweep.json`; finished runs are not run again.

    Raises: PretrainError where held-out text is missing or a training ends badly, KeyboardInterrupt where one is
    interrupted; the record then has that status and the runs before.
    """
    tokens = next(iter(presets.values())).train.evaluate_tokens  # the same for every depth
    facts: dict[str, Any] = {"stage": "sweep", "command": command_line(), "depths": list(presets)}
    facts["heldout"] = heldout_identity(shards, tokens)
    points: list[Point] = []
    try:
        for position, (depth, preset) in enumerate(presets.items(), 1):
            command = train_command(depth, preset, shards, tokenizer, out)
            _say(f"depth {depth} ({position} of {len(presets)}): {preset.train.tokens:,} tokens")
            _say(f"$ {shlex.join(['pretrain', *command[3:]])}")
            train_one(command, where=f"depth {depth}")
            points.append(read_point(depth, preset, run_folder(out, depth)))
    except (PretrainError, KeyboardInterrupt) as error:
        if points:
            status = "failed" if isinstance(error, PretrainError) else "interrupted"
            write_json(out / "sweep.json", facts | {"status": status} | summarize(points))
        raise
    record = facts | {"status": "done"} | summarize(points)
    write_json(out / "sweep.json", record)
    return record


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Nothing; the file holds the value, whole. Raises: `synth.errors.RunFolderError`."""
    with atomic_file(path) as file:
        file.write(json.dumps(value, indent=1).encode())


def run_folder(out: Path, depth: int) -> Path:
    """Where the run of that depth lives."""
    return out / f"depth-{depth:02d}"


def train_command(depth: int, preset: Preset, shards: Sequence[Path], tokenizer: Path, out: Path) -> list[str]:
    """The command line that trains one depth; its preset is written beside its run folder."""
    folder = run_folder(out, depth)
    config = folder.with_suffix(".yaml")
    with atomic_file(config) as file:
        file.write(yaml.safe_dump(preset.model_dump(mode="json"), sort_keys=False).encode())
    command = [sys.executable, "-m", "pretrain.cli", "train", "--preset", str(config)]
    for path in shards:
        command += ["--shards", str(path)]
    return [*command, "--tokenizer", str(tokenizer), "--out", str(folder)]


def train_one(command: Sequence[str], *, where: str) -> None:
    """Nothing, when the training is done; a SIGINT or SIGTERM of ours reaches it once and it is waited for: it saves.

    Raises: PretrainError where it fails, KeyboardInterrupt where it was interrupted.
    """
    # A process group of its own, or a Ctrl-C would reach it twice. Our stdout carries the result only.
    with subprocess.Popen(command, stdout=2, process_group=0) as process, _forwarding(process):
        code = process.wait()
    if code in (INTERRUPTED, -signal.SIGINT, -signal.SIGTERM):
        raise KeyboardInterrupt
    if code:
        raise PretrainError(
            f"{where}: the training ended with exit code {code}, its message is above; mend that and run the same "
            "command again"
        )


@contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def forward(number: int, _frame: object) -> None:
        process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def read_point(depth: int, preset: Preset, folder: Path) -> Point:
    """The figures of one finished run, from its manifest.

    Raises: RunFolderError.
    """
    manifest = _read_json(folder / "manifest.json")
    losses = numbers(manifest, "heldout_bits_per_byte", "last")
    tokens, seconds = number(manifest, "tokens"), number(manifest, "seconds")
    if tokens is None or seconds is None or "all" not in losses:
        raise RunFolderError(
            f"{folder}/manifest.json: lacks tokens, seconds or held-out bits per byte; pack with held-out data, then "
            "train again with --restart"
        )
    return Point(
        depth=depth,
        parameters=preset.model.num_parameters(),
        tokens=int(tokens),
        compute=preset.model.flops_per_token() * tokens,
        bits_per_byte=losses,
        seconds=seconds,
    )


def summarize(points: Sequence[Point]) -> dict[str, Any]:
    """Points, curve and prediction as JSON values; where there is no curve it is `None` and `no_curve` says why."""
    compute = [point.compute for point in points]
    losses = [point.bits_per_byte["all"] for point in points]
    found: dict[str, Any] = {"points": [asdict(point) for point in points], "curve": None, "prediction": None}
    at = AHEAD * max(compute)
    try:
        curve, ahead = fit_curve(compute, losses), predict(compute, losses, at)
    except ConfigError as error:  # the runs are there all the same
        return found | {"no_curve": str(error)}
    return found | {"curve": asdict(curve), "prediction": {"compute": at, **asdict(ahead)}}


def heldout_identity(shards: Sequence[Path], max_tokens: int) -> dict[str, list[int]]:
    """Name -> documents and bytes of each held-out shard, and how many of its documents `max_tokens` let be scored.

    Where these agree the same text was measured, whatever the tokenizer.
    Raises: ShardError, and RunFolderError where no folder holds any.
    """
    held = open_heldout(list(shards), verify=False)  # the trainings read every byte
    if not held:
        raise RunFolderError(
            f"{', '.join(map(str, shards))}: no heldout folder in it, so there is no loss to draw a curve of; pack a "
            "corpus that holds packages out"
        )
    return {
        name: [shard.num_documents, shard.text_bytes, _num_scored(shard, max_tokens)] for name, shard in held.items()
    }


def _num_scored(shard: Shard, max_tokens: int) -> int:
    """As `heldout.first_documents` takes them: whole ones, one at least."""
    ends = np.cumsum(shard.sizes, dtype=np.int64)
    return max(1, int(np.searchsorted(ends, max_tokens, side="right")))


def read_sweep(folder: Path) -> dict[str, Any]:
    """The record of a sweep, whole or of the runs that were finished.

    Raises: RunFolderError.
    """
    record = _read_json(folder / "sweep.json")
    if record.get("stage") != "sweep" or not record.get("points"):
        raise RunFolderError(f"{folder}: not a sweep; give the --out of `pretrain sweep`")
    return record


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunFolderError(f"{path}: no such file; run the command that writes it first") from error
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path}: cannot be read, {error}; remove it and run again") from error
    if not isinstance(value, dict):
        raise RunFolderError(f"{path}: must hold one JSON object, got {type(value).__name__}; remove it and run again")
    return value


def _say(text: str) -> None:
    print(f"pretrain sweep: {text}", file=sys.stderr, flush=True)
