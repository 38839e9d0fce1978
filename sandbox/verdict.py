"""What goes into the sandbox and what comes out: `Job`, `Limits`, `Verdict`, and the errors.

A verdict is data about the code. An outage is an exception, never a verdict:

    SandboxError            anything below; the command stops with its one line
    |- SandboxUnavailable   no engine, no image, engine died; retry when it is back
    `- JobError             the request itself is malformed (unknown language, bad field)

Not covered: what runs where (`pool.py`), what happens inside the container (`supervisor.py`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Status = Literal["passed", "failed", "crashed", "compile_error", "timeout", "memory_exceeded", "output_exceeded"]
STATUSES: tuple[Status, ...] = get_args(Status)
Mode = Literal["fork", "spawn"]
MODES: tuple[Mode, ...] = get_args(Mode)
Trust = Literal["none", "in_process", "outside"]
Rerun = Literal["all", "doubtful", "never"]


class SandboxError(Exception):
    """Something about the sandbox, not about the code in it."""


class SandboxUnavailable(SandboxError):
    """No engine or image answers, or the engine died. Never to be recorded as a verdict."""


class JobError(SandboxError):
    """A job that cannot be understood; says where, what and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one snippet may use. Part of a verdict's identity."""

    timeout_s: float = 10.0
    """CPU seconds; wall time is bounded by a generous multiple of it."""
    memory_mb: int = 512
    """Address space and resident memory together, MiB."""
    output_kb: int = 256
    """Cap on stdout and on stderr, KiB each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A test whose expected value never enters the candidate's process: call, take the result out, compare outside."""

    entry_point: str
    """A name the code defines, or a dotted path; a class on the way is instantiated, as in `Solution.two_sum`."""
    args: tuple[Any, ...] = ()
    """Plain JSON data."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    expected: Any = None
    """Plain JSON data: a tuple is a list, a set is `{"$set": [...]}`; what else there is, `plain.py` says."""
    raises: str = ""
    """The class name of the exception expected in place of a value, or of a base; of several bases the first counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program to run, with its tests."""

    code: str
    id: str = ""
    language: str = "python"
    tests: tuple[str, ...] = ()
    """Each item is one test, run in order after `code` and reported separately; in Python, in the same namespace."""
    calls: tuple[Call, ...] = ()
    """Python only: tests that are judged outside, run after `tests`."""
    mode: Mode = "fork"
    """Python only: `fork` an interpreter that has its imports done, or `spawn` a fresh one (some 15 ms more)."""
    stdin: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """Relative path -> content, written to the work directory before the run."""
    limits: Limits = Limits()

    def identity(self, image_digest: str, supervisor_version: str) -> str:
        """SHA-256 hex over everything that could change the verdict (the `id` cannot)."""
        facts = dataclasses.asdict(self) | {"image": image_digest, "supervisor": supervisor_version}
        del facts["id"]
        return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """How one test of a job ended."""

    __test__ = False  # tells pytest that this is not a test class

    passed: bool
    error: str = ""
    """`AssertionError: ...` or the like, one line, empty when it passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What happened. `passed` is claimed only with proof that the last test finished."""

    status: Status
    id: str = ""
    exit_code: int | None = None
    signal: int | None = None
    stdout: str = ""
    stderr: str = ""
    duration_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_mb: float = 0.0
    tests_run: int = 0
    tests_passed: int = 0
    test_results: tuple[TestResult, ...] = ()
    """Of `tests`, then of `calls`."""
    trust: Trust = "none"
    """Where the tests were judged: `in_process`, by assertions beside the candidate, which it could tamper with; or
    `outside`, where expected values never were in its reach."""
    num_timeouts: int = 0
    """How often the job met its time limit: a timeout is run once more, alone, and the second run decides."""

    def to_json(self) -> dict[str, Any]:
        """A plain dict, ready for `json.dumps`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote."""
        results = tuple(TestResult(**result) for result in data["test_results"])
        return cls(**{**data, "test_results": results})
