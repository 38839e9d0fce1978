from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from pretrain.chart import HEIGHT, MAX_POINTS, WIDTH, line_chart, ticks, written


def points_of(svg: str) -> list[tuple[float, float]]:
    found = re.search(r'points="([^"]*)"', svg)
    assert found
    pairs = [pair.split(",") for pair in found.group(1).split()]
    return [(float(x), float(y)) for x, y in pairs]


def test_a_chart_is_well_formed_and_its_lines_stay_inside() -> None:
    svg = line_chart({"a": [(0, 1.0), (5, 3.0), (9, -2.0)], "<b>": [(0, 2.0), (9, 2.5)]}, x_label="x", y_label="y&")
    root = ET.fromstring(svg)
    assert [text.text for text in root.iter("text")].count("<b>") == 1
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points_of(svg))


def test_what_rises_is_drawn_rising() -> None:
    (x0, y0), (x1, y1) = points_of(line_chart({"a": [(0, 1.0), (1, 2.0)]}, x_label="x", y_label="y"))
    assert x0 < x1
    assert y0 > y1


@pytest.mark.parametrize("points", [[], [(0, 1.0)], [(0, float("nan")), (1, float("inf"))], [(0, 1e300), (1, -1e300)]])
def test_nothing_to_draw_is_an_empty_text(points: list[tuple[float, float]]) -> None:
    assert line_chart({"a": points}, x_label="x", y_label="y") == ""


@pytest.mark.parametrize(("first", "last"), [(0.0, 0.0), (1.0, 1.0 + 2e-16), (5e-324, 1e-323), (-3e99, 3e99)])
def test_a_flat_line_is_drawn_and_so_is_one_at_the_edge_of_numbers(first: float, last: float) -> None:
    found = points_of(line_chart({"a": [(1, first), (2, last)]}, x_label="x", y_label="y"))
    assert len(found) == 2
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found)


def test_a_long_line_is_thinned_with_both_ends_kept() -> None:
    found = points_of(line_chart({"a": [(n, float(n)) for n in range(10_001)]}, x_label="x", y_label="y"))
    ends = points_of(line_chart({"a": [(0, 0.0), (10_000, 10_000.0)]}, x_label="x", y_label="y"))
    assert len(found) == MAX_POINTS
    assert [found[0], found[-1]] == ends


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 17), (1e-5, 3e-4), (2.0, 2.0), (0.0, 0.0), (1e6, 9e12)])
def test_ticks_are_few_and_cover_the_range(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 8


def test_names_of_lines_that_end_together_do_not_cover_each_other() -> None:
    svg = line_chart({str(n): [(0, 0.0), (1, 1 + n / 1e6)] for n in range(8)}, x_label="x", y_label="y")
    heights = sorted(float(y) for y in re.findall(r'class="name [^"]*" x="[^"]*" y="([^"]*)"', svg))
    assert min(b - a for a, b in pairwise(heights)) >= 10


def test_large_ticks_are_short() -> None:
    assert [written(value) for value in (0.0, 0.002, 1500.0, 20_000.0, 1.5e6, 2e12)] == [
        "0",
        "0.002",
        "1500",
        "20k",
        "1.5M",
        "2T",
    ]
