"""Which row of a group of duplicates survives: a fixed order over the columns that rows have.

A column is worth its number, a list its length, an object the mean of its numbers (such as judge scores, which may be
JSON in a string), a text itself; a row without a value comes last. `COLUMN` puts the largest first, `COLUMN:asc` the
smallest. Not covered: weights between columns; the first that differs decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

LENGTH = "length"
DEFAULT_RANK = ("tests_passed", "scores", LENGTH, "id:asc")
"""For rows with `tests_passed`: the one that more tests back, then the better judged, the longer, the smallest id."""


def rank_rows(rows: Iterable[dict[str, Any]], texts: Sequence[str], columns: Sequence[str]) -> list[int]:
    """A number for each row, all different: the larger survives. `length` is that of its text.

    Raises: `ValueError` for a column that no row has or that holds both numbers and texts.
    """
    named = [column.removesuffix(":asc") for column in columns]
    values = [
        [len(text) if name == LENGTH else _value(row, name) for name in named]
        for row, text in zip(rows, texts, strict=True)
    ]
    order = list(range(len(values)))
    for place in reversed(range(len(columns))):  # sorts are stable, so the first column is sorted by last
        _check(columns[place], {type(value[place]) for value in values})
        held = [i for i in order if values[i][place] is not None]
        empty = [i for i in order if values[i][place] is None]
        held.sort(key=[value[place] for value in values].__getitem__, reverse=not columns[place].endswith(":asc"))
        order = held + empty
    ranks = [0] * len(order)
    for place, i in enumerate(order):
        ranks[i] = len(order) - place
    return ranks


def _check(column: str, kinds: set[type]) -> None:
    if kinds == {type(None)}:
        raise ValueError(f"dedup: no row has a value to rank by in {column!r}; choose another --rank")
    if str in kinds and kinds & {int, float}:
        raise ValueError(
            f"dedup: {column!r} holds numbers and texts, which have no common order; choose another --rank"
        )


def _value(row: dict[str, Any], column: str) -> Any:
    """A number, a text or `None`."""
    value = row.get(column)
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    if isinstance(value, dict):
        numbers = [number for number in value.values() if isinstance(number, int | float)]
        return sum(numbers) / len(numbers) if numbers else None
    if isinstance(value, list):
        pairs = [item for item in value if isinstance(item, tuple) and len(item) == 2]  # an Arrow map
        return _value({column: dict(pairs)}, column) if pairs and len(pairs) == len(value) else len(value)
    if isinstance(value, float) and value != value:
        return None
    return value if value is None or isinstance(value, int | float | str) else str(value)
