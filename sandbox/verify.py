"""`sandbox verify`: JSON lines of jobs in, one JSON line for each out, in the same order and in flat memory.

A line that is no job becomes `{"id": ..., "error": "jobs.jsonl:3: ..."}` in its place; the others are served. An outage
stops the command: what is finished is in `OUT.jsonl.partial`, and `OUT.jsonl` appears only when it is whole.

Not covered: going on from a partial file. The same command starts anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from sandbox.console import DONE, FAILED, Progress
from sandbox.jobs import Request, read_requests
from sandbox.verdict import Job, JobError, Verdict

MAX_WAITING = 1000
"""Refused lines that wait for their turn, so that a file of nothing else is not kept in memory."""

RunAll = Callable[[Iterable[Job]], Iterator[Verdict]]


def verify(source: str, target: str, run_all: RunAll, check: Callable[[Job], None] = lambda _: None) -> int:
    """The exit code: 1 when a line was refused, by its own fault or by `check` (a language that is not there)."""
    counts: dict[str, int] = {}
    with open_input(source) as file, open_output(target) as out:
        progress = Progress("jobs", size_of(file))
        for request, verdict in answer_all(read_requests(file, source, check), run_all):
            out.write(json.dumps(answer(request, verdict)) + "\n")
            status = verdict.status if verdict else "refused"
            counts[status] = counts.get(status, 0) + 1
            progress.show(request.end, counts)
        progress.finish(counts)
    if not counts:
        print(f"{source}: no jobs in it", file=sys.stderr)
    if refused := counts.get("refused", 0):
        total = sum(counts.values())
        print(f"{source}: {refused:,} of {total:,} lines refused; see `error` in {target}", file=sys.stderr)
    return FAILED if refused else DONE


def answer_all(requests: Iterable[Request], run_all: RunAll) -> Iterator[tuple[Request, Verdict | None]]:
    """Each request in order, with its verdict when it is a job. Holds no more requests than `run_all` takes ahead."""
    waiting: deque[Request] = deque()
    lines = iter(requests)
    ended = False

    def jobs() -> Iterator[Job]:
        nonlocal ended
        for request in lines:
            waiting.append(request)
            if request.job is not None:
                yield request.job
            elif len(waiting) >= MAX_WAITING:
                return
        ended = True

    while not ended:
        for verdict in run_all(jobs()):
            while waiting[0].job is None:
                yield waiting.popleft(), None
            yield waiting.popleft(), verdict
        while waiting:
            yield waiting.popleft(), None


def answer(request: Request, verdict: Verdict | None) -> dict[str, Any]:
    """What the line of output says."""
    return verdict.to_json() if verdict else {"id": request.id, "error": request.error}


@contextlib.contextmanager
def open_input(path: str) -> Iterator[BinaryIO]:
    """The lines of a file, or of stdin for `-`."""
    if path == "-":
        yield sys.stdin.buffer
    else:
        with Path(path).open("rb") as file:
            yield file


def size_of(file: BinaryIO) -> int | None:
    """The bytes of a regular file; `None` for a pipe, whose end nobody knows."""
    facts = os.fstat(file.fileno())
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None


@contextlib.contextmanager
def open_output(path: str) -> Iterator[TextIO]:
    """A file that takes its name when it is whole, and is called `path.partial` until then; stdout for `-`."""
    if path == "-":
        yield sys.stdout
        return
    partial = Path(f"{path}.partial")
    with partial.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JobError(f"{partial}: another process is writing it; wait for it, or name another output") from None
        if size := file.tell():
            print(f"{partial}: {size:,} bytes of a run that did not end, overwritten; starting anew", file=sys.stderr)
            file.truncate(0)
        yield file
        file.flush()
        os.fsync(file.fileno())
        partial.replace(path)
