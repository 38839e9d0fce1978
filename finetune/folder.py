"""The output folder of one training run: who holds it, what it belongs to, and where a run goes on.

<out>/model.safetensors, tokenizer.json, ...   the finished model, only ever whole
<out>/manifest.json    what was trained on what, with which versions; `status` is `running` or `done`
<out>/metrics.jsonl    one line per logged step
<out>/checkpoints/     to resume from; `<out>/tensorboard/` beside it
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.errors import RunFolderError

FULL_BYTES = 16 * 2**20
"""A disk with less room than this is full: writers leave a little that they could not use."""


@dataclass(frozen=True, slots=True)
class OutFolder:
    """Paths and small files under one output folder."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Where the trainer keeps its checkpoints."""
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        """One JSON line per logged step."""
        return self.path / "metrics.jsonl"

    def read_manifest(self) -> dict[str, Any] | None:
        """The manifest, or `None` before the first run.

        Raises: RunFolderError where it is damaged.
        """
        try:
            manifest = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path}/manifest.json: damaged, {error}; --restart begins anew") from error
        return dict(manifest)

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Nothing; the manifest is replaced as a whole."""
        temporary = self.path / ".manifest.json"
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(manifest, stream, indent=2, ensure_ascii=False)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(self.path / "manifest.json")

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint that was written to its end, or `None`.

        The trainer writes `trainer_state.json` last, so a checkpoint without a whole one was interrupted.
        """
        found: list[tuple[int, Path]] = []
        for folder in self.checkpoints.glob("checkpoint-*"):
            try:
                step = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["global_step"]
            except (OSError, ValueError):
                continue
            found.append((step, folder))
        return max(found)[1] if found else None

    def keep_metrics_to(self, step: int) -> list[dict[str, Any]]:
        """The metrics up to `step`, which the file holds from now on: later steps will be logged again."""
        lines = self.metrics.read_text(encoding="utf-8").splitlines() if self.metrics.is_file() else []
        records = [json.loads(line) for line in lines if line.endswith("}")]  # a torn last line is logged again too
        kept = [record for record in records if record["step"] <= step]
        self.metrics.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
        return kept

    def clear(self) -> None:
        """Nothing; what earlier runs left is gone, files that are not theirs stay."""
        for name in ("checkpoints", "tensorboard", ".staged"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for pattern in ("manifest.json", "metrics.jsonl", "config.json", "model*.safetensors*"):
            for file in self.path.glob(pattern):
                file.unlink()

    def drop_checkpoints(self, keep: int) -> None:
        """Nothing; only the `keep` newest checkpoints stay."""
        folders = sorted(self.checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
        for folder in folders[: len(folders) - keep]:
            shutil.rmtree(folder)
        if not keep:
            shutil.rmtree(self.checkpoints, ignore_errors=True)

    def publish(self, staged: Path) -> None:
        """Nothing; the files of `staged` move into the folder, `config.json` last: with it the model is complete."""
        for file in sorted(staged.iterdir(), key=lambda path: (path.name == "config.json", path.name)):
            file.replace(self.path / file.name)
        staged.rmdir()


@contextmanager
def hold_folder(path: Path) -> Iterator[OutFolder]:
    """The folder at `path`, made if need be, held by this process alone.

    Raises: RunFolderError.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("w")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror}; choose another with --out") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFolderError(f"{path}: another process works there; wait for it or choose another --out") from None
        if not (path / "manifest.json").is_file() and any(entry.name != ".lock" for entry in path.iterdir()):
            raise RunFolderError(f"{path}: holds something else than a training run; choose another --out")
        yield OutFolder(path)


def need_disk(path: Path, needed_bytes: int) -> None:
    """Nothing, if the disk under `path` has that much room.

    Raises: RunFolderError.
    """
    free = shutil.disk_usage(path).free
    if free < needed_bytes:
        raise RunFolderError(
            f"{path}: {free / 1e9:.1f} GB free, about {needed_bytes / 1e9:.1f} GB needed for checkpoints and the "
            "model; free some or choose another disk with --out"
        )


@contextmanager
def telling_disk_full(path: Path) -> Iterator[None]:
    """A context whose errors become the one line on a full disk, where that is what they come from.

    Raises: RunFolderError.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or shutil.disk_usage(path).free < FULL_BYTES:
            raise RunFolderError(f"{path}: the disk is full; free some, then the same command goes on") from error
        raise
