"""What is a pass, decided from measurements and reports, without a container."""

from __future__ import annotations

import signal

import pytest

from sandbox.judge import Run, judge, read_reports

SECRET = "5ec4e7"
PASSED = [("test", True, ""), ("test", True, ""), ("finished", True, "")]


def status(reports, *, num_tests=2, wait_status=0, stopped="", out_of_memory=False, cpu_s=0.1):
    run = Run(
        wait_status=wait_status,
        stopped=stopped,
        out_of_memory=out_of_memory,
        cpu_s=cpu_s,
        timeout_s=1.0,
        reports=reports,
        num_tests=num_tests,
    )
    return judge(run)["status"]


def line(kind="test", flag="1", text="", secret=SECRET):
    return f"{secret} {kind} {flag} {text.encode().hex()}.\n".encode()


def test_a_complete_record_passes():
    assert status(PASSED) == "passed"


@pytest.mark.parametrize(
    "reports",
    [
        [],
        PASSED[:2],  # the end was not reached
        PASSED[1:],  # a test is missing
        [*PASSED[:1], *PASSED],  # one too many
        [("test", False, ""), *PASSED[1:]],
        [("exited", True, "")],
        None,  # a spoilt report
    ],
)
def test_anything_less_or_more_than_a_complete_record_fails(reports):
    assert status(reports) == "failed"


def test_an_exit_at_the_last_statement_ends_only_a_program_without_tests():
    assert status([("exited", True, "")], num_tests=0) == "passed"
    assert status([("exited", False, "")], num_tests=0) == "failed"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"wait_status": signal.SIGSEGV}, "crashed"),
        ({"wait_status": signal.SIGXCPU}, "timeout"),
        ({"wait_status": 1 << 8}, "crashed"),
        ({"stopped": "timeout", "wait_status": 9}, "timeout"),
        ({"stopped": "output", "wait_status": 9}, "output_exceeded"),
        ({"out_of_memory": True, "wait_status": 9}, "memory_exceeded"),
        ({"cpu_s": 1.01}, "timeout"),
        ({"cpu_s": 1.0}, "passed"),
    ],
)
def test_limits_and_signals_outrank_a_complete_record(facts, expected):
    assert status(PASSED, **facts) == expected


def test_a_memory_error_is_memory_wherever_it_was_raised():
    assert status([("memory", False, "MemoryError"), *PASSED[1:]]) == "memory_exceeded"
    assert status([("raised", True, "MemoryError")], wait_status=1 << 8) == "memory_exceeded"


def test_reports_are_read_in_order():
    data = line(text="a\nb") + line("finished")
    assert read_reports(data, SECRET) == [("test", True, "a\nb"), ("finished", True, "")]
    assert read_reports(b"", SECRET) == []


@pytest.mark.parametrize(
    "junk",
    [
        b"x",
        b"\n",
        b"\xff\n",
        line(secret="000000"),
        line(flag="2"),
        line()[:-1],
        line()[:-2] + b"\n",
        b"5ec4e7 test 1 0.\n",
    ],
)
def test_a_single_foreign_byte_spoils_the_report(junk):
    assert read_reports(line() + junk, SECRET) is None
    assert junk.endswith(b"\n") is False or read_reports(junk + line(), SECRET) is None
