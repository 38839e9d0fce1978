"""Where rows were lost and what they cost, by recipe and programming language: the crossed tables of the report.

Not covered: the counting (`figures.RowStats`), the page (`report.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from synth.figures import Paid, RowStats, in_pipeline_order

MAX_GROUPS = 12
"""Columns of the crossed table; smaller groups share the last one."""
OTHERS = ("others", "")
NUM_LEVELS = 6
"""Shades of a cell, from a share of 0 to one of 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The rows of one recipe in one programming language."""

    recipe: str
    language: str
    rows: int
    kept: int
    stack: tuple[tuple[str, float, float], ...]
    """For a bar of all rows: stage of the loss or `kept`, where it begins and how wide it is, as shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Rows of a group that were dropped for one reason."""

    rows: int
    share: float
    """Of the group's rows."""

    @property
    def level(self) -> int:
        """The shade, from 0 for no row to `NUM_LEVELS - 1`; a few rows show too."""
        return 0 if not self.rows else min(1 + int(self.share * 2 * (NUM_LEVELS - 1)), NUM_LEVELS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """Drop reasons by group. Every column adds up to the rows of its group."""

    groups: tuple[Group, ...]
    """Largest first."""
    lines: tuple[tuple[str, int, tuple[Cell, ...]], ...]
    """Reason, its rows in all, and a cell for each group."""
    kept: tuple[Cell, ...]


def cross(stats: RowStats) -> Crossed:
    """The table over all rows that were counted."""
    sizes: Counter[tuple[str, str]] = Counter()
    for (recipe, language, _), rows in stats.groups.items():
        sizes[recipe, language] += rows
    ordered = sorted(sizes, key=lambda group: (-sizes[group], group))
    named = ordered if len(ordered) <= MAX_GROUPS else ordered[: MAX_GROUPS - 1]
    counts: Counter[tuple[tuple[str, str], str | None]] = Counter()
    for (recipe, language, reason), rows in stats.groups.items():
        counts[(recipe, language) if (recipe, language) in named else OTHERS, reason] += rows
    columns = named if len(named) == len(ordered) else [*named, OTHERS]
    totals = {column: sum(rows for (group, _), rows in counts.items() if group == column) for column in columns}

    def cells(reason: str | None) -> tuple[Cell, ...]:
        return tuple(Cell(rows=counts[c, reason], share=counts[c, reason] / totals[c]) for c in columns)

    reasons = in_pipeline_order(stats.dropped)
    lines = tuple((reason, rows, cells(reason)) for reason, rows in reasons)
    kept = cells(None)
    groups = tuple(
        Group(
            recipe=column[0],
            language=column[1],
            rows=totals[column],
            kept=kept[place].rows,
            stack=_stack(kept[place], [(reason, line[place]) for reason, _, line in lines]),
        )
        for place, column in enumerate(columns)
    )
    return Crossed(groups=groups, lines=lines, kept=kept)


def _stack(kept: Cell, lost: list[tuple[str, Cell]]) -> tuple[tuple[str, float, float], ...]:
    """Kept rows, then the losses of each stage in the order of a pipeline."""
    widths: dict[str, float] = {"kept": kept.share}
    for reason, cell in lost:
        stage = reason.partition(".")[0]
        widths[stage] = widths.get(stage, 0.0) + cell.share
    stack, left = [], 0.0
    for stage, width in widths.items():
        stack.append((stage, left, width))
        left += width
    return tuple(stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeCost:
    """What the rows of one recipe came to and took."""

    recipe: str
    rows: int
    kept: int
    paid: Paid

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.paid.prompt_tokens + self.paid.completion_tokens

    def per_kept(self, value: float | None) -> float | None:
        """`value` for each kept row; the dropped ones are charged to them."""
        return None if value is None or not self.kept else value / self.kept


def cost_by_recipe(stats: RowStats) -> list[RecipeCost]:
    """Each recipe, the one with most rows first."""
    rows: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for (recipe, _, reason), count in stats.groups.items():
        rows[recipe] += count
        kept[recipe] += count if reason is None else 0
    costs = [RecipeCost(recipe=name, rows=rows[name], kept=kept[name], paid=paid) for name, paid in stats.paid.items()]
    return sorted(costs, key=lambda cost: (-cost.rows, cost.recipe))
