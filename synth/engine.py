"""Rows side by side, output in seed order: `cook` drives seeds through a recipe until enough rows are kept.

The dataset is the shortest prefix of the seeds that yields the wanted rows, whatever finishes first, so the same
completions give the same bytes. Work begun past that prefix stays in the ledger and counts nowhere.
Not covered: more than one process (`--shard`), engines other than this event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from synth.sample import Funnel, Sample, count_funnel
from synth.seeds import Seed
from synth.steps import Kitchen, LimitReached, Row

LOOKAHEAD = 4
"""Rows begun or finished out of order, as a multiple of the rows cooked at once: bounds memory behind a slow row."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """What came out of `cook`."""

    samples: list[Sample] = field(default_factory=list)
    """Kept and dropped, in seed order."""
    num_kept: int = 0
    seeds: int = 0
    """Seeds whose row is accounted for, the unfinished ones too."""
    unfinished: int = 0
    stopped_by: str = ""
    """The limit that was reached, in words; empty when seeds or wanted rows were the end."""

    def seeds_for(self, rows: int | None) -> int:
        """Seeds that should be enough for what is still wanted of `rows`, at the yield seen so far.

        The first guess is that all are kept, so a run begins few rows too many and pays for little that it drops.
        """
        if rows is None:
            return sys.maxsize
        return math.ceil((rows - self.num_kept) * (self.seeds + 1) / (self.num_kept + 1))

    @property
    def kept(self) -> list[Sample]:
        """The rows to export."""
        return [sample for sample in self.samples if sample.dropped is None]

    @property
    def funnel(self) -> Funnel:
        """Seeds in, rows out, a reason for every difference."""
        return count_funnel(self.samples, seeds=self.seeds, unfinished=self.unfinished)


async def cook(
    kitchen: Kitchen,
    seeds: Iterator[Seed],
    *,
    rows: int | None,
    at_once: int,
    admit: Callable[[Sample], Sample],
    on_row: Callable[[Sample], None] = lambda _: None,
) -> Batch:
    """The rows of `seeds`, in their order, until `rows` are kept, the seeds end, or a limit is reached.

    `admit` sees each finished row once, in order, and may drop it (duplicates, contamination).

    Raises:
        SynthError, SandboxUnavailable: the run must stop; the ledger keeps all that was paid for.
    """
    batch = Batch()
    window: deque[asyncio.Task[Sample]] = deque()
    exhausted = False
    try:
        while True:
            running = sum(not task.done() for task in window)
            most = min(LOOKAHEAD * at_once, batch.seeds_for(rows))
            while not exhausted and not batch.stopped_by and running < at_once and len(window) < most:
                seed = next(seeds, None)
                if seed is None:
                    exhausted = True
                    break
                window.append(asyncio.create_task(Row(seed, kitchen).cook()))
                running += 1
            if not window:
                await asyncio.gather(*kitchen.waiting.values())  # left behind by a row that met the limit, and billed
                return batch
            if running:
                await asyncio.wait([t for t in window if not t.done()], return_when=asyncio.FIRST_COMPLETED)
            _raise_first_fault(window)
            while window and window[0].done():
                task = window.popleft()
                if not batch.stopped_by:  # what was done past the first unfinished row is a matter of timing
                    _account(task, batch, admit, on_row)
                if rows is not None and batch.num_kept >= rows:
                    return batch
    finally:
        await _cancel([*window, *kitchen.waiting.values()])


def _account(
    task: asyncio.Task[Sample], batch: Batch, admit: Callable[[Sample], Sample], on_row: Callable[[Sample], None]
) -> None:
    batch.seeds += 1
    limit = task.exception()
    if limit is not None:
        batch.unfinished += 1
        batch.stopped_by = str(limit)
        return
    sample = task.result()
    if sample.dropped is None:
        sample = admit(sample)
    batch.samples.append(sample)
    batch.num_kept += sample.dropped is None
    on_row(sample)


def _raise_first_fault(window: deque[asyncio.Task[Sample]]) -> None:
    """Raises what ended a row other than its own result or a limit: the run cannot go on."""
    for task in window:
        if task.done() and (fault := task.exception()) is not None and not isinstance(fault, LimitReached):
            raise fault


async def _cancel(tasks: list[asyncio.Task[Sample]] | list[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
