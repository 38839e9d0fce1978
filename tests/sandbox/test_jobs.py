"""Bad lines get an error that names file, line, field and value; good ones become jobs."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest

from sandbox.jobs import Request, check_job, parse_job, read_requests
from sandbox.verdict import Call, Job, JobError, Limits


def read(*lines: bytes) -> list[Request]:
    """The requests on these lines."""
    return list(read_requests(io.BytesIO(b"\n".join(lines)), "in.jsonl"))


def test_a_full_line_becomes_a_job():
    same = {"id": "a", "code": "x", "stdin": "s", "files": {"d/f": "c"}}
    line = {**same, "tests": ["t"], "timeout_s": 2, "memory_mb": 64}
    assert parse_job(json.dumps(line)) == Job(**same, tests=("t",), limits=Limits(timeout_s=2, memory_mb=64))


def test_a_string_of_tests_is_one_test():
    assert parse_job('{"code": "", "tests": "a\\nb"}').tests == ("a\nb",)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "object"),
        ("{}", "`code` is missing"),
        ('{"code": 1}', "code: must be str, got int"),
        ('{"code": "", "tets": []}', "did you mean 'tests'"),
        ('{"code": "", "tests": [1]}', "tests"),
        ('{"code": "", "files": {"a": 1}}', "files"),
        ('{"code": "", "language": "cobol"}', "must be one of assembly, .*got 'cobol'"),
        ('{"code": "", "timeout_s": -1}', r"timeout_s: must be in \[0.01, 3600.0\], got -1"),
        ('{"code": "", "timeout_s": NaN}', "timeout_s"),
        ('{"code": "", "memory_mb": Infinity}', "memory_mb"),
        ('{"code": "", "memory_mb": true}', "memory_mb: must be a number, got bool"),
        ('{"code": "", "stdin": "\\ud800"}', "stdin: must be valid Unicode"),
        ('{"code": "", "memory_mb": 1' + "0" * 4000 + "}", r"memory_mb: must be in .*\.\.\.$"),
        ('{"code": "", "memory_mb": 99.5}', r"memory_mb: must be a whole number, got 99\.5"),
        ('{"code": "", "timeout_s": 1e400}', "timeout_s: must be in .* got inf"),
        ('{"code": "a", "code": "b"}', "'code' is there twice"),
        ('{"code": "", "mode": "thread"}', "mode: must be one of fork, spawn, got 'thread'"),
        ('{"code": "", "files": {"a": "", "./a": ""}}', "files: 'a' and './a' are the same file"),
        ('{"code": "", "files": {"a": "", "a//b": ""}}', "files: 'a//b' needs a directory where 'a' is a file"),
        (json.dumps({"code": "", "files": dict.fromkeys(map(str, range(1001)), "")}), "files: must be at most 1,000"),
    ],
)
def test_a_bad_line_says_what_is_wrong(line, says):
    with pytest.raises(JobError, match=says):
        parse_job(line)


def test_calls_become_calls():
    line = {"code": "", "calls": [{"entry_point": "f", "args": [1], "kwargs": {"k": None}, "expected": [2]}]}
    line["calls"] += [{"entry_point": "A.f", "raises": "ValueError"}, {"entry_point": "g", "expected": None}]
    assert parse_job(json.dumps(line)).calls == (
        Call(entry_point="f", args=(1,), kwargs={"k": None}, expected=[2]),
        Call(entry_point="A.f", raises="ValueError"),
        Call(entry_point="g"),
    )


NESTED = json.loads("[" * 200 + "]" * 200)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (1, r"calls\[0\]: must be an object"),
        ({"expected": 1}, r"calls\[0\]: `entry_point` is missing"),
        ({"entry_point": "f"}, "one of expected and raises, got neither"),
        ({"entry_point": "f", "expected": None, "raises": "E"}, "one of expected and raises, got both"),
        ({"entry_point": "f()", "expected": 1}, r"calls\[0\]\.entry_point: must be a name"),
        ({"entry_point": "f", "raises": ""}, r"calls\[0\]\.raises: must be the name"),
        ({"entry_point": "f", "arg": [1], "expected": 1}, r"calls\[0\]: unknown field 'arg'; did you mean 'args'"),
        ({"entry_point": "f", "args": {}, "expected": 1}, r"calls\[0\]\.args: must be list, got dict"),
        ({"entry_point": "f", "expected": NESTED}, r"calls\[0\]\.expected: must be nested at most 100 deep"),
    ],
)
def test_a_bad_call_says_which_and_why(call, says):
    with pytest.raises(JobError, match=says):
        parse_job(json.dumps({"code": "", "calls": [call]}))


@pytest.mark.parametrize("value", [(1, 2), {1: 2}, {1}, b"", pytest.param(10**5000, id="huge"), object()])
def test_a_value_that_json_would_change_is_no_expected_value(value):
    with pytest.raises(JobError, match=r"calls\[0\]\.expected"):
        check_job(Job(code="", calls=(Call(entry_point="f", expected=value),)))


@pytest.mark.parametrize(
    "value", [True, -1, 0, float("nan"), float("inf"), pytest.param(10**5000, id="huge"), "5", None]
)
def test_a_limit_that_is_no_number_in_range_is_refused(value):
    with pytest.raises(JobError, match="timeout_s"):
        check_job(Job(code="", limits=Limits(timeout_s=value)))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "", ".", "a/", "a/.", "a\0b", "x" * 256, "é" * 128, "\ud800"]
)
def test_a_path_that_leaves_the_work_directory_is_refused(path):
    with pytest.raises(JobError, match="files"):
        check_job(Job(code="", files={path: ""}))


def test_a_huge_job_is_refused_before_it_is_sent():
    with pytest.raises(JobError, match="8,000,000"):
        check_job(Job(code="x" * 10_000_000))


def test_source_that_cannot_compile_is_a_job_all_the_same():
    assert parse_job('{"code": "a\\u0000b"}').code == "a\0b"
    assert parse_job('{"code": "\\ud800"}').code == "\ud800"


def test_a_bad_line_is_named_and_the_others_are_served():
    first, second, third = read(b'{"code": "a"}', b"", b'{"id": "b", "code": "b", "timeout_s": -1}', b'{"code": "c"}')
    assert (first.job, third.job) == (Job(code="a"), Job(code="c"))
    assert (second.id, second.job) == ("b", None)
    assert second.error == "in.jsonl:3: timeout_s: must be in [0.01, 3600.0], got -1; fix the line"


@pytest.mark.parametrize(
    ("line", "says"),
    [(b'{"code": "\xff"}', "must be UTF-8, got byte 0xff at 10"), (b"[" * 100_000, "not JSON"), (b"\0", "not JSON")],
)
def test_bytes_that_are_no_json_cost_one_line(line, says):
    bad, good = read(line, b'{"code": ""}')
    assert bad.error.startswith(f"in.jsonl:1: {says}")
    assert good.job == Job(code="")


def test_a_line_of_any_length_is_refused_in_bounded_memory():
    class Endless(io.RawIOBase):
        left = 100 << 20

        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            size = min(len(buffer), self.left)
            self.left -= size
            buffer[:size] = b"x" * size
            return size

    tracemalloc.start()
    (only,) = read_requests(io.BufferedReader(Endless()), "in.jsonl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert only.error == "in.jsonl:1: a line must have at most 16,777,216 bytes; fix the line"
    assert only.end == 100 << 20
    assert peak < 80 << 20


def test_after_a_line_too_long_comes_the_next():
    long, good = read(b"x" * (17 << 20), b'{"code": ""}')
    assert (long.job, good.job) == (None, Job(code=""))
    assert good.end == (17 << 20) + 1 + len('{"code": ""}')


def test_an_empty_file_has_no_requests():
    assert read(b"") == read(b"", b"  ", b"") == []
