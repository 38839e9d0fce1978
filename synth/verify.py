"""What a row's code is worth: run the candidates, keep the strongest evidence, catch the two ways of fooling it.

`seed`: the seed's own examples judge. `agreement`: what most structurally distinct candidates, and at least two, agree
on (`agreement.py`). `self`: the teacher's own tests judge. The strongest kind decides alone: where the seed has
examples and no candidate passes them, weaker evidence is not asked. In every mode a stub with an empty body must fail
the kept tests (`verify.vacuous`), and the solution must fail tests with corrupted expected values (`verify.tampered`).

All of it works in every language of the sandbox. Outside of Python there is no stub where functions have declared
types, and tests whose corrupted twin passes are left out; a row to which neither control applies is
`verify.uncontrolled`. The examples of a Python seed judge a row in another language once they are translated, where the
step asks for that and enough of them can be (`translated_tests.py`); they are checked, and thickened, in Python before.

Not covered: inputs that mutation of the examples does not reach.
"""

from __future__ import annotations

import ast
import asyncio
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.verdict import Limits, Verdict
from synth import controls
from synth.agreement import agreed_tests
from synth.mutate import mutated_calls
from synth.parse import Solution, defined_names
from synth.sample import Check, Evidence, TestOutcome
from synth.schema import Run
from synth.seeds import Seed
from synth.translated_tests import is_translatable, translate
from synth.trials import Runner, Trials

