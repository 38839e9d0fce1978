"""The forecast: no guess, the whole from the rows that ended, the cap that bites first."""

from __future__ import annotations

import pytest

from synth.budget import Budget
from synth.forecast import MIN_SECONDS, Forecast, Goal, make_forecast
from synth.progress import Snapshot


def rows(kept: int, dropped: int, *, calls: int = 4, cost_usd: float | None = None, paid: int = 0) -> Snapshot:
    """Rows that took `calls` calls of 100 tokens each, with `paid` more for rows under way."""
    ended = kept + dropped
    return Snapshot(
        kept=kept,
        dropped={"verify.failed": dropped},
        calls=ended * calls + paid,
        row_calls=ended * calls,
        row_tokens=ended * calls * 100,
        row_cost_usd=cost_usd and ended * cost_usd,
    )


def forecast(
    snapshot: Snapshot, *, elapsed_s: float = 60.0, remaining_s: float | None = None, **goal: float
) -> Forecast | None:
    ends = {name: goal.pop(name, None) for name in ("rows", "seeds")}
    made = Goal(**ends, budget=Budget(**goal))  # type: ignore[arg-type]
    return make_forecast(snapshot, made, elapsed_s=elapsed_s, remaining_s=remaining_s)


def test_the_dropped_rows_on_the_way_are_foreseen() -> None:
    told = forecast(rows(5, 15, cost_usd=0.01), rows=100)
    assert told is not None
    assert (told.rows, told.calls, told.tokens, told.cost_usd) == (100, 1_600, 160_000, pytest.approx(4.0))


def test_calls_for_rows_under_way_do_not_count() -> None:
    assert forecast(rows(5, 15, paid=3_000), rows=100) == forecast(rows(5, 15), rows=100)


def test_seeds_that_end_first_end_the_forecast() -> None:
    told = forecast(rows(5, 15), rows=1_000, seeds=40)
    assert told is not None
    assert (told.rows, told.calls) == (10, 160)


def test_time_is_what_passed_and_what_remains() -> None:
    told = forecast(rows(5, 15), rows=100, elapsed_s=60, remaining_s=7_200)
    assert str(told) == "1,600 calls, 160,000 tokens, 2 h 01 min for 100 rows"


@pytest.mark.parametrize(("kept", "dropped", "is_told"), [(3, 7, True), (3, 6, False), (2, 8, False), (0, 500, False)])
def test_nothing_is_told_before_there_are_rows_to_tell_from(kept: int, dropped: int, is_told: bool) -> None:
    assert (forecast(rows(kept, dropped), rows=100) is not None) is is_told


@pytest.mark.parametrize(("elapsed_s", "is_told"), [(MIN_SECONDS, True), (MIN_SECONDS - 0.1, False)])
def test_nothing_is_told_in_the_first_seconds(elapsed_s: float, is_told: bool) -> None:
    assert (forecast(rows(5, 15), rows=100, elapsed_s=elapsed_s) is not None) is is_told


def test_nothing_is_told_without_an_end_or_without_calls() -> None:
    assert forecast(rows(5, 15)) is None
    assert forecast(rows(5, 15, calls=0), rows=100) is None


def test_a_goal_already_passed_is_no_shrinking_forecast() -> None:
    told = forecast(rows(20, 0), rows=10)
    assert told is not None
    assert told.rows == 20


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        ({}, ""),
        ({"max_calls": 1_600}, ""),
        ({"max_calls": 1_599}, "--max-calls 1,599 ends the run at about 99 rows"),
        ({"max_calls": 1_200, "max_tokens": 40_000}, "--max-tokens 40,000 ends the run at about 25 rows"),
        ({"max_cost_usd": 1.0, "max_tokens": 80_000}, "--max-cost 1.0 ends the run at about 25 rows"),
    ],
)
def test_the_cap_that_bites_first_is_named(caps: dict[str, float], said: str) -> None:
    told = forecast(rows(5, 15, cost_usd=0.01), rows=100, **caps)
    assert told is not None
    assert told.early_end == said


def test_an_unknown_price_passes_no_cap_and_is_not_shown() -> None:
    told = forecast(rows(5, 15), rows=100, max_cost_usd=0.01)
    assert told is not None
    assert told.early_end == ""
    assert "$" not in str(told)
