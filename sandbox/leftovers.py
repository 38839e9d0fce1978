"""What a run leaves behind, and how it goes: its processes, its files, its marks. Standard library only; runs inside.

Processes are killed by a helper that carries the run's uid as *effective* uid only: it may signal them, they may not
signal it, and one `kill(-1)` sweep leaves no gap to fork through. Files are removed under the run's own uid, so a path
or link that the run prepared reaches nothing that the run could not reach itself.
"""

# ruff: noqa: PTH101, PTH104, PTH106, PTH108, PTH123, PTH208

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

WORK_DIR = "/tmp"
BUILD_DIR = "/build"
"""Where compilers work and what they made is run: the one place that may hold programs. Python never has it."""
WRITABLE = (WORK_DIR, "/dev/shm")
KILLER_UID = 9999


def kill_all(uid: int) -> None:
    """Nothing; every process of `uid` was sent SIGKILL in one sweep, unless memory is so short that none can fork."""
    try:
        pid = os.fork()
    except OSError:
        return  # called again until all is quiet, and the kernel is killing them meanwhile
    if pid == 0:
        try:
            os.setresuid(KILLER_UID, uid, KILLER_UID)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    wait_for(pid)


def wipe(uid: int, writable: tuple[str, ...] = WRITABLE, *, has_ipc: bool = True) -> str:
    """Empty once the writable directories are empty, unmarked and ours again, else what is left.

    Where a run can have no System V objects (`has_ipc`), they are not looked for.
    """
    if reclaim(writable):
        for path in writable:
            os.chown(path, uid, uid)
        as_user(uid, lambda: empty_all(writable))
        if reclaim(writable):
            return "files outlived their run"
    return "System V IPC objects outlived their run" if has_ipc and has_sysv_objects() else ""


def as_user(uid: int, work: Callable[[], object], *, wait: bool = True) -> None:
    """Nothing; `work` was done (or is being done) by a process with the rights of `uid` and no others."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            work()
        finally:
            os._exit(0)
    if wait:
        wait_for(pid)


def reclaim(writable: tuple[str, ...]) -> bool:
    """Whether anything is left in the writable directories, which are ours again, without marks a run could leave."""
    for path in writable:
        os.chown(path, 0, 0)
        os.chmod(path, 0o755)
        for name in os.listxattr(path):
            if name.startswith(("user.", "system.posix_acl")):  # the others are not the run's to set
                os.removexattr(path, name)
        os.utime(path, (0, 0))
    return any(os.listdir(path) for path in writable)


def empty_all(roots: tuple[str, ...]) -> None:
    """Nothing; each of the directories is empty."""
    for root in roots:
        empty(root)


def empty(root: str) -> None:
    """Nothing; `root` is empty. Deep trees are flattened by renaming, so neither depth nor open files grow."""
    os.chmod(root, 0o700)
    os.chdir(root)
    while entries := list(os.scandir(".")):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.name)
                continue
            os.chmod(entry.name, 0o700)
            for child in list(os.scandir(entry.name)):
                if child.is_dir(follow_symlinks=False):
                    os.chmod(child.path, 0o700)  # moving a directory rewrites its `..`
                    os.rename(child.path, os.urandom(16).hex())
                else:
                    os.unlink(child.path)
            os.rmdir(entry.name)


def has_sysv_objects() -> bool:
    """Whether the container's IPC namespace holds anything; no such object may reach the next run."""
    for kind in ("shm", "sem", "msg"):
        with open(f"/proc/sysvipc/{kind}", "rb") as file:
            if file.read().count(b"\n") > 1:
                return True
    return False


def wait_for(pid: int) -> None:
    """Nothing; the helper is gone. Its status is not needed (and not kept, see SIGCHLD): its effects are checked."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
