"""The command line: exit codes, order, streams, and errors of one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def sandbox(*args: str | Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """The finished command."""
    command = [sys.executable, "-c", "from sandbox.cli import main; main()", *map(str, args)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, env={**os.environ, **env}, check=False)


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_verify_writes_verdicts_in_input_order(tmp_path):
    jobs = [{"id": str(i), "code": f"print({i})", "tests": [f"assert {i} % 2 == 0"]} for i in range(20)]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, jobs)))
    done = sandbox("verify", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--workers", "2")
    verdicts = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (done.returncode, [verdict["id"] for verdict in verdicts]) == (0, [job["id"] for job in jobs])
    assert [verdict["status"] for verdict in verdicts] == ["passed", "failed"] * 10
    assert "20 jobs" in done.stderr


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_verify_streams_between_stdin_and_stdout():
    done = sandbox("verify", "-", "-", stdin='{"code": "print(1)"}\n')
    assert json.loads(done.stdout)["stdout"] == "1\n"


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_verify_serves_the_lines_around_a_bad_one(tmp_path):
    good, nul = b'{"id": "a", "code": "1"}', b'{"id": "n", "code": "a\\u0000b"}'
    huge = json.dumps({"id": "h", "code": "#" * 10_000_000}).encode()
    (tmp_path / "in.jsonl").write_bytes(b"\n".join([good, b"\xff", nul, b"[" * 10**6, huge, b"x" * (20 << 20), good]))
    done = sandbox("verify", tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one.get("status") for one in answers] == ["passed", None, "compile_error", None, None, None, "passed"]
    assert [one["error"].split(":")[1] for one in answers if "error" in one] == ["2", "4", "5", "6"]
    assert (done.returncode, done.stderr.splitlines()[-1].split(": ")[1][:23]) == (1, "4 of 7 lines refused; s")


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_run_shows_output_and_exits_by_the_verdict(tmp_path):
    (tmp_path / "a.py").write_text("print('hello')\ndef f(): return 1\n")
    (tmp_path / "good.py").write_text("assert f() == 1")
    (tmp_path / "bad.py").write_text("assert f() == 2, 'no'")
    good = sandbox("run", tmp_path / "a.py", "--tests", tmp_path / "good.py")
    bad = sandbox("run", tmp_path / "a.py", "--tests", tmp_path / "bad.py")
    assert (good.returncode, good.stdout) == (0, "hello\n")
    assert bad.returncode == 1
    assert "AssertionError: no" in bad.stderr


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_doctor_is_content():
    done = sandbox("doctor")
    assert done.returncode == 0, done.stdout
    assert [line[:3] for line in done.stdout.splitlines()] == ["ok "] * 5


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_build_again_only_looks():
    done = sandbox("build")
    assert done.stdout.startswith("opencook-sandbox:")
    assert done.stderr == ""


@pytest.mark.parametrize("args", [("doctor",), ("build",), ("prune",), ("run", __file__), ("verify", "-", "-")])
def test_without_an_engine_every_command_says_so_in_one_line(args):
    done = sandbox(*args, DOCKER_HOST="unix:///nonexistent.sock")
    assert done.returncode == 1
    said = (done.stderr + done.stdout).strip()
    assert "no Docker engine answers at unix:///nonexistent.sock" in said
    assert len(said.splitlines()) == 1


def test_bad_usage_exits_with_2():
    assert sandbox("verify").returncode == 2
    assert sandbox("verify", "a", "b", "--workers", "0").returncode == 2


def test_the_input_is_not_overwritten(tmp_path):
    (tmp_path / "jobs.jsonl").write_text("{}")
    done = sandbox("verify", tmp_path / "jobs.jsonl", tmp_path / "jobs.jsonl")
    assert (done.returncode, (tmp_path / "jobs.jsonl").read_text()) == (1, "{}")


@pytest.mark.parametrize("args", [("--language", "cobol"), ("--timeout", "nan"), ("--memory", "-1")])
def test_a_job_that_cannot_be_is_refused_before_a_container_starts(args):
    done = sandbox("run", __file__, *args, DOCKER_HOST="unix:///nonexistent.sock")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert args[0].strip("-") in done.stderr


def test_a_missing_file_is_one_line():
    done = sandbox("verify", "/nonexistent.jsonl", "-")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_an_unknown_language_names_the_known():
    done = sandbox("build", "--languages", "python,brainfuck")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("sandbox: language: must be one of ")
    assert "javascript, " in done.stderr
    assert done.stderr.endswith("got 'brainfuck'\n")
