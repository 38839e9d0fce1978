"""Containers that nobody owns any more, and how they go.

A container ends by itself when its control stream closes. What is left for `reap` is the rest: one that was created and
never started because its owner was killed in between, one that an engine forgot to remove, one whose owner's machine is
gone. A pool reaps when it opens, with one list call.

Safe with others on the same engine: an owner is a process of one boot of one machine in one PID namespace. Where it can
be seen from here, its container goes when it is dead and never while it lives. Where it cannot be seen, the container
goes when its time is up, which a pool that works renews by replacing it.
"""

from __future__ import annotations

import functools
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABEL = "opencook"
OWNER_LABEL = "opencook.owner"
EXPIRES_LABEL = "opencook.expires"
LIFETIME_S = 6 * 3600
"""After this a container may go although nobody here can see whether its owner lives."""
RENEW_AFTER_S = 3600
"""A pool replaces a container this old before its next job, whose longest run is 4 h: so none expires in mid-run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A container that was to go."""

    name: str
    problem: str = ""
    """Why it is still there, empty when it is gone."""


def labels() -> dict[str, str]:
    """What every container of this process carries from its creation on."""
    return {LABEL: "1", OWNER_LABEL: owner(), EXPIRES_LABEL: str(int(time.time()) + LIFETIME_S)}


def owner() -> str:
    """`place:pid:start time` of this process."""
    return f"{place()}:{os.getpid()}:{start_time(os.getpid())}"


@functools.cache
def place() -> str:
    """Where a pid means the same process: host name, boot and PID namespace, as far as the system tells."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        boot = namespace = ""
    return f"{socket.gethostname()}/{boot}/{namespace}"


def start_time(pid: int) -> str:
    """The process's start in clock ticks since boot, empty when there is no such process (or no /proc)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def is_alive(owner: str) -> bool | None:
    """Whether the process `place:pid:start time` lives; `None` where that cannot be seen from here."""
    where, _, process = owner.partition(":")
    pid, _, started = process.partition(":")
    if where != place() or not pid.isdigit():
        return None
    if started and (now := start_time(int(pid))):
        return now == started
    try:
        os.kill(int(pid), 0)  # there is no /proc, or it hides other users' processes
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def is_orphan(labels: Mapping[str, str], now: float) -> bool:
    """Whether a container with these labels may go."""
    alive = is_alive(labels.get(OWNER_LABEL, ""))
    if alive is not None:
        return not alive
    expires = labels.get(EXPIRES_LABEL, "")
    return expires.isdigit() and int(expires) < now


def reap(engine: Any, *, everything: bool = False) -> Iterator[Removal]:
    """Each container of ours that was to go, in any state; with `everything` also those in use.

    Another process may reap at the same moment: what is gone already is neither an error nor ours to report.
    """
    from docker.errors import APIError

    now = time.time()
    for container in engine.containers(all=True, filters={"label": LABEL}):
        if not (everything or is_orphan(container["Labels"], now)):
            continue
        name = (container["Names"] or [container["Id"]])[0].lstrip("/")
        try:
            engine.remove_container(container["Id"], force=True)
        except APIError as error:
            if error.status_code not in (404, 409):  # gone, or being removed
                yield Removal(name=name, problem=str(error.explanation))
        else:
            yield Removal(name=name)
