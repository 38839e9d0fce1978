"""The dataset card: what it says of the cost, and that it depends on the rows alone."""

from __future__ import annotations

import pytest
import yaml

from synth.card import CardFacts, CardStats, render_card
from synth.sample import Funnel, Provenance, Sample

FACTS = CardFacts(
    recipe="evol",
    subset="evol_instruct",
    benchmarks=("humaneval", "mine.jsonl"),
    funnel=Funnel(seeds=4, kept=2, dropped={"verify.failed": 2}),
)


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
    tables = [lines for lines in text.replace("\\|", "").split("\n\n") if lines.startswith("|")]
    assert tables
    assert all(len({line.count("|") for line in table.splitlines()}) == 1 for table in tables)


def test_contamination_is_counted_by_test_set_and_rule() -> None:
    hits = {"HumanEval/1: add(": "decontaminate.entry_point", "HumanEval/2: x": "decontaminate.entry_point"}
    hits |= {"MBPP/7: a b c": "decontaminate.ten_gram"}
    text = card([sample(), *(sample().drop(reason, detail) for detail, reason in hits.items())])
    assert "Searched for: humaneval, mine.jsonl" in text
    assert "| HumanEval | `decontaminate.entry_point` | 2 |" in text
    assert "| MBPP | `decontaminate.ten_gram` | 1 |" in text


def test_the_funnel_is_a_waterfall_that_ends_at_the_rows_there() -> None:
    text = card([sample(), sample(), sample().drop("verify.failed"), sample().drop("verify.failed")])
    for line in (
        "| seeds | 4 | 4 | 100.0% |",
        "| `verify.failed` | -2 | 2 | 50.0% |",
        "| in this dataset | 2 | 2 | 50.0% |",
    ):
        assert line in text


def test_the_front_matter_names_the_subset_as_a_configuration() -> None:
    matter = yaml.safe_load(card([sample()]).split("---")[1])
    files = [{"split": "train", "path": "data/train-*.parquet"}]
    assert matter["configs"] == [{"config_name": "evol_instruct", "data_files": files}]
