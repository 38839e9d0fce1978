"""PID 1 of a worker's container: takes jobs on stdin, runs each through the fork server, answers on stdout.

A frame is a 4-byte big-endian length and JSON. The host may send several jobs ahead; one runs at a time, so the
container's cgroup counters are the job's, and answers come in the order of the jobs. After trouble (a limit that was
hit, something that outlived its run) the answer is sent and the container ends: what was sent ahead is for another.
When stdin closes, the host is gone: the supervisor ends and the kernel ends everything else with it. Standard library
only; runs inside the container (`container.py` passes the source on the command line, so that a change needs no new
image). Works on cgroup v1 and v2.

Why each thing is as it is:
- SIGCHLD is ignored, so the kernel reaps every orphan; that all is over is proven by the cgroup's own task count.
- Everything the job sends or receives is a memory file or a pipe that is drained at all times.
- A program in another language reports through a file whose name nobody can guess, in a folder nobody can list.

Not covered: what is a pass (`judge.py`), what happens in the child (`fork_server.py`, `runner.py`), how a run is swept
away (`leftovers.py`), what a compiler leaves to be run (`artifacts.py`).
"""

from __future__ import annotations

import itertools
import json
import marshal
import os
import select
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from sandbox import artifacts, fork_server, judge, proof, walls
from sandbox.cgroup import Cgroup, Reading
from sandbox.leftovers import BUILD_DIR, WORK_DIR, WRITABLE, kill_all, wipe

UIDS = range(10_000, 60_000)
REPORT_DIR = "/run/opencook"
REPORT_BYTES = 4096
"""Room for the report of one test; the longest line a run of ours writes is shorter."""
VALUE_BYTES = 600_000
"""Room for the report of one call, which carries a value in hex."""
SETTLE_S = 10.0
ANSWER_AT_ONCE_S = 0.02
"""Answers wait for each other no longer than this while more jobs are there: a write through the engine costs more than
a short run."""
HEADER = struct.Struct(">I")
NUM_CPUS = os.cpu_count() or 1


@dataclass
class Drain:
    """One pipe that is always read and keeps at most `cap` bytes."""

    fd: int
    cap: int
    data: bytearray = field(default_factory=bytearray)
    overflowed: bool = False
    open: bool = True

    def read(self) -> None:
        """Nothing; one chunk was taken from the pipe, which is closed at its end."""
        chunk = os.read(self.fd, 1 << 16)
        room = self.cap - len(self.data)
        self.data += chunk[:room]
        self.overflowed |= len(chunk) > room
        if not chunk:
            self.open = False
            os.close(self.fd)


@dataclass
class Ended:
    """One process of a job, over, with nothing of it left alive."""

    drains: tuple[Drain, Drain, Drain]
    wait_status: int
    peak_kb: int
    stopped: str
    """Why it was stopped: `timeout`, `output`, or empty."""
    trouble: str
    """Why this container should not be used again; empty when it may."""
    out_of_memory: bool
    cpu_s: float
    duration_s: float


