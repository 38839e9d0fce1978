"""The proof, at the start of a container, that its walls are where they were asked for. Runs inside; standard library.

A flag can be read and still mean nothing: a counter may be another cgroup's, an engine without root may drop a limit
without a word. So each wall is tried: `attempts` does in a fork of the fork server what a hostile run would do,
`find_facts` looks from PID 1. Both only say what they found, in plain JSON; `limits.py` on the host decides, so that
nothing in here can be talked into a yes. No job has come in yet when they run.

Not covered: whether the kernel keeps what it promises, and walls that go up with the single run (its resource limits).
"""

# ruff: noqa: PTH108, PTH116, PTH118, PTH123

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import re
import resource
import socket
import stat
import sys
import time
from collections.abc import Callable
from typing import Any

from sandbox.cgroup import IS_V2, PATHS, parse_cpu_s
from sandbox.leftovers import WRITABLE
from sandbox.walls import ARCHITECTURES, NUMBERS, Landlock, syscall

Facts = dict[str, Any]
PROBE_UID = 9998
BURNED_S = 0.002
TOUCHED_BYTES = 4 << 20
NOTICED_BYTES = 3 << 20
"""The kernel books memory in batches, so a counter may lag a little. A fresh page costs up to 3 µs."""
OUTSIDE = ("192.0.2.1", 9)
"""An address that belongs to nobody (RFC 5737)."""
SUPERVISOR = 1
FLAGS = {"ro": os.ST_RDONLY, "nosuid": os.ST_NOSUID, "nodev": os.ST_NODEV, "noexec": os.ST_NOEXEC}
PTRACE_PEEK_USER = 3
CAPABILITY_SETS = {"effective": "CapEff", "permitted": "CapPrm", "bounding": "CapBnd", "ambient": "CapAmb"}


def find_facts() -> Facts:
    """What PID 1 sees of its own container."""
    status = parse_status(read("/proc/self/status") or "")
    return {
        "cgroup": 2 if IS_V2 else 1,
        "python": ".".join(map(str, sys.version_info[:3])),
        "kernel": os.uname().release,
        **cgroup_facts(),
        **{f"capabilities.{kind}": int(status[key], 16) for kind, key in CAPABILITY_SETS.items()},
        "privileges.no_new": status["NoNewPrivs"] == "1",
        "seccomp.engine": status["Seccomp"] == "2",
        "root.write": outcome(lambda: make_file("/.opencook")),
        "network.interfaces": sorted(name for _, name in socket.if_nameindex()),
        "ulimits.nofile": list(resource.getrlimit(resource.RLIMIT_NOFILE)),
        "ulimits.core": list(resource.getrlimit(resource.RLIMIT_CORE)),
        "environment": sorted(os.environ),
        **{f"tmpfs.{path}.{key}": value for path in own_mounts() for key, value in mount_facts(path).items()},
    }


def attempts(landlock: Landlock) -> Facts:
    """What a process behind the walls of a run got when it tried to pass them. Called in the fork server."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(theirs, json.dumps(try_everything(landlock)).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    facts: Facts = json.loads(told or b"{}")  # nothing said is nothing proven
    return facts


def try_everything(landlock: Landlock) -> Facts:
    """What each attempt was answered; this process has no rights left afterwards."""
    facts: Facts = {f"tmpfs.{path}.run": outcome(functools.partial(run_script, path)) for path in own_mounts()}
    facts["landlock.abi"] = landlock.abi
    before = outcome(lambda: os.close(os.open("/proc/self/comm", os.O_WRONLY)))
    landlock.enter()
    after = outcome(lambda: os.close(os.open("/proc/self/comm", os.O_WRONLY)))
    facts["landlock.write"] = [before, after]
    facts.update({f"filter.{name}": outcome(call) for name, call in filtered_calls().items()})
    os.setgroups([])
    os.setresgid(PROBE_UID, PROBE_UID, PROBE_UID)
    os.setresuid(PROBE_UID, PROBE_UID, PROBE_UID)
    status = parse_status(read("/proc/self/status") or "")
    return {
        **facts,
        "run.capabilities": int(status["CapEff"], 16) | int(status["CapPrm"], 16),
        "run.become_root": outcome(lambda: os.setresuid(0, 0, 0)),
        "run.signal_supervisor": outcome(lambda: os.kill(SUPERVISOR, 0)),
        "run.read_supervisor": outcome(lambda: os.close(os.open(f"/proc/{SUPERVISOR}/environ", os.O_RDONLY))),
        "run.writable": [path for path in stray_mounts() if os.access(path, os.W_OK)],
        "network.outside": outcome(connect),
    }


def filtered_calls() -> dict[str, Callable[[], object]]:
    """Calls that our own filter answers in a way in which the kernel, or the engine's filter, would not."""
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        return {}
    numbers = {name: pair[list(ARCHITECTURES).index(machine)] for name, pair in NUMBERS.items()}
    return {
        "ptrace": lambda: syscall(numbers["ptrace"], PTRACE_PEEK_USER, 0, 0, 0),
        "shmget": lambda: syscall(numbers["shmget"], 0, 0, 0),
        "io_uring": lambda: syscall(numbers["io_uring_setup"], 0, 0),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    }


