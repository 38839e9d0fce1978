"""`SandboxPool`: a few warm containers, one live snippet in each, and verdicts that are never an outage.

    with SandboxPool(workers=2) as pool:
        verdict = pool.run(Job(code="def f(x): return x + 1", tests=("assert f(1) == 2",)))
        verdicts = pool.run_all(jobs)                # a generator, in the order of the jobs
        verdict = await pool.run_async(job)          # the same for asyncio
        async for verdict in pool.stream(jobs): ...

All of them may be called at once and from any thread: jobs wait in one queue, and each worker takes the next one when
its container is free. While more jobs wait than there are workers, a few are sent ahead, since a stop at the engine
costs more than a short run. A timeout is run once more with nothing of this pool beside it, and the second run decides.

Not covered: one container (`container.py`, `slot.py`), languages other than Python (`programs.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from sandbox.container import supervisor_version
from sandbox.image import connect, find_image, image_languages, image_packages
from sandbox.jobs import check_job
from sandbox.programs import ArtifactCache
from sandbox.reaper import reap
from sandbox.slot import Slot, Task
from sandbox.turns import Gate, TurnQueue
from sandbox.verdict import Job, JobError, Rerun, SandboxUnavailable, Verdict

LOOK_AHEAD = 16
"""Jobs in flight or waiting for their turn, per worker, in `run_all` and `stream`."""


class SandboxPool:
    """Runs jobs in containers of one image, at most `workers` at a time."""

    def __init__(
        self,
        workers: int = 2,
        image: str | None = None,
        *,
        languages: Iterable[str] = ("python",),
        packages: Iterable[str] = (),
        fresh: bool = False,
        runtime: str | None = None,
        rerun_timeouts: Rerun = "all",
        recycle_after: int = 2000,
    ) -> None:
        """Containers start with their first job. Without `image`, the smallest that has `languages` and `packages`.

        `fresh` gives each snippet a container of its own (half a second more, or less); `runtime` names another OCI
        runtime that the engine knows, such as `runsc`. Of timeouts, `rerun_timeouts` runs `all` again alone, or the
        `doubtful` ones, which a busy machine could have caused: those that the wall clock stopped, or that came while
        more was running than there are processors. A container is replaced at once after trouble and otherwise after
        `recycle_after` runs: to start one takes as long as a hundred runs.

        Raises:
            SandboxUnavailable: no engine or image answers.
        """
        self.workers = workers
        self._engine = connect(max_connections=2 * workers + 2)
        try:
            self._image_digest = find_image(image, self._engine, languages=languages, packages=packages)
            self.languages = image_languages(self._engine, self._image_digest)
            preload = tuple(bare_name(package) for package in image_packages(self._engine, self._image_digest))
            sweep(self._engine)
        except SandboxUnavailable:
            self._engine.close()
            raise
        self._queue: TurnQueue[Task] = TurnQueue()
        self._closed = threading.Event()
        cache, gate = ArtifactCache(), Gate()
        self._slots = [
            Slot(
                self._engine,
                self._image_digest,
                self._queue,
                gate=gate,
                cache=cache,
                closed=self._closed,
                sharers=workers,
                runtime=runtime,
                preload=preload,
                rerun_timeouts=rerun_timeouts,
                recycle_after=1 if fresh else recycle_after,
            )
            for _ in range(workers)
        ]
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()

    @property
    def image_digest(self) -> str:
        """The image's content address; part of a verdict's identity."""
        return self._image_digest

    @property
    def supervisor_version(self) -> str:
        """16 hex digits over the code that makes verdicts; part of a verdict's identity."""
        return supervisor_version()

    @property
    def facts(self) -> dict[str, Any]:
        """What the proof at the start of a container found, of one that is running; empty when there is none."""
        return next((slot.container.facts for slot in self._slots if slot.container), {})

    def check(self, job: Job) -> None:
        """Nothing; the job can be run. Raises `JobError`."""
        check_job(job)
        if job.language not in self.languages:
            raise JobError(
                f"language: {job.language} is not in this image, which has {', '.join(self.languages)}; build one with "
                f"`sandbox build --languages {','.join([*self.languages, job.language])}`"
            )

    def submit(self, job: Job) -> Future[Verdict]:
        """The verdict to come. Raises `JobError` for a malformed job or a language that the image has not."""
        self.check(job)
        task = Task(job)
        self._start()
        if not self._queue.put(task):
            raise SandboxUnavailable("pool: closed; open a new one")
        return task.future

    def run(self, job: Job) -> Verdict:
        """What happened. Raises `JobError` for a malformed job, `SandboxUnavailable` for an outage."""
        return self.submit(job).result()

    async def run_async(self, job: Job) -> Verdict:
        """`run` for asyncio."""
        return await asyncio.wrap_future(self.submit(job))

    def run_all(self, jobs: Iterable[Job]) -> Iterator[Verdict]:
        """The verdicts in input order, as they come; takes only a few jobs ahead of the one it waits for."""
        pending: deque[Future[Verdict]] = deque()
        source = iter(jobs)
        ended: Exception | None = None
        try:
            while pending or ended is None:
                while ended is None and len(pending) < LOOK_AHEAD * self.workers:
                    try:
                        pending.append(self.submit(next(source)))
                    except Exception as error:  # no more, or a bad job: what came before it is still delivered
                        ended = error
                if pending:
                    yield pending.popleft().result()
        finally:
            for future in pending:  # the reader has gone; Ctrl-C: `close` ends the runs under way
                future.cancel()
        if not isinstance(ended, StopIteration):
            raise ended

    async def stream(self, jobs: Iterable[Job] | AsyncIterable[Job]) -> AsyncIterator[Verdict]:
        """`run_all` for asyncio; the jobs may come from an asynchronous source."""
        pending: deque[asyncio.Future[Verdict]] = deque()
        try:
            async for job in as_async(jobs):
                pending.append(asyncio.wrap_future(self.submit(job)))
                if len(pending) >= LOOK_AHEAD * self.workers:
                    yield await pending.popleft()
            while pending:
                yield await pending.popleft()
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """Nothing; every container is gone. What was still to be run ends with `SandboxUnavailable`."""
        if self._closed.is_set():
            return
        self._closed.set()
        for task in self._queue.close():
            task.fail(SandboxUnavailable("pool: closed before the job's turn came"))
        for slot in self._slots:
            slot.abort()
        for thread in self._threads:
            thread.join()
        self._engine.close()

    def _start(self) -> None:
        """Nothing; the workers are there, as many as there are slots."""
        if self._threads:
            return
        with self._starting:
            if not self._threads:
                threads = [threading.Thread(target=slot.serve, name="sandbox", daemon=True) for slot in self._slots]
                for thread in threads:
                    thread.start()
                self._threads = threads

    async def __aenter__(self) -> SandboxPool:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def __enter__(self) -> SandboxPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def bare_name(package: str) -> str:
    """`numpy` of `numpy==2.0`."""
    return re.split(r"[^\w.-]", package, maxsplit=1)[0]


async def as_async(jobs: Iterable[Job] | AsyncIterable[Job]) -> AsyncIterator[Job]:
    """The jobs of either kind of source."""
    if isinstance(jobs, AsyncIterable):
        async for job in jobs:
            yield job
    else:
        for job in jobs:
            yield job


def sweep(engine: Any) -> None:
    """Nothing; containers of dead owners are gone, or `sandbox prune` will say why not."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    with contextlib.suppress(DockerException, RequestException):  # an engine that is down is said to be with the image
        for _ in reap(engine):
            pass