class Supervisor:
    """The container's only root process, and its fork server."""

    def __init__(self, preload: tuple[str, ...] = ()) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.control_in, self.control_out = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        walls.hide()
        self.fork_server = fork_server.start(preload)
        attempts = self.fork_server.recv(1 << 16)
        if not attempts:
            sys.exit("the fork server did not start")
        self.received = bytearray()
        self.answers = bytearray()
        # First of all: where a counter is missing, the host is to say so before its absence ends this process.
        facts = json.loads(attempts)
        self.own_bytes = facts["own_bytes"]
        self.has_ipc = facts.get("filter.shmget") != "ENOSYS"
        self.answer({"ready": {**facts, **proof.find_facts()}})
        self.flush()
        os.environ.pop("LD_BIND_NOW", None)
        self.cgroup = Cgroup()
        self.quiet_tasks = self.cgroup.tasks()
        start = int.from_bytes(os.urandom(4), "big") % len(UIDS)
        self.uids = itertools.cycle([*UIDS[start:], *UIDS[:start]])
        self.poller = select.poll()
        self.poller.register(self.control_in, 0)  # only its end: jobs sent ahead wait there
        self.poller.register(self.fork_server.fileno(), select.POLLIN)

    def serve(self) -> None:
        """Nothing; returns when the host has closed the control stream, or after a run that left trouble behind."""
        waiting_since = time.monotonic()
        while True:
            if not self.has_job():
                self.flush()
                if not self.read_more():
                    return
                continue
            if not self.answers:
                waiting_since = time.monotonic()
            trouble = self.answer(self.run(self.next_job()))
            if trouble or time.monotonic() - waiting_since > ANSWER_AT_ONCE_S:
                self.flush()
            if trouble:
                return

    def has_job(self) -> bool:
        """Whether a whole job has been received; takes what is there without waiting for it."""
        while not self.holds_frame():
            ready, _, _ = select.select([self.control_in], [], [], 0)
            if not ready or not self.read_more():
                return False
        return True

    def holds_frame(self) -> bool:
        """Whether the buffer begins with a whole frame."""
        buffer = self.received
        return len(buffer) >= HEADER.size and len(buffer) >= HEADER.size + HEADER.unpack_from(buffer)[0]

    def read_more(self) -> bool:
        """Whether the stream is still open; some bytes more are in the buffer."""
        chunk = os.read(self.control_in, 1 << 18)
        self.received += chunk
        return bool(chunk)

    def next_job(self) -> dict[str, Any]:
        """The first frame, taken out of the buffer."""
        end = HEADER.size + HEADER.unpack_from(self.received)[0]
        job: dict[str, Any] = json.loads(self.received[HEADER.size : end])
        del self.received[:end]
        return job

    def answer(self, message: dict[str, Any]) -> bool:
        """Whether the message tells of trouble; it is ready to be sent."""
        payload = json.dumps(message).encode()
        self.answers += HEADER.pack(len(payload)) + payload
        return bool(message.get("trouble"))

    def flush(self) -> None:
        """Nothing; the host has every answer."""
        view = memoryview(bytes(self.answers))
        self.answers.clear()
        while view:
            view = view[os.write(self.control_out, view) :]

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """The answer as a plain dict, with `trouble`: why the host should replace this container, or empty."""
        return self.run_program(job) if job["kind"] == "program" else self.run_python(job)

    def run_python(self, job: dict[str, Any]) -> dict[str, Any]:
        """The verdict on a Python job."""
        uid, secret = next(self.uids), os.urandom(16).hex()
        tests, calls = job["tests"], job["calls"]
        given = {name: job[name] for name in ("kind", "code", "tests", "files")}
        # What a call should give stays here.
        given["calls"] = [{name: call[name] for name in ("entry_point", "args", "kwargs")} for call in calls]
        given |= {"secret": secret, "work_dir": WORK_DIR}
        if job["kind"] == "spawn":
            given["interpreter"] = fresh_interpreter()
        report_cap = REPORT_BYTES * (len(tests) + 1) + VALUE_BYTES * len(calls)
        ended = self.execute(job, given, uid, WRITABLE, report_cap, job["memory_mb"] << 20)
        reports = ended.drains[2]
        run = judge.Run(
            wait_status=ended.wait_status,
            stopped=ended.stopped,
            out_of_memory=ended.out_of_memory,
            cpu_s=ended.cpu_s,
            timeout_s=job["timeout_s"],
            reports=None if reports.overflowed else judge.read_reports(bytes(reports.data), secret),
            num_tests=len(tests),
            calls=calls,
        )
        ended.trouble = ended.trouble or wipe(uid, has_ipc=self.has_ipc)
        return answer_of(ended, judge.judge(run))

    def run_program(self, job: dict[str, Any]) -> dict[str, Any]:
        """How a program in another language, or a compiler, ended; the host makes a verdict of one or several such."""
        uid, report = next(self.uids), f"{REPORT_DIR}/{os.urandom(16).hex()}"
        compiling = job["collect"]
        artifacts.lay_out(job["artifacts"])
        work_dir = BUILD_DIR if compiling else WORK_DIR
        given = {name: job[name] for name in ("kind", "argv", "files")}
        environment = {**os.environ, "HOME": work_dir, "TMPDIR": work_dir, **job["environment"]}
        if job["num_tests"]:
            environment |= {"SANDBOX_REPORT": report, "SANDBOX_FIRST": str(job["first"])}
        given |= {"folders": ["out"] if compiling else [], "work_dir": work_dir, "environment": environment}
        report_fd = os.open(report, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.fchown(report_fd, uid, uid)
        writable = (*WRITABLE, BUILD_DIR) if compiling else WRITABLE
        ended = self.execute(job, given, uid, writable, REPORT_BYTES, 0)
        ending = judge.judge_program(
            wait_status=ended.wait_status,
            stopped=ended.stopped,
            out_of_memory=ended.out_of_memory,
            over_time=ended.cpu_s > job["timeout_s"],
            report=os.pread(report_fd, REPORT_BYTES * (job["num_tests"] + 1), 0),
        )
        os.close(report_fd)
        os.unlink(report)  # noqa: PTH108
        collected = artifacts.collect(uid) if compiling and ending["status"] == "passed" else {}
        ended.trouble = ended.trouble or wipe(uid, writable, has_ipc=self.has_ipc) or artifacts.clear()
        return answer_of(ended, {**ending, "artifacts": collected})

    def execute(
        self,
        job: dict[str, Any],
        given: dict[str, Any],
        uid: int,
        writable: tuple[str, ...],
        report_cap: int,
        address_space: int,
    ) -> Ended:
        """One process from launch to the last byte of its output; its files are still there."""
        for path in writable:
            os.chown(path, uid, uid)
        before = self.cgroup.read()
        started = time.monotonic()
        spec = fork_server.SPEC.pack(uid, int(job["timeout_s"]) + 2, address_space and self.own_bytes + address_space)
        drains = self.launch(job, given, uid, spec, report_cap)
        (wait_status, own_cpu_s, peak_kb), stopped = self.watch(job, uid, drains, before)
        duration_s = time.monotonic() - started
        # Both, whatever the first says: what the run wrote before a survivor was killed is still in the pipes.
        trouble = next(filter(None, [self.settle(uid), drain_all(drains)]), "")
        if not stopped and (drains[0].overflowed or drains[1].overflowed):
            stopped = "output"
        after = self.cgroup.read()
        return Ended(
            drains=drains,
            wait_status=wait_status,
            peak_kb=peak_kb,
            stopped=stopped,
            trouble=trouble,
            out_of_memory=after.oom_kills > before.oom_kills,
            cpu_s=max(after.cpu_s - before.cpu_s, own_cpu_s),
            duration_s=duration_s,
        )

    def launch(
        self, job: dict[str, Any], given: dict[str, Any], uid: int, spec: bytes, report_cap: int
    ) -> tuple[Drain, Drain, Drain]:
        """The stdout, stderr and report pipes of the run that has just begun."""
        payload = memory_file(marshal.dumps(given))
        stdin = memory_file(job["stdin"].encode())
        pipes = [os.pipe() for _ in range(3)]
        for _, end in pipes[:2]:
            os.fchown(end, uid, uid)  # so that `> /dev/stderr` can open it
        ends = [payload, stdin, *(end for _, end in pipes)]
        socket.send_fds(self.fork_server, [spec], ends)
        for fd in ends:
            os.close(fd)
        caps = (job["output_kb"] << 10, job["output_kb"] << 10, report_cap)
        out, err, report = (Drain(fd, cap) for (fd, _), cap in zip(pipes, caps, strict=True))
        return out, err, report

    def watch(
        self, job: dict[str, Any], uid: int, drains: tuple[Drain, Drain, Drain], before: Reading
    ) -> tuple[list[Any], str]:
        """(wait status, CPU seconds, peak KiB) of the process, and why it was stopped: `timeout`, `output`, empty."""
        poller = self.poller
        readers = {drain.fd: drain for drain in drains}
        for fd in readers:
            poller.register(fd, select.POLLIN)
        deadline = time.monotonic() + job["wall_s"]
        stopped = ""
        left_s = job["timeout_s"]
        while True:
            # No run can spend its CPU seconds sooner than this, so looking earlier would be waste.
            wait_s = min(left_s / NUM_CPUS, deadline - time.monotonic())
            ended = None
            for fd, _ in poller.poll(max(5.0, wait_s * 1000) if not stopped else 5):
                if fd == self.control_in:
                    os._exit(0)  # the host has hung up
                elif fd == self.fork_server.fileno():
                    ended = receive_exit(self.fork_server)
                else:
                    readers[fd].read()
                    if not readers[fd].open:
                        poller.unregister(fd)
            if ended is not None:
                for drain in drains:
                    if drain.open:
                        poller.unregister(drain.fd)
                return ended, stopped
            left_s = job["timeout_s"] - (self.cgroup.cpu_s() - before.cpu_s)
            if not stopped and (drains[0].overflowed or drains[1].overflowed):
                stopped = "output"
            if not stopped and (left_s <= 0 or time.monotonic() > deadline):
                stopped = "timeout"
            if stopped:
                kill_all(uid)

    def settle(self, uid: int) -> str:
        """Empty once nothing of the run is alive, else what survived; what was still there has been killed."""
        if self.cgroup.tasks() <= self.quiet_tasks:
            return ""
        deadline = time.monotonic() + SETTLE_S
        time.sleep(0.001)
        survivors = ""
        while self.cgroup.tasks() > self.quiet_tasks:
            survivors = "a process outlived its run"
            if time.monotonic() > deadline:
                return "a process cannot be killed"
            kill_all(uid)
            time.sleep(0.001)
        return survivors


def answer_of(ended: Ended, judged: dict[str, Any]) -> dict[str, Any]:
    """What is judged and what was measured, as the host reads it."""
    status = judged["status"]
    limit = status if status in ("timeout", "memory_exceeded") and (ended.stopped or ended.out_of_memory) else ""
    return {
        **judged,
        "stdout": ended.drains[0].data.decode("utf-8", "replace"),
        "stderr": ended.drains[1].data.decode("utf-8", "replace"),
        "duration_s": round(ended.duration_s, 6),
        "cpu_s": round(ended.cpu_s, 6),
        "peak_memory_mb": round(ended.peak_kb / 1024, 3),
        "trouble": ended.trouble or limit,
    }


def fresh_interpreter() -> list[str]:
    """The command that starts an interpreter with nothing of ours in it but the runner."""
    *python, bootstrap = sys.orig_argv[:5]
    sources = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
    pairs = [part for name in ("plain", "runner") for part in (name, sources[name])]
    return [*python, bootstrap, *pairs, "--", "runner", "run_spawned"]


def receive_exit(channel: socket.socket) -> list[Any]:
    """(wait status, CPU seconds, peak KiB); the container ends when the fork server is dead."""
    message = channel.recv(4096)
    if not message:
        sys.exit("the fork server died")
    ended: list[Any] = json.loads(message)
    return ended


def memory_file(content: bytes) -> int:
    """A descriptor at the start of an unnamed file with this content."""
    fd = os.memfd_create("job")
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def drain_all(drains: tuple[Drain, Drain, Drain]) -> str:
    """Empty once every pipe is at its end, else what is wrong."""
    deadline = time.monotonic() + SETTLE_S
    for drain in drains:
        while drain.open:
            ready, _, _ = select.select([drain.fd], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return "a pipe stayed open"
            drain.read()
    return ""


def main(*preload: str) -> None:
    """Nothing; serves until the host closes the control stream. `preload` names Python packages of the image."""
    Supervisor(preload).serve()
