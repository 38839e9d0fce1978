"""The fork server, and the child that takes its limits before anything of a job runs in it.

The server has Python's common modules imported and never sees a job: it takes file descriptors from the supervisor and
forks. The child drops to the run's own uid, takes its limits, reads the job from a memory file, writes the job's files,
and becomes one of three things: a candidate in this very interpreter (`runner.run`), a candidate in a fresh one, or
another program by `execve`. Standard library only; runs inside the container.

Not covered: what happens in a Python candidate (`runner.py`), system-call filter and Landlock (`walls.py`).
"""

# ruff: noqa: PTH102, PTH103, PTH120, PTH123

from __future__ import annotations

import builtins
import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator
from os import _exit
from typing import Any

from sandbox import proof, runner, walls

PRELOAD = """
    abc argparse array base64 bisect calendar cmath collections.abc concurrent.futures contextlib copy csv
    dataclasses datetime decimal difflib enum fnmatch fractions functools glob hashlib heapq html inspect io
    itertools json logging math numbers operator os pathlib pickle pprint queue random re secrets shutil signal
    statistics string struct subprocess tempfile textwrap time timeit tokenize traceback types typing unicodedata
    unittest urllib.parse uuid warnings weakref zlib
"""
"""Imported once in the fork server; an `import unittest` that is not there costs a run 19 ms.

Not asyncio, doctest and unittest.mock: every run pays for each page of the server, and without them it takes 7 % less.
One of them costs a run that imports it 8 to 27 ms, so they would pay if more than one snippet in forty did."""

MAX_FILE_BYTES = 64 << 20
MAX_OPEN_FILES = 256
MAX_PROCESSES = 96
"""Per uid; below the container's own cap, so that a fork bomb leaves the supervisor room to act."""
LIMITS = {
    resource.RLIMIT_FSIZE: MAX_FILE_BYTES,
    resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
    resource.RLIMIT_NPROC: MAX_PROCESSES,
    resource.RLIMIT_MSGQUEUE: 0,
    resource.RLIMIT_CORE: 0,
}
"""The same for every run, so taken by the fork server; what it is root for has no cap on processes."""
SPEC = struct.Struct("<IIQ")
"""uid, CPU seconds, bytes of address space (0: no limit but the container's)."""
NOT_STARTED = 127
"""The exit code of a child whose program is not there."""

Take = Callable[[runner.Step], bytes]
fork = ctypes.PyDLL(None).fork
"""The C library's, which keeps the interpreter as it is. `os.fork` tidies up after threads that this process never had
and writes to 200 pages doing so: measured, 2.0 ms of CPU against 1.1 for a child that does nothing."""


def start(preload: tuple[str, ...] = ()) -> socket.socket:
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
        deque(begin(*serve(channel, preload)), 0)
        runner.leave(0)
    except BaseException as error:
        runner.end(error)


def serve(channel: socket.socket, preload: tuple[str, ...]) -> tuple[Take, walls.Landlock, bytes, list[int]]:
    """What one run needs, in the child that is to run it; the fork server never returns."""
    os.environ.pop("LD_BIND_NOW", None)
    machine = walls.install_filter()
    for name in PRELOAD.split():
        importlib.import_module(name)
    import_packages(preload)
    runner.make_ready()
    take = runner.make_take(version_of(vars(builtins)))
    landlock = walls.make_landlock()
    with open("/proc/self/statm") as file:
        own_bytes = int(file.read().split()[0]) * resource.getpagesize()
    for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox"]:
        del sys.modules[name]  # here, once: a loop over `sys.modules` in the child writes to, so copies, 150 pages
    facts = {"filter": machine, "own_bytes": own_bytes, **proof.attempts(landlock)}
    for limit, value in LIMITS.items():
        resource.setrlimit(limit, (value, value))
    gc.collect()
    give_back_memory()
    gc.freeze()  # keeps these objects on shared pages, and out of a candidate's `gc.get_objects()`
    channel.send(json.dumps(facts).encode())  # and so: ready
    end = channel.fileno()
    while True:
        message, fds, _, _ = socket.recv_fds(channel, SPEC.size, 5)
        if not message:
            _exit(0)
        pid = fork()
        if pid == 0:
            os.close(end)
            return take, landlock, message, fds
        for fd in fds:
            os.close(fd)
        if pid < 0:
            _exit(1)
        _, status, usage = os.wait4(pid, 0)
        channel.send(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]).encode())