__all__ = ["Rejected", "Runner", "Verified", "Verifier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The chosen solution and why it may be believed."""

    solution: Solution
    entry_point: str
    tests: tuple[str, ...]
    evidence: Evidence
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """No candidate stood; `reason` is the drop reason."""

    reason: str
    detail: str = ""
    check: Check | None = None


class Verifier:
    """One row's verification, in the row's programming language."""

    def __init__(self, step: Run, runner: Runner, used: dict[str, str], language: str = "python") -> None:
        self._step = step
        self._language = language
        limits = Limits(timeout_s=step.timeout_s, memory_mb=step.memory_mb)
        self._trials = Trials(runner, used, language=language, limits=limits)

    async def verify(
        self, seed: Seed, candidates: Sequence[Solution], proposed: Sequence[str], instruction: str
    ) -> Verified | Rejected:
        """The best candidate with its evidence, or why there is none. `proposed` are the teacher's tests."""
        wanted = self._step.evidence
        if self._is_judged_by(seed):
            return await self._by_seed(seed, candidates, instruction)
        functions = [name for candidate in candidates for name in candidate.functions]
        entry_point = controls.entry_point(proposed, functions, self._language)
        if not entry_point and (functions or self._language == "python"):
            return Rejected(reason="verify.no_tests", detail="no test calls a function that a solution defines")
        if "agreement" in wanted and len(candidates) > 1:
            more = self._step.more_tests
            agreed = await agreed_tests(self._trials, candidates, proposed, entry_point=entry_point, more=more)
            if len(agreed) >= self._step.min_tests or "self" not in wanted:
                return await self._judge(candidates, agreed, entry_point, "agreement", instruction)
        if "self" in wanted:
            return await self._judge(candidates, proposed, entry_point, "self", instruction)
        return Rejected(reason="verify.no_evidence", detail=f"none of {', '.join(wanted)} can be had for this row")

    async def rerun(self, code: str, tests: Sequence[str], entry_point: str) -> Rejected | None:
        """Why a rewritten version of verified code may not take its place; `None` where it may.

        It must pass all the kept `tests`, and the controls, again.
        """
        verdict = await self._trials.run(code, tests, "the rewritten code")
        check = _check(verdict, tests, 1, int(verdict.status == "passed"))
        if verdict.status != "passed":
            return Rejected(reason=f"verify.{verdict.status}", detail=_first_failure(check, verdict), check=check)
        twins = self._twins(code, tests)
        weak = await self._weak(code, twins)
        return self._fault(code, entry_point, twins, weak, check)

    def _is_judged_by(self, seed: Seed) -> bool:
        """Whether the seed has examples that are wanted, in the row's language or to be translated into it."""
        if seed.language == self._language:
            return bool(seed.tests) and bool({"seed", "seed_code"} & set(self._step.evidence))
        if not self._step.translated or seed.language != "python":
            return False
        return is_translatable(seed.tests, self._language, self._step.min_tests)

    async def _by_seed(self, seed: Seed, candidates: Sequence[Solution], instruction: str) -> Verified | Rejected:
        """What the seed's own examples, and more inputs with its code as the oracle, say."""
        trials = self._trials.in_language(seed.language)
        gold = await trials.run(seed.code, seed.tests, "the seed itself")
        if gold.status != "passed":  # the code's own documentation is wrong about it, or it needs another Python
            return Rejected(reason="seed.broken", detail=_first_failure(_check(gold, seed.tests, 1, 0), gold))
        tests = [*seed.tests, *await self._more_tests(seed, trials)]
        is_translated = seed.language != self._language
        if is_translated:
            tests = translate(tests, self._language)
        outcome: Verified | Rejected | None = None
        if "seed" in self._step.evidence:
            fitting = [c for c in candidates if self._language != "python" or _follows(c, seed, instruction)]
            outcome = await self._judge(fitting, tests, seed.entry_point, "seed", instruction)
        if "seed_code" in self._step.evidence and not is_translated and not isinstance(outcome, Verified):
            own = Solution(code=seed.code, functions=(seed.entry_point,))
            outcome = await self._judge([own], tests, seed.entry_point, "seed_code", instruction)
        assert outcome is not None, "one of the two was wanted"
        return outcome

    async def _judge(
        self,
        candidates: Sequence[Solution],
        tests: Sequence[str],
        entry_point: str,
        evidence: Evidence,
        instruction: str,
    ) -> Verified | Rejected:
        """The first candidate that passes every test, a tidy one if there is; it and the tests stand their controls."""
        if not candidates:
            return Rejected(
                reason="verify.signature", detail=f"no candidate has {entry_point}'s parameters as asked for"
            )
        kept = await self._telling(tests, entry_point)
        if few := self._too_few(kept, tests, evidence, instruction):
            return few
        runs = (self._trials.run(c.code, kept, f"candidate {number}") for number, c in enumerate(candidates, start=1))
        verdicts = await asyncio.gather(*runs)
        passed = [i for i, verdict in enumerate(verdicts) if verdict.status == "passed"]
        passed.sort(key=lambda i: not controls.is_tidy(candidates[i].code, entry_point, self._language))
        best = passed[0] if passed else max(range(len(verdicts)), key=lambda i: (verdicts[i].tests_passed, -i))
        check = _check(verdicts[best], kept, len(candidates), len(passed))
        if not passed:
            return Rejected(
                reason=f"verify.{verdicts[best].status}", detail=_first_failure(check, verdicts[best]), check=check
            )
        code = candidates[best].code
        twins = self._twins(code, kept)
        weak = await self._weak(code, twins)
        if fault := self._fault(code, entry_point, twins, weak, check):
            return fault
        if weak:
            kept = [test for test in kept if test not in weak]
            if few := self._too_few(kept, tests, evidence, instruction):
                return few
            check = dataclasses.replace(check, outcomes=tuple(o for o in check.outcomes if o.test not in weak))
        return Verified(
            solution=candidates[best], entry_point=entry_point, tests=tuple(kept), evidence=evidence, check=check
        )

    def _too_few(
        self, kept: Sequence[str], tests: Sequence[str], evidence: Evidence, instruction: str
    ) -> Rejected | None:
        """Why the tests that tell are not enough, if they are not."""
        hidden = [test for test in kept if not self._is_shown(test, instruction)]
        enough = self._step.min_tests
        if len(kept) >= enough and (evidence != "seed" or len(hidden) >= enough):
            return None
        rule = "verify.vacuous" if len(tests) >= enough and not kept else "verify.few_tests"
        return Rejected(reason=rule, detail=f"{len(kept)} of {len(tests)} tests tell, {len(hidden)} of them unseen")

    def _is_shown(self, test: str, instruction: str) -> bool:
        if self._language != "python":
            return " ".join(test.split()) in " ".join(instruction.split())
        call = controls.called(test)
        return call is not None and ast.unparse(call).replace('"', "'") in instruction.replace('"', "'")

    async def _more_tests(self, seed: Seed, trials: Trials) -> list[str]:
        """Tests on mutated inputs, with the seed's own code as the oracle; inputs that it refuses are left out."""
        calls = mutated_calls(seed.tests, self._step.more_tests) if seed.language == "python" else []
        outputs = await trials.outputs(seed.code, calls, "the seed on more inputs")
        return [
            controls.assertion(call, value) for call, value in zip(calls, outputs, strict=True) if value is not None
        ]

    async def _telling(self, tests: Sequence[str], entry_point: str) -> list[str]:
        """The tests that a stub fails; all of them where there is no stub."""
        stub = controls.stub(entry_point, self._language)
        if not tests or stub is None:
            return list(tests)
        verdict = await self._trials.run(stub, tests, "a stub, which must fail")
        if len(verdict.test_results) != len(tests):  # a test ended the process: it told, but so did the rest not
            return list(tests)
        return [test for test, result in zip(tests, verdict.test_results, strict=True) if not result.passed]

    def _twins(self, code: str, tests: Sequence[str]) -> dict[str, str]:
        """Test -> the same test with another expected value, which `code` must fail."""
        names = defined_names(code, self._language)
        pairs = {test: controls.corrupted(test, self._language, names) for test in tests}
        return {test: twin for test, twin in pairs.items() if twin is not None}

    async def _weak(self, code: str, twins: dict[str, str]) -> list[str]:
        """The tests whose corrupted twin `code` passes too."""
        passed = await self._trials.passes(code, [*twins.values()], "the choice on corrupted tests, which must fail")
        return [test for test, is_weak in zip(twins, passed, strict=True) if is_weak]

    def _fault(
        self, code: str, entry_point: str, twins: dict[str, str], weak: Sequence[str], check: Check
    ) -> Rejected | None:
        """Why code that passes is not to be believed, if it is not."""
        python = self._language == "python"
        if not twins and controls.stub(entry_point, self._language) is None:
            detail = "no stub can be written, and no test compares with a literal"
            return Rejected(reason="verify.uncontrolled", detail=detail, check=check)
        # Outside of Python a twin may pass because the literal that was changed was not the one expected.
        if weak and (python or len(weak) == len(twins)):
            return Rejected(reason="verify.tampered", detail=f"also passes {twins[weak[0]]}", check=check)
        if not controls.is_tidy(code, entry_point, self._language):
            detail = "it has statements or definitions that nothing uses"
            return Rejected(reason="verify.untidy", detail=detail, check=check)
        return None


def _follows(candidate: Solution, seed: Seed, instruction: str) -> bool:
    """Whether the solution has the parameters that the instruction asks for, if it shows the signature at all."""
    if not seed.signature or seed.signature not in instruction:
        return True
    wanted = controls.parameters(seed.code, seed.entry_point)
    return controls.parameters(candidate.code, seed.entry_point) == wanted


def _check(verdict: Verdict, tests: Sequence[str], num_candidates: int, num_passed: int) -> Check:
    results = list(verdict.test_results)
    outcomes = tuple(
        TestOutcome(test=test, passed=results[i].passed, error=results[i].error)
        if i < len(results)
        else TestOutcome(test=test, passed=False, error="did not run")
        for i, test in enumerate(tests)
    )
    return Check(
        status=verdict.status, outcomes=outcomes, num_candidates=num_candidates, num_candidates_passed=num_passed
    )


def _first_failure(check: Check, verdict: Verdict) -> str:
    """One line on why the best candidate fell."""
    last_line = next((line for line in reversed(verdict.stderr.splitlines()) if line.strip()), "")
    failure = next((f"{o.test}: {o.error}" for o in check.outcomes if not o.passed and o.error != "did not run"), "")
    return " ".join((failure or last_line or verdict.status).split())[:300]
