"""The ledger's file on the disk: who holds its folder, whether it is whole, what its failures mean in words.

Not covered: what is in it (`ledger.py`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from synth.errors import RunFolderError

CHECKPOINT_PAGES = 1000
"""Pages of 4 KiB in the write-ahead log before the thread works them into the file."""
CHECKED_BYTES = 256 * 2**20
LOG_STEP_BYTES = 64 * 2**10
"""With less than this free, SQLite cannot enlarge the log's index and calls that an I/O error."""
DISK_FULL = "the disk is full; free some space, then run the same command again"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what SQLite and the disk say about `path` into one line that helps.

    Raises:
        RunFolderError: the disk is full, or the file is no ledger.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise RunFolderError(explain(path, error)) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunFolderError(f"{path}: {DISK_FULL}") from None
        raise RunFolderError(
            f"{path}: {error.strerror}; check the disk and the permissions, or choose another --out"
        ) from None


def explain(path: Path, error: sqlite3.Error) -> str:
    said = str(error)
    if "full" in said or ("I/O" in said and shutil.disk_usage(path.parent).free < LOG_STEP_BYTES):
        return f"{path}: {DISK_FULL}"
    if "I/O" in said:
        return f"{path}: the disk failed ({said}); check it, then run the same command again"
    if "readonly" in said or "unable to open" in said:
        return f"{path}: cannot be written ({said}); check the permissions of the folder, or choose another --out"
    if "malformed" in said or "decode" in said:
        return damaged(path, said)
    return f"{path}: cannot be used as a ledger ({said}); move it away or choose another --out"


def damaged(path: Path, said: str) -> str:
    return (
        f"{path}: is damaged ({said}); put a copy of it in its place, or save what can be read with "
        f"`sqlite3 {path.name} .recover | sqlite3 saved.sqlite`"
    )


class Checkpoints:
    """A thread that works the write-ahead log into the file: its fsync may take long, and calls go on meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chars = 0
        self._due = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ledger checkpoints", daemon=True)

    def __enter__(self) -> Checkpoints:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._due.set()
        self._thread.join()

    def wrote(self, chars: int) -> None:
        """Says how much went into the log."""
        self._chars += chars
        if self._chars > CHECKPOINT_PAGES * 4096:
            self._chars = 0
            self._due.set()

    def _run(self) -> None:
        with closing(sqlite3.connect(self._path)) as db:
            while self._due.wait() and not self._closing:
                self._due.clear()
                with suppress(sqlite3.Error):  # a full disk: the writer will hear of it itself
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)")


def check_not_emptied(folder: Path, path: Path) -> None:
    """Makes sure that an empty file is a new one: SQLite would take it for that, and remove the log beside it.

    Raises:
        RunFolderError: there was a run here.
    """
    if not path.exists() or path.stat().st_size > 0:
        return
    log = folder / f"{path.name}-wal"
    if (folder / "manifest.json").exists() or (log.exists() and log.stat().st_size > 0):
        raise RunFolderError(
            f"{path}: is empty, and calls of this run were paid for; put a copy of it in its place, or remove it to "
            "pay for them again"
        )


def check_whole(db: sqlite3.Connection, path: Path) -> None:
    """Looks for damage in a file that is read in a second; in a larger one, damage shows where it is met.

    Raises:
        sqlite3.DatabaseError: there is some.
    """
    if path.stat().st_size <= CHECKED_BYTES:
        (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise sqlite3.DatabaseError(f"malformed: {' '.join(said.split())}")


def lock_folder(folder: Path) -> int:
    """The descriptor that holds `folder` for this process; the kernel frees it however the process ends."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise RunFolderError(
            f"{folder}: another process (pid {owner}) is working here; wait for it, or give this run another --out"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
