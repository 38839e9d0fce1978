"""The figures of a run: ratios, the bars that add up, numbers as text, hostile text made visible."""

from __future__ import annotations

import itertools

import pytest

from synth.figures import (
    RowStats,
    RunFacts,
    compute_ratios,
    format_cost,
    format_count,
    format_rough,
    format_seconds,
    format_share,
    funnel_steps,
    visible,
)
from synth.sample import Funnel, Provenance, Sample


def facts(**changes: object) -> RunFacts:
    given = {"name": "r", "recipe": "educational", "teacher": "t", "command": "synth generate", **changes}
    return RunFacts(**given)  # type: ignore[arg-type]


def test_dropped_rows_are_charged_to_the_kept_ones() -> None:
    funnel = Funnel(seeds=10, kept=4, dropped={"verify.failed": 4}, unfinished=2)
    ratios = compute_ratios(funnel, facts(seconds=20, calls=40, prompt_tokens=300, completion_tokens=100, cost_usd=2.0))
    assert (ratios.seconds_per_row, ratios.calls_per_row, ratios.tokens_per_row) == (5.0, 10.0, 100.0)
    assert (ratios.cost_per_row, ratios.tokens_per_s) == (0.5, 5.0)


def test_yield_is_over_finished_seeds_only() -> None:
    assert compute_ratios(Funnel(seeds=10, kept=4, dropped={"a.b": 4}, unfinished=2), facts()).kept_share == 0.5


def test_no_kept_row_has_no_cost_per_row_rather_than_zero() -> None:
    ratios = compute_ratios(Funnel(seeds=1, kept=0, dropped={"a.b": 1}), facts(seconds=9, cost_usd=1.0))
    assert ratios.seconds_per_row is None
    assert ratios.cost_per_row is None
    assert ratios.kept_share == 0.0


def test_unknown_price_stays_unknown() -> None:
    assert compute_ratios(Funnel(seeds=1, kept=1, dropped={}), facts(cost_usd=None)).cost_per_row is None


def sample(calls: int = 1, cost_usd: float | None = None, **changes: object) -> Sample:
    made = Provenance(calls=calls, prompt_tokens=10 * calls, completion_tokens=calls, cost_usd=cost_usd)
    return Sample(recipe="r", seed_id="s", provenance=made, **changes)  # type: ignore[arg-type]


def test_rows_are_counted_by_outcome_evidence_and_what_they_took() -> None:
    rows = [sample(2, 0.5, evidence="self"), sample(3, 0.25, evidence="seed", round_trip=True)]
    stats = RowStats.over([*rows, sample(4, 0.25, evidence="seed", round_trip=True).drop("dedup.near")])
    assert stats.outcomes == {None: 2, "dedup.near": 1}
    assert list(stats.evidence.items()) == [("seed", 1), ("self", 1)]
    assert (stats.num_rows, stats.round_trips) == (3, 1)
    assert (stats.calls, stats.prompt_tokens, stats.completion_tokens, stats.cost_usd) == (9, 90, 9, 1.0)


@pytest.mark.parametrize(
    ("rows", "cost"),
    [
        ([sample(1, 0.5), sample(1, None)], None),
        ([sample(1, 0.5), sample(0, None)], 0.5),
        ([sample(1, 0.0)], 0.0),
        ([sample(0, None)], None),
        ([], None),
    ],
)
def test_the_cost_of_rows_is_known_when_that_of_every_call_is(rows: list[Sample], cost: float | None) -> None:
    assert RowStats.over(rows).cost_usd == cost


def test_the_bars_step_down_to_exactly_the_kept_rows() -> None:
    funnel = Funnel(seeds=20, kept=5, dropped={"verify.failed": 9, "dedup.near": 3, "parse.no_code": 2}, unfinished=1)
    steps = funnel_steps(funnel)
    for before, after in itertools.pairwise(steps[:-1]):
        assert before.left - after.rows == after.left
    assert steps[-2].left == steps[-1].left == funnel.kept


def test_reasons_stand_in_pipeline_order_and_a_recipes_own_in_the_middle() -> None:
    dropped = {"dedup.near": 9, "verify.failed": 8, "task.leaks": 7, "parse.no_code": 6, "parse.syntax": 7}
    labels = [step.label for step in funnel_steps(Funnel(seeds=37, kept=0, dropped=dropped))]
    assert labels == ["seeds", "parse.syntax", "parse.no_code", "task.leaks", "verify.failed", "dedup.near", "kept"]


def test_an_empty_run_has_bars_too() -> None:
    assert [step.share for step in funnel_steps(Funnel(seeds=0, kept=0, dropped={}))] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.42, "0.42 s"),
        (59.9, "59.9 s"),
        (59.97, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3599.6, "1 h 00 min"),
    ],
)
def test_seconds_read_well_on_both_sides_of_each_unit(seconds: float | None, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "-"), (0.0, "$0.00"), (12.4, "$12.40"), (0.2, "$0.20"), (0.0031, "$0.0031"), (3e-6, "$3.0e-06")],
)
def test_small_costs_keep_two_digits(usd: float | None, text: str) -> None:
    assert format_cost(usd) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (940.4, "940"),
        (12_437, "12,400"),
        (999_999, "1M"),
        (999_400, "999,000"),
        (8_123_456, "8.12M"),
        (8_100_000, "8.1M"),
        (3e9, "3B"),
    ],
)
def test_an_estimate_has_three_digits_at_most(value: float, text: str) -> None:
    assert format_rough(value) == text


def test_counts_and_shares() -> None:
    assert [format_count(value) for value in (None, 7, 8.063, 1234.5)] == ["-", "7", "8.06", "1,234"]
    assert [format_share(value) for value in (None, 0.0, 0.0004, 0.5)] == ["-", "0.0%", "<0.1%", "50.0%"]


@pytest.mark.parametrize("hidden", ["\x1b", "\x00", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\u200b", "\ud800"])
def test_what_could_hide_is_spelt_out(hidden: str) -> None:
    assert visible(f"a{hidden}b") == f"a<U+{ord(hidden):04X}>b"


def test_honest_text_is_left_alone() -> None:
    text = "def f(x):\n\treturn 'é 你好 👩\u200d👩'  # <b>[red]</b>"
    assert visible(text) == text
    assert visible("a\r\nb") == "a\nb"
