"""The container's own counters and the limits in force, read from inside. Standard library only, cgroup v1 and v2."""

# ruff: noqa: PTH110, PTH123

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from typing import Any

V1 = {
    "cpu": "/sys/fs/cgroup/cpuacct/cpuacct.usage",
    "tasks": "/sys/fs/cgroup/pids/pids.current",
    "oom": "/sys/fs/cgroup/memory/memory.oom_control",
    "max_tasks": "/sys/fs/cgroup/pids/pids.max",
    "max_memory": "/sys/fs/cgroup/memory/memory.limit_in_bytes",
}
V2 = {
    "cpu": "/sys/fs/cgroup/cpu.stat",
    "tasks": "/sys/fs/cgroup/pids.current",
    "oom": "/sys/fs/cgroup/memory.events",
    "max_tasks": "/sys/fs/cgroup/pids.max",
    "max_memory": "/sys/fs/cgroup/memory.max",
}
IS_V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
PATHS = V2 if IS_V2 else V1
WORK_DIR_FLAGS = os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC


@dataclass(frozen=True)
class Reading:
    """The two counters whose growth over a run says what the run did."""

    cpu_s: float
    oom_kills: int


class Cgroup:
    """Counters of everything in this container. The files stay open: one system call a reading."""

    def __init__(self) -> None:
        self.cpu, self.num_tasks, self.oom = (
            os.open(PATHS[name], os.O_RDONLY | os.O_CLOEXEC) for name in ("cpu", "tasks", "oom")
        )

    def cpu_s(self) -> float:
        """CPU seconds used so far."""
        text = os.pread(self.cpu, 4096, 0)
        return field(text, b"usage_usec") / 1e6 if IS_V2 else int(text) / 1e9

    def tasks(self) -> int:
        """Threads and processes, zombies that nobody has reaped included."""
        return int(os.pread(self.num_tasks, 64, 0))

    def read(self) -> Reading:
        """CPU seconds and the number of processes the kernel killed for memory."""
        return Reading(cpu_s=self.cpu_s(), oom_kills=field(os.pread(self.oom, 4096, 0), b"oom_kill"))


def field(text: bytes, name: bytes) -> int:
    """The number on the line `name number`."""
    for line in text.splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    raise ValueError(f"{name.decode()} is not among the cgroup's counters")


def probe() -> dict[str, Any]:
    """What is in force in this very container, for the host to compare with what it asked for."""
    status = dict(line.split(":\t", 1) for line in read("/proc/self/status").splitlines() if ":\t" in line)
    return {
        "cgroup": 2 if IS_V2 else 1,
        "max_tasks": read(PATHS["max_tasks"]).strip(),
        "max_memory": read(PATHS["max_memory"]).strip(),
        "capabilities": int(status["CapEff"], 16),
        "no_new_privileges": status["NoNewPrivs"].strip() == "1",
        "seccomp": status["Seccomp"].strip() == "2",
        "read_only_root": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
        "locked_work_dir": os.statvfs("/tmp").f_flag & WORK_DIR_FLAGS == WORK_DIR_FLAGS,
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def read(path: str) -> str:
    """The file's text."""
    with open(path) as file:
        return file.read()
