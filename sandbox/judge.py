"""The status of one run, from the supervisor's own measurements and the reports that carry the run's secret.

Standard library only; runs inside the container as part of the supervisor. What it never does is look at stdout.
"""

from __future__ import annotations

import io
import os
import signal
from dataclasses import dataclass
from typing import Any

Reports = list[tuple[str, bool, str]]


@dataclass(frozen=True)
class Run:
    """What is known of a run that is over."""

    wait_status: int
    stopped: str
    """Why the supervisor stopped it: `timeout`, `output`, or empty."""
    out_of_memory: bool
    """The kernel killed one of its processes for memory."""
    cpu_s: float
    timeout_s: float
    reports: Reports | None
    """`None` when the report pipe held anything but reports with the secret."""
    num_tests: int


def read_reports(data: bytes, secret: str) -> Reports | None:
    """(kind, flag, text) of each report in order, or `None` if a single byte of the stream is not part of one."""
    reports: Reports = []
    if data and not data.endswith(b"\n"):
        return None
    for line in io.BytesIO(data):  # one at a time: a flood of tiny lines must not cost the supervisor its memory
        parts = line[:-1].decode("ascii", "replace").split(" ")
        if len(parts) != 4 or parts[0] != secret or parts[2] not in "01" or not parts[3].endswith("."):
            return None
        try:
            text = bytes.fromhex(parts[3][:-1]).decode("utf-8", "replace")
        except ValueError:
            return None
        reports.append((parts[1], parts[2] == "1", text))
    return reports


def judge(run: Run) -> dict[str, Any]:
    """Status, exit code, signal, and the outcome of each test that ran."""
    exited = os.WIFEXITED(run.wait_status)
    reports = run.reports or []
    tests = [{"passed": flag, "error": text} for kind, flag, text in reports if kind in ("test", "memory")]
    return {
        "status": decide(run, reports),
        "exit_code": os.WEXITSTATUS(run.wait_status) if exited else None,
        "signal": None if exited else os.WTERMSIG(run.wait_status),
        "tests_run": len(tests),
        "tests_passed": sum(bool(test["passed"]) for test in tests),
        "test_results": tests,
    }


def decide(run: Run, reports: Reports) -> str:
    """The status word. Limits come first, then a spoilt report, then how the process ended, then the tests."""
    kinds = {kind: flag for kind, flag, _ in reports}
    ended_by = os.WTERMSIG(run.wait_status) if os.WIFSIGNALED(run.wait_status) else 0
    if run.out_of_memory:
        return "memory_exceeded"
    if run.stopped == "output":
        return "output_exceeded"
    if run.stopped == "timeout" or run.cpu_s > run.timeout_s or ended_by == signal.SIGXCPU:
        return "timeout"
    if run.reports is None:
        return "failed"
    if ended_by:
        return "crashed"
    if "uncompiled" in kinds:
        return "compile_error"
    if "memory" in kinds or kinds.get("raised"):
        return "memory_exceeded"
    if "raised" in kinds or os.WEXITSTATUS(run.wait_status):
        return "crashed"
    return "passed" if is_complete(run, reports, kinds) else "failed"


def is_complete(run: Run, reports: Reports, kinds: dict[str, bool]) -> bool:
    """Whether the record is positive and whole: each test passed, in number as given, and the end was reached."""
    passed = [flag for kind, flag, _ in reports if kind == "test"]
    at_end = kinds.get("finished", False) or (run.num_tests == 0 and kinds.get("exited", False))
    return at_end and len(passed) == run.num_tests and all(passed)
