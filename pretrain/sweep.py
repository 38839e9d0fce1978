"""A scaling curve from a few small runs, and what one data set is worth in compute of another.

Each depth is `pretrain train --preset OUT/depth-NN.yaml`, a process of its own that can also be run alone; what is
finished is skipped. Losses are held-out bits per byte at the end of the *stable* phase, the same point for every run.
Not covered: tuning the learning rate by depth, runs at one time on several machines.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from pretrain.config import Preset
from pretrain.dial import preset_for_depth
from pretrain.errors import ConfigError, PretrainError, RunFolderError
from pretrain.fit import Estimate, compute_worth, fit_curve, predict
from pretrain.phase import overridden
from pretrain.run_facts import number, numbers
from synth.files import atomic_file

AHEAD = 10
"""The prediction is for so many times the compute of the largest run."""
INTERRUPTED = 130


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
    """The sweep's record, also in `out/sweep.json` and drawn in `out/sweep.png`; finished runs are not run again.

    Raises: PretrainError where a training ends badly, KeyboardInterrupt where one is interrupted.
    """
    points = []
    for position, (depth, preset) in enumerate(presets.items(), 1):
        command = train_command(depth, preset, shards, tokenizer, out)
        _say(f"depth {depth} ({position} of {len(presets)}): {preset.train.tokens:,} tokens")
        _say(f"$ {shlex.join(['pretrain', *command[3:]])}")
        train_one(command, where=f"depth {depth}")
        points.append(read_point(depth, preset, run_folder(out, depth)))
    record = {"stage": "sweep", "status": "done", "heldout": heldout_identity(shards)} | summarize(points)
    with atomic_file(out / "sweep.json") as file:
        file.write(json.dumps(record, indent=1).encode())
    return record


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
    try:
        curve, at = fit_curve(compute, losses), AHEAD * max(compute)
    except ConfigError as error:  # the runs are there all the same
        return found | {"no_curve": str(error)}
    return found | {
        "curve": asdict(curve),
        "prediction": {"compute": at, **asdict(predict(compute, losses, at))},
    }


def heldout_identity(shards: Sequence[Path]) -> dict[str, list[int]]:
    """Name -> documents and bytes of each held-out shard: the same text, whatever the tokenizer, if these agree."""
    found = {}
    for folder in shards:
        for path in sorted((folder / "heldout").glob("*.json")):
            facts = _read_json(path)
            if "documents" in facts and "bytes" in facts:
                found[path.stem] = [int(facts["documents"]), int(facts["bytes"])]
    return found


def compare(record: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Estimate]:
    """By language and for `all`: what the data of `record` is worth in compute spent on the data of `base`.

    A language whose loss does not fall with compute is left out.
    Raises: ConfigError where the two have other depths or other held-out text.
    """
    ours, theirs = record["points"], base["points"]
    if [point["depth"] for point in ours] != [point["depth"] for point in theirs]:
        raise ConfigError("--compare: the sweeps have different depths; give both the same --depths")
    if record["heldout"] != base["heldout"]:
        raise ConfigError("--compare: the sweeps have different held-out text; pack both with the same held-out corpus")
    worth = {"all": compute_worth(_column(theirs, "all"), _column(ours, "all"))}
    for name in ours[0]["bits_per_byte"]:
        if name != "all" and all(name in point["bits_per_byte"] for point in theirs):
            with suppress(ConfigError):  # too little text of a language to fall with compute
                worth[name] = compute_worth(_column(theirs, name), _column(ours, name))
    return worth


def _column(points: Sequence[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    return [point["compute"] for point in points], [point["bits_per_byte"][name] for point in points]


def read_sweep(folder: Path) -> dict[str, Any]:
    """The record of a finished sweep.

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
