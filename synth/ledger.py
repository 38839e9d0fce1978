"""The ledger: every completion and every verdict of a run, in one SQLite file, keyed by what could change it.

These two kinds of facts are expensive and not repeatable; all the rest is recomputed from them. Each fact is committed
before anything is built on it, so a process killed at any moment loses only the calls still in flight. Facts that come
together share a commit. Write-ahead logging lets `synth status` read while a run writes; a thread works the log into
the file, so that the disk never holds up a call.
Not covered: the file itself and what may be wrong with it (`ledger_file.py`), what an open batch is (`batches.py`),
more ledgers than one (`merge.py`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
import zlib
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.verdict import Verdict
from synth.calls import Completion, Request
from synth.errors import RunFolderError
from synth.ledger_file import Checkpoints, check_not_emptied, check_whole, damaged, explain, lock_folder, readable

SCHEMA = """
CREATE TABLE IF NOT EXISTS completions (
    key TEXT NOT NULL UNIQUE, teacher TEXT NOT NULL, request TEXT NOT NULL, text TEXT NOT NULL,
    finish_reason TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost_usd REAL,
    seconds REAL NOT NULL, checksum INTEGER
);
CREATE TABLE IF NOT EXISTS verdicts (key TEXT NOT NULL UNIQUE, job TEXT NOT NULL, verdict TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (id INTEGER PRIMARY KEY, started REAL NOT NULL, last_seen REAL NOT NULL);
CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batches (name TEXT PRIMARY KEY, facts TEXT NOT NULL, open INTEGER NOT NULL);
"""
"""Rows lie in the order of their arrival; ordered by key, each would dirty a page of its own in a large file."""
COLUMNS = "text, finish_reason, prompt_tokens, completion_tokens, cost_usd, seconds"
COMMIT_EVERY_S = 0.005
"""A commit of its own for each call would be too many at a thousand calls a second."""
SEEN_EVERY_S = 1.0
CACHE_KIB = 32 * 1024
"""For the pages that keys are looked up in."""


def checksum(c: Completion) -> int:
    """CRC-32 of all that a row takes from a completion: SQLite does not see that a part of a text became zeros."""
    return zlib.crc32(f"{c.text}\0{c.finish_reason}\0{c.prompt_tokens}\0{c.completion_tokens}\0{c.cost_usd}".encode())


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
                self._db.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
                self._db.execute("SELECT count(*) FROM sessions").fetchone()
                self._look_up = _look_up(self._db)
                self._held = held.pop_all()
                return
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = lock_folder(folder)
            held.callback(os.close, self._lock)
            check_not_emptied(folder, self.path)
            self._db = held.enter_context(closing(sqlite3.connect(self.path, isolation_level=None)))
            self._db.execute("PRAGMA journal_mode=WAL")
            # A killed process loses nothing under NORMAL; only a power cut can lose the last commits.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA wal_autocheckpoint=0")
            self._db.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            check_whole(self._db, self.path)
            self._db.executescript(SCHEMA)
            if not _has_checksums(self._db):
                self._db.execute("ALTER TABLE completions ADD COLUMN checksum INTEGER")
            self._look_up = _look_up(self._db)
            self._started, self._began = time.time(), time.monotonic()
            self._session = self._db.execute(
                "INSERT INTO sessions(started, last_seen) VALUES (?, ?)", (self._started, self._started)
            ).lastrowid
            self._seen_at = self._began
            self._facts: list[tuple[str, tuple[Any, ...]]] = []
            self._commits: list[asyncio.Future[None]] = []
            self._committed_at = 0.0
            self.paid = self.spent()
            self._checkpoints = held.enter_context(Checkpoints(self.path))
            self._held = held.pop_all()  # what fails before this gives the file and the folder back

    def completion(self, key: str) -> Completion | None:
        """The completion under `key`, if it was ever paid for."""
        try:
            row = self._db.execute(self._look_up, (key,)).fetchone()
        except sqlite3.Error as error:
            raise RunFolderError(explain(self.path, error)) from None
        if row is None:
            return None
        completion = Completion(**dict(zip(COLUMNS.split(", "), row[:-1], strict=True)))
        if row[-1] not in (None, checksum(completion)):
            raise RunFolderError(damaged(self.path, f"the answer under {key[:12]} is not what was written"))
        return completion

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
        self._add_completion(request, completion)
        self._commit()

    async def record_completion(self, request: Request, completion: Completion) -> None:
        """As `add_completion`, in one commit with all that comes within some milliseconds."""
        self._add_completion(request, completion)
        await self._committed()

    def _add_completion(self, request: Request, completion: Completion) -> None:
        c = completion
        counts = (c.prompt_tokens, c.completion_tokens, c.cost_usd, c.seconds)
        values = (request.key, request.teacher, request.json, c.text, c.finish_reason, *counts, checksum(c))
        self._facts.append(("INSERT OR IGNORE INTO completions VALUES (?,?,?,?,?,?,?,?,?,?)", values))
        paid = self.paid
        self.paid = Spent(
            calls=paid.calls + 1,
            prompt_tokens=paid.prompt_tokens + c.prompt_tokens,
            completion_tokens=paid.completion_tokens + c.completion_tokens,
            cost_usd=paid.cost_usd if c.cost_usd is None else (paid.cost_usd or 0.0) + c.cost_usd,
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
        """Records what the sandbox said of `job`; returns once it is committed."""
        self._add_verdict(key, job, verdict)
        self._commit()

    async def record_verdict(self, key: str, job: dict[str, Any], verdict: Verdict) -> None:
        """As `add_verdict`, in one commit with all that comes within some milliseconds."""
        self._add_verdict(key, job, verdict)
        await self._committed()

    def _add_verdict(self, key: str, job: dict[str, Any], verdict: Verdict) -> None:
        values = (key, json.dumps(job, ensure_ascii=False), json.dumps(verdict.to_json(), ensure_ascii=False))
        self._facts.append(("INSERT OR IGNORE INTO verdicts VALUES (?,?,?)", values))

    def note_progress(self, rows: dict[str, Any]) -> None:
        """Leaves word of how far the run is, for `synth status`; written with the next commit."""
        self._facts.append(("INSERT OR REPLACE INTO progress VALUES ('rows', ?)", (json.dumps(rows),)))

    def progress(self) -> dict[str, Any] | None:
        """What `note_progress` last left: `kept`, `dropped` by reason, and `seeds` that ended."""
        with readable(self.path):
            known = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'progress'").fetchone()
            row = self._db.execute("SELECT value FROM progress WHERE name = 'rows'").fetchone() if known else None
        return dict(json.loads(row[0])) if row else None

    def record_batch(self, name: str, facts: dict[str, Any]) -> None:
        """Records an open batch, or what is new about it; returns once even a power cut cannot lose it."""
        update = "ON CONFLICT (name) DO UPDATE SET facts = excluded.facts"
        self._facts.append((f"INSERT INTO batches VALUES (?, ?, 1) {update}", (name, json.dumps(facts))))
        self._commit_synced()

    def open_batches(self) -> dict[str, dict[str, Any]]:
        """What `record_batch` left of batches that were not closed, oldest first."""
        with readable(self.path):
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'batches'").fetchone():
                return {}  # read from before there was this table
            rows = self._db.execute("SELECT name, facts FROM batches WHERE open ORDER BY rowid").fetchall()
        return {name: json.loads(facts) for name, facts in rows}

    def close_batch(self, name: str) -> None:
        """Records that nothing more is to come from a batch; what came is then safe from a power cut too."""
        self._facts.append(("UPDATE batches SET open = 0 WHERE name = ?", (name,)))
        self._commit_synced()

    def _commit_synced(self) -> None:
        with readable(self.path):
            self._db.execute("PRAGMA synchronous=FULL")
        try:
            self._commit()
        finally:
            self._db.execute("PRAGMA synchronous=NORMAL")

    async def _committed(self) -> None:
        """Waits for the commit at the end of this turn of the event loop, or `COMMIT_EVERY_S` after the one before."""
        loop = asyncio.get_running_loop()
        commit = loop.create_future()
        if not self._commits:
            loop.call_at(self._committed_at + COMMIT_EVERY_S, self._commit_turn)
        self._commits.append(commit)
        await commit

    def _commit_turn(self) -> None:
        commits, self._commits = self._commits, []
        self._committed_at = time.monotonic()
        try:
            self._commit()
        except RunFolderError as error:
            for commit in commits:
                if not commit.done():
                    commit.set_exception(error)
            return
        for commit in commits:
            if not commit.done():
                commit.set_result(None)

    def _commit(self) -> None:
        """Writes what was added, whole or not at all."""
        facts, self._facts = self._facts, []
        with readable(self.path):
            try:
                self._db.execute("BEGIN")
                for statement, values in facts:
                    self._db.execute(statement, values)
                if time.monotonic() - self._seen_at >= SEEN_EVERY_S:
                    self._seen()
                self._db.execute("COMMIT")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._checkpoints.wrote(sum(len(value) for _, values in facts for value in values if isinstance(value, str)))

    def spent(self) -> Spent:
        """Totals over everything in the ledger."""
        sums = "count(*), total(prompt_tokens), total(completion_tokens), sum(cost_usd)"
        with readable(self.path):
            calls, prompt, completion, cost = self._db.execute(f"SELECT {sums} FROM completions").fetchone()
            (verdicts,) = self._db.execute("SELECT count(*) FROM verdicts").fetchone()
            (seconds,) = self._db.execute("SELECT total(max(last_seen - started, 0)) FROM sessions").fetchone()
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
                if self._facts:  # paid for by calls whose rows were cancelled in the same turn
                    self._commit()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _seen(self) -> None:
        self._seen_at = time.monotonic()
        now = self._started + (self._seen_at - self._began)  # the wall clock may jump meanwhile
        self._db.execute("UPDATE sessions SET last_seen = ? WHERE id = ?", (now, self._session))


def _has_checksums(db: sqlite3.Connection) -> bool:
    """Whether the ledger was made, or written to, since there are any."""
    return any(name == "checksum" for _, name, *_ in db.execute("PRAGMA table_info(completions)"))


def _look_up(db: sqlite3.Connection) -> str:
    return f"SELECT {COLUMNS}, {'checksum' if _has_checksums(db) else 'NULL'} FROM completions WHERE key = ?"
