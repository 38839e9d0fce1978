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
    """One call of the program's function, judged outside the process that the program runs in."""

    entry_point: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    expected: Any = None
    """What it must return, as plain JSON."""
    raises: str = ""
    """Or the name of the exception it must raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program to run, with its tests."""

    code: str
    id: str = ""
    language: str = "python"
    tests: tuple[str, ...] = ()
    """Each item is one test, run in order after `code` in the same namespace and reported separately."""
    calls: tuple[Call, ...] = ()
    """Tests whose expected values never enter the program's process. Python only."""
    mode: Literal["fork", "spawn"] = "fork"
    """A fork of a preloaded interpreter, or a fresh one. Python only."""
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

    def to_json(self) -> dict[str, Any]:
        """A plain dict, ready for `json.dumps`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote."""
        results = tuple(TestResult(**result) for result in data["test_results"])
        return cls(**{**data, "test_results": results})
