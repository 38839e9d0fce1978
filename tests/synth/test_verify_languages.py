"""Verification in every language of the image with most languages: the same evidence, the same ways of fooling it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from language_programs import PROGRAMS

from sandbox.image import best_image, connect
from sandbox.pool import SandboxPool
from sandbox.verdict import Job, Limits, SandboxError
from synth.ledger import Ledger
from synth.lexical import stub
from synth.parse import Solution, defined_names
from synth.schema import Run
from synth.seeds import Seed
from synth.translated_tests import translate
from synth.verify import Rejected, Runner, Verified, Verifier

pytestmark = pytest.mark.engine
SEED = Seed(id="b", text="t")
Verify = Callable[..., Verified | Rejected]


@pytest.fixture(scope="module")
def widest() -> Iterator[SandboxPool]:
    """A pool of the image with most languages; without any image the test skips."""
    try:
        with closing(connect()) as engine:
            opened = SandboxPool(workers=2, image=best_image(engine), rerun_timeouts="never")
    except SandboxError as missing:
        pytest.skip(str(missing))
    with opened:
        yield opened


@pytest.fixture
def verify(widest: SandboxPool, tmp_path: Path) -> Verify:
    def run(
        language: str, codes: list[str], tests: tuple[str, ...], seed: Seed = SEED, **settings: Any
    ) -> Verified | Rejected:
        if language not in widest.languages:
            pytest.skip(f"{language} is not in the image; `make test-languages` builds one with all")
        memory_mb = PROGRAMS[language].memory_mb
        step = Run(**{"memory_mb": memory_mb, "min_tests": 2, **settings})
        candidates = [Solution(code=code, functions=defined_names(code, language)) for code in codes]
        with Ledger(tmp_path) as ledger, ThreadPoolExecutor(2) as threads:
            verifier = Verifier(step, Runner(widest, ledger, threads), {}, language=language)
            return asyncio.run(verifier.verify(seed, candidates, tests, ""))

    return run


def reason(outcome: Verified | Rejected) -> str:
    return outcome.reason if isinstance(outcome, Rejected) else "verified"


@pytest.mark.parametrize("language", PROGRAMS)
def test_right_code_is_verified_by_its_own_tests_and_wrong_code_is_not(verify: Verify, language: str) -> None:
    program = PROGRAMS[language]
    right = verify(language, [program.add], program.right, evidence=["self"])
    assert isinstance(right, Verified), right
    assert right.evidence == "self"
    assert reason(verify(language, [program.add], (*program.right, program.wrong), evidence=["self"])) != "verified"


@pytest.mark.parametrize("language", PROGRAMS)
def test_stub_is_a_program_that_fails(widest: SandboxPool, language: str) -> None:
    program = PROGRAMS[language]
    nothing = stub("add", language)
    if language not in widest.languages or nothing is None:
        pytest.skip(f"{language} has no stub, or is not in the image with most languages")
    limits = Limits(memory_mb=program.memory_mb)
    verdict = widest.run(Job(code=nothing, language=language, tests=program.right[:1], limits=limits))
    assert verdict.status in ("failed", "crashed")
    assert verdict.tests_run == 1


JS = (
    "function f(x) { return 2 * x; }",
    "function f(x) { return x + x; }",
    "const f = x => [x, x].reduce((a, b) => a + b);",
)
WRONG_JS = "function f(x) { return x * x; }"
C = ("int f(int x) { return 2 * x; }", "int f(int x) { return x + x; }")


DOUBLE = Seed(
    id="p",
    text="t",
    code="def f(x):\n    return 2 * x\n",
    entry_point="f",
    tests=("assert f(1) == 2", "assert f(2) == 4", "assert f(-3) == -6", "assert f(x=1) == 2"),
)
"""A seed in Python. One of its tests says nothing in another language."""


def expecting(form: str, **wrong: int) -> tuple[str, ...]:
    """Tests of doubling 1 to 5, some with a wrong expectation."""
    return tuple(form.format(n, wrong.get(f"_{n}", 2 * n)) for n in range(1, 6))


def test_most_candidates_outvote_a_wrong_expectation(verify: Verify) -> None:
    tests = expecting("assert.strictEqual(f({}), {})", _3=7)
    outcome = verify("javascript", [WRONG_JS, *JS], tests)
    assert isinstance(outcome, Verified), outcome
    assert (outcome.evidence, outcome.solution.code) == ("agreement", JS[0])
    assert outcome.tests == tuple(test for test in tests if "7" not in test)
    assert (outcome.check.num_candidates, outcome.check.num_candidates_passed) == (4, 3)


def test_reworded_copies_have_one_vote(verify: Verify) -> None:
    tests = expecting("assert(f({}) == {})")
    copies = [JS[0], "function f(y) {\n  return 2 * y; // same\n}"]
    assert reason(verify("javascript", copies, tests, evidence=["agreement"])) == "verify.few_tests"


def test_one_test_that_does_not_compile_costs_only_itself(verify: Verify) -> None:
    tests = (*expecting("assert(f({}) == {});"), 'assert(strlen(f(1)) == "x" + );')
    outcome = verify("c", list(C), tests)
    assert isinstance(outcome, Verified), outcome
    assert outcome.tests == tests[:5]


def test_tests_that_a_stub_passes_are_vacuous(verify: Verify) -> None:
    tests = ("assert(f(1) !== 3)", "assert(f(2) === undefined || true)", "assert(true || f(3) === 6)")
    assert reason(verify("javascript", [JS[0]], tests, evidence=["self"])) == "verify.vacuous"


def test_where_no_stub_can_be_written_the_twin_shows_that_a_test_tells_nothing(verify: Verify) -> None:
    tests = ("assert(f(1) == 2 || 1);", *expecting("assert(f({}) == {});")[1:3])
    outcome = verify("c", [C[0]], tests, evidence=["self"])
    assert isinstance(outcome, Verified), outcome
    assert outcome.tests == outcome.tests[-2:] == tests[1:]
    assert [o.test for o in outcome.check.outcomes] == list(tests[1:])


def test_value_that_equals_everything_is_tampering(verify: Verify) -> None:
    liar = "struct Any { template <class T> bool operator==(T) const { return true; } };\nAny f(int) { return {}; }"
    assert reason(verify("cpp", [liar], expecting("assert(f({}) == {});"), evidence=["self"])) == "verify.tampered"


def test_tests_that_no_control_reaches_verify_nothing(verify: Verify) -> None:
    tests = ("assert(f(1) > 1);", "assert(f(2) > 2);")
    assert reason(verify("c", [C[0]], tests, evidence=["self"])) == "verify.uncontrolled"


def test_tests_of_another_function_are_no_tests(verify: Verify) -> None:
    assert reason(verify("javascript", [JS[0]], expecting("assert(g({}) == {})"))) == "verify.no_tests"


@pytest.mark.parametrize(
    ("code", "expected"),
    [(JS[1], None), (WRONG_JS, "verify.failed"), ("const f = () => ({ valueOf: () => NaN })", "verify.failed")],
)
def test_rewritten_code_must_pass_the_kept_tests_again(
    widest: SandboxPool, tmp_path: Path, code: str, expected: str | None
) -> None:
    if "javascript" not in widest.languages:
        pytest.skip("javascript is not in the image with most languages")
    with Ledger(tmp_path) as ledger, ThreadPoolExecutor(2) as threads:
        verifier = Verifier(Run(), Runner(widest, ledger, threads), {}, language="javascript")
        outcome = asyncio.run(verifier.rerun(code, expecting("assert(f({}) === {})"), "f"))
    assert (outcome.reason if outcome else None) == expected


@pytest.mark.parametrize(
    ("language", "right", "wrong"), [("javascript", JS[0], WRONG_JS), ("cpp", C[0], "int f(int x) { return x * x; }")]
)
def test_examples_of_a_python_seed_judge_a_port_of_it(verify: Verify, language: str, right: str, wrong: str) -> None:
    outcome = verify(language, [wrong, right], (), DOUBLE, translated=True, more_tests=4)
    assert isinstance(outcome, Verified), outcome
    assert (outcome.evidence, outcome.solution.code, outcome.entry_point) == ("seed", right, "f")
    assert outcome.tests[:3] == tuple(translate(DOUBLE.tests, language))
    assert len(outcome.tests) == 7, "and four with inputs that Python mutated and answered"
    assert reason(verify(language, [wrong], (), DOUBLE, translated=True)) == "verify.failed"


def test_examples_judge_no_other_language_unless_the_step_says_so(verify: Verify) -> None:
    tests = expecting("assert(f({}) === {})")
    outcome = verify("javascript", [JS[0]], tests, DOUBLE, evidence=["seed", "self"])
    assert isinstance(outcome, Verified), outcome
    assert outcome.evidence == "self"
    few = verify("javascript", [JS[0]], tests, DOUBLE, evidence=["seed", "self"], translated=True, min_tests=4)
    assert isinstance(few, Verified), few
    assert few.evidence == "self", "only three examples translate"


def test_python_seed_that_is_wrong_about_itself_judges_no_port(verify: Verify) -> None:
    broken = dataclasses.replace(DOUBLE, tests=(*DOUBLE.tests, "assert f(5) == 11"))
    assert reason(verify("javascript", [JS[0]], (), broken, translated=True)) == "seed.broken"


def test_seeds_own_code_is_no_answer_in_another_language(verify: Verify) -> None:
    wanted = ["seed", "seed_code"]
    assert reason(verify("javascript", [WRONG_JS], (), DOUBLE, translated=True, evidence=wanted)) == "verify.failed"
