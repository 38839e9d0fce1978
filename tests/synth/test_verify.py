"""Verification on real containers: what each kind of evidence accepts, and the ways of fooling it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.pool import SandboxPool
from synth.ledger import Ledger
from synth.parse import Solution
from synth.schema import Run
from synth.seeds import Seed
from synth.verify import Rejected, Runner, Verified, Verifier

pytestmark = pytest.mark.engine
RIGHT = "def double(n):\n    return 2 * n"
ALSO_RIGHT = "def double(n):\n    return n + n"
THIRD_RIGHT = "def double(n):\n    return sum([n, n])"
WRONG = "def double(n):\n    return n * n"
TESTS = ("assert double(0) == 0", "assert double(3) == 6", "assert double(-1) == -2", "assert double(5) == 10")
SEED = Seed(id="s", text="t", code=RIGHT, entry_point="double", tests=TESTS)
BARE = Seed(id="b", text="t")
Verify = Callable[..., Verified | Rejected]


@pytest.fixture
def verify(pool: SandboxPool, tmp_path: Path) -> Verify:
    def run(
        seed: Seed, codes: list[str], proposed: tuple[str, ...] = (), instruction: str = "", **settings: object
    ) -> Verified | Rejected:
        step = Run(**{"more_tests": 0, **settings})  # type: ignore[arg-type]
        candidates = [Solution(code=code, functions=("double",)) for code in codes]
        with Ledger(tmp_path) as ledger, ThreadPoolExecutor(2) as threads:
            verifier = Verifier(step, Runner(pool, ledger, threads), {})
            return asyncio.run(verifier.verify(seed, candidates, proposed, instruction))

    return run


def accepted(outcome: Verified | Rejected) -> Verified:
    assert isinstance(outcome, Verified), outcome
    return outcome


def rejected(outcome: Verified | Rejected) -> Rejected:
    assert isinstance(outcome, Rejected), outcome
    return outcome


def test_seed_examples_choose_the_first_right_candidate(verify: Verify) -> None:
    outcome = accepted(verify(SEED, [WRONG, RIGHT, ALSO_RIGHT]))
    assert (outcome.solution.code, outcome.evidence, outcome.tests) == (RIGHT, "seed", TESTS)
    assert (outcome.check.num_candidates, outcome.check.num_candidates_passed) == (3, 2)
    assert outcome.check.tests_passed == 4


def test_seed_examples_alone_decide_where_there_are_any(verify: Verify) -> None:
    outcome = rejected(verify(SEED, [WRONG, WRONG], proposed=("assert double(2) == 4", "assert double(0) == 0")))
    assert outcome.reason == "verify.failed"
    assert "assert double(3) == 6" in outcome.detail


def test_mutated_inputs_catch_what_the_examples_let_through(verify: Verify) -> None:
    code = "def has_digit(text):\n    return any(c.isdigit() for c in text)"
    fluke = "def has_digit(text):\n    return len(text) % 2 == 0"
    tests = ("assert has_digit('a1') is True", "assert has_digit('abc') is False", "assert has_digit('ab12') is True")
    seed = Seed(id="d", text="t", code=code, entry_point="has_digit", tests=tests)
    assert accepted(verify(seed, [fluke])).solution.code == fluke
    assert rejected(verify(seed, [fluke], more_tests=12)).reason == "verify.failed"
    outcome = accepted(verify(seed, [fluke, code], more_tests=12))
    assert outcome.solution.code == code
    assert len(outcome.tests) > len(tests)


def test_inputs_that_the_seed_refuses_are_no_tests(verify: Verify) -> None:
    code = "def largest(values):\n    return max(values)"
    tests = ("assert largest([1]) == 1", "assert largest([2, 5]) == 5", "assert largest([3, 3]) == 3")
    seed = Seed(id="m", text="t", code=code, entry_point="largest", tests=tests)
    outcome = accepted(verify(seed, [code], more_tests=50))
    assert not any("largest([])" in test for test in outcome.tests)


def test_seed_that_fails_its_own_examples_judges_nobody(verify: Verify) -> None:
    broken = dataclasses.replace(SEED, tests=(*TESTS, "assert double(1) == 3"))
    outcome = rejected(verify(broken, [RIGHT]))
    assert outcome.reason == "seed.broken"
    assert "assert double(1) == 3" in outcome.detail


def test_seeds_own_code_stands_in_with_a_lower_grade(verify: Verify) -> None:
    outcome = accepted(verify(SEED, [WRONG], evidence=["seed", "seed_code"]))
    assert (outcome.solution.code, outcome.evidence) == (RIGHT, "seed_code")


def test_examples_shown_in_the_instruction_do_not_count_as_unseen(verify: Verify) -> None:
    outcome = rejected(verify(SEED, [RIGHT], instruction="double(3) gives 6, double(5) gives 10"))
    assert outcome.reason == "verify.few_tests"


def test_tests_that_a_stub_passes_are_vacuous(verify: Verify) -> None:
    proposed = ("assert double(1) != 3", "assert double(2) != 5", "assert double(3) is not True")
    outcome = rejected(verify(BARE, [RIGHT], proposed=(*proposed, "assert double(1) == 2"), evidence=["self"]))
    assert outcome.reason == "verify.few_tests"
    outcome = rejected(verify(BARE, [RIGHT], proposed=("assert double(1) in (2, None)",) * 3, evidence=["self"]))
    assert outcome.reason == "verify.no_tests"


def test_all_vacuous_tests_have_their_own_reason(verify: Verify) -> None:
    silent = "def double(n):\n    return None"
    proposed = ("assert double(1) is None", "assert double(2) is None", "assert double(3) is None")
    assert rejected(verify(BARE, [silent], proposed=proposed, evidence=["self"])).reason == "verify.vacuous"


def test_solution_must_have_the_signature_that_the_instruction_shows(verify: Verify) -> None:
    seed = dataclasses.replace(SEED, signature="def double(n)")
    renamed = "def double(number):\n    return 2 * number"
    assert accepted(verify(seed, [renamed], instruction="Double it.")).solution.code == renamed
    assert rejected(verify(seed, [renamed], instruction="Write def double(n)")).reason == "verify.signature"
    assert accepted(verify(seed, [renamed, RIGHT], instruction="Write def double(n)")).solution.code == RIGHT


def test_tidy_solution_is_preferred_and_an_untidy_one_dropped(verify: Verify) -> None:
    untidy = RIGHT + "\nprint(double(1))"
    assert accepted(verify(SEED, [untidy, ALSO_RIGHT])).solution.code == ALSO_RIGHT
    assert rejected(verify(SEED, [untidy])).reason == "verify.untidy"


def test_value_that_equals_everything_is_tampering(verify: Verify) -> None:
    liar = "class Any:\n    def __eq__(self, other): return True\ndef double(n):\n    return Any()"
    assert rejected(verify(SEED, [liar])).reason == "verify.tampered"


def test_early_exit_is_no_pass(verify: Verify) -> None:
    assert rejected(verify(SEED, ["import os\ndef double(n): os._exit(0)"])).reason == "verify.failed"


def test_endless_loop_is_a_timeout(verify: Verify) -> None:
    outcome = rejected(verify(SEED, ["def double(n):\n    while True: pass"], timeout_s=0.5))
    assert outcome.reason == "verify.timeout"


def test_most_distinct_solutions_outvote_the_teachers_wrong_expectations(verify: Verify) -> None:
    proposed = tuple(f"assert double({n}) == {n + 99}" for n in (1, 2, 3, 4))  # the inputs count, the outputs do not
    outcome = accepted(verify(BARE, [WRONG, RIGHT, ALSO_RIGHT, THIRD_RIGHT], proposed=proposed))
    assert (outcome.evidence, outcome.solution.code) == ("agreement", RIGHT)
    assert outcome.tests == (
        "assert double(1) == 2",
        "assert double(2) == 4",
        "assert double(3) == 6",
        "assert double(4) == 8",
    )


def test_the_same_program_reworded_does_not_agree_with_itself(verify: Verify) -> None:
    reworded = "def double(m):\n    return 2 * m"
    proposed = tuple(f"assert double({n}) == {2 * n}" for n in (1, 2, 3))
    outcome = verify(BARE, [RIGHT, reworded], proposed=proposed, evidence=["agreement"])
    assert rejected(outcome).reason == "verify.few_tests"


def test_mutated_inputs_join_what_is_agreed_on(verify: Verify) -> None:
    fluke = "def double(n):\n    return {1: 2, 2: 4, 3: 6}.get(n, 0)"
    proposed = tuple(f"assert double({n}) == {2 * n}" for n in (1, 2, 3))
    candidates = [fluke, RIGHT, ALSO_RIGHT, THIRD_RIGHT]
    assert accepted(verify(BARE, candidates, proposed=proposed)).solution.code == fluke
    outcome = accepted(verify(BARE, candidates, proposed=proposed, more_tests=4))
    assert outcome.solution.code == RIGHT
    assert outcome.tests[:3] == proposed
    assert 3 < len(outcome.tests) <= 7


def test_mutated_input_that_never_ends_takes_no_proposed_test_with_it(verify: Verify) -> None:
    loops = "def double(n):\n    while n > 3: pass\n    return {} * {}"
    proposed = tuple(f"assert double({n}) == {2 * n}" for n in (1, 2, 3))
    candidates = [loops.format("2", "n"), loops.format("n", "2")]
    outcome = accepted(verify(BARE, candidates, proposed=proposed, more_tests=4, timeout_s=0.5))
    assert outcome.tests == proposed


def test_rewritten_code_must_pass_the_kept_tests_and_the_controls_again(pool: SandboxPool, tmp_path: Path) -> None:
    liar = "class Any:\n    def __eq__(self, other): return True\ndef double(n):\n    return Any()"
    codes = ["def double(n):\n    return 2 * n  # twice", WRONG, liar, RIGHT + "\nprint(double(1))", "def double(n"]
    with Ledger(tmp_path) as ledger, ThreadPoolExecutor(2) as threads:
        verifier = Verifier(Run(), Runner(pool, ledger, threads), {})
        outcomes = [asyncio.run(verifier.rerun(code, TESTS, "double")) for code in codes]
    reasons = [outcome.reason if outcome else None for outcome in outcomes]
    assert reasons == [None, "verify.failed", "verify.tampered", "verify.untidy", "verify.compile_error"]


def test_own_tests_are_the_weakest_evidence(verify: Verify) -> None:
    outcome = accepted(verify(BARE, [RIGHT], proposed=TESTS))
    assert (outcome.evidence, outcome.tests) == ("self", TESTS)


def test_tests_of_another_function_are_no_tests(verify: Verify) -> None:
    outcome = rejected(verify(BARE, [RIGHT], proposed=("assert triple(1) == 3",) * 3))
    assert outcome.reason == "verify.no_tests"


def test_nothing_runs_twice_for_one_ledger(verify: Verify, tmp_path: Path) -> None:
    verify(SEED, [RIGHT])
    with Ledger(tmp_path, read_only=True) as ledger:
        before = ledger.spent().verdicts
    verify(SEED, [RIGHT])
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.spent().verdicts == before == 3  # the seed, which is the solution too; stub; corrupted tests
