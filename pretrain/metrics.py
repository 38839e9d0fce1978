"""What a run reports: `metrics.jsonl` always, TensorBoard where it is installed, a live line on the terminal.

Losses, gradient norms and learning rates are written with every digit: an interrupted run repeats them exactly.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from pretrain.errors import RunFolderError
from synth.files import atomic_file

PLAIN_EVERY_S = 20.0
"""Off a terminal, a line of progress so often."""
FIGURES = ("loss", "grad_norm", "learning_rate", "tokens_per_s", "mfu")


class Metrics:
    """The records of one run, on disk as they come."""

    def __init__(self, folder: Path, *, keep_to: int) -> None:
        """Records after step `keep_to` and a torn last line are dropped: those steps will be taken again."""
        self.path = folder / "metrics.jsonl"
        kept = [record for record in self.read() if record["step"] <= keep_to]
        with atomic_file(self.path) as file:
            file.writelines(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in kept)
        self._board: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=keep_to + 1)

    def write(self, record: Mapping[str, Any]) -> None:
        """Nothing; the record is on disk. Raises: RunFolderError."""
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            if self._board is not None:
                for name, value in _scalars(record):
                    self._board.add_scalar(name, value, record["step"])
        except OSError as error:
            raise RunFolderError(
                f"{self.path}: cannot be written, {(error.strerror or str(error)).lower()}; free space, then the same "
                "command goes on"
            ) from error

    def read(self) -> list[dict[str, Any]]:
        """All whole records. Raises: RunFolderError for a line that is damaged in another way than cut short."""
        text = self.path.read_bytes().decode("utf-8", "replace") if self.path.is_file() else ""
        lines = text.split("\n")[:-1]  # a line without its end was torn by a kill or a full disk
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise RunFolderError(f"{self.path}: damaged, {error}; --restart begins anew") from error

    def summary(self) -> dict[str, Any]:
        """First and last loss and held-out bits per byte, median speed, skipped steps: for the manifest."""
        records = self.read()
        steps = [record for record in records if "loss" in record]
        heldout = [record["heldout_bits_per_byte"] for record in records if "heldout_bits_per_byte" in record]
        shares = [record["mfu"] for record in steps if record["mfu"] is not None]
        return {
            "first_loss": steps[0]["loss"],
            "last_loss": steps[-1]["loss"],
            "heldout_bits_per_byte": {"first": heldout[0], "last": heldout[-1]} if heldout else None,
            "samples": next((record["samples"] for record in reversed(records) if "samples" in record), []),
            "tokens_per_s": median(record["tokens_per_s"] for record in steps),
            "mfu": median(shares) if shares else None,
            "skipped_steps": sum(record["skipped"] for record in steps),
        }

    def close(self) -> None:
        """Nothing; TensorBoard's file is complete, as far as the disk has room: what it shows is in `metrics.jsonl`."""
        if self._board is not None:
            with suppress(OSError):
                self._board.close()


class Progress:
    """One live line on a terminal, a plain line now and then elsewhere, nothing where `shown` is false."""

    def __init__(self, *, start: int, stop: int, shown: bool) -> None:
        self._stop, self._shown = stop, shown
        self._last_plain = 0.0
        self._started, self._start = time.monotonic(), start
        self._live: Any = None
        if shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=4, transient=True)
            self._live.start()

    def step(self, record: Mapping[str, Any]) -> None:
        """Nothing; the line shows this step."""
        if not self._shown:
            return
        left = self._stop - record["step"]
        seconds = (time.monotonic() - self._started) / max(1, record["step"] - self._start) * left
        line = f"step {record['step']:,} of {self._stop:,}  {describe(record)}  {_duration(seconds)} left"
        if self._live is not None:
            self._live.update(line)
        elif time.monotonic() - self._last_plain > PLAIN_EVERY_S or not left:
            self._last_plain = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        """Nothing; the line stays on stderr."""
        if self._live is not None:
            self._live.console.print(line, highlight=False, markup=False)
        elif self._shown:
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing; the terminal is free again."""
        if self._live is not None:
            self._live.stop()


def describe(record: Mapping[str, Any]) -> str:
    """Loss, learning rate, speed and MFU of a step as people read them."""
    share = "n/a" if record["mfu"] is None else f"{record['mfu']:.1%}"
    skipped = "  SKIPPED (spike)" if record["skipped"] else ""
    return (
        f"loss {record['loss']:.4f}  lr {record['learning_rate']:.2e}  {record['tokens_per_s']:,.0f} tokens/s  "
        f"MFU {share}{skipped}"
    )


def _scalars(record: Mapping[str, Any]) -> list[tuple[str, float]]:
    flat = [(name, record[name]) for name in FIGURES if record.get(name) is not None]
    return flat + [(f"heldout/{name}", value) for name, value in record.get("heldout_bits_per_byte", {}).items()]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
