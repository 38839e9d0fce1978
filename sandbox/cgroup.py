"""The container's own counters, read from inside. Standard library only, cgroup v1 and v2."""

# ruff: noqa: PTH110

from __future__ import annotations

import os
from dataclasses import dataclass

V1 = {
    "cpu": "/sys/fs/cgroup/cpuacct/cpuacct.usage",
    "tasks": "/sys/fs/cgroup/pids/pids.current",
    "oom": "/sys/fs/cgroup/memory/memory.oom_control",
    "max_tasks": "/sys/fs/cgroup/pids/pids.max",
    "memory": "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    "max_memory": "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "max_swap": "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes",
}
V2 = {
    "cpu": "/sys/fs/cgroup/cpu.stat",
    "tasks": "/sys/fs/cgroup/pids.current",
    "oom": "/sys/fs/cgroup/memory.events",
    "max_tasks": "/sys/fs/cgroup/pids.max",
    "memory": "/sys/fs/cgroup/memory.current",
    "max_memory": "/sys/fs/cgroup/memory.max",
    "max_swap": "/sys/fs/cgroup/memory.swap.max",
}
IS_V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
PATHS = V2 if IS_V2 else V1


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
        return parse_cpu_s(os.pread(self.cpu, 4096, 0))

    def tasks(self) -> int:
        """Threads and processes, zombies that nobody has reaped included."""
        return int(os.pread(self.num_tasks, 64, 0))

    def read(self) -> Reading:
        """CPU seconds and the number of processes the kernel killed for memory."""
        return Reading(cpu_s=self.cpu_s(), oom_kills=field(os.pread(self.oom, 4096, 0), b"oom_kill"))


def parse_cpu_s(text: bytes) -> float:
    """CPU seconds from `cpu.stat` (v2, lines of microseconds) or `cpuacct.usage` (v1, one number of nanoseconds)."""
    return field(text, b"usage_usec") / 1e6 if b"usage_usec" in text else int(text) / 1e9


def field(text: bytes, name: bytes) -> int:
    """The number on the line `name number`."""
    for line in text.splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    raise ValueError(f"{name.decode()} is not among the cgroup's counters")
