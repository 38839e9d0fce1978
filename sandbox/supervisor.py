"""PID 1 of a worker's container: takes jobs on stdin, runs each through the fork server, answers on stdout.

A frame is a 4-byte big-endian length and JSON. One job runs at a time, so the container's cgroup counters are the
job's. When stdin closes, the host is gone: the supervisor ends and the kernel ends everything else with it.
Standard library only; runs inside the container (`pool.py` passes the source on the command line, so that a change
needs no new image). Works on cgroup v1 and v2.

Why each thing is as it is:
- SIGCHLD is ignored, so the kernel reaps every orphan; that all is over is proven by the cgroup's own task count.
- Everything the job sends or receives is a memory file or a pipe that is drained at all times.

Not covered: what is a pass (`judge.py`), what happens in the child (`runner.py`), how a run is swept away
(`leftovers.py`).
"""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from sandbox import judge, proof, runner, walls
from sandbox.cgroup import Cgroup
from sandbox.leftovers import WORK_DIR, WRITABLE, kill_all, wipe

UIDS = range(10_000, 60_000)
REPORT_BYTES = 4096
"""Room for one report; the longest line a run of ours writes is shorter."""
SETTLE_S = 10.0
HEADER = struct.Struct(">I")


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


class Supervisor:
    """The container's only root process, and its fork server."""

    def __init__(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.control_in, self.control_out = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        walls.hide()
        self.fork_server = start_fork_server()
        attempts = self.fork_server.recv(1 << 16)
        if not attempts:
            sys.exit("the fork server did not start")
        # First of all: where a counter is missing, the host is to say so before its absence ends this process.
        self.send({"ready": {**json.loads(attempts), **proof.find_facts()}})
        self.cgroup = Cgroup()
        self.quiet_tasks = self.cgroup.tasks()
        start = int.from_bytes(os.urandom(4), "big") % len(UIDS)
        self.uids = itertools.cycle([*UIDS[start:], *UIDS[:start]])

    def serve(self) -> None:
        """Nothing; returns when the host has closed the control stream."""
        while True:
            header = self.receive(HEADER.size)
            if not header:
                return
            job = json.loads(self.receive(*HEADER.unpack(header)))
            self.send(self.run(job))

    def receive(self, num_bytes: int) -> bytes:
        """Exactly `num_bytes` from the host, or nothing at the end of the stream."""
        parts = []
        while num_bytes:
            chunk = os.read(self.control_in, min(num_bytes, 1 << 20))
            if not chunk:
                return b""
            parts.append(chunk)
            num_bytes -= len(chunk)
        return b"".join(parts)

    def send(self, message: dict[str, Any]) -> None:
        """Nothing; the host has the message."""
        payload = json.dumps(message).encode()
        view = memoryview(HEADER.pack(len(payload)) + payload)
        while view:
            view = view[os.write(self.control_out, view) :]

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """The verdict as a plain dict, and `trouble`: why the host should replace this container, or empty."""
        uid, secret = next(self.uids), os.urandom(16).hex()
        for path in WRITABLE:
            os.chown(path, uid, uid)
        before = self.cgroup.read()
        started = time.monotonic()
        drains = self.launch(job, uid, secret)
        ended, stopped = self.watch(job, uid, drains, before.cpu_s)
        duration_s = time.monotonic() - started
        # All three, whatever the first says: what the run wrote before a survivor was killed is still in the pipes.
        trouble = next(filter(None, [self.settle(uid), drain_all(drains), wipe(uid)]), "")
        after = self.cgroup.read()
        run = judge.Run(
            wait_status=ended[0],
            stopped=stopped,
            out_of_memory=after.oom_kills > before.oom_kills,
            cpu_s=max(after.cpu_s - before.cpu_s, ended[1]),
            timeout_s=job["timeout_s"],
            reports=None if drains[2].overflowed else judge.read_reports(bytes(drains[2].data), secret),
            num_tests=len(job["tests"]),
        )
        verdict = judge.judge(run)
        if verdict["status"] in ("timeout", "memory_exceeded") and (stopped or run.out_of_memory):
            trouble = trouble or verdict["status"]
        return {
            **verdict,
            "stdout": drains[0].data.decode("utf-8", "replace"),
            "stderr": drains[1].data.decode("utf-8", "replace"),
            "duration_s": round(duration_s, 6),
            "cpu_s": round(run.cpu_s, 6),
            "peak_memory_mb": round(ended[2] / 1024, 3),
            "trouble": trouble,
        }

    def launch(self, job: dict[str, Any], uid: int, secret: str) -> tuple[Drain, Drain, Drain]:
        """The stdout, stderr and report pipes of the run that has just begun."""
        given = {"code": job["code"], "tests": job["tests"], "files": job["files"], "secret": secret}
        payload = memory_file(json.dumps(given).encode())
        stdin = memory_file(job["stdin"].encode())
        pipes = [os.pipe() for _ in range(3)]
        for _, end in pipes[:2]:
            os.fchown(end, uid, uid)  # so that `> /dev/stderr` can open it
        ends = [payload, stdin, *(end for _, end in pipes)]
        spec = {"uid": uid, "work_dir": WORK_DIR, "timeout_s": job["timeout_s"], "memory_bytes": job["memory_mb"] << 20}
        socket.send_fds(self.fork_server, [json.dumps(spec).encode()], ends)
        for fd in ends:
            os.close(fd)
        caps = (job["output_kb"] << 10, job["output_kb"] << 10, REPORT_BYTES * (len(job["tests"]) + 1))
        out, err, report = (Drain(fd, cap) for (fd, _), cap in zip(pipes, caps, strict=True))
        return out, err, report

    def watch(
        self, job: dict[str, Any], uid: int, drains: tuple[Drain, Drain, Drain], cpu_before_s: float
    ) -> tuple[list[Any], str]:
        """(wait status, CPU seconds, peak KiB) of the candidate, and why it was stopped: `timeout`, `output`, empty."""
        poller = select.poll()
        readers = {drain.fd: drain for drain in drains}
        for fd in (self.control_in, self.fork_server.fileno(), *readers):
            poller.register(fd, select.POLLIN)
        deadline = time.monotonic() + job["wall_s"]
        num_cpus = os.cpu_count() or 1
        stopped = ""
        left_s = job["timeout_s"]
        while True:
            # No run can spend its CPU seconds sooner than this, so looking earlier would be waste.
            wait_s = min(left_s / num_cpus, deadline - time.monotonic())
            for fd, _ in poller.poll(max(5.0, wait_s * 1000) if not stopped else 5):
                if fd == self.control_in:
                    os._exit(0)  # nothing is sent during a run, so this is the end of the stream
                if fd == self.fork_server.fileno():
                    return receive_exit(self.fork_server), stopped
                readers[fd].read()
                if not readers[fd].open:
                    poller.unregister(fd)
            left_s = job["timeout_s"] - (self.cgroup.cpu_s() - cpu_before_s)
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


def start_fork_server() -> socket.socket:
    """The supervisor's end of the channel to a fork server that has seen no job and holds no other descriptor."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork():
        theirs.close()
        return ours
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    keep = theirs.fileno()
    os.closerange(3, keep)
    os.closerange(keep + 1, 256)
    os.dup2(0, 2)
    runner.run_child(*runner.serve(theirs))
    raise AssertionError("unreachable")


def receive_exit(fork_server: socket.socket) -> list[Any]:
    """(wait status, CPU seconds, peak KiB); the container ends when the fork server is dead."""
    message = fork_server.recv(4096)
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


def main() -> None:
    """Nothing; serves until the host closes the control stream."""
    Supervisor().serve()
