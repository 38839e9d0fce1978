"""What a run will come to, told after its first rows: calls, tokens, cost, time, and the cap that would end it early.

Reckoned from the rows that ended, not from what was paid so far: with hundreds of rows under way, most of that is for
rows still to come. Not covered: rows begun past the last wanted one, which are paid for too; a few at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth.budget import NO_BUDGET, Budget
from synth.figures import format_cost, format_rough, format_seconds

if TYPE_CHECKING:
    from synth.progress import Snapshot

MIN_ENDED, MIN_KEPT = 10, 3
"""Rows before which a forecast would be a guess: at three kept rows its standard error is still over a half."""
MIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """When a run is over, whichever comes first, and the caps it was given."""

    rows: int | None = None
    """Kept rows wanted; `None` for no such end."""
    seeds: int | None = None
    """Seeds there are, where that is known."""
    budget: Budget = NO_BUDGET


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A whole run, from its first call to its last row."""

    rows: float
    """Kept by then."""
    calls: float
    tokens: float
    cost_usd: float | None
    seconds: float | None
    """Of this invocation; `None` until its pace can be told."""
    goal: Goal

    def __str__(self) -> str:
        parts = [f"{format_rough(self.calls)} calls", f"{format_rough(self.tokens)} tokens"]
        if self.cost_usd is not None:
            parts.append(format_cost(self.cost_usd))
        if self.seconds is not None:
            parts.append(format_seconds(round(self.seconds)))
        return f"{', '.join(parts)} for {format_rough(self.rows)} rows"

    @property
    def early_end(self) -> str:
        """Which cap ends the run before its goal, and at how many rows; empty where none does."""
        budget = self.goal.budget
        caps: list[tuple[str, float | None, float]] = [
            ("--max-calls", budget.max_calls, self.calls),
            ("--max-tokens", budget.max_tokens, self.tokens),
            ("--max-cost", budget.max_cost_usd, self.cost_usd or 0.0),
        ]
        passed = [(cap / total, flag, cap) for flag, cap, total in caps if cap is not None and total > cap]
        if not passed:
            return ""
        share, flag, cap = min(passed)
        return f"{flag} {cap:,} ends the run at about {format_rough(int(share * self.rows))} rows"


def make_forecast(
    snapshot: Snapshot, goal: Goal, *, elapsed_s: float, remaining_s: float | None = None
) -> Forecast | None:
    """The forecast for `goal`, or `None` while too little is known, or where neither rows nor seeds have an end."""
    if snapshot.done < MIN_ENDED or snapshot.kept < MIN_KEPT or elapsed_s < MIN_SECONDS or not snapshot.row_calls:
        return None
    ends = ((goal.rows, snapshot.kept), (goal.seeds, snapshot.done))
    scales = [whole / so_far for whole, so_far in ends if whole is not None]
    if not scales:
        return None
    scale = max(min(scales), 1.0)
    return Forecast(
        rows=scale * snapshot.kept,
        calls=scale * snapshot.row_calls,
        tokens=scale * snapshot.row_tokens,
        cost_usd=None if snapshot.row_cost_usd is None else scale * snapshot.row_cost_usd,
        seconds=None if remaining_s is None else elapsed_s + remaining_s,
        goal=goal,
    )
