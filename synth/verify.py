"""What a row's code is worth: run the candidates, keep the strongest evidence, catch the two ways of fooling it.

`seed`: the seed's own examples judge. `agreement`: an output counts when most structurally distinct candidates, and at
least two, give it. `self`: the teacher's own tests judge. The strongest kind there is decides alone: where the seed has
examples and no candidate passes them, weaker evidence is not asked. In every mode a stub with an empty body must fail
the kept tests (`verify.vacuous`), and the solution must fail tests with corrupted expected values (`verify.tampered`).

Not covered: inputs that mutation of the examples does not reach.
"""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sandbox.pool import SandboxPool
from sandbox.verdict import Job, Limits, Verdict
from synth import controls
from synth.ledger import Ledger
from synth.mutate import mutated_calls
from synth.parse import Solution
from synth.sample import Check, Evidence, TestOutcome
from synth.schema import Run
from synth.seeds import Seed


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


class Runner:
    """Runs jobs in the sandbox, each only once per ledger."""

    def __init__(self, pool: SandboxPool, ledger: Ledger, threads: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._ledger = ledger
        self._threads = threads
        self._digest = pool.image_digest
        self._version = pool.supervisor_version
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, job: Job, purpose: str, used: dict[str, str]) -> Verdict:
        """The verdict on `job`, from the ledger if it ever ran; its key and purpose are noted in `used`.

        Raises:
            SandboxUnavailable: the engine is down; nothing is recorded.
        """
        key = job.identity(self._digest, self._version)
        used.setdefault(key, purpose)
        async with self._turns[key]:  # twins run once: of two verdicts only one would be in the ledger
            verdict = self._ledger.verdict(key)
            if verdict is None:
                verdict = await asyncio.get_running_loop().run_in_executor(self._threads, self._pool.run, job)
                await self._ledger.record_verdict(key, dataclasses.asdict(job), verdict)
        self._turns.pop(key, None)
        return verdict


