"""The status of one run, from the supervisor's own measurements and the reports that carry the run's secret.

Standard library only; runs inside the container as part of the supervisor. What it never does is look at stdout.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from sandbox import plain

MAX_SHOWN_CHARS = 200
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
    calls: Sequence[dict[str, Any]] = ()
    """The calls to be made after the tests, each with what it should give."""


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
    reports = run.reports or []
    tests = outcomes(run, reports)
    return {
        "status": decide(run, reports, tests),
        **how_it_ended(run.wait_status),
        "tests_run": len(tests),
        "tests_passed": sum(bool(test["passed"]) for test in tests),
        "test_results": tests,
    }


def outcomes(run: Run, reports: Reports) -> list[dict[str, Any]]:
    """The outcome of each test and then of each call, as far as they were reported; what a place is for, it is for."""
    found: list[dict[str, Any]] = []
    for kind, flag, text in reports:
        if kind == "memory":
            found.append({"passed": False, "error": text})
        elif kind == "test" and len(found) < run.num_tests:
            found.append({"passed": flag, "error": text})
        elif kind in ("value", "error") and run.num_tests <= len(found) < run.num_tests + len(run.calls):
            found.append(judge_call(run.calls[len(found) - run.num_tests], kind, flag, text))
    return found


def how_it_ended(wait_status: int) -> dict[str, Any]:
    """Exit code and signal, one of them `None`."""
    exited = os.WIFEXITED(wait_status)
    return {
        "exit_code": os.WEXITSTATUS(wait_status) if exited else None,
        "signal": None if exited else os.WTERMSIG(wait_status),
    }


def judge_call(call: dict[str, Any], kind: str, flag: bool, text: str) -> dict[str, Any]:
    """The outcome of one call, from what came out of the candidate's process."""
    if not flag:
        return {"passed": False, "error": text}
    try:
        found = json.loads(text)
        if kind == "error":
            passed = bool(call["raises"]) and is_one(call["raises"], found["classes"])
            return {"passed": passed, "error": "" if passed else str(found["text"])}
        passed = not call["raises"] and plain.same(call["expected"], found)
        wanted = f"an exception {call['raises']}" if call["raises"] else shown(call["expected"])
        return {"passed": passed, "error": "" if passed else f"expected {wanted}, got {shown(found)}"}
    except (ValueError, KeyError, TypeError, RecursionError) as error:  # the candidate wrote the report itself
        return {"passed": False, "error": f"a report that cannot be read ({type(error).__name__})"}


def is_one(wanted: str, classes: Sequence[str]) -> bool:
    """Whether an exception of these classes is one that was expected: by its own names up to the first built-in one.

    What lies behind that is known here, and not taken from the candidate: an exception made of all others at once, or
    named like them, would be the right one everywhere. A module in front of the wanted name is not compared.
    """
    wanted = wanted.rpartition(".")[2]
    if is_exception(alias := vars(builtins).get(wanted)):
        wanted = alias.__name__  # IOError is OSError
    for name in classes:
        if is_exception(known := vars(builtins).get(name)):
            return wanted in [base.__name__ for base in known.__mro__]
        if name == wanted:
            return True
    return False


def is_exception(found: Any) -> TypeGuard[type[BaseException]]:
    """Whether it is a class of exceptions."""
    return isinstance(found, type) and issubclass(found, BaseException)


def shown(value: Any) -> str:
    """The value as JSON, cut to a line."""
    text = json.dumps(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + " ..."


def decide(run: Run, reports: Reports, tests: list[dict[str, Any]]) -> str:
    """The status word. Limits come first, then a spoilt report, then how the process ended, then the tests."""
    kinds = {kind: flag for kind, flag, _ in reports}
    ended_by = os.WTERMSIG(run.wait_status) if os.WIFSIGNALED(run.wait_status) else 0
    limit = limit_met(run.wait_status, run.stopped, run.out_of_memory, run.cpu_s > run.timeout_s)
    if limit:
        return limit
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
    return "passed" if is_complete(run, reports, tests) else "failed"


def limit_met(wait_status: int, stopped: str, out_of_memory: bool, over_time: bool) -> str:
    """The status of a run that met a limit, else empty."""
    if out_of_memory:
        return "memory_exceeded"
    if stopped == "output":
        return "output_exceeded"
    ended_by = os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else 0
    if stopped == "timeout" or over_time or ended_by == signal.SIGXCPU:
        return "timeout"
    return ""


def is_complete(run: Run, reports: Reports, tests: list[dict[str, Any]]) -> bool:
    """Whether the record is positive and whole: each test passed, in number and order as given, nothing is beside it.

    A program that has no tests may also end itself with its last statement, as `sys.exit(main())` does.
    """
    kinds = [kind for kind, _, _ in reports if kind != "loaded"]
    if not run.num_tests and not run.calls and kinds == ["exited"]:
        return reports[-1][1]
    checks = [kind in (("test",) if n < run.num_tests else ("value", "error")) for n, kind in enumerate(kinds[:-1])]
    complete = kinds[-1:] == ["finished"] and len(checks) == run.num_tests + len(run.calls) and all(checks)
    return complete and all(test["passed"] for test in tests)


def judge_program(
    *, wait_status: int, stopped: str, out_of_memory: bool, over_time: bool, report: bytes
) -> dict[str, Any]:
    """How a program that is not ours ended, and the lines of its report."""
    limit = limit_met(wait_status, stopped, out_of_memory, over_time)
    ended = how_it_ended(wait_status)
    status = limit or ("passed" if ended["exit_code"] == 0 else "crashed")
    return {"status": status, **ended, "report": report.decode("ascii", "replace").splitlines()}
