"""Crossed tables: columns and lines add up, small groups are not lost, costs go to their recipe."""

from __future__ import annotations

from synth.breakdown import MAX_GROUPS, NUM_LEVELS, OTHERS, Cell, cost_by_recipe, cross
from synth.figures import RowStats
from synth.sample import Provenance, Sample


def row(recipe: str = "r", language: str = "python", cost: float | None = None) -> Sample:
    made = Provenance(calls=2, prompt_tokens=10, completion_tokens=5, cost_usd=cost)
    return Sample(recipe=recipe, seed_id="s", language=language, provenance=made)


def test_every_column_and_every_line_adds_up() -> None:
    rows = [row("a", language).drop(reason) for language in ("c", "go") for reason in ("verify.failed", "dedup.near")]
    crossed = cross(RowStats.over([*rows, row("a", "c"), row("b", "c"), row("b", "c").drop("verify.failed")]))
    for place, group in enumerate(crossed.groups):
        lost = sum(cells[place].rows for _, _, cells in crossed.lines)
        assert group.rows == lost + crossed.kept[place].rows
        assert abs(sum(width for _, _, width in group.stack) - 1) < 1e-9
    assert all(total == sum(cell.rows for cell in cells) for _, total, cells in crossed.lines)
    assert [reason for reason, _, _ in crossed.lines] == ["verify.failed", "dedup.near"]


def test_groups_beyond_the_limit_share_the_last_column() -> None:
    rows = [row("r", f"l{number}") for number in range(MAX_GROUPS + 3) for _ in range(number + 1)]
    crossed = cross(RowStats.over(rows))
    assert len(crossed.groups) == MAX_GROUPS
    assert (crossed.groups[-1].recipe, crossed.groups[-1].language) == OTHERS
    assert sum(group.rows for group in crossed.groups) == len(rows)
    assert len(cross(RowStats.over([row("r", f"l{number}") for number in range(MAX_GROUPS)])).groups) == MAX_GROUPS


def test_shades_show_a_single_row_and_stay_in_range() -> None:
    assert [Cell(rows=rows, share=share).level for rows, share in ((0, 0.0), (1, 0.001), (9, 1.0))] == [
        0,
        1,
        NUM_LEVELS - 1,
    ]


def test_each_recipe_pays_for_its_own_dropped_rows() -> None:
    rows = [row("a", cost=0.5), row("a", cost=1.5).drop("x.y"), row("b", cost=1.0), row("c")]
    first, second, third = cost_by_recipe(RowStats.over(rows))
    assert (first.recipe, first.kept, first.tokens, first.per_kept(first.paid.cost_usd)) == ("a", 1, 30, 2.0)
    assert second.per_kept(second.paid.cost_usd) == 1.0
    assert third.per_kept(third.paid.cost_usd) is None
    assert cost_by_recipe(RowStats.over([row().drop("x.y")]))[0].per_kept(4.0) is None
