"""`SandboxPool`: a few warm containers, one live snippet in each, and verdicts that are never an outage.

    with SandboxPool(workers=2) as pool:
        verdict = pool.run(Job(code="def f(x): return x + 1", tests=("assert f(1) == 2",)))

`run` blocks until a worker is free and may be called from any thread. A container is replaced after `recycle_after`
runs and at once after trouble: a limit that was hit, a process or file that outlived its run, a broken channel.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from sandbox.container import ChannelBroken, Container, supervisor_version
from sandbox.image import connect, find_image, one_line
from sandbox.jobs import check_job
from sandbox.languages import find_languages
from sandbox.outage import patiently
from sandbox.reaper import RENEW_AFTER_S, reap
from sandbox.verdict import Job, SandboxUnavailable, TestResult, Verdict

ATTEMPTS = 3
LOOK_AHEAD = 8
"""Jobs in flight or waiting for their turn, per worker, in `run_all`."""
ANSWER_SLACK_S = 60.0
"""How long after its wall limit a run may still be silent before its container is given up."""


class SandboxPool:
    """Runs jobs in containers of `image`, at most `workers` at a time."""

    def __init__(self, workers: int = 2, image: str | None = None, *, recycle_after: int = 500) -> None:
        """Raises `SandboxUnavailable` where no engine or image answers; containers start with their first job."""
        self.workers = workers
        self._engine = connect(max_connections=2 * workers + 2)
        try:
            self._image_digest = find_image(image, self._engine)
            sweep(self._engine)
        except SandboxUnavailable:
            self._engine.close()
            raise
        self._closed = threading.Event()
        self._slots = [Slot(self._engine, self._image_digest, recycle_after, self._closed) for _ in range(workers)]
        self._idle: queue.LifoQueue[Slot | None] = queue.LifoQueue()  # the warmest worker first
        for slot in self._slots:
            self._idle.put(slot)

    @property
    def image_digest(self) -> str:
        """The image's content address; part of a verdict's identity."""
        return self._image_digest

    @property
    def supervisor_version(self) -> str:
        """16 hex digits over the code that runs inside the container; part of a verdict's identity."""
        return supervisor_version()

    def run(self, job: Job) -> Verdict:
        """What happened. Raises `JobError` for a malformed job, `SandboxUnavailable` for an outage."""
        check_job(job)
        find_languages([job.language])
        if self._closed.is_set() or (slot := self._idle.get()) is None:
            self._idle.put(None)  # for the next one who waits
            raise SandboxUnavailable("pool: closed; open a new one")
        try:
            answer = slot.run(job)
        finally:
            self._idle.put(slot)
        results = tuple(TestResult(**result) for result in answer.pop("test_results"))
        return Verdict(id=job.id, test_results=results, **answer)

    def run_all(self, jobs: Iterable[Job]) -> Iterator[Verdict]:
        """The verdicts in input order, as they come; takes only a few jobs ahead of the one it waits for."""
        threads = ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox")
        pending: deque[Future[Verdict]] = deque()
        source = iter(jobs)
        ended: Exception | None = None
        try:
            while pending or ended is None:
                while ended is None and len(pending) < LOOK_AHEAD * self.workers:
                    try:
                        pending.append(threads.submit(self.run, next(source)))
                    except Exception as error:  # no more, or a bad job: what came before it is still delivered
                        ended = error
                if pending:
                    yield pending.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)  # Ctrl-C: `close` ends the runs under way
        if not isinstance(ended, StopIteration):
            raise ended

    def close(self) -> None:
        """Nothing; every container is gone. A run still under way ends in its thread with `SandboxUnavailable`."""
        if self._closed.is_set():
            return
        self._closed.set()
        for slot in self._slots:
            slot.abort()
        for _ in self._slots:
            idle = self._idle.get()
            assert idle is not None
            idle.close()
        self._idle.put(None)
        self._engine.close()

    def __enter__(self) -> SandboxPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Slot:
    """One worker: a container, replaced when it must be."""

    def __init__(self, engine: Any, image_digest: str, recycle_after: int, closed: threading.Event) -> None:
        self.engine = engine
        self.image_digest = image_digest
        self.recycle_after = recycle_after
        self.closed = closed
        self.container: Container | None = None

    def run(self, job: Job) -> dict[str, Any]:
        """The supervisor's answer, from as many containers as it takes, but no more than `ATTEMPTS`."""
        wall_s = wall_limit_s(job.limits.timeout_s)
        request = encode(job, wall_s)
        reason = ""
        for _ in range(ATTEMPTS):
            if self.closed.is_set():
                raise SandboxUnavailable("pool: closed while the job ran")
            finished = False
            try:
                answer = self.ready(job.limits.memory_mb).exchange(request, wall_s + ANSWER_SLACK_S)
                finished = not answer.pop("trouble")
                return answer
            except ChannelBroken as error:
                reason = str(error)
            finally:  # whatever happened, Ctrl-C included: only a container that answered well is used again
                if not finished or self.worn_out():
                    self.close()
        where = f"job {job.id}" if job.id else "job"
        raise SandboxUnavailable(f"{where}: {ATTEMPTS} containers died under it, last: {reason}; see `sandbox doctor`")

    def ready(self, memory_mb: int) -> Container:
        """A container with this memory limit. Raises `SandboxUnavailable` when the engine gives none."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        if self.worn_out():  # by age, while it was idle
            self.close()
        try:
            if self.container is None:
                self.container = patiently(
                    lambda: Container(self.engine, self.image_digest, memory_mb),
                    self.closed,
                )
            self.container.resize(memory_mb)
            return self.container
        except (DockerException, RequestException) as error:
            if self.container is not None:  # it died while idle: that is one attempt, not an outage yet
                raise ChannelBroken(str(error)) from error
            raise SandboxUnavailable(
                f"engine: cannot start a container ({one_line(error)}); see `sandbox doctor`"
            ) from error

    def worn_out(self) -> bool:
        """Whether the container has served its runs."""
        container = self.container
        return container is not None and (container.num_runs >= self.recycle_after or container.age_s() > RENEW_AFTER_S)

    def abort(self) -> None:
        """Nothing; a run under way in another thread finds its channel broken."""
        if (container := self.container) is not None:
            container.hang_up()

    def close(self) -> None:
        """Nothing; the container, if any, is gone."""
        if self.container is not None:
            container, self.container = self.container, None
            container.remove()


def sweep(engine: Any) -> None:
    """Nothing; containers of dead owners are gone, or `sandbox prune` will say why not."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    with contextlib.suppress(DockerException, RequestException):  # an engine that is down is said to be with the image
        for _ in reap(engine):
            pass


def wall_limit_s(timeout_s: float) -> float:
    """The wall-clock backstop: generous, so that a busy machine turns no honest run into a timeout."""
    return 4 * timeout_s + 2


def encode(job: Job, wall_s: float) -> bytes:
    """The job as the supervisor reads it."""
    limits = job.limits
    return json.dumps(
        {
            "code": job.code,
            "tests": job.tests,
            "stdin": job.stdin,
            "files": dict(job.files),
            "timeout_s": limits.timeout_s,
            "wall_s": wall_s,
            "memory_mb": limits.memory_mb,
            "output_kb": limits.output_kb,
        }
    ).encode()
