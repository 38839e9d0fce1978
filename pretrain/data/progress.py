"""Progress of a run on stderr: a live line on a terminal, one plain line a stage elsewhere, and seconds a stage."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

Advance = Callable[[int], None]


def say(text: str) -> None:
    """Nothing; one line on stderr, where everything but results goes."""
    print(f"pretrain data: {text}", file=sys.stderr, flush=True)


class Stages:
    """Follows one run through its stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, *, total: int, unit: str) -> Iterator[Advance]:
        """A function that the block calls with how much more of `total` is done."""
        started = time.perf_counter()
        live = _live_line() if sys.stderr.isatty() else nullcontext()
        with live as bar:
            if bar is None:
                yield lambda _: None
            else:
                task = bar.add_task(name, total=total, unit=unit)
                yield lambda count: bar.advance(task, count)
        self.seconds[name] = round(time.perf_counter() - started, 2)
        if bar is None:
            say(f"{name}: {total:,} {unit} in {self.seconds[name]:.1f} s")


def _live_line() -> Any:
    """A rich progress line: stage, bar, count, time and ETA."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description:<13}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
