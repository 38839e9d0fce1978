"""The story of a row, as the ledger has it: all of it, in order, or a word on what is missing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sandbox.verdict import Call, Job, TestResult, Verdict
from synth.calls import Completion, Request
from synth.errors import RunFolderError
from synth.ledger import Ledger
from synth.sample import Provenance, Sample
from synth.story import Asked, Judged, read_story


def asking(prompt: str, index: int = 0, teacher: str = "t") -> Request:
    messages = ({"role": "system", "content": "be brief"}, {"role": "user", "content": prompt})
    return Request(teacher=teacher, messages=messages, sampling={}, index=index)


def told(ledger: Ledger, *requests: Request, jobs: tuple[Job, ...] = (), **verdict: Any) -> Sample:
    """A row whose answers are `0`, `1` ... and whose programs all got the same verdict."""
    for number, request in enumerate(requests):
        ledger.add_completion(request, Completion(text=str(number), finish_reason="stop"))
    keys = [job.identity("image", "1") for job in jobs]
    for key, job in zip(keys, jobs, strict=True):
        ledger.add_verdict(key, dataclasses.asdict(job), Verdict(**{"status": "passed", **verdict}))
    made = Provenance(
        judge="j",
        completions=tuple(request.key for request in requests),
        asked=tuple(f"{number}.j2" for number in range(len(requests))),
        verdicts=tuple(keys),
        ran=tuple(f"candidate {number}" for number in range(len(jobs))),
    )
    return Sample(recipe="r", seed_id="s", provenance=made)


def test_questions_come_in_their_order_then_programs_in_theirs(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        row = told(ledger, asking("a"), asking("b", teacher="j"), jobs=(Job(code="x"), Job(code="y")))
        first, second, third, fourth = read_story(row, ledger).events
    assert isinstance(first, Asked)
    assert isinstance(second, Asked)
    assert (first.template, first.role, first.completion) == ("0.j2", "teacher", "0")
    assert first.messages == (("system", "be brief"), ("user", "a"))
    assert (second.role, second.completion) == ("judge", "1")
    assert [event.code for event in (third, fourth) if isinstance(event, Judged)] == ["x", "y"]


def test_another_sample_of_the_same_prompt_is_marked(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        events = read_story(told(ledger, asking("a"), asking("a", index=1), asking("b")), ledger).events
    assert [(event.is_repeat, event.sample) for event in events if isinstance(event, Asked)] == [
        (False, 0),
        (True, 1),
        (False, 0),
    ]


def test_output_and_every_test_that_ran_are_told(tmp_path: Path) -> None:
    calls = (
        Call(entry_point="f", args=(1,), kwargs={"k": "v"}, expected=[2]),
        Call(entry_point="f", raises="KeyError"),
    )
    job = Job(code="x", tests=("assert f(0)",), calls=calls)
    results = (TestResult(passed=True), TestResult(passed=False, error="got 3"), TestResult(passed=True))
    with Ledger(tmp_path) as ledger:
        row = told(ledger, jobs=(job,), status="failed", stdout="out", stderr="err" * 1000, test_results=results)
        (event,) = read_story(row, ledger).events
    assert isinstance(event, Judged)
    assert (event.status, event.stdout, event.stderr) == ("failed", "out", "err" * 1000)
    assert [test.test for test in event.tests] == ["assert f(0)", "f(1, k='v') == [2]", "f() raises KeyError"]
    assert [test.error for test in event.tests] == ["", "got 3", ""]


def test_a_ledger_that_lacks_a_part_is_no_shorter_story(tmp_path: Path) -> None:
    with Ledger(tmp_path / "other") as other:
        asked, ran = told(other, asking("a")), told(other, jobs=(Job(code="x"),))
    with Ledger(tmp_path / "run") as ledger:
        with pytest.raises(RunFolderError, match="has not the completion"):
            read_story(asked, ledger)
        with pytest.raises(RunFolderError, match="has not the verdict"):
            read_story(ran, ledger)
