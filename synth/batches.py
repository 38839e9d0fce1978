"""`BatchTeacher`: the calls of many rows through a provider's batch endpoint, at half the price and up to a day late.

Calls collect until none came for a moment, then leave together; what the provider did not get to leaves again with the
next batch. A batch is on record before it is created and until its answers are in the ledger, so a process that was
killed at any moment finds its batches again and pays for no request twice.
Not covered: the endpoints (`batch_wire.py`), what is on record (`batch_store.py`), what an answer looks like
(`batch_lines.py`), cancelling a batch, which is done at the provider.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synth.batch_lines import read_answer, read_line
from synth.batch_store import Parcel, Store
from synth.batch_wire import MAX_ATTEMPTS, BatchState, BatchWire, growing_pause_s
from synth.calls import Completion, Price, Request
from synth.errors import CallFailed, SynthError, TeacherRefused, TeacherUnreachable
from synth.ledger import Ledger
from synth.teacher import Teacher
from synth.wire import Fault, as_openai_error

MAX_TRIES = 4
"""Batches that one request is sent with before its call has failed."""
MAX_DOWNLOADS = 4
"""Downloads of a batch's files, as long as lines are missing that the provider counts as answered."""
ENDS = ("completed", "expired", "cancelled", "failed")
TOO_MUCH_QUEUED = "token_limit_exceeded"
"""The account has a limit on tokens in open batches: the batch may well pass later, or smaller."""
EXPIRED = Fault("the batch expired first", status=504)
MISSING = Fault("the batch ended without an answer to it", status=504)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """How large a batch may be and when it leaves."""

    max_requests: int = 50_000
    max_bytes: int = 190 * 10**6
    """Providers take 200 MB."""
    max_open: int = 4
    """Batches at the provider at once."""
    settle_s: float = 2.0
    """A batch leaves when no call came for so long: the rows that can get to their next call have."""


@dataclass(slots=True, eq=False)
class _Call:
    """A request that a row waits for."""

    request: Request
    answer: asyncio.Future[Completion]
    answers_before: int
    tries: int = 0


@dataclass(slots=True, eq=False)
class _Open:
    """A batch on its way."""

    parcel: Parcel
    num_done: int = 0
    landed: set[str] = field(default_factory=set)
    """Keys with an answer that is in the ledger or with the row that waited for it."""
    handed: set[str] = field(default_factory=set)
    """Those of them that a row has yet to record."""
    has_landed: bool = False
    odd: Counter[str] = field(default_factory=Counter)
    """Lines of the last download that were of no use, by kind."""

    @property
    def num_requests(self) -> int:
        return len(self.parcel.offsets)


