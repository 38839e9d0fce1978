"""Recipes from seed to row with a teacher in this process that is told what to say: no server, no command."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.languages import LANGUAGES
from sandbox.verdict import STATUSES, Job, TestResult, Verdict
from synth.calls import Completion, Request
from synth.engine import Batch, cook
from synth.kitchen import Kitchen
from synth.ledger import Ledger
from synth.recipe import open_recipe
from synth.sample import Sample
from synth.seeds import Seed
from synth.verify import Runner

Answer = Callable[[Request], str]


def said_in(request: Request) -> str:
    """Every message of a request, in order."""
    return "\n".join(message["content"] for message in request.messages)


def by_prompt(answers: Mapping[str, str | Answer], otherwise: str = "I do not know.") -> Answer:
    """The answer under the first key that the prompt contains."""

    def answer(request: Request) -> str:
        said = said_in(request)
        found = next((given for words, given in answers.items() if words in said), otherwise)
        return found if isinstance(found, str) else found(request)

    return answer


@dataclass
class Told:
    """A teacher and what it was asked."""

    answer: Answer
    name: str = "told"
    price: None = None
    asked: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Completion:
        self.asked.append(request)
        return Completion(text=self.answer(request), finish_reason="stop", prompt_tokens=7, completion_tokens=5)

    async def drain(self) -> None:
        """Nothing is in flight."""

    def check_stall(self) -> None:
        """It never stalls."""


class Dice:
    """A sandbox that runs nothing: its verdicts are drawn from the job."""

    image_digest = "dice"
    supervisor_version = "1"

    def run(self, job: Job) -> Verdict:
        rng = random.Random(job.identity("", ""))
        all_pass, all_fail = (1, 8) if "return None" in job.code else (5, 3)  # a stub mostly tells
        status = rng.choices(["passed", "failed", rng.choice(STATUSES[1:])], [all_pass, all_fail, 2])[0]
        mixed = rng.random() < 0.3
        results = tuple(TestResult(passed=status == "passed" or (mixed and rng.random() < 0.5)) for _ in job.tests)
        return Verdict(
            status=status,
            stdout=rng.choice(["", "\ufffd\x00", "0 1\n1 2\n", "None " * 999]),
            tests_run=len(results),
            tests_passed=sum(result.passed for result in results),
            test_results=results if status in ("passed", "failed") else results[: len(results) // 2],
        )


@dataclass(frozen=True, kw_only=True)
class Cooked:
    """What came out."""

    batch: Batch
    rows: list[Sample]
    asked: list[Request]

    @property
    def kept(self) -> list[Sample]:
        return [row for row in self.rows if row.dropped is None]

    @property
    def reasons(self) -> list[str | None]:
        """Of each row in seed order why it was dropped, `None` where it was not."""
        return [row.dropped for row in self.rows]


def cook_told(
    recipe: str,
    answer: Answer,
    seeds: Iterable[Seed],
    folder: Path,
    *,
    pool: Any = None,
    judge: bool = False,
    **more: Any,
) -> Cooked:
    """Every seed once through the recipe; without a pool the sandbox throws dice. The judge answers as the teacher."""
    teacher: Any = Told(answer)
    rows: list[Sample] = []
    more.setdefault("languages", tuple(LANGUAGES) if pool is None else pool.languages)

    async def run() -> Batch:
        with Ledger(folder) as ledger, ThreadPoolExecutor(2) as threads:
            kitchen = Kitchen(
                recipe=open_recipe(recipe),
                ledger=ledger,
                teacher=teacher,
                judge=teacher if judge else None,
                runner=Runner(pool or Dice(), ledger, threads),
                **more,
            )
            return await cook(kitchen, iter(seeds), rows=None, at_once=4, admit=list, emit=rows.append)

    return Cooked(batch=asyncio.run(run()), rows=rows, asked=teacher.asked)
