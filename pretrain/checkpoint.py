"""Checkpoints: sharded, written in the background, whole or not there, and readable by any number of processes.

checkpoints/step-00000200/   torch.distributed.checkpoint (DCP) files, one per process
    meta.json                step, preset, order, spike statistics; with it the checkpoint is whole
A checkpoint is written as `.step-00000200.partial` and renamed when every process has written its part; older ones go
only after that. Weights have Hugging Face names, so export needs no map. Not covered: object stores.
"""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict import (
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load as dcp_load
from torch.distributed.checkpoint.state_dict_saver import async_save
from torch.optim import Optimizer

from pretrain.distributed import World
from pretrain.errors import CheckpointError
from pretrain.run_folder import checkpoint_name, find_checkpoint, read_meta, whole_checkpoints

__all__ = ["Saver", "find", "load", "load_weights", "read_meta"]

find = find_checkpoint

LOAD_ERRORS = (CheckpointException, RuntimeError, OSError, ValueError, KeyError, EOFError, pickle.UnpicklingError)
"""What a damaged file makes torch raise, by which byte is missing."""


class Saver:
    """Writes checkpoints of one model and optimizer in the background, at most one at a time."""

    def __init__(self, folder: Path, model: nn.Module, optimizer: Optimizer, world: World, *, keep: int) -> None:
        self.folder, self.keep = folder, keep
        self._model, self._optimizer, self._world = model, optimizer, world
        _expect_one_process()
        self._publisher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None

    def save(self, step: int, meta: Mapping[str, Any]) -> None:
        """Nothing; the state is copied when this returns, and the next step may change it.

        Raises: CheckpointError where the checkpoint before could not be written.
        """
        self.wait()
        partial = self.folder / f".{checkpoint_name(step)}.partial"
        self._world.together(lambda: self._begin(partial, step))
        with _telling(self.folder, step):
            written = async_save(
                _state(self._model, self._optimizer),
                checkpoint_id=partial,
                process_group=self._world.checkpoint_group,
                no_dist=self._world.size == 1,
            )
        assert isinstance(written, Future)
        self._pending = self._publisher.submit(self._publish, written, partial, step, dict(meta))

    def wait(self) -> None:
        """Nothing, once the checkpoint on its way is whole. Raises: CheckpointError, on all processes."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._world.together(pending.result)

    def close(self) -> None:
        """Nothing; the background thread has ended, whatever became of its checkpoint."""
        self._publisher.shutdown(wait=True)

    def _begin(self, partial: Path, step: int) -> None:
        if self._world.is_main:
            with _telling(self.folder, step):
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)

    def _publish(self, written: Future[Any], partial: Path, step: int, meta: dict[str, Any]) -> None:
        """Nothing; the checkpoint bears its name, and those before the `keep` newest are gone."""
        try:
            with _telling(self.folder, step):
                written.result()  # of all processes: the coordinating one finishes last
                if self._world.is_main:
                    write_whole(partial / "meta.json", json.dumps(meta, indent=1))
                    final = self.folder / checkpoint_name(step)
                    shutil.rmtree(final, ignore_errors=True)
                    partial.rename(final)
                    _sync(self.folder)
                    for old in whole_checkpoints(self.folder)[: -self.keep]:
                        (old / "meta.json").unlink()  # first: what is half removed is not whole
                        shutil.rmtree(old)
        except CheckpointError:
            if self._world.is_main:
                shutil.rmtree(partial, ignore_errors=True)  # it may be what filled the disk
            raise


def load(path: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Nothing; model and optimizer hold what `path` does, however many processes wrote it.

    The optimizer's settings (learning rate, decay) stay its own: only its state is kept in a checkpoint.
    Raises: CheckpointError.
    """
    _expect_one_process()
    state = _state(model, optimizer)
    groups = get_optimizer_state_dict(model, optimizer)["param_groups"]
    try:
        dcp_load(state, checkpoint_id=path, no_dist=not torch.distributed.is_initialized())
        set_model_state_dict(model, state["model"])
        set_optimizer_state_dict(model, optimizer, {"state": state["optimizer"], "param_groups": groups})
    except LOAD_ERRORS as error:
        raise CheckpointError(
            f"{path}: cannot be loaded, {_reason(error)}; remove it, then the one before is taken"
        ) from error


def load_weights(path: Path) -> dict[str, Tensor]:
    """Every weight in `path`, whole, fp32, on the CPU, under its Hugging Face name. Raises: CheckpointError."""
    _expect_one_process()
    try:
        stored = FileSystemReader(path).read_metadata().state_dict_metadata
        state = {
            name: torch.empty(entry.size, dtype=entry.properties.dtype)
            for name, entry in stored.items()
            if name.startswith("model.") and isinstance(entry, TensorStorageMetadata)
        }
        dcp_load(state, checkpoint_id=path, no_dist=True)
    except LOAD_ERRORS as error:
        raise CheckpointError(f"{path}: cannot be loaded, {_reason(error)}; take an earlier one") from error
    return {name.removeprefix("model."): tensor for name, tensor in state.items()}


def _expect_one_process() -> None:
    """Nothing; DCP no longer warns that there is no process group, which is what one process has."""
    warnings.filterwarnings("ignore", message="torch.distributed is disabled")


def write_whole(path: Path, text: str) -> None:
    """Nothing; the file is on the disk."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _state(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """Tensors only, by name: `model.<weight>` and `optimizer.<weight>.<moment>`."""
    return {
        "model": get_model_state_dict(model),
        "optimizer": get_optimizer_state_dict(model, optimizer)["state"],
    }


@contextmanager
def _telling(folder: Path, step: int) -> Iterator[None]:
    """A context whose failures become one line that names what stays. Raises: CheckpointError."""
    try:
        yield
    except (CheckpointException, RuntimeError, OSError) as error:
        whole = whole_checkpoints(folder)
        stays = f"{whole[-1].name} stays" if whole else "there is none yet"
        raise CheckpointError(
            f"{folder}: the checkpoint of step {step} cannot be saved, {_reason(error)}; {stays}: free space or choose "
            "another --out, the same command goes on"
        ) from error


def _reason(error: BaseException) -> str:
    """The cause in a few words: the operating system's where there is one, else the first line."""
    if isinstance(error, CheckpointException):
        return _reason(next(iter(error.failures.values()))[0])
    seen: BaseException | None = error
    while seen is not None:  # torch wraps a failed write in errors of its own
        if isinstance(seen, OSError) and seen.errno is not None:
            return "the disk is full" if seen.errno in (errno.ENOSPC, errno.EDQUOT) else os.strerror(seen.errno).lower()
        seen = seen.__cause__ or seen.__context__
    return next(iter(str(error).splitlines()), type(error).__name__)


def _sync(folder: Path) -> None:
    """Nothing; the rename itself survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
