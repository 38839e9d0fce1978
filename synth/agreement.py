"""Tests that independent candidates agree on: `agreed_tests`.

Votes are those of structurally distinct candidates: a copy with other names has none of its own. In Python the inputs
of the proposed tests are run, whatever the teacher expected of them. Most candidates, and at least two, must give the
same for *all* of them; on mutations of the inputs, which the task may not speak of, most of that party must agree. In
other languages a proposed test counts when most candidates, and at least two, pass it.

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
    columns = await _outputs(trials, distinct, [*known])
    party = _largest_party(columns)
    if party is None:
        return []
    agreed = _shared(columns, party, [*known])
    # A row of their own: an input that never ends must not take the proposed ones with it.
    extra = mutated_calls(known.values(), more)
    members = [distinct[i] for i in party]
    return agreed + _shared(await _outputs(trials, members, extra), range(len(members)), extra)


async def _outputs(trials: Trials, candidates: Sequence[Solution], calls: Sequence[str]) -> list[list[str | None]]:
    return await asyncio.gather(*(trials.outputs(c.code, calls, "what a candidate gives") for c in candidates))


def _largest_party(columns: Sequence[Sequence[str | None]]) -> list[int] | None:
    """The candidates that give the same for every proposed input, where most do; `None` where there is no such party.

    To agree on some inputs is not enough: a mistake shows on the few where it matters, and among few candidates there
    may be no majority against it there.
    """
    parties: dict[tuple[str | None, ...], list[int]] = {}
    for number, column in enumerate(columns):
        parties.setdefault(tuple(column), []).append(number)
    party = max(parties.values(), key=len, default=[])
    return party if len(party) >= _majority(len(columns)) else None


def _shared(columns: Sequence[Sequence[str | None]], party: Sequence[int], calls: Sequence[str]) -> list[str]:
    """A test for each call with the value that most of the party, and at least two, give."""
    agreed = []
    for position, call in enumerate(calls):
        values = Counter(value for i in party if (value := columns[i][position]) is not None)
        value, votes = values.most_common(1)[0] if values else ("", 0)
        if votes >= _majority(len(party)):
            agreed.append(controls.assertion(call, value))
    return agreed


async def _passed_by_most(trials: Trials, candidates: Sequence[Solution], tests: Sequence[str]) -> list[str]:
    columns = await asyncio.gather(*(trials.passes(c.code, tests, "what a candidate passes") for c in candidates))
    votes = [sum(column) for column in zip(*columns, strict=True)]
    return [test for test, count in zip(tests, votes, strict=False) if count >= _majority(len(candidates))]


def _majority(num: int) -> int:
    return max(2, num // 2 + 1)
