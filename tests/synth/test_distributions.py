"""Distributions: every row in exactly one bar, on the right side of each edge, in flat memory."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from synth.distributions import MAX_BARS, Chart, Distribution, Distributions
from synth.sample import Check, Provenance, Sample


def charts(*rows: Sample) -> dict[str, Chart]:
    counted = Distributions()
    for row in rows:
        counted.add(row)
    return {chart.title: chart for chart in counted.charts()}


def row(**changes: Any) -> Sample:
    return Sample(**{"recipe": "r", "seed_id": "s", **changes})


def heights(chart: Chart) -> list[tuple[str, int, int]]:
    return [(bar.label, bar.kept, bar.dropped) for bar in chart.bars if bar.kept or bar.dropped]


@pytest.mark.parametrize("spread", [1, 3, 6])
def test_every_row_is_in_one_bar_and_there_are_not_too_many(spread: int) -> None:
    draw = random.Random(spread)
    rows = [row(instruction="x" * int(10 ** draw.uniform(0, spread / 1.5))) for _ in range(500)]
    rows = [one if number % 3 else one.drop("a.b") for number, one in enumerate(rows)]
    chart = charts(*rows)["Instruction length"]
    assert sum(bar.kept for bar in chart.bars) == sum(one.dropped is None for one in rows)
    assert sum(bar.dropped for bar in chart.bars) == sum(one.dropped is not None for one in rows)
    assert len(chart.bars) <= MAX_BARS


def test_a_value_at_an_edge_begins_the_next_bar() -> None:
    chart = charts(*(row(instruction="x" * length) for length in (100, 199, 200, 299, 300)))["Instruction length"]
    assert heights(chart) == [("100", 1, 0), ("200", 2, 0), ("300", 2, 0)]  # 199 and 299 at two digits


def test_difficulty_and_the_share_that_passed_have_bars_of_their_own() -> None:
    check = Check(status="passed", num_candidates=4, num_candidates_passed=1)
    found = charts(row(scores={"difficulty": 5.0}, check=check), row(scores={"difficulty": 1.0, "pass_ratio": 1.0}))
    assert heights(found["Difficulty"]) == [("1 easy", 1, 0), ("5 hard", 1, 0)]
    assert heights(found["Candidates that passed"]) == [("25%", 1, 0), ("all", 1, 0)]


def test_what_no_row_has_is_no_chart() -> None:
    assert charts(row()) == {}
    assert "Cost a row" not in charts(row(provenance=Provenance(calls=1, prompt_tokens=5)))
    assert "Cost a row" in charts(row(provenance=Provenance(calls=1, prompt_tokens=5, cost_usd=0.0)))


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_left_out(score: float) -> None:
    assert charts(row(scores={"difficulty": score})) == {}


def test_quantiles_are_of_the_kept_rows() -> None:
    found = Distribution()
    for value in range(1, 101):
        found.add(value, True)
        found.add(10_000, False)
    assert (found.quantile(0.5), found.quantile(0.9)) == (50, 90)
    assert Distribution().quantile(0.5) is None


def test_memory_is_bounded_by_two_digits() -> None:
    found = Distribution()
    for value in range(100_000):
        found.add(value, True)
    assert len(found.kept) < 500
