"""The output folder of one training run: who holds it, what it belongs to, and whether it is finished.

<out>/config.yaml      the preset, resolved
<out>/metrics.jsonl    one line per logged step, one per evaluation
<out>/checkpoints/     to resume from; `<out>/tensorboard/` beside it
<out>/manifest.json    written last: with it the run is finished
Imports nothing heavy: a finished run says so at once.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pretrain.config import Preset
from pretrain.errors import CheckpointError, RunFolderError, ShardError
from synth.files import atomic_file

META_FORMAT = 1
BYTES_PER_PARAMETER = 12
"""Of a checkpoint: fp32 weights and AdamW's two moments."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths and small files under one output folder."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are."""
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        """One JSON line per logged step or evaluation."""
        return self.path / "metrics.jsonl"

    def read_manifest(self) -> dict[str, Any] | None:
        """The manifest, or `None` where the run is not finished. Raises: RunFolderError where it is damaged."""
        try:
            return dict(json.loads((self.path / "manifest.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path}/manifest.json: damaged, {error}; --restart begins anew") from error

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Nothing; the manifest is replaced as a whole."""
        with atomic_file(self.path / "manifest.json") as file:
            file.write(json.dumps(manifest, indent=1, ensure_ascii=False).encode())

    def write_config(self, preset: Preset) -> None:
        """Nothing; `config.yaml` holds the preset."""
        with atomic_file(self.path / "config.yaml") as file:
            file.write(yaml.safe_dump(preset.model_dump(mode="json"), sort_keys=False).encode())

    def clear(self) -> None:
        """Nothing; what earlier runs left is gone, files that are not theirs stay."""
        for name in ("manifest.json", "metrics.jsonl", "config.yaml"):  # first: half cleared is not finished
            (self.path / name).unlink(missing_ok=True)
        for name in ("checkpoints", "tensorboard"):
            shutil.rmtree(self.path / name, ignore_errors=True)

    def drop_partial(self) -> None:
        """Nothing; checkpoints that were never finished, or not wholly removed, are gone."""
        for partial in (*self.checkpoints.glob(".*.partial"), *self.checkpoints.glob("step-*")):
            if not (partial.name.startswith("step-") and (partial / "meta.json").is_file()):
                shutil.rmtree(partial)


@contextmanager
def hold_folder(path: Path) -> Iterator[RunFolder]:
    """The folder at `path`, made if need be, held by this process alone. Raises: RunFolderError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("w")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written, {error.strerror}; choose another --out") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFolderError(f"{path}: another process works there; wait for it or choose another --out") from None
        yield RunFolder(path)


def need_disk(path: Path, preset: Preset) -> None:
    """Nothing, if the disk has room for the checkpoints that stay and the one being written. Raises: RunFolderError."""
    needed = preset.model.num_parameters() * BYTES_PER_PARAMETER * 2
    free = shutil.disk_usage(path).free
    if free < needed:
        raise RunFolderError(
            f"{path}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed for two checkpoints; free some or choose "
            "another disk with --out"
        )


def read_inputs(shards: Sequence[Path], tokenizer: Path) -> dict[str, str]:
    """What a run reads, as hashes: `tokenizer` and each shard by name; from the small files beside the shards.

    Raises: ShardError, TokenizerError.
    """
    from pretrain.tokenizer import fingerprint

    inputs = {"tokenizer": fingerprint(tokenizer)}
    for folder in shards:
        sidecars = sorted(path for path in folder.glob("*.json") if path.name != "manifest.json")
        if not sidecars:
            raise ShardError(f"{folder}: no shards in it; give a folder that `pretrain pack` wrote")
        for sidecar in sidecars:
            try:
                inputs[f"shard {sidecar.stem}"] = json.loads(sidecar.read_text(encoding="utf-8"))["sha256_bin"]
            except (OSError, ValueError, KeyError) as error:
                raise ShardError(f"{sidecar}: cannot be read ({error}); run `pretrain pack` again") from error
    return inputs


def finished(folder: RunFolder, *, identity: Mapping[str, Any], inputs: Mapping[str, str], steps: int) -> bool:
    """Whether the run in `folder` is finished, as far as `steps`.

    Raises: RunFolderError where it was another run, naming what differs.
    """
    manifest = folder.read_manifest()
    if manifest is None:
        return False
    changed = differences(manifest["identity"], identity) + differences(manifest["inputs"], inputs)
    if changed:
        raise RunFolderError(
            f"{folder.path}: holds a run with other settings: {_list(changed)}; --restart begins anew, another --out "
            "keeps both"
        )
    return bool(manifest["steps"] >= steps)


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """`key before -> now` for each leaf that differs, keys joined by dots."""
    found = []
    for key in dict.fromkeys((*before, *now)):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} {_short(old)} -> {_short(new)}")
    return found


def same_run(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Nothing, if a checkpoint's settings or inputs are those of this run. Raises: CheckpointError naming the keys."""
    changed = differences(before, now)
    if changed:
        raise CheckpointError(
            f"{path}: a checkpoint of another run: {_list(changed)}; --restart begins anew, another --out keeps both"
        )


def checkpoint_name(step: int) -> str:
    """`step-00000200`: names sort as steps do."""
    return f"step-{step:08d}"


def whole_checkpoints(folder: Path) -> list[Path]:
    """Those in a checkpoints folder that were written to their end, oldest first."""
    return sorted(path.parent for path in folder.glob("step-*/meta.json"))


def find_checkpoint(path: Path) -> Path:
    """The checkpoint that `path` means: itself, or the newest whole one of a run or checkpoints folder.

    Raises: CheckpointError.
    """
    if (path / "meta.json").is_file():
        return path
    for folder in (path / "checkpoints", path):
        whole = whole_checkpoints(folder)
        if whole:
            return whole[-1]
    raise CheckpointError(f"{path}: no whole checkpoint in it; give a run folder or one of its checkpoints")


def read_meta(path: Path) -> dict[str, Any]:
    """What `meta.json` of a checkpoint says. Raises: CheckpointError."""
    try:
        meta = dict(json.loads((path / "meta.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}/meta.json: cannot be read, {error}; take an earlier checkpoint") from error
    if meta.get("format") != META_FORMAT:
        raise CheckpointError(f"{path}: format must be {META_FORMAT}, got {meta.get('format')}; update opencook")
    return meta


def _list(changed: Sequence[str]) -> str:
    shown = ", ".join(changed[:5])
    return shown if len(changed) <= 5 else f"{shown} and {len(changed) - 5} more"


def _short(value: Any) -> str:
    """A value on a line: hashes cut down."""
    text = "none" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
