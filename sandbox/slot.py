"""`Slot`: one worker of a pool, the jobs it has in flight, and the container they run in, replaced when it must be."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from sandbox.container import ChannelBroken, Container
from sandbox.image import one_line
from sandbox.languages import LANGUAGES
from sandbox.outage import patiently
from sandbox.programs import ArtifactCache, judge_job, wall_limit_s
from sandbox.reaper import RENEW_AFTER_S
from sandbox.turns import Gate, TurnQueue
from sandbox.verdict import Job, SandboxUnavailable, TestResult, Trust, Verdict

ATTEMPTS = 3
SENT_AHEAD = 7
"""Jobs that may wait inside a container behind the one that runs."""
ANSWER_SLACK_S = 60.0
"""How long after its wall limit a run may still be silent before its container is given up."""


class Task:
    """A job on its way to a verdict."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.future: Future[Verdict] = Future()
        self.attempts = 0
        self.num_timeouts = 0

    @property
    def is_program(self) -> bool:
        """Whether it takes more than one exchange with a container."""
        return self.job.language != "python"

    def begin(self) -> bool:
        """Whether anyone still wants it."""
        return self.future.running() or self.future.set_running_or_notify_cancel()

    def finish(self, answer: dict[str, Any]) -> None:
        """Nothing; who waits for it has the verdict."""
        results = tuple(TestResult(**result) for result in answer.pop("test_results"))
        job = self.job
        trust: Trust = "in_process" if job.tests else "outside" if job.calls else "none"
        self.future.set_result(
            Verdict(id=job.id, test_results=results, trust=trust, num_timeouts=self.num_timeouts, **answer)
        )

    def fail(self, error: Exception) -> None:
        """Nothing; who waits for it gets the error, unless there is a verdict already."""
        if not self.future.done() and self.begin():
            self.future.set_exception(error)


