"""The ledger: every completion and every verdict of a run, in one SQLite file, keyed by what could change it.

These two kinds of facts are expensive and not repeatable; all the rest is recomputed from them. Each fact is committed
before anything is built on it, so a process killed at any moment loses only the calls still in flight.
Write-ahead logging lets `synth status` read while a run writes. Not covered: batching writes for very fast endpoints.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.verdict import Verdict
from synth.errors import RunFolderError

SCHEMA = """
CREATE TABLE IF NOT EXISTS completions (
    key TEXT PRIMARY KEY, teacher TEXT NOT NULL, request TEXT NOT NULL, text TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost_usd REAL, seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, job TEXT NOT NULL, verdict TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (id INTEGER PRIMARY KEY, started REAL NOT NULL, last_seen REAL NOT NULL);
CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call to a teacher, as far as it can change the answer."""

    teacher: str
    messages: tuple[dict[str, str], ...]
    sampling: dict[str, Any]
    """`temperature`, `top_p`, `max_tokens`, `stop`, `response_format`; only what is set."""
    index: int = 0
    """Which of several samples of the same prompt this is."""

    @property
    def key(self) -> str:
        """SHA-256 hex over the whole request."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a teacher answered."""

    text: str
    finish_reason: str
    """`stop` or `length` as the endpoint said; `refused` when it declined this one request."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    """Latency of the call; never part of a dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a run has paid so far, over all its sessions."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    """`None` where no call had a price."""
    verdicts: int = 0
    seconds: float = 0.0


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what SQLite and the disk say about `path` into one line that helps.

    Raises:
        RunFolderError: the disk is full, or the file is no ledger.
    """
    try:
        yield
    except sqlite3.Error as error:
        if "full" in str(error):
            raise RunFolderError(
                f"{path}: the disk is full; free some space, then run the same command again"
            ) from None
        raise RunFolderError(
            f"{path}: cannot be used as a ledger ({error}); move it away or choose another --out"
        ) from None
    except OSError as error:
        raise RunFolderError(
            f"{path}: {error.strerror}; check the disk and the permissions, or choose another --out"
        ) from None


class Ledger:
    """The open ledger of one run folder. One writer at a time: opening a folder in use raises `RunFolderError`.

    `paid` is the running total of the writer, without the seconds and verdicts that `spent` counts.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.path = folder / "ledger.sqlite"
        self._lock: int | None = None
        with ExitStack() as held, readable(self.path):
            if read_only:
                if not self.path.exists():
                    raise RunFolderError(
                        f"{folder}: no run here (no ledger.sqlite); look in runs/ or start one with synth generate"
                    )
                self._db = held.enter_context(
                    closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True))
                )
                self._db.execute("SELECT count(*) FROM sessions").fetchone()
                self._held = held.pop_all()
                return
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(folder)
            held.callback(os.close, self._lock)
            self._db = held.enter_context(closing(sqlite3.connect(self.path, isolation_level=None)))
            self._db.execute("PRAGMA journal_mode=WAL")
            # A killed process loses nothing under NORMAL; only a power cut can lose the last commits.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(SCHEMA)
            now = time.time()
            self._session = self._db.execute(
                "INSERT INTO sessions(started, last_seen) VALUES (?, ?)", (now, now)
            ).lastrowid
            self.paid = self.spent()
            self._held = held.pop_all()  # what fails before this gives the file and the folder back

    def completion(self, key: str) -> Completion | None:
        """The completion under `key`, if it was ever paid for."""
        columns = "text, finish_reason, prompt_tokens, completion_tokens, cost_usd, seconds"
        with readable(self.path):
            row = self._db.execute(f"SELECT {columns} FROM completions WHERE key = ?", (key,)).fetchone()
        return row and Completion(**dict(zip(columns.split(", "), row, strict=True)))

    def request(self, key: str) -> Request | None:
        """The request that was answered under `key`."""
        with readable(self.path):
            row = self._db.execute("SELECT request FROM completions WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        facts = json.loads(row[0])
        return Request(**{**facts, "messages": tuple(facts["messages"])})

    def add_completion(self, request: Request, completion: Completion) -> None:
        """Records a paid call; returns once it is committed."""
        c = completion
        values = (
            request.key,
            request.teacher,
            request.to_json(),
            c.text,
            c.finish_reason,
            c.prompt_tokens,
            c.completion_tokens,
        )
        with readable(self.path):
            self._db.execute("BEGIN")
            self._db.execute(
                "INSERT OR IGNORE INTO completions VALUES (?,?,?,?,?,?,?,?,?)", (*values, c.cost_usd, c.seconds)
            )
            self._seen()
            self._db.execute("COMMIT")
        self.paid = dataclasses.replace(
            self.paid,
            calls=self.paid.calls + 1,
            prompt_tokens=self.paid.prompt_tokens + c.prompt_tokens,
            completion_tokens=self.paid.completion_tokens + c.completion_tokens,
            cost_usd=self.paid.cost_usd if c.cost_usd is None else (self.paid.cost_usd or 0.0) + c.cost_usd,
        )

    def verdict(self, key: str) -> Verdict | None:
        """The verdict under `key`, if this very job ran before."""
        with readable(self.path):
            row = self._db.execute("SELECT verdict FROM verdicts WHERE key = ?", (key,)).fetchone()
        return Verdict.from_json(json.loads(row[0])) if row else None

    def job(self, key: str) -> dict[str, Any] | None:
        """The job behind the verdict under `key`, as plain data."""
        with readable(self.path):
            row = self._db.execute("SELECT job FROM verdicts WHERE key = ?", (key,)).fetchone()
        return dict(json.loads(row[0])) if row else None

    def add_verdict(self, key: str, job: dict[str, Any], verdict: Verdict) -> None:
        """Records what the sandbox said of `job`."""
        values = (key, json.dumps(job, ensure_ascii=False), json.dumps(verdict.to_json(), ensure_ascii=False))
        with readable(self.path):
            self._db.execute("BEGIN")
            self._db.execute("INSERT OR IGNORE INTO verdicts VALUES (?,?,?)", values)
            self._seen()
            self._db.execute("COMMIT")

    def note_progress(self, rows: dict[str, Any]) -> None:
        """Leaves word of how far the run is, for `synth status`."""
        with readable(self.path):
            self._db.execute("INSERT OR REPLACE INTO progress VALUES ('rows', ?)", (json.dumps(rows),))

    def progress(self) -> dict[str, Any] | None:
        """What `note_progress` last left: `kept`, `dropped` by reason, and `seeds` that ended."""
        with readable(self.path):
            known = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'progress'").fetchone()
            row = self._db.execute("SELECT value FROM progress WHERE name = 'rows'").fetchone() if known else None
        return dict(json.loads(row[0])) if row else None

    def spent(self) -> Spent:
        """Totals over everything in the ledger."""
        sums = "count(*), total(prompt_tokens), total(completion_tokens), sum(cost_usd)"
        with readable(self.path):
            calls, prompt, completion, cost = self._db.execute(f"SELECT {sums} FROM completions").fetchone()
            (verdicts,) = self._db.execute("SELECT count(*) FROM verdicts").fetchone()
            (seconds,) = self._db.execute("SELECT total(last_seen - started) FROM sessions").fetchone()
        return Spent(
            calls=calls,
            prompt_tokens=int(prompt),
            completion_tokens=int(completion),
            cost_usd=cost,
            verdicts=verdicts,
            seconds=seconds,
        )

    def close(self) -> None:
        """Closes the file and gives the folder free."""
        with self._held:
            if self._lock is not None:
                self._lock = None
                with readable(self.path):
                    self._seen()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _seen(self) -> None:
        self._db.execute("UPDATE sessions SET last_seen = ? WHERE id = ?", (time.time(), self._session))


def _lock(folder: Path) -> int:
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
