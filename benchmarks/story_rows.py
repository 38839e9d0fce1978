"""Rows with whole stories, made up: what a run of `educational` over Python's own library might leave in its ledger.

Each row has a scored seed, a task, four candidates, tests and their verdicts, some 25 kB of story. The texts of the
prompts are the recipe's, the code is real, the words of the tasks are drawn at random; the same number, the same row.
"""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.verdict import Job, TestResult, Verdict
from synth.calls import Completion, Request
from synth.ledger import Ledger
from synth.recipe import open_recipe
from synth.sample import Check, Provenance, Sample, TestOutcome

LANGUAGES = ("python", "python", "python", "javascript", "cpp", "bash")
RECIPES = ("educational", "educational", "mceval")
REASONS = ("verify.failed", "verify.failed", "verify.timeout", "parse.no_code", "seed.low_value", "dedup.near")
CANDIDATES = 4
AT_ONCE = 500
"""Rows whose calls share commits."""


async def make_rows(num_rows: int, ledger: Ledger) -> list[Sample]:
    """The rows; all they asked and ran is in the ledger."""
    folder = open_recipe("educational").folder
    prompts = {name: (folder / name).read_text("utf-8") for name in ("value.j2", "task.j2", "solve.j2", "tests.j2")}
    functions = list(library_functions())
    samples: list[Sample] = []
    for start in range(0, num_rows, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, num_rows))
        async with asyncio.TaskGroup() as group:
            desk = Desk(prompts=prompts, functions=functions, ledger=ledger, group=group)
            samples += [make_row(number, desk) for number in numbers]
    return samples


def library_functions() -> Iterator[tuple[str, str]]:
    """Name and source of the functions of 5 to 60 lines in Python's own library."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        source = path.read_text("utf-8")
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and 5 <= (node.end_lineno or 0) - node.lineno <= 60:
                yield node.name, "\n".join(lines[node.lineno - 1 : node.end_lineno])


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What rows are made from, and where their calls and verdicts go."""

    prompts: dict[str, str]
    functions: list[tuple[str, str]]
    ledger: Ledger
    group: asyncio.TaskGroup

    def ask(self, number: int, template: str, about: str, answer: str, index: int = 0) -> tuple[str, int, int]:
        """The key of a call, now on its way into the ledger, and its tokens in and out."""
        prompt = f"{self.prompts[template]}\n\n{about}"
        messages = ({"role": "system", "content": "You write code."}, {"role": "user", "content": prompt})
        request = Request(teacher="a-teacher", messages=messages, sampling={"row": number}, index=index)
        num_in, num_out = len(prompt) // 4, len(answer) // 4
        completion = Completion(
            text=answer,
            finish_reason="stop",
            prompt_tokens=num_in,
            completion_tokens=num_out,
            cost_usd=price(num_in, num_out),
        )
        self.group.create_task(self.ledger.record_completion(request, completion))
        return request.key, num_in, num_out

    def run(self, number: int, code: str, tests: tuple[str, ...], language: str, *, passes: bool) -> str:
        """The key of a verdict, now on its way into the ledger."""
        job = Job(code=code, tests=tests, language=language)
        result = TestResult(passed=passes, error="" if passes else "AssertionError: 3 != 4")
        stderr = "" if passes else f'Traceback (most recent call last):\n  File "main", line {number}\nAssertionError\n'
        verdict = Verdict(
            status="passed" if passes else "failed",
            stdout=f"{number}\n",
            stderr=stderr,
            tests_run=len(tests),
            test_results=(result,) * len(tests),
        )
        key = job.identity("image", "1")
        self.group.create_task(self.ledger.record_verdict(key, dataclasses.asdict(job), verdict))
        return key


def price(num_in: int, num_out: int) -> float:
    """US dollars."""
    return (0.15 * num_in + 0.6 * num_out) / 1e6


def make_row(number: int, desk: Desk) -> Sample:
    """One row."""
    draw = random.Random(number)
    name, seed = draw.choice(desk.functions)
    entry_point, language = f"{name}_{number}", draw.choice(LANGUAGES)
    task = f"Write `{entry_point}`, given that {' '.join(draw.choices(seed.split(), k=draw.randint(20, 160)))}."
    tests = tuple(f"assert {entry_point}({draw.randint(0, 999)}) == {draw.randint(0, 999)}" for _ in range(5))
    codes = [_variant(seed, draw) for _ in range(CANDIDATES)]
    dropped = draw.choice(REASONS) if draw.random() < 0.45 else None
    num_passed = 0 if dropped and dropped.startswith("verify") else draw.randint(1, CANDIDATES)
    responses = [f"Here it is.\n\n```{language}\n{code}\n```\nIt takes linear time." for code in codes]
    calls = [
        desk.ask(number, "value.j2", seed, f"<score>4</score> {seed[:80]}"),
        desk.ask(number, "task.j2", seed, f"<instruction>{task}</instruction>"),
        *(desk.ask(number, "solve.j2", task, text, index) for index, text in enumerate(responses)),
        desk.ask(number, "tests.j2", task, "```python\n" + "\n".join(tests) + "\n```"),
    ]
    ran = [desk.run(number, code, tests, language, passes=place < num_passed) for place, code in enumerate(codes)]
    num_in, num_out = (sum(call[which] for call in calls) for which in (1, 2))
    outcomes = tuple(TestOutcome(test=test, passed=num_passed > 0) for test in tests)
    return Sample(
        recipe=RECIPES[number % len(RECIPES)],
        seed_id=f"stdlib/{name}",
        instruction=task,
        response=responses[0],
        code=codes[0],
        entry_point=entry_point,
        tests=tests,
        evidence=draw.choice(("seed", "agreement", "self")) if dropped is None else "none",
        round_trip=draw.random() < 0.3,
        language=language,
        check=Check(
            status="passed" if num_passed else "failed",
            outcomes=outcomes,
            num_candidates=CANDIDATES,
            num_candidates_passed=num_passed,
        ),
        scores={"difficulty": float(5 - num_passed), "value": 4.0},
        provenance=Provenance(
            teacher="a-teacher",
            templates=dict.fromkeys(desk.prompts, "0123456789ab"),
            seed_source="doctest:stdlib",
            completions=tuple(key for key, _, _ in calls),
            asked=("value.j2", "task.j2", *("solve.j2",) * CANDIDATES, "tests.j2"),
            verdicts=tuple(ran),
            ran=tuple(f"candidate {place + 1}" for place in range(CANDIDATES)),
            calls=len(calls),
            prompt_tokens=num_in,
            completion_tokens=num_out,
            cost_usd=price(num_in, num_out),
        ),
        dropped=dropped,
        detail="test 1 of 5: AssertionError: 3 != 4" if dropped else "",
    )


def _variant(code: str, draw: random.Random) -> str:
    """The code with one of its lines marked, so that no two are the same."""
    lines = code.split("\n")
    lines[draw.randrange(len(lines))] += f"  # {draw.getrandbits(40):x}"
    return "\n".join(lines)
