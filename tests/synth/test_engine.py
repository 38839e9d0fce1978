"""The engine: seed order out, the shortest prefix that suffices, and every seed accounted for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from scripted import Answer, Scripted, serve

from synth.budget import Budget
from synth.calls import Price
from synth.engine import Batch, _Line, cook
from synth.errors import TeacherRefused
from synth.kitchen import Kitchen
from synth.ledger import Ledger
from synth.recipe import Recipe
from synth.sample import Sample
from synth.seeds import Seed
from synth.teacher import Limits, Teacher

RECIPE = """
about: t
steps:
  - ask: {template: t.j2, as: a}
  - keep: {if: "'no' not in a", drop: test.no}
  - emit: {instruction: "{{ a }}", response: r}
"""


def number(body: dict[str, Any]) -> int:
    return int(body["messages"][-1]["content"].split()[-1])


class Outcome(NamedTuple):
    batch: Batch
    samples: list[Sample]


def run(
    folder: Path,
    answer: Callable[[dict[str, Any]], Answer],
    *,
    num_seeds: int = 20,
    rows: int | None = None,
    at_once: int = 4,
    price: Price | None = None,
    admit: Callable[[Sample], Sample] = lambda sample: sample,
    **settings: Any,
) -> tuple[Outcome, Scripted]:
    recipe = folder / "mine"
    recipe.mkdir(exist_ok=True)
    (recipe / "recipe.yaml").write_text(RECIPE)
    (recipe / "t.j2").write_text("number {{ seed.text }}")
    script = Scripted(answer)
    seeds = iter(Seed(id=f"s{i}", text=str(i)) for i in range(num_seeds))

    async def main() -> Outcome:
        with serve(script), Ledger(folder / "run") as ledger:
            limits = Limits(concurrency=at_once)
            made = Teacher(
                name="t", model="scripted", base_url=script.base_url, api_key="k", limits=limits, price=price
            )
            async with made as teacher:
                kitchen = Kitchen(recipe=Recipe(recipe), ledger=ledger, teacher=teacher, **settings)
                samples: list[Sample] = []
                batch = await cook(
                    kitchen,
                    seeds,
                    rows=rows,
                    at_once=at_once,
                    admit=lambda rows: [admit(row) for row in rows],
                    emit=samples.append,
                )
                return Outcome(batch, samples)

    return asyncio.run(main()), script


def slow_when_even(body: dict[str, Any]) -> str:
    time.sleep(0.1 if number(body) % 2 == 0 else 0)
    return f"answer {number(body)}"


def test_rows_come_out_in_seed_order_whatever_finishes_first(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, slow_when_even)
    assert [sample.seed_id for sample in outcome.samples] == [f"s{i}" for i in range(20)]
    assert outcome.batch.funnel.adds_up
    assert outcome.batch.funnel.kept == 20


def test_wanted_rows_are_the_shortest_prefix_of_the_seeds(tmp_path: Path) -> None:
    outcome, script = run(
        tmp_path, lambda body: "no" if number(body) % 3 else slow_when_even(body), rows=3, num_seeds=100
    )
    assert [sample.seed_id for sample in outcome.samples] == [f"s{i}" for i in range(7)]
    assert outcome.batch.funnel.to_json() == {"seeds": 7, "kept": 3, "dropped": {"test.no": 4}, "unfinished": 0}
    assert len(script.received) < 40


def test_row_that_admission_drops_does_not_count_as_kept(tmp_path: Path) -> None:
    def only_big(sample: Sample) -> Sample:
        return sample if int(sample.seed_id[1:]) > 4 else sample.drop("dedup.near")

    outcome, _ = run(tmp_path, slow_when_even, rows=2, admit=only_big)
    assert [sample.seed_id for sample in outcome.samples if sample.dropped is None] == ["s5", "s6"]
    assert outcome.batch.funnel.dropped == {"dedup.near": 5}


def test_no_more_rows_are_cooked_at_once_than_asked(tmp_path: Path) -> None:
    _, script = run(tmp_path, slow_when_even, at_once=3)
    assert 2 <= script.most_in_flight <= 3


def test_refusal_in_the_middle_stops_everything_at_once(tmp_path: Path) -> None:
    def refuse_the_tenth(body: dict[str, Any]) -> Answer:
        return (401, {"error": {"message": "expired"}}) if number(body) == 10 else slow_when_even(body)

    with pytest.raises(TeacherRefused, match="expired"):
        run(tmp_path, refuse_the_tenth, num_seeds=1000)
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert 5 <= ledger.spent().calls <= 14


def test_limit_leaves_unfinished_rows_and_the_funnel_adds_up(tmp_path: Path) -> None:
    outcome, script = run(tmp_path, slow_when_even, budget=Budget(max_calls=6))
    funnel = outcome.batch.funnel
    assert len(script.received) == 6
    assert (funnel.kept, funnel.adds_up, outcome.batch.stopped_by) == (6, True, "--max-calls 6 is used up")
    assert funnel.unfinished >= 1


def test_raised_limit_goes_on_without_asking_again(tmp_path: Path) -> None:
    run(tmp_path, slow_when_even, budget=Budget(max_calls=6))
    outcome, script = run(tmp_path, slow_when_even)
    assert len(script.received) == 14
    assert outcome.batch.funnel.kept == 20


def test_seeds_are_drawn_as_they_are_needed(tmp_path: Path) -> None:
    outcome, script = run(tmp_path, slow_when_even, rows=1, num_seeds=10**9)
    assert outcome.batch.funnel.seeds == 1
    assert len(script.received) == 1


def test_run_pays_for_few_rows_beyond_the_wanted_ones(tmp_path: Path) -> None:
    outcome, script = run(
        tmp_path, lambda body: "no" if number(body) % 2 else "yes", rows=20, num_seeds=1000, at_once=16
    )
    assert outcome.batch.funnel.seeds == 39
    assert len(script.received) <= 39 + 16


@pytest.mark.parametrize("price", [Price(prompt=1.0, completion=1.0), None])
def test_calls_in_flight_at_the_last_row_are_kept_where_they_are_paid_for(tmp_path: Path, price: Price | None) -> None:
    def late_and_unneeded(body: dict[str, Any]) -> str:
        time.sleep(1.0 if number(body) >= 9 else 0.05)
        return "no" if number(body) < 6 else f"answer {number(body)}"

    outcome, script = run(tmp_path, late_and_unneeded, rows=3, num_seeds=100, at_once=6, price=price)
    assert outcome.batch.seeds == 9
    assert len(script.received) > 9
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert ledger.spent().calls == (len(script.received) if price else 9)


def test_row_whose_end_is_not_told_yet_still_stops_the_run(tmp_path: Path) -> None:
    """A task is done a moment before its callbacks run; whoever looks at it in between must not be surprised."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "t.j2").write_text("{{ seed.text }}")

    def refuse(_: Seed) -> str:
        raise TeacherRefused("no key")

    async def look_in_between() -> None:
        with Ledger(tmp_path / "run") as ledger:
            kitchen = Kitchen(recipe=Recipe(tmp_path), ledger=ledger, refuse_seed=refuse)
            line = _Line(kitchen, iter([Seed(id="s", text="0")]), 1)
            line.begin(Batch(), None, 0)
            while not line.window[0].done():
                await asyncio.sleep(0)
            try:
                await line.ended(wait=False)
            finally:
                await line.clear()

    with pytest.raises(TeacherRefused, match="no key"):
        asyncio.run(look_in_between())
