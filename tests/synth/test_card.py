"""The dataset card: what it says of the cost, and that it depends on the rows alone."""

from __future__ import annotations

import pytest

from synth.card import CardFacts, CardStats, render_card
from synth.sample import Funnel, Provenance, Sample

FACTS = CardFacts(recipe="educational", funnel=Funnel(seeds=4, kept=2, dropped={"verify.failed": 2}))


def sample(cost_usd: float | None = None, *, calls: int = 3, **changes: object) -> Sample:
    made = Provenance(
        teacher="t", calls=calls, prompt_tokens=100 * calls, completion_tokens=50 * calls, cost_usd=cost_usd
    )
    return Sample(recipe="educational", seed_id="s", provenance=made, **changes)  # type: ignore[arg-type]


def card(samples: list[Sample]) -> str:
    stats = CardStats()
    for row in samples:
        stats.count(row)
        if row.dropped is None:
            stats.add(row)
    return render_card(stats, FACTS)


def test_kept_rows_are_charged_with_what_the_dropped_ones_took() -> None:
    text = card([sample(0.25), sample(0.25), sample(0.25).drop("verify.failed"), sample(0.25).drop("verify.failed")])
    assert "## What it cost" in text
    for line in ("| calls | 12 | 6 |", "| prompt tokens | 1,200 | 600 |", "| completion tokens | 600 | 300 |"):
        assert line in text
    assert "| cost | $1.00 | $0.50 |" in text


def test_an_unknown_price_is_left_out_and_not_free() -> None:
    text = card([sample(0.25), sample(None)])
    assert "| calls | 6 | 3 |" in text
    assert "| cost |" not in text
    assert "$" not in text


def test_free_calls_are_said_to_be_free() -> None:
    assert "| cost | $0.00 | $0.00 |" in card([sample(0.0)])


def test_rows_that_asked_no_teacher_cost_nothing_worth_a_section() -> None:
    assert "What it cost" not in card([sample(calls=0)])


def test_without_a_kept_row_there_is_no_cost_per_row() -> None:
    text = card([sample(0.5).drop("verify.failed")])
    assert "| calls | 3 | - |" in text
    assert "| cost | $0.50 | - |" in text


@pytest.mark.parametrize("hostile", ["a|b", "two\nlines", "| x | y |\n|---|---|"])
def test_a_name_cannot_break_the_table_it_stands_in(hostile: str) -> None:
    made = Provenance(teacher=hostile, seed_source=hostile)
    text = card([Sample(recipe="r", seed_id="s", provenance=made)])
    tables = [line for line in text.splitlines() if line.startswith("|") and "evidence" not in line]
    assert all(line.replace("\\|", "").count("|") in (3, 4) for line in tables)
