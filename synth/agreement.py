"""Tests that independent candidates agree on: `agreed_tests`.

Votes are those of structurally distinct candidates: a copy with other names has none of its own. In Python the inputs
of the proposed tests, and mutations of them, are run, and a value counts when most candidates, and at least two, give
it; what the teacher expected does not matter. In other languages a proposed test counts when as many pass it.

Not covered: candidates that share a mistake agree on it.
"""

from __future__ import annotations

import ast
import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from synth import controls
from synth.mutate import mutated_calls
from synth.parse import Solution
from synth.trials import Trials


async def agreed_tests(
    trials: Trials, candidates: Iterable[Solution], proposed: Sequence[str], *, entry_point: str, more: int
) -> list[str]:
    """The tests that the candidates agree on; at most `more` of them with inputs that nobody proposed."""
    distinct = [*{controls.structure(c.code, trials.language): c for c in candidates}.values()]
    if trials.language != "python":
        return await _passed_by_most(trials, distinct, proposed)
    calls = {ast.unparse(call): test for test in proposed if (call := controls.called(test))}
    known = {text: test for text, test in calls.items() if text.startswith(f"{entry_point}(")}
    agreed = await _values_of_most(trials, distinct, [*known])
    if len(distinct) > 1:  # a row of their own: an input that never ends must not take the proposed ones with it
        agreed += await _values_of_most(trials, distinct, mutated_calls(known.values(), more))
    return agreed


async def _values_of_most(trials: Trials, candidates: Sequence[Solution], calls: Sequence[str]) -> list[str]:
    columns = await asyncio.gather(*(trials.outputs(c.code, calls, "what a candidate gives") for c in candidates))
    agreed = []
    for position, call in enumerate(calls):
        values = Counter(value for column in columns if (value := column[position]) is not None)
        value, votes = values.most_common(1)[0] if values else ("", 0)
        if votes >= _majority(candidates):
            agreed.append(controls.assertion(call, value))
    return agreed


async def _passed_by_most(trials: Trials, candidates: Sequence[Solution], tests: Sequence[str]) -> list[str]:
    columns = await asyncio.gather(*(trials.passes(c.code, tests, "what a candidate passes") for c in candidates))
    votes = [sum(column) for column in zip(*columns, strict=True)]
    return [test for test, count in zip(tests, votes, strict=False) if count >= _majority(candidates)]


def _majority(candidates: Sequence[Solution]) -> int:
    return max(2, len(candidates) // 2 + 1)
