"""The fork server, and the child that takes its limits before anything of a job runs in it.

The server has Python's common modules imported and never sees a job: it takes file descriptors from the supervisor and
forks. The child drops to the run's own uid, takes its limits, reads the job from a memory file, writes the job's files,
and becomes one of three things: a candidate in this very interpreter (`runner.run`), a candidate in a fresh one, or
another program by `execve`. Standard library only; runs inside the container.

Not covered: what happens in a Python candidate (`runner.py`), system-call filter and Landlock (`walls.py`).
"""

# ruff: noqa: PTH102, PTH103, PTH120, PTH123

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterator
from os import _exit
from typing import Any

from sandbox import proof, runner, walls

PRELOAD = """
    abc argparse array asyncio base64 bisect calendar cmath collections.abc concurrent.futures contextlib copy csv
    dataclasses datetime decimal difflib doctest enum fnmatch fractions functools glob hashlib heapq html inspect io
    itertools json logging math numbers operator os pathlib pickle pprint queue random re secrets shutil signal
    statistics string struct subprocess tempfile textwrap time timeit tokenize traceback types typing unicodedata
    unittest unittest.mock urllib.parse uuid warnings weakref zlib
"""
"""Imported once in the fork server; an `import unittest` that is not there costs a run 19 ms."""

MAX_FILE_BYTES = 64 << 20
MAX_OPEN_FILES = 256
MAX_PROCESSES = 96
"""Per uid; below the container's own cap, so that a fork bomb leaves the supervisor room to act."""
NOT_STARTED = 127
"""The exit code of a child whose program is not there."""

fork = ctypes.PyDLL(None).fork
"""The C library's, which keeps the interpreter as it is. `os.fork` tidies up after threads that this process never had
and writes to 200 pages doing so: measured, 2.0 ms of CPU against 1.1 for a child that does nothing."""


def start() -> socket.socket:
    """The supervisor's end of the channel to a fork server that has seen no job and holds no other descriptor."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork():
        theirs.close()
        return ours
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    channel = theirs
    keep = channel.fileno()
    os.closerange(3, keep)
    os.closerange(keep + 1, 256)
    os.dup2(0, 2)
    del ours, theirs, keep
    try:
        deque(begin(*serve(channel)), 0)
        runner.leave(0)
    except BaseException as error:
        runner.end(error)


def serve(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The limits and the descriptors of one run, in the child that is to run it; the fork server never returns."""
    machine = walls.install_filter()
    for name in PRELOAD.split():
        importlib.import_module(name)
    landlock = walls.make_landlock()
    with open("/proc/self/statm") as file:
        own_bytes = int(file.read().split()[0]) * resource.getpagesize()
    for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox"]:
        del sys.modules[name]  # here, once: a loop over `sys.modules` in the child writes to, so copies, 150 pages
    runner.retire_hooks()
    gc.collect()
    gc.freeze()  # keeps these objects on shared pages, and out of a candidate's `gc.get_objects()`
    channel.send(json.dumps({"filter": machine, **proof.attempts(landlock)}).encode())  # and so: ready
    while True:
        message, fds, _, _ = socket.recv_fds(channel, 1 << 16, 5)
        if not message:
            _exit(0)
        pid = fork()
        if pid == 0:
            channel.close()
            return {**json.loads(message), "own_bytes": own_bytes, "landlock": landlock}, fds
        for fd in fds:
            os.close(fd)
        if pid < 0:
            _exit(1)
        _, status, usage = os.wait4(pid, 0)
        channel.send(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]).encode())


def begin(spec: dict[str, Any], fds: list[int]) -> Iterator[Any]:
    """The steps of a Python candidate, as of `runner.prepare`; another program begins here and does not come back."""
    threading.main_thread()._set_native_id()  # type: ignore[attr-defined]
    payload_fd, report_fd = confine(spec, fds)
    job = runner.read_payload(os.dup(payload_fd))
    try:
        os.chdir(job["work_dir"])
        for folder in job.get("folders", ()):
            os.mkdir(folder)
        write_files(job["files"])
    except BaseException as error:  # the job's files do not fit, or the like
        runner.show(error)
        runner.leave(1)
    if job["kind"] == "program":
        os.close(report_fd)
        become(job["argv"], job["environment"])
    if job["kind"] == "spawn":
        os.set_inheritable(payload_fd, True)
        os.set_inheritable(report_fd, True)
        become([*job.pop("interpreter"), str(payload_fd), str(report_fd)], dict(os.environ))
    os.close(payload_fd)
    return runner.prepare(job, report_fd)


def confine(spec: dict[str, Any], fds: list[int]) -> tuple[int, int]:
    """The descriptors of the job and of the report pipe, in a process that now has no rights left."""
    os.setsid()
    job_fd, *standard, report_fd = fds
    for target, fd in enumerate(standard):
        os.dup2(fd, target)
        os.close(fd)
    os.set_inheritable(report_fd, False)
    with open("/proc/self/oom_score_adj", "w") as file:  # the snippet goes first, never the supervisor
        file.write("1000")
    cpu_s = int(spec["timeout_s"]) + 2
    own = spec["memory_bytes"] and spec["own_bytes"] + spec["memory_bytes"]
    for name, soft, hard in (
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),
        (resource.RLIMIT_AS, *[own or resource.RLIM_INFINITY] * 2),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES, MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES, MAX_OPEN_FILES),
        (resource.RLIMIT_NPROC, MAX_PROCESSES, MAX_PROCESSES),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(name, (soft, hard))
    spec["landlock"].enter()
    os.setgroups([])
    os.setresgid(spec["uid"], spec["uid"], spec["uid"])
    os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    return job_fd, report_fd


def write_files(files: dict[str, str]) -> None:
    """Nothing; the job's files lie in the work directory, written with the candidate's own rights."""
    for path, content in files.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(content)


def become(argv: list[str], environment: dict[str, str]) -> None:
    """Nothing: this process is the program now, or says on stderr why it cannot be and ends."""
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
        _exit(NOT_STARTED)
