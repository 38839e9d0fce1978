"""Rows side by side, output in seed order: `cook` drives seeds through a recipe until enough rows are kept.

The dataset is the shortest prefix of the seeds that yields the wanted rows, whatever finishes first, so the same
completions give the same bytes. Work begun past that prefix stays in the ledger and counts nowhere. Finished rows leave
at once, so memory does not grow with the run.
Not covered: more than one process (`shards.py`), what becomes of a finished row (`generate.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sandbox.verdict import SandboxError
from synth.errors import RunFolderError, SynthError, TeacherUnreachable
from synth.kitchen import Kitchen, LimitReached
from synth.sample import Funnel, Sample
from synth.seeds import Seed
from synth.steps import Row

LOOKAHEAD = 4
"""Rows begun or finished out of order, as a multiple of the rows cooked at once: bounds memory behind a slow row."""
JUDGED_AT_ONCE = 32
PATIENCE_S = 0.5
"""How long a finished row waits for company."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """What came out of `cook`, counted."""

    num_kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason -> rows."""
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

    def count(self, sample: Sample) -> None:
        """Counts a row that ended, kept or dropped."""
        self.seeds += 1
        if sample.dropped is None:
            self.num_kept += 1
        else:
            self.dropped[sample.dropped] += 1

    def stop(self, limit: str) -> None:
        """Counts the first row that met a limit; none after it counts."""
        self.seeds += 1
        self.unfinished += 1
        self.stopped_by = limit

    @property
    def funnel(self) -> Funnel:
        """Seeds in, rows out, a reason for every difference."""
        ordered = dict(sorted(self.dropped.items(), key=lambda item: (-item[1], item[0])))
        return Funnel(seeds=self.seeds, kept=self.num_kept, dropped=ordered, unfinished=self.unfinished)


async def cook(
    kitchen: Kitchen,
    seeds: Iterator[Seed],
    *,
    rows: int | None,
    at_once: int,
    admit: Callable[[Sequence[Sample]], list[Sample]],
    emit: Callable[[Sample], None],
) -> Batch:
    """Counts of the rows of `seeds`, in their order, until `rows` are kept, the seeds end, or a limit is reached.

    `admit` sees each finished row once, in order, and may drop it (duplicates, contamination); then `emit` gets it.

    Raises:
        SynthError, SandboxUnavailable: the run must stop; the ledger keeps all that was paid for.
    """
    line = _Line(kitchen, seeds, at_once)
    batch = Batch()
    backlog = _Backlog()
    try:
        while True:
            line.begin(batch, rows, len(backlog.rows))
            if not line.window and not backlog.rows:
                return batch
            is_last = not line.window
            backlog.rows.extend(await line.ended(wait=not is_last and not backlog.is_due(batch, rows)))
            if batch.stopped_by:  # what was done past the first unfinished row is a matter of timing
                backlog.rows.clear()
            if not is_last and not backlog.is_due(batch, rows):
                continue
            for sample in admitted(backlog.take(), admit):
                batch.count(sample)
                emit(sample)
                if rows is not None and batch.num_kept >= rows:
                    await kitchen.drain(priced=True)  # a run for more rows will have use for them
                    return batch
            if limit := backlog.take_limit():
                batch.stop(str(limit))
            await asyncio.sleep(0)  # the calls come first
    except (SynthError, SandboxError) as fault:
        if not isinstance(fault, TeacherUnreachable | RunFolderError):  # else nothing comes, or nothing can be kept
            await kitchen.drain()
        raise
    finally:
        await line.clear()


class _Backlog:
    """Rows that ended and are not judged yet: some together take less time each."""

    def __init__(self) -> None:
        self.rows: deque[Sample | LimitReached] = deque()
        self._taken_at = time.monotonic()

    def is_due(self, batch: Batch, wanted: int | None) -> bool:
        """Whether to judge what is there: enough, for long enough, or it may be all that is wanted."""
        if not self.rows:
            return False
        may_end = wanted is not None and batch.num_kept + len(self.rows) >= wanted
        is_old = time.monotonic() - self._taken_at > PATIENCE_S
        return len(self.rows) >= JUDGED_AT_ONCE or may_end or is_old or isinstance(self.rows[-1], LimitReached)

    def take(self) -> list[Sample]:
        """The next few rows before a limit, taken off."""
        self._taken_at = time.monotonic()
        samples: list[Sample] = []
        while self.rows and len(samples) < JUDGED_AT_ONCE and isinstance(self.rows[0], Sample):
            samples.append(self.rows[0])
            self.rows.popleft()
        return samples

    def take_limit(self) -> LimitReached | None:
        """The limit that is next, taken off, if it is."""
        if self.rows and isinstance(self.rows[0], LimitReached):
            limit = self.rows[0]
            self.rows.popleft()
            return limit
        return None


class _Line:
    """The rows under way, in seed order."""

    def __init__(self, kitchen: Kitchen, seeds: Iterator[Seed], at_once: int) -> None:
        self.window: deque[asyncio.Task[Sample]] = deque()
        self._kitchen = kitchen
        self._seeds = seeds
        self._at_once = at_once
        self._exhausted = False
        self._running = 0
        self._changed = asyncio.Event()
        self._fault: BaseException | None = None
        self._watch = asyncio.create_task(self._watch_teachers())

    def begin(self, batch: Batch, rows: int | None, num_unjudged: int) -> None:
        """Starts as many rows as there is room for, as long as more are wanted."""
        most = min(LOOKAHEAD * self._at_once, batch.seeds_for(rows)) - num_unjudged
        while not batch.stopped_by and self._running < self._at_once and len(self.window) < most:
            seed = None if self._exhausted else next(self._seeds, None)
            if seed is None:
                self._exhausted = True
                return
            task = asyncio.create_task(Row(seed, self._kitchen).cook())
            task.add_done_callback(self._row_ended)
            self.window.append(task)
            self._running += 1

    async def ended(self, *, wait: bool) -> list[Sample | LimitReached]:
        """The rows that ended and have none before them under way, now or once anything has changed; may be none.

        Raises:
            SynthError, SandboxUnavailable: what ended a row other than its own result or a limit.
        """
        if wait and self._running:
            await self._changed.wait()
        self._changed.clear()
        if self._fault is not None:
            raise self._fault
        outcomes: list[Sample | LimitReached] = []
        while self.window and self.window[0].done():
            task = self.window.popleft()
            limit = task.exception()
            if limit is not None and not isinstance(limit, LimitReached):
                raise limit  # it ended just now: its callback has not run yet
            outcomes.append(task.result() if limit is None else limit)
        return outcomes

    async def clear(self) -> None:
        """Ends what is still under way."""
        tasks = [self._watch, *self.window]
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)

    def _row_ended(self, task: asyncio.Task[Sample]) -> None:
        self._running -= 1
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, LimitReached):
            self._fault = self._fault or error
        self._changed.set()

    async def _watch_teachers(self) -> None:
        """Ends the wait now and then, and for good where no teacher answers any more."""
        while True:
            await asyncio.sleep(PATIENCE_S)
            try:
                self._kitchen.check_stall()
            except SynthError as stall:
                self._fault = self._fault or stall
            self._changed.set()


def admitted(samples: list[Sample], admit: Callable[[Sequence[Sample]], list[Sample]]) -> Iterator[Sample]:
    """The samples in order, those not dropped yet as `admit` has them."""
    admitted = iter(admit([sample for sample in samples if sample.dropped is None]))
    return (next(admitted) if sample.dropped is None else sample for sample in samples)
