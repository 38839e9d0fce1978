"""Agreement among candidates, with a runner that executes these few harmless programs in this process."""

from __future__ import annotations

import asyncio
import contextlib
import io
from typing import Any, cast

from sandbox.verdict import Job, Limits, TestResult, Verdict
from synth.agreement import agreed_tests
from synth.parse import Solution
from synth.trials import Runner, Trials

TESTS = [f"assert double({n}) == 0" for n in (1, 2, 3)]
RIGHT = "def double(n):\n    return 2 * n"
ALSO_RIGHT = "def double(n):\n    return n + n"
SQUARE = "def double(n):\n    return n * n"
NEARLY = "def double(n):\n    return 2 * n if n < 3 else 7"


class InProcess:
    """Runs a job's tests with `exec`."""

    async def run(self, job: Job, purpose: str, used: dict[str, str]) -> Verdict:
        """What the sandbox would say."""
        used.setdefault(job.code, purpose)
        shown, results = io.StringIO(), []
        names: dict[str, Any] = {}
        exec(job.code, names)
        for test in job.tests:
            try:
                with contextlib.redirect_stdout(shown):
                    exec(test, names)
                results.append(TestResult(passed=True))
            except Exception as error:
                results.append(TestResult(passed=False, error=repr(error)))
        status = "passed" if all(result.passed for result in results) else "failed"
        return Verdict(status=status, stdout=shown.getvalue(), test_results=tuple(results))  # type: ignore[arg-type]


def agreed(*codes: str, more: int = 0) -> list[str]:
    trials = Trials(cast(Runner, InProcess()), {}, language="python", limits=Limits())
    candidates = [Solution(code=code) for code in codes]
    return asyncio.run(agreed_tests(trials, candidates, TESTS, entry_point="double", more=more))


def test_inputs_count_and_the_teachers_expectations_do_not() -> None:
    assert agreed(SQUARE, RIGHT, ALSO_RIGHT) == [f"assert double({n}) == {2 * n}" for n in (1, 2, 3)]


def test_reworded_copies_have_one_vote() -> None:
    assert agreed(RIGHT, RIGHT.replace("n", "m").replace("returm", "return")) == []


def test_one_contested_input_is_enough_to_trust_nobody() -> None:
    assert agreed(RIGHT, NEARLY) == []
    assert agreed(RIGHT, NEARLY, SQUARE) == []


def test_mutated_inputs_are_added_up_to_the_limit_where_the_party_agrees() -> None:
    tests = agreed(RIGHT, ALSO_RIGHT, more=3)
    assert tests[:3] == [f"assert double({n}) == {2 * n}" for n in (1, 2, 3)]
    assert 3 < len(tests) <= 6


def test_mutated_input_that_divides_the_party_is_no_test() -> None:
    bounded = "def double(n):\n    return n + n if n < 4 else None"
    assert not any("double(4)" in test or "double(6)" in test for test in agreed(RIGHT, bounded, more=9))


def test_nothing_proposed_is_nothing_agreed() -> None:
    trials = Trials(cast(Runner, InProcess()), {}, language="python", limits=Limits())
    assert asyncio.run(agreed_tests(trials, [], [], entry_point="double", more=3)) == []