def give_back_memory() -> None:
    """Nothing; free memory of the C library is the kernel's again, so that no fork copies page tables of it."""
    with contextlib.suppress(AttributeError):  # musl has no such function
        ctypes.CDLL(None).malloc_trim(0)


def version_of(mapping: dict[str, Any]) -> memoryview:
    """One number that is another after each change of `mapping`, and 0 where this interpreter keeps none.

    To write 150 built-ins back where nobody changed them copies 65 pages, a fifteenth of a run's time. CPython has had
    the number behind the dict's size since 3.6 (PEP 509), and is asked here whether it still has.
    """
    place = object.__basicsize__ + ctypes.sizeof(ctypes.c_ssize_t)  # behind the object's head and the number of items

    def number_of(found: dict[str, Any]) -> memoryview:
        return memoryview((ctypes.c_uint64 * 1).from_address(id(found) + place)).cast("B").cast("Q")

    probe: dict[str, Any] = {"a": 1}
    seen = []
    for change in (lambda: None, lambda: probe.update(a=2), lambda: probe.update(b=1), lambda: probe.pop("b")):
        change()
        seen.append(number_of(probe)[0])
    if len(set(seen)) == len(seen) and number_of(probe)[0] == seen[-1]:
        return number_of(mapping)
    return runner.UNKNOWN


def import_packages(names: tuple[str, ...]) -> None:
    """Nothing; what these distributions bring is imported, as far as it can be: `import pandas` takes 300 ms."""
    if not names:
        return
    from importlib.metadata import packages_distributions  # not for those who have no packages: it brings two MB

    wanted = {name.lower().replace("-", "_") for name in names}
    for module, distributions in packages_distributions().items():
        if wanted & {name.lower().replace("-", "_") for name in distributions} and not module.startswith("_"):
            with contextlib.suppress(Exception):  # whoever needs it will see why not
                importlib.import_module(module)


def begin(take: Take, landlock: walls.Landlock, spec: bytes, fds: list[int]) -> Iterator[Any]:
    """The steps of a Python candidate, as of `runner.prepare`; another program begins here and does not come back."""
    uid, cpu_s, address_space = SPEC.unpack(spec)
    confine(landlock, uid, cpu_s, address_space, fds)
    payload_fd, _, _, _, report_fd = fds
    job = runner.read_payload(payload_fd)
    try:
        os.chdir(job["work_dir"])
        for folder in job.get("folders", ()):
            os.mkdir(folder)
        write_files(job["files"])
    except BaseException as error:  # the job's files do not fit, or the like
        runner.show(error)
        runner.leave(1)
    if job["kind"] == "program":
        os.close(payload_fd)
        os.close(report_fd)
        become(job["argv"], job["environment"])
    if job["kind"] == "spawn":
        os.set_inheritable(payload_fd, True)
        os.set_inheritable(report_fd, True)
        become([*job.pop("interpreter"), str(payload_fd), str(report_fd)], dict(os.environ))
    os.close(payload_fd)
    return runner.prepare(job, report_fd, take)


def confine(landlock: walls.Landlock, uid: int, cpu_s: int, address_space: int, fds: list[int]) -> None:
    """Nothing; this process has its three standard streams, its limits, and no rights left.

    Each page that is written to is copied first, some three microseconds: hence no `with open`, no loop, no dict.
    """
    os.setsid()
    os.dup2(fds[1], 0)
    os.dup2(fds[2], 1)
    os.dup2(fds[3], 2)
    os.close(fds[1])
    os.close(fds[2])
    os.close(fds[3])
    score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    os.write(score, b"1000")  # the snippet goes first, never the supervisor
    os.close(score)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    if address_space:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    landlock.enter()
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


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