def outcome(attempt: Callable[[], object]) -> str:
    """`ok`, or the name of the error that stopped it."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok"


def make_file(path: str) -> None:
    """Nothing; the file could be made, and is gone again."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.unlink(path)


def connect() -> None:
    """Nothing; the kernel would send something outside (which a connect that does not wait shows at once)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as outside:
        outside.setblocking(False)
        outside.connect(OUTSIDE)


def run_script(folder: str) -> None:
    """Nothing; a program in the folder could be executed."""
    path = os.path.join(folder, ".opencook")
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o700)
    os.write(fd, b"#!/bin/sh\n")
    os.close(fd)
    try:
        os.waitpid(os.posix_spawn(path, [path], {}), 0)
    finally:
        os.unlink(path)


def cgroup_facts() -> Facts:
    """The limits in force, and whether the counters beside them are this container's: a fork of ours moves each."""
    limits = {name: (read(PATHS[name]) or "").strip() or None for name in ("max_tasks", "max_memory", "max_swap")}
    before, during, after = observe()
    return {
        "processes.max": limits["max_tasks"],
        "processes.counted": rise(before, during, "tasks") == 1,
        "memory.max": limits["max_memory"],
        "memory.swap": swap_bytes(limits["max_memory"], limits["max_swap"], is_v2=IS_V2),
        "memory.counted": rise(before, during, "memory") >= NOTICED_BYTES,
        "cpu.counted": rise(before, after, "cpu") >= BURNED_S * 1e9,
    }


def swap_bytes(max_memory: str | None, max_swap: str | None, *, is_v2: bool) -> int | str | None:
    """What may be used of swap; `None` where the kernel does not count it. v1 limits memory and swap together."""
    if max_swap is None or max_swap == "max":
        return max_swap
    return int(max_swap) if is_v2 else int(max_swap) - int(max_memory or 0)


def observe() -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """The counters before, during and after the life of a fork that takes memory and burns CPU time."""
    done, say_done = os.pipe()
    wait, say_end = os.pipe()
    before = count()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(say_end)
            taken = b"\1" * TOUCHED_BYTES
            while time.process_time() < BURNED_S:  # since the fork
                pass
            os.write(say_done, taken[:1])
            os.read(wait, 1)
        finally:
            os._exit(0)
    os.close(wait)
    os.close(say_done)
    os.read(done, 1)
    during = count()
    os.close(say_end)
    with contextlib.suppress(ChildProcessError):  # SIGCHLD is ignored: this waits, and has nothing to fetch
        os.waitpid(pid, 0)
    os.close(done)
    return before, during, count()


def count() -> dict[str, int]:
    """Tasks, bytes and CPU nanoseconds, of those counters that are there."""
    tasks, memory, cpu = (read(PATHS[name]) for name in ("tasks", "memory", "cpu"))
    counters = {"tasks": tasks, "memory": memory}
    numbers = {name: int(text) for name, text in counters.items() if text is not None}
    return numbers if cpu is None else {**numbers, "cpu": round(parse_cpu_s(cpu.encode()) * 1e9)}


def rise(before: dict[str, int], after: dict[str, int], name: str) -> int:
    """By how much a counter grew; 0 when there is none."""
    return after.get(name, 0) - before.get(name, 0)


def own_mounts() -> list[str]:
    """The tmpfs folders that are there to be written to; the engine's own lie over parts of /proc, /sys and /dev."""
    found = [path for path, kind, writable in mounts() if kind == "tmpfs" and writable]
    return [path for path in found if path != "/dev" and not path.startswith(("/proc/", "/sys/"))]


def stray_mounts() -> list[str]:
    """What can be written to beside the folders that are wiped after each run.

    Message queues need a limit that no run has (RLIMIT_MSGQUEUE), and the devices over parts of /proc keep nothing.
    """
    found = [path for path, kind, writable in mounts() if writable and kind != "mqueue" and path not in WRITABLE]
    return [path for path in found if not stat.S_ISCHR(os.stat(path).st_mode)]


def mounts() -> list[tuple[str, str, bool]]:
    """(where, file system, whether it can be written to) of each mount."""
    return parse_mounts(read("/proc/self/mounts") or "")


def parse_mounts(text: str) -> list[tuple[str, str, bool]]:
    """The same, from the lines of /proc/self/mounts, where odd characters are written in octal."""
    rows = [line.split(" ") for line in text.splitlines()]
    return [
        (re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), row[1]), row[2], "rw" in row[3].split(","))
        for row in rows
    ]


def mount_facts(path: str) -> Facts:
    """Size and number of files that fit, and what is off."""
    found = os.statvfs(path)
    return {
        "bytes": found.f_blocks * found.f_frsize,
        "files": found.f_files,
        "off": sorted(name for name, flag in FLAGS.items() if found.f_flag & flag),
    }


def parse_status(text: str) -> dict[str, str]:
    """/proc/PID/status by name."""
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def read(path: str) -> str | None:
    """The file's text, or nothing where there is no such file."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None
