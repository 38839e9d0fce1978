"""Runs one command for as long as somebody holds our standard input open, then ends it and all that it started.

    python -m synth.guard COMMAND ...

The kernel closes the pipe when its holder dies, by whatever signal, so a server started through the guard cannot
outlive the run that started it. `PR_SET_PDEATHSIG` would not do: it fires when the starting *thread* ends, and it does
not reach the processes that servers such as vLLM start in turn. What they leave behind becomes the guard's own child,
whatever session it moved to, so the guard knows when the last one is gone.

The end goes from the top down, with time after each step: the server is asked to leave, then killed; then all that is
left below it but Python's resource trackers; then those. A tracker removes vLLM's shared memory, 400 MB, but only once
nobody else is left who could use it.
Not covered: a guard that is itself killed by SIGKILL, and systems other than Linux.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_S = 10.0
"""How long a server may take to leave by itself before it is killed; vLLM takes 3 s on an idle machine."""
ORPHAN_GRACE_S = 3.0
"""How long what it started may take after it."""
KILLED_WITHIN_S = 5.0
"""How long the kernel may take for a killed process; one that hangs in a driver is left to it."""
POLL_S = 0.1
PR_SET_CHILD_SUBREAPER = 36
TRACKER = b"multiprocessing.resource_tracker"


def main() -> None:
    """Nothing, once the command and everything below it are gone."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    while server.poll() is None and _is_held():
        pass
    if server.returncode is None:
        server.terminate()
        try:
            server.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            server.kill()
    else:
        print(f"guard: the server ended with exit code {server.returncode}", file=sys.stderr, flush=True)
    if not _all_left(ORPHAN_GRACE_S):
        _kill_all(spare=TRACKER)
        _kill_all()


def _is_held() -> bool:
    """Whether somebody holds our standard input open, after a moment."""
    readable, _, _ = select.select([0], [], [], POLL_S)
    return not readable or bool(os.read(0, 4096))


def _all_left(within_s: float) -> bool:
    """Whether no process is left below us, as soon as that is so."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if not ended:
            time.sleep(POLL_S)
    return False


def _kill_all(*, spare: bytes | None = None) -> None:
    """Kills our children, and those that become ours by it, until there are none; not those with `spare` in their
    command line."""
    deadline = time.monotonic() + KILLED_WITHIN_S
    while time.monotonic() < deadline:
        for child in _children():
            if spare is None or spare not in _command_line(child):
                os.kill(child, signal.SIGKILL)
        if _all_left(POLL_S):
            return


def _children() -> list[int]:
    """The processes whose parent we are; one that ended waits for us, so its number is its own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:  # it ended meanwhile
            continue
        if int(parent) == os.getpid():
            found.append(int(entry.name))
    return found


def _command_line(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


if __name__ == "__main__":
    main()
