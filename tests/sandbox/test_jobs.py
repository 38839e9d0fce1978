"""Bad lines get an error that names file, line, field and value; good ones become jobs."""

from __future__ import annotations

import json

import pytest

from sandbox.jobs import check_job, parse_job, read_jobs
from sandbox.verdict import Job, JobError, Limits


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
    ],
)
def test_a_bad_line_says_what_is_wrong(line, says):
    with pytest.raises(JobError, match=says):
        parse_job(line)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", ".", "a/", "a\0b", "x" * 300, "\ud800"])
def test_a_path_that_leaves_the_work_directory_is_refused(path):
    with pytest.raises(JobError, match="files"):
        check_job(Job(code="", files={path: ""}))


def test_a_huge_job_is_refused_before_it_is_sent():
    with pytest.raises(JobError, match="8,000,000"):
        check_job(Job(code="x" * 10_000_000))


def test_errors_name_file_and_line():
    lines = [b'{"code": ""}\n', b"\n", b'{"code": }\n']
    jobs = read_jobs(lines, "in.jsonl")
    assert next(jobs) == Job(code="")
    with pytest.raises(JobError, match=r"^in\.jsonl:3: not JSON"):
        next(jobs)


def test_a_line_that_is_not_utf8_is_named():
    with pytest.raises(JobError, match=r"^in\.jsonl:1: must be UTF-8, got byte 0xff"):
        list(read_jobs([b"\xff"], "in.jsonl"))
