"""Running code for one row: `Runner`, which runs each job once per ledger, and `Trials`, what one row asks of it."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sandbox.pool import SandboxPool
from sandbox.verdict import Job, Limits, Verdict
from synth import controls
from synth.ledger import Ledger


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


class Trials:
    """One row's runs in one language, all under the same limits."""

    def __init__(self, runner: Runner, used: dict[str, str], *, language: str, limits: Limits) -> None:
        self.language = language
        self._runner = runner
        self._used = used
        self._limits = limits

    def in_language(self, language: str) -> Trials:
        """The same row's runs in another language."""
        return Trials(self._runner, self._used, language=language, limits=self._limits)

    async def run(self, code: str, tests: Sequence[str], purpose: str) -> Verdict:
        """The verdict on `code` with `tests`."""
        job = Job(code=code, language=self.language, tests=tuple(tests), limits=self._limits)
        return await self._runner.run(job, purpose, self._used)

    async def passes(self, code: str, tests: Sequence[str], purpose: str) -> list[bool]:
        """Which of the tests `code` passes.

        Where one test does not compile, none of them runs; so those that ran not at all are run again in two halves.
        """
        if not tests:
            return []
        verdict = await self.run(code, tests, purpose)
        results = [result.passed for result in verdict.test_results]
        if results or len(tests) == 1 or verdict.status not in ("failed", "crashed"):
            return [*results, *[False] * (len(tests) - len(results))]
        half = len(tests) // 2
        return [
            *await self.passes(code, tests[:half], purpose),
            *await self.passes(code, tests[half:], purpose),
        ]

    async def outputs(self, code: str, calls: Sequence[str], purpose: str) -> list[str | None]:
        """What each Python call gives, as the text of a literal; `None` where it fails or is no literal."""
        if not calls:
            return []
        mark = hashlib.sha256("\x00".join((code, *calls)).encode()).hexdigest()[:16]
        tests = [f"print('\\n{mark}', {position}, repr({text}))" for position, text in enumerate(calls)]
        verdict = await self.run(code, tests, purpose)
        found = {int(m[1]): m[2] for m in re.finditer(rf"^{mark} (\d{{1,6}}) (.*)$", verdict.stdout, re.M)}
        shown = [found.get(position, "") for position in range(len(calls))]
        return [text if controls.is_literal(text) else None for text in shown]
