"""The story of a row: every question it asked, every answer it got and every program that ran for it, from the ledger.

`synth explain` prints it, the report page shows it. Questions come in the order they were asked, then programs in the
order they ran; which question a program came before, nobody noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synth.errors import RunFolderError
from synth.ledger import Ledger
from synth.sample import Sample, TestOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question to a teacher and its answer, from the ledger."""

    template: str
    role: Literal["teacher", "judge"]
    messages: tuple[tuple[str, str], ...]
    """Role and content of each message of the prompt."""
    completion: str
    sample: int = 0
    """Which of several answers to the same prompt this is, from 0."""
    is_repeat: bool = False
    """Whether the question before it had this very prompt."""
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict of the sandbox, from the ledger."""

    status: str
    purpose: str = "sandbox"
    """What was run and why."""
    code: str = ""
    """What was run; shown when given."""
    language: str = "python"
    tests: tuple[TestOutcome, ...] = ()
    stdout: str = ""
    stderr: str = ""
    """Or what kept the code from running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One row and what happened to it, in order."""

    sample: Sample
    events: Sequence[Asked | Judged]


def read_story(sample: Sample, ledger: Ledger) -> Story:
    """What the ledger has of the row. Raises: `RunFolderError` where it lacks a part of it."""
    return Story(sample=sample, events=[*_asked(sample, ledger), *_judged(sample, ledger)])


def _asked(sample: Sample, ledger: Ledger) -> Iterator[Asked]:
    before: tuple[tuple[str, str], ...] = ()
    for key, template in zip(sample.provenance.completions, sample.provenance.asked, strict=True):
        request, completion = ledger.request(key), ledger.completion(key)
        if request is None or completion is None:
            raise RunFolderError(f"{ledger.path}: has not the completion {key[:12]} of row {sample.id}; run it again")
        messages = tuple((message["role"], message["content"]) for message in request.messages)
        yield Asked(
            template=template,
            role="judge" if request.teacher == sample.provenance.judge else "teacher",
            messages=messages,
            completion=completion.text,
            sample=request.index,
            is_repeat=messages == before,
            model=request.teacher,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            finish_reason=completion.finish_reason,
        )
        before = messages


def _judged(sample: Sample, ledger: Ledger) -> Iterator[Judged]:
    for key, purpose in zip(sample.provenance.verdicts, sample.provenance.ran, strict=True):
        job, verdict = ledger.job(key), ledger.verdict(key)
        if job is None or verdict is None:
            raise RunFolderError(f"{ledger.path}: has not the verdict {key[:12]} of row {sample.id}; run it again")
        tests = [*job["tests"], *map(_call, job.get("calls", ()))]
        outcomes = zip(tests, verdict.test_results, strict=False)  # it may have ended before the last test
        yield Judged(
            status=verdict.status,
            purpose=purpose,
            code=job["code"],
            language=job["language"],
            tests=tuple(TestOutcome(test=test, passed=result.passed, error=result.error) for test, result in outcomes),
            stdout=verdict.stdout,
            stderr=verdict.stderr,
        )


def _call(call: Mapping[str, Any]) -> str:
    """A test that is judged outside, as one would write it."""
    arguments = [*map(repr, call["args"]), *(f"{name}={value!r}" for name, value in call["kwargs"].items())]
    expected = f"raises {call['raises']}" if call["raises"] else f"== {call['expected']!r}"
    return f"{call['entry_point']}({', '.join(arguments)}) {expected}"