class BatchTeacher:
    """A teacher asked by batches. Use as an async context manager, inside that of the `Teacher` it asks for.

    What `complete` returns must be recorded in the ledger that was given: only then a batch is done.
    """

    def __init__(
        self,
        teacher: Teacher,
        ledger: Ledger,
        *,
        api_key: str | None = None,
        limits: BatchLimits = BatchLimits(),
        pause_s: Callable[[int], float] = growing_pause_s,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`teacher.price` is the price by batch; `pause_s` is the pause after look 0, 1, ... at an open batch.

        Raises:
            TeacherRefused: several base URLs, among which files are not shared.
        """
        if len(teacher.base_urls) != 1:
            raise TeacherRefused(f"{teacher.base_url}: a batch goes to one endpoint; give one --base-url with --batch")
        self._teacher = teacher
        self._ledger = ledger
        self._limits = limits
        self._pause_s = pause_s
        self._say = say
        self._store = Store(ledger, teacher=teacher.name, base_url=teacher.base_url)
        self._wire = BatchWire(
            base_url=teacher.base_url, api_key=api_key, timeout_s=teacher.limits.timeout_s, pause_s=pause_s
        )
        self._calls: dict[str, _Call] = {}
        self._queue: list[_Call] = []
        self._last_call = 0.0
        self._where: dict[str, _Open] = {}
        """Key -> the batch that is to answer it."""
        self._open: dict[str, _Open] = {}
        self._max_requests = limits.max_requests
        self._max_open = limits.max_open
        self._changed = asyncio.Event()
        self._answers = 0
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """The teacher's, as in the ledger: the same answer is worth the same however it was asked for."""
        return self._teacher.name

    @property
    def model(self) -> str:
        """The model asked."""
        return self._teacher.model

    @property
    def base_url(self) -> str:
        """The endpoint."""
        return self._teacher.base_url

    @property
    def price(self) -> Price | None:
        """By batch."""
        return self._teacher.price

    @property
    def in_flight(self) -> int:
        """Calls that are at the provider, as far as rows wait for them."""
        return len(self._calls) - sum(not call.answer.done() for call in self._queue)

    def describe_wait(self) -> str:
        """`2 batches open: 1,200 of 3,000 answered`; empty where none is."""
        if not self._open:
            return ""
        done = sum(batch.num_done for batch in self._open.values())
        return f"{_batches(len(self._open))} open: {done:,} of {self._num_open():,} answered"

    def check_stall(self) -> None:
        """Nothing, unless the batches came to an end: they may take a day.

        Raises:
            SynthError: what ended them.
        """
        if self._failure is not None:
            raise self._failure

    async def check(self, say: Callable[[str], None] = lambda _: None) -> None:
        """As `Teacher.check`."""
        await self._teacher.check(say)

    async def __aenter__(self) -> BatchTeacher:
        try:
            await self._told(self._reopen(), "looking for the open batches")
        except BaseException:
            await self.close()
            raise
        self._start(self._told(self._collect(), "submitting a batch"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets go of the batches: those still open go on at the provider."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for batch in list(self._open.values()):
            if batch.has_landed and self._is_recorded(batch):
                self._forget(batch)
        if self._open:
            self._say(
                f"{self.base_url}: {_batches(len(self._open))} with {self._num_open():,} requests go on there and are "
                "paid for; run the same command again to collect them"
            )
        await self._wire.close()

    async def complete(self, request: Request) -> Completion:
        """The answer to `request`, from the batch that has it already or the next one.

        Raises:
            CallFailed: batch after batch did not answer it, and did answer others.
            TeacherUnreachable, TeacherRefused: one line that says what to do; the run must stop.
        """
        if self._failure is not None:
            raise self._failure
        assert request.key not in self._calls, "twins wait for one call"
        call = _Call(request, asyncio.get_running_loop().create_future(), self._answers)
        self._calls[request.key] = call
        if request.key not in self._where:
            self._enqueue(call)
        try:
            return await call.answer
        finally:
            del self._calls[request.key]

    def _enqueue(self, call: _Call) -> None:
        self._queue.append(call)
        self._last_call = time.monotonic()
        self._changed.set()

    async def _collect(self) -> None:
        """Submits what has queued up, again and again, when it has settled or is a whole batch."""
        while True:
            await self._until(lambda: bool(self._queue) and len(self._open) < self._max_open)
            while (left_s := self._last_call + self._limits.settle_s - time.monotonic()) > 0 and not self._is_full():
                await asyncio.sleep(left_s)
            await self._submit()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    def _is_full(self) -> bool:
        num_bytes = sum(len(call.request.json) for call in self._queue)
        return len(self._queue) >= self._max_requests or num_bytes >= self._limits.max_bytes

    async def _submit(self) -> None:
        """Sends the head of the queue as one batch."""
        waiting = [call for call in self._queue if not call.answer.done()]
        calls, self._queue = waiting[: self._max_requests], waiting[self._max_requests :]
        if not calls:
            return
        requests = [call.request for call in calls]
        with self._store.upload_file() as upload:
            parcel = await asyncio.to_thread(
                self._store.pack, requests, model=self.model, max_bytes=self._limits.max_bytes, upload=upload
            )
            self._queue = calls[len(parcel.offsets) :] + self._queue
            batch = _Open(parcel)
            self._where.update(dict.fromkeys(parcel.offsets, batch))
            parcel.file_id = await self._wire.upload(Path(upload.name))
        self._store.record(parcel)
        self._open[parcel.name] = batch
        parcel.batch_id = (await self._wire.create(parcel.name, parcel.file_id)).id
        self._store.record(parcel)
        self._say(f"{self.base_url}: batch {parcel.batch_id} submitted, {len(parcel.offsets):,} requests")
        self._follow(batch)

    async def _reopen(self) -> None:
        """Takes up the batches that an earlier process left."""
        for parcel, base_url in self._store.reopen():
            if base_url != self.base_url:
                raise TeacherRefused(
                    f"{parcel.path}: its batch is open at {base_url}; give that --base-url, or delete the file to ask "
                    "its requests anew"
                )
            if not parcel.batch_id:
                created = await self._wire.find(parcel.name, parcel.file_id)
                if created is None:
                    self._store.close(parcel)
                    continue
                parcel.batch_id = created.id
                self._store.record(parcel)
            batch = self._open[parcel.name] = _Open(parcel)
            # A later batch took over what an earlier one had left over.
            self._where.update(dict.fromkeys(parcel.offsets, batch))
            self._follow(batch)
        if self._open:
            self._say(
                f"{self.base_url}: {_batches(len(self._open))} open, {self._num_open():,} requests are not sent again"
            )

    def _follow(self, batch: _Open) -> None:
        self._start(self._told(self._see_through(batch), f"batch {batch.parcel.batch_id}", batch))

    async def _see_through(self, batch: _Open) -> None:
        """Waits for the end of `batch`, and hands its answers to the rows."""
        for look in itertools.count():
            state = await self._wire.look(batch.parcel.batch_id)
            batch.num_done = state.num_done
            if state.status in ENDS:
                break
            await asyncio.sleep(self._pause_s(look))
        if state.status == "failed":
            self._refused(batch, state)
            return
        faults = await self._land(batch, state)
        stops = [fault for fault in faults.values() if not fault.transient]
        if state.status != "cancelled" and not stops:
            left = EXPIRED if state.status == "expired" else MISSING
            for key in batch.parcel.offsets.keys() - batch.landed:
                self._again(key, batch, faults.get(key, left))
        batch.has_landed = True
        while not self._is_recorded(batch):
            await asyncio.sleep(0.05)
        self._forget(batch)
        passed_over = "".join(f"; {count:,} {kind} lines passed over" for kind, count in batch.odd.items())
        answered = f"{len(batch.landed):,} of {batch.num_requests:,} requests answered"
        self._say(f"{self.base_url}: batch {state.id} {state.status}, {answered}{passed_over}")
        if stops:
            raise self._teacher.stop(stops[0], f"{self.base_url}: batch {state.id}")
        if state.status == "cancelled":
            raise TeacherRefused(
                f"{self.base_url}: batch {state.id} was cancelled there, {answered}; run the same command again to "
                "submit the others"
            )

    async def _land(self, batch: _Open, state: BatchState) -> dict[str, Fault]:
        """Takes the batch's answers in; what its requests met with that brought none, by key."""
        faults: dict[str, Fault] = {}
        downloads = 0
        for attempt in itertools.count():
            batch.odd.clear()
            try:
                num_answers = await self._download(batch, state.files, faults)
                downloads += 1
                if num_answers >= state.num_answered or downloads == MAX_DOWNLOADS:
                    break
            except Fault as fault:
                if not fault.transient or attempt + 1 == MAX_ATTEMPTS:
                    raise
            await asyncio.sleep(self._pause_s(attempt))
        return faults

    async def _download(self, batch: _Open, files: Sequence[str], faults: dict[str, Fault]) -> int:
        """Goes through the batch's files once; how many requests have an answer there, good or not."""
        seen: set[str] = set()
        for file_id in files:
            async for line in self._wire.lines(file_id):
                answered = read_line(line)
                key = answered.get("custom_id")
                if key not in batch.parcel.offsets:
                    batch.odd["unknown" if answered else "unreadable"] += bool(line.strip())
                elif key in seen:
                    batch.odd["repeated"] += 1
                else:
                    seen.add(key)
                    self._take(key, answered, batch, faults)
        return len(seen) - sum(fault.status != 200 for fault in faults.values())

    def _take(self, key: str, answered: dict[str, Any], batch: _Open, faults: dict[str, Fault]) -> None:
        """Hands a line's answer to the row that waits for it, or else to the ledger."""
        if key in batch.landed:  # by a download that broke off
            return
        try:
            completion = read_answer(answered, self.price, self._teacher.check_model)
        except Fault as fault:
            faults[key] = fault
            return
        faults.pop(key, None)
        batch.landed.add(key)
        self._answers += 1
        call = self._calls.get(key)
        if call is not None and not call.answer.done():
            batch.handed.add(key)
            call.answer.set_result(completion)
        elif self._ledger.completion(key) is None:
            self._ledger.add_completion(batch.parcel.request(key), completion)

    def _again(self, key: str, batch: _Open, fault: Fault) -> None:
        """Queues an unanswered request for the next batch, if a row waits for it."""
        if self._where.get(key) is not batch:
            return
        del self._where[key]
        call = self._calls.get(key)
        if call is None or call.answer.done():
            return
        call.tries += 1
        if call.tries < MAX_TRIES:
            self._enqueue(call)
        elif self._answers > call.answers_before:
            call.answer.set_exception(
                CallFailed(f"failed in {MAX_TRIES} batches while other calls were answered ({fault})")
            )
        else:
            call.answer.set_exception(
                TeacherUnreachable(
                    f"{self.base_url}: {MAX_TRIES} batches answered nothing ({fault}); run the same command again later"
                )
            )

    def _refused(self, batch: _Open, state: BatchState) -> None:
        """Deals with a batch that did not begin, so that nothing of it is paid for.

        Raises:
            TeacherRefused: it never will.
        """
        self._forget(batch)
        size = len(batch.parcel.offsets)
        if state.error_code != TOO_MUCH_QUEUED or (size == 1 and not self._open):
            said = " ".join(state.error.split())[:300] or "no reason given"
            raise TeacherRefused(
                f"{self.base_url}: batch {state.id} was refused ({said}); correct that in the recipe or with "
                "--teacher, then run the same command again"
            )
        if self._open:
            self._max_open = len(self._open)
        else:
            self._max_requests = (size + 1) // 2
        self._say(
            f"{self.base_url}: batch {state.id} is too much for the account at once; it leaves again in smaller parts"
        )
        for key in batch.parcel.offsets:
            if key in self._calls:
                self._enqueue(self._calls[key])

    def _is_recorded(self, batch: _Open) -> bool:
        """Whether every answer that a row was given is in the ledger."""
        while batch.handed:
            key = next(iter(batch.handed))
            if self._ledger.completion(key) is None:
                return False
            batch.handed.discard(key)
        return True

    def _forget(self, batch: _Open) -> None:
        self._store.close(batch.parcel)
        del self._open[batch.parcel.name]
        for key in batch.parcel.offsets:
            if self._where.get(key) is batch:
                del self._where[key]
        self._changed.set()

    def _num_open(self) -> int:
        return sum(batch.num_requests for batch in self._open.values())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What ends one of our tasks ends every call."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failure = self._failure or error
            for call in self._calls.values():
                if not call.answer.done():
                    call.answer.set_exception(error)

    async def _told(self, work: Coroutine[Any, Any, None], doing: str, batch: _Open | None = None) -> None:
        """Does `work`.

        Raises:
            SynthError: what it met with, in one line.
        """
        try:
            await work
        except Fault as fault:
            raise self._stop(fault, f"{self.base_url}: {doing}", batch) from as_openai_error(fault, self.base_url)

    def _stop(self, fault: Fault, where: str, batch: _Open | None) -> SynthError:
        if fault.status not in (404, 405, 410, 501):
            return self._teacher.stop(fault, where)
        if batch is None:
            return TeacherRefused(f"{where}: there is no batch endpoint ({fault}); leave out --batch")
        return TeacherRefused(
            f"{where}: it is not there ({fault}); give the key and --base-url that opened it, or delete "
            f"{batch.parcel.path} to ask its requests anew"
        )


def _batches(number: int) -> str:
    return f"{number} batch{'' if number == 1 else 'es'}"
