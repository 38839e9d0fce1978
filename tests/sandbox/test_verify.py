"""A stream of requests becomes a stream of answers: in order, flat, refusals in their places."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice

import pytest

from sandbox.console import Progress, duration, summary
from sandbox.jobs import Request, read_requests
from sandbox.verdict import Job, JobError, SandboxUnavailable, Verdict
from sandbox.verify import answer_all, verify


def run_all(jobs: Iterable[Job]) -> Iterator[Verdict]:
    """A pool that takes eight jobs ahead and passes each."""
    source = iter(jobs)
    ahead = list(islice(source, 8))
    while ahead:
        yield Verdict(status="passed", id=ahead.pop(0).id)
        ahead += islice(source, 1)


def lines(pattern: str) -> list[bytes]:
    """A good line for each `.`, a bad one for each `x`; their ids count."""
    return [json.dumps({"id": str(i), ("code" if c == "." else "cod"): ""}).encode() for i, c in enumerate(pattern)]


@pytest.mark.parametrize("pattern", ["", ".", "x", "xx.", ".x.xx" * 9, "x" * 2500 + ".", "." * 20 + "x" * 1100 + ".x"])
def test_every_line_is_answered_in_its_place(pattern):
    requests = read_requests(io.BytesIO(b"\n".join(lines(pattern))), "in")
    answers = list(answer_all(requests, run_all))
    assert [request.id for request, _ in answers] == [str(i) for i in range(len(pattern))]
    assert ["." if verdict else "x" for _, verdict in answers] == list(pattern)
    assert all(verdict is None or verdict.id == request.id for request, verdict in answers)


@pytest.mark.parametrize("bad", [0, 1, 1_000_000])
def test_few_lines_are_read_ahead_of_the_answers(bad):
    taken = []

    def requests() -> Iterator[Request]:
        for i in range(3_000_000):
            taken.append(i)
            yield Request(id="", job=None if i % (bad + 1) else Job(code=""), end=i)

    answers = answer_all(requests(), run_all)
    for done in range(1, 3000):
        next(answers)
        assert len(taken) - done <= 1000
    answers.close()


def test_a_refused_line_is_an_error_in_the_output_and_exit_1(tmp_path, capsys):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"\n".join(lines(".x.")))
    assert verify(str(source), str(target), run_all) == 1
    first, second, third = map(json.loads, target.read_text().splitlines())
    assert (first["status"], third["status"]) == ("passed", "passed")
    said = f"{source}:2: unknown field 'cod'; did you mean 'code'?; fix the line"
    assert second == {"id": "1", "error": said}
    assert capsys.readouterr().err.splitlines()[-1] == f"{source}: 1 of 3 lines refused; see `error` in {target}"


def test_an_outage_leaves_no_output_and_keeps_what_is_finished(tmp_path):
    def dies(jobs: Iterable[Job]) -> Iterator[Verdict]:
        yield from islice(run_all(jobs), 2)
        raise SandboxUnavailable("engine: gone")

    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"\n".join(lines("....")))
    with pytest.raises(SandboxUnavailable):
        verify(str(source), str(target), dies)
    assert not target.exists()
    assert len((tmp_path / "out.jsonl.partial").read_text().splitlines()) == 2


def test_a_partial_output_is_named_and_overwritten(tmp_path, capsys):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"code": ""}\n')
    (tmp_path / "out.jsonl.partial").write_text('{"old": 1}\n')
    assert verify(str(source), str(target), run_all) == 0
    assert "out.jsonl.partial: 11 bytes of a run that did not end" in capsys.readouterr().err
    assert [json.loads(line)["status"] for line in target.read_text().splitlines()] == ["passed"]


def test_two_runs_do_not_write_one_output(tmp_path):
    def at_once(jobs: Iterable[Job]) -> Iterator[Verdict]:
        with pytest.raises(JobError, match="another process is writing it"):
            verify(str(source), str(target), run_all)
        return run_all(jobs)

    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"code": ""}\n')
    assert verify(str(source), str(target), at_once) == 0


def test_an_input_without_jobs_says_so(tmp_path, capsys):
    (tmp_path / "in.jsonl").write_bytes(b"\n")
    assert verify(str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), run_all) == 0
    assert capsys.readouterr().err.endswith("in.jsonl: no jobs in it\n")
    assert (tmp_path / "out.jsonl").read_bytes() == b""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_redraws_one_line_with_rate_and_time_left():
    now = iter([0.0, 0.1, 10.0, 20.0])
    progress = Progress("jobs", 1000, stream=(terminal := Terminal()), clock=lambda: next(now))
    progress.show(1, {"passed": 1})  # too soon after the start
    progress.show(250, {"passed": 30, "failed": 70})
    progress.finish({"passed": 30, "failed": 170})
    first, second = terminal.getvalue().split("\r\x1b[K")[1:]
    assert first == "100 jobs, 10/s: 70 failed, 30 passed; 25 %, 30 s left"
    assert second == "200 jobs, 10/s: 170 failed, 30 passed\n"


def test_progress_elsewhere_is_plain_lines_now_and_then():
    now = iter([0.0, 10.0, 31.0, 32.0])
    progress = Progress("jobs", None, stream=(pipe := io.StringIO()), clock=lambda: next(now))
    progress.show(1, {"passed": 1})
    progress.show(2, {"passed": 62})
    progress.finish({"passed": 64})
    assert pipe.getvalue() == "62 jobs, 2/s: 62 passed\n64 jobs, 2/s: 64 passed\n"


def test_numbers_are_readable():
    assert summary("jobs", {"passed": 12_000}, 2.0) == "12,000 jobs, 6,000/s: 12,000 passed"
    assert [duration(s) for s in (7, 125, 11_040)] == ["7 s", "2 min 5 s", "3 h 4 min"]


@pytest.mark.engine
def test_a_language_that_the_image_has_not_costs_its_line_alone(pool, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        '{"id": "a", "code": "1"}\n{"id": "b", "code": "", "language": "racket"}\n{"id": "c", "code": "2"}\n'
    )
    assert verify(str(source), str(target), pool.run_all, pool.check) == 1
    first, refused, last = map(json.loads, target.read_text().splitlines())
    assert (first["status"], last["status"], last["id"]) == ("passed", "passed", "c")
    assert "sandbox build --languages python,racket" in refused["error"]