class Verifier:
    """One row's verification."""

    def __init__(self, step: Run, runner: Runner, used: dict[str, str], language: str = "python") -> None:
        self._language = language
        self._step = step
        self._runner = runner
        self._used = used
        self._limits = Limits(timeout_s=step.timeout_s, memory_mb=step.memory_mb)

    async def verify(
        self, seed: Seed, candidates: Sequence[Solution], proposed: Sequence[str], instruction: str
    ) -> Verified | Rejected:
        """The best candidate with its evidence, or why there is none. `proposed` are the teacher's tests."""
        wanted = self._step.evidence
        if seed.tests and {"seed", "seed_code"} & set(wanted):
            gold = await self._run(seed.code, seed.tests, "the seed itself")
            if gold.status != "passed":  # the code's own documentation is wrong about it, or it needs another Python
                return Rejected(reason="seed.broken", detail=_first_failure(_check(gold, seed.tests, 1, 0), gold))
            tests = [*seed.tests, *await self._more_tests(seed)]
            outcome: Verified | Rejected | None = None
            if "seed" in wanted:
                fitting = [c for c in candidates if _follows(c, seed, instruction)]
                outcome = await self._judge(fitting, tests, seed.entry_point, "seed", instruction)
            if "seed_code" in wanted and not isinstance(outcome, Verified):
                own = Solution(code=seed.code, functions=(seed.entry_point,))
                outcome = await self._judge([own], tests, seed.entry_point, "seed_code", instruction)
            assert outcome is not None, "one of the two was wanted"
            return outcome
        entry_point = controls.entry_point(proposed, [name for c in candidates for name in c.functions])
        if not entry_point:
            return Rejected(reason="verify.no_tests", detail="no test calls a function that a solution defines")
        if "agreement" in wanted and len(candidates) > 1:
            agreed = await self._agreed_tests(candidates, proposed, entry_point)
            if len(agreed) >= self._step.min_tests or "self" not in wanted:
                return await self._judge(candidates, agreed, entry_point, "agreement", instruction)
        if "self" in wanted:
            return await self._judge(candidates, proposed, entry_point, "self", instruction)
        return Rejected(reason="verify.no_evidence", detail=f"none of {', '.join(wanted)} can be had for this row")

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
        hidden = [test for test in kept if not _is_shown(test, instruction)]
        if len(kept) < self._step.min_tests or (evidence == "seed" and len(hidden) < self._step.min_tests):
            rule = "verify.vacuous" if len(tests) >= self._step.min_tests and not kept else "verify.few_tests"
            return Rejected(reason=rule, detail=f"{len(kept)} of {len(tests)} tests tell, {len(hidden)} of them unseen")
        runs = (self._run(c.code, kept, f"candidate {number}") for number, c in enumerate(candidates, start=1))
        verdicts = await asyncio.gather(*runs)
        passed = [i for i, verdict in enumerate(verdicts) if verdict.status == "passed"]
        passed.sort(key=lambda i: not controls.is_tidy(candidates[i].code, entry_point))
        best = passed[0] if passed else max(range(len(verdicts)), key=lambda i: (verdicts[i].tests_passed, -i))
        check = _check(verdicts[best], kept, len(candidates), len(passed))
        if not passed:
            return Rejected(
                reason=f"verify.{verdicts[best].status}", detail=_first_failure(check, verdicts[best]), check=check
            )
        bad = await self._tampered(candidates[best], kept)
        if bad:
            return Rejected(reason="verify.tampered", detail=f"also passes {bad}", check=check)
        if not controls.is_tidy(candidates[best].code, entry_point):
            return Rejected(
                reason="verify.untidy", detail="it has statements or definitions that nothing uses", check=check
            )
        return Verified(
            solution=candidates[best], entry_point=entry_point, tests=tuple(kept), evidence=evidence, check=check
        )

    async def _more_tests(self, seed: Seed) -> list[str]:
        """Tests on mutated inputs, with the seed's own code as the oracle; inputs that it refuses are left out."""
        calls = mutated_calls(seed.tests, self._step.more_tests)
        outputs = await self._outputs(seed.code, calls, "the seed on more inputs") if calls else []
        return [
            controls.assertion(call, value) for call, value in zip(calls, outputs, strict=True) if value is not None
        ]

    async def _telling(self, tests: Sequence[str], entry_point: str) -> list[str]:
        """The tests that a stub fails."""
        if not tests:
            return []
        verdict = await self._run(controls.stub(entry_point), tests, "a stub, which must fail")
        if len(verdict.test_results) != len(tests):  # a test ended the process: it told, but so did the rest not
            return list(tests)
        return [test for test, result in zip(tests, verdict.test_results, strict=True) if not result.passed]

    async def _tampered(self, solution: Solution, tests: Sequence[str]) -> str:
        """The first corrupted test that `solution` passes; empty when it fails them all, as it should."""
        twins = [twin for test in tests if (twin := controls.corrupted(test))]
        if not twins:
            return ""
        verdict = await self._run(solution.code, twins, "the choice on corrupted tests, which must fail")
        results = verdict.test_results
        return next((twin for twin, result in zip(twins, results, strict=False) if result.passed), "")

    async def _agreed_tests(
        self, candidates: Sequence[Solution], proposed: Sequence[str], entry_point: str
    ) -> list[str]:
        """Tests whose inputs the teacher proposed and whose outputs most distinct candidates give."""
        calls = {ast.unparse(call): None for test in proposed if (call := controls.called(test))}
        inputs = [text for text in calls if text.startswith(f"{entry_point}(")]
        distinct = {controls.structure(c.code): c for c in candidates}.values()
        columns = await asyncio.gather(*(self._outputs(c.code, inputs, "what a candidate gives") for c in distinct))
        agreed = []
        for position, text in enumerate(inputs):
            outputs = Counter(value for column in columns if (value := column[position]) is not None)
            value, votes = outputs.most_common(1)[0] if outputs else ("", 0)
            if votes >= max(2, len(distinct) // 2 + 1):
                agreed.append(controls.assertion(text, value))
        return agreed

    async def _outputs(self, code: str, inputs: Sequence[str], purpose: str) -> list[str | None]:
        """What each input gives, as the text of a literal; `None` where it fails or is no literal."""
        mark = hashlib.sha256("\x00".join((code, *inputs)).encode()).hexdigest()[:16]
        tests = [f"print('\\n{mark}', {position}, repr({text}))" for position, text in enumerate(inputs)]
        verdict = await self._run(code, tests, purpose)
        found = {int(m[1]): m[2] for m in re.finditer(rf"^{mark} (\d{{1,6}}) (.*)$", verdict.stdout, re.M)}
        shown = [found.get(position, "") for position in range(len(inputs))]
        return [text if controls.is_literal(text) else None for text in shown]

    async def rerun(self, code: str, tests: Sequence[str], entry_point: str) -> Rejected | None:
        """Why a rewritten program does not pass the tests and their controls; `None` where it does."""
        outcome = await self._judge([Solution(code=code)], tests, entry_point, "self", "")
        return outcome if isinstance(outcome, Rejected) else None

    async def _run(self, code: str, tests: Sequence[str], purpose: str) -> Verdict:
        job = Job(language=self._language, code=code, tests=tuple(tests), limits=self._limits)
        return await self._runner.run(job, purpose, self._used)


def _follows(candidate: Solution, seed: Seed, instruction: str) -> bool:
    """Whether the solution has the parameters that the instruction asks for, if it shows the signature at all."""
    if not seed.signature or seed.signature not in instruction:
        return True
    wanted = controls.parameters(seed.code, seed.entry_point)
    return controls.parameters(candidate.code, seed.entry_point) == wanted


def _is_shown(test: str, instruction: str) -> bool:
    call = controls.called(test)
    return call is not None and ast.unparse(call).replace('"', "'") in instruction.replace('"', "'")


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