class Slot:
    """One worker."""

    def __init__(
        self,
        engine: Any,
        image_digest: str,
        queue: TurnQueue[Task],
        *,
        gate: Gate,
        cache: ArtifactCache,
        closed: threading.Event,
        sharers: int,
        runtime: str | None,
        preload: tuple[str, ...],
        rerun_timeouts: str,
        recycle_after: int,
    ) -> None:
        self.engine = engine
        self.image_digest = image_digest
        self.queue = queue
        self.gate = gate
        self.cache = cache
        self.closed = closed
        self.sharers = sharers
        self.runtime = runtime
        self.preload = preload
        self.rerun_timeouts = rerun_timeouts
        self.recycle_after = recycle_after
        self.container: Container | None = None

    def serve(self) -> None:
        """Nothing; returns when the queue is closed, with no container left."""
        try:
            while (task := self.queue.take()) is not None:
                if not task.begin():
                    continue
                try:
                    with self.gate.shared():
                        again = self.judge_program(task) if task.is_program else self.judge_python(task)
                    if again is not None:
                        with self.gate.alone():
                            self.judge_alone(again)
                except Exception as error:  # a defect of ours costs its job, not the worker
                    task.fail(error)
        finally:
            self.close()

    def settle(self, task: Task, answer: dict[str, Any]) -> Task | None:
        """The task if it is to be run again, else nothing, and it is finished."""
        if answer["status"] == "timeout" and self.is_doubted(answer, task.job):
            task.num_timeouts += 1
            return task
        self.finish(task, answer)
        return None

    def finish(self, task: Task, answer: dict[str, Any]) -> None:
        """Nothing; the task has its verdict."""
        task.num_timeouts += answer["status"] == "timeout"
        task.finish(answer)

    def is_doubted(self, answer: dict[str, Any], job: Job) -> bool:
        """Whether this timeout is to be tried again alone."""
        if self.rerun_timeouts == "doubtful":
            return bool(answer["cpu_s"] < job.limits.timeout_s or os.getloadavg()[0] > (os.cpu_count() or 1))
        return self.rerun_timeouts == "all"

    def judge_python(self, task: Task) -> Task | None:
        """What `settle` says of the task, or of one that was sent behind it; all that were begun are dealt with."""
        window = deque([task])
        unsent = [task]
        self.retire()
        while window:
            first = window[0]
            try:
                container = self.ready(first.job.limits.memory_mb)
                unsent += self.more(window, self.recycle_after - container.num_runs - len(unsent))
                container.send([encode(sent.job) for sent in unsent])
                unsent = []
                wall_s = wall_limit_s(first.job.limits.timeout_s)
                answer = container.receive(time.monotonic() + wall_s + ANSWER_SLACK_S)
            except Exception as error:
                self.hand_back(window, keep=1)  # what was sent behind it is not to blame
                self.close()
                unsent = [first]
                if not self.may_try_again(first, error):
                    return None
                continue
            window.popleft()
            trouble = answer.pop("trouble")
            again = self.settle(first, answer)
            if trouble or again is not None:
                self.hand_back(window, keep=0)
                self.close()
            if again is not None:
                return again
        self.retire()
        return None

    def more(self, window: deque[Task], room: int) -> list[Task]:
        """At most `room` tasks that are now in the window too, so long as the other workers have enough to do."""
        first = window[0]
        taken: list[Task] = []
        while (
            first.attempts == 0
            and len(window) <= SENT_AHEAD
            and len(taken) < room
            and not self.is_worn_out()
            and not self.gate.is_wanted_alone
        ):
            task = self.queue.take_if(lambda task: is_like(task.job, first.job), leave=self.sharers * len(window))
            if task is None:
                break
            if task.begin():
                window.append(task)
                taken.append(task)
        return taken

    def hand_back(self, window: deque[Task], *, keep: int) -> None:
        """Nothing; all but the first `keep` tasks of the window are in the queue again, before all others."""
        back = []
        while len(window) > keep:
            back.append(window.pop())
        self.queue.put_back(reversed(back))

    def judge_program(self, task: Task) -> Task | None:
        """What `settle` says of a job that takes several exchanges."""
        answer = self.answer_program(task)
        return None if answer is None else self.settle(task, answer)

    def judge_alone(self, task: Task) -> None:
        """Nothing; the task has its verdict, from a run with nothing of this pool beside it."""
        limits = task.job.limits
        answer: dict[str, Any] | None
        if task.is_program:
            answer = self.answer_program(task)
        else:
            request, wall_s = encode(task.job), wall_limit_s(limits.timeout_s)
            answer = self.guarded(task, lambda: self.exchange(task, request, wall_s, limits.memory_mb))
        if answer is not None:
            self.finish(task, answer)

    def answer_program(self, task: Task) -> dict[str, Any] | None:
        """The answer to a job that takes several exchanges, or nothing, and who waits for it knows why."""
        language = LANGUAGES[task.job.language]

        def exchange(request: Mapping[str, Any], memory_mb: int) -> dict[str, Any]:
            return self.exchange(task, json.dumps(request).encode(), request["wall_s"], memory_mb)

        return self.guarded(task, lambda: judge_job(task.job, language, exchange, self.cache, self.image_digest))

    def guarded(self, task: Task, work: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """What `work` gives, or nothing when it fails, and then the task has."""
        try:
            return work()
        except Exception as error:
            self.close()
            task.fail(error)
            return None

    def exchange(self, task: Task, request: bytes, wall_s: float, memory_mb: int) -> dict[str, Any]:
        """The supervisor's answer, from as many containers as it takes, but no more than `ATTEMPTS`."""
        self.retire()
        while True:
            try:
                answer = self.ready(memory_mb).exchange(request, wall_s + ANSWER_SLACK_S)
            except ChannelBroken as error:
                self.close()
                task.attempts += 1
                if (outage := self.outage(task, error)) is not None:
                    raise outage from error
                continue
            if answer.pop("trouble"):
                self.close()
            self.retire()
            return answer

    def may_try_again(self, task: Task, error: Exception) -> bool:
        """Whether another container may do better; if not, who waits for the task knows why."""
        task.attempts += 1
        outage = self.outage(task, error) if isinstance(error, ChannelBroken) else error
        if outage is not None:
            task.fail(outage)
        return outage is None

    def outage(self, task: Task, error: ChannelBroken) -> SandboxUnavailable | None:
        """Why a task is given up, if it is."""
        if self.closed.is_set():
            return SandboxUnavailable("pool: closed while the job ran")
        if task.attempts < ATTEMPTS:
            return None
        where = f"job {task.job.id}" if task.job.id else "job"
        return SandboxUnavailable(f"{where}: {ATTEMPTS} containers died under it, last: {error}; see `sandbox doctor`")

    def ready(self, memory_mb: int) -> Container:
        """A container with this memory limit. Raises `ChannelBroken`, or `SandboxUnavailable` when there is none."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        if self.closed.is_set():
            raise SandboxUnavailable("pool: closed while the job ran")
        if self.container is not None:
            try:
                self.container.resize(memory_mb)
                return self.container
            except (DockerException, RequestException) as error:  # it died while idle: not an outage yet
                raise ChannelBroken(one_line(error)) from error
        try:
            self.container = patiently(self.start_container(memory_mb), self.closed)
            return self.container
        except (DockerException, RequestException) as error:
            raise SandboxUnavailable(
                f"engine: cannot start a container ({one_line(error)}); see `sandbox doctor`"
            ) from error

    def start_container(self, memory_mb: int) -> Callable[[], Container]:
        """A function that starts one."""
        return lambda: Container(self.engine, self.image_digest, memory_mb, self.runtime, self.preload)

    def retire(self) -> None:
        """Nothing; a container that has served its time is gone. To be called with no job in it."""
        if self.is_worn_out():
            self.close()

    def is_worn_out(self) -> bool:
        """Whether the container has served its runs, or its time."""
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


def is_like(job: Job, first: Job) -> bool:
    """Whether a job can be sent behind another one: Python, with the same memory."""
    return job.language == "python" and job.limits.memory_mb == first.limits.memory_mb


def encode(job: Job) -> bytes:
    """A Python job as the supervisor reads it."""
    limits = job.limits
    return json.dumps(
        {
            "kind": "spawn" if job.mode == "spawn" else "python",
            "code": job.code,
            "tests": job.tests,
            "calls": [
                {
                    "entry_point": call.entry_point,
                    "args": call.args,
                    "kwargs": dict(call.kwargs),
                    "expected": call.expected,
                    "raises": call.raises,
                }
                for call in job.calls
            ],
            "stdin": job.stdin,
            "files": dict(job.files),
            "timeout_s": limits.timeout_s,
            "wall_s": wall_limit_s(limits.timeout_s),
            "memory_mb": limits.memory_mb,
            "output_kb": limits.output_kb,
        }
    ).encode()
