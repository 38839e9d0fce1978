"""A line chart as SVG text, drawn by hand so that a report needs no script and no library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

Series = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 560, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 92, 12, 34
"""Margins in pixels; the right one holds the names of the lines."""
MAX_POINTS = 400
"""Of one line; more are thinned at even distances, first and last kept."""
LARGEST = 1e100
"""A value beyond it is damage and is left out: its distance to another may be no number."""
COLOURS = 8
"""Classes `line-0` ... of the style sheet."""
LABEL_GAP = 13


def line_chart(series: Mapping[str, Series], *, x_label: str, y_label: str, from_zero: bool = False) -> Markup:
    """The chart of every point below `LARGEST`; empty where no line has two of them."""
    lines = {name: _finite(points) for name, points in series.items()}
    lines = {name: _thin(points) for name, points in lines.items() if len(points) > 1}
    if not lines:
        return Markup("")
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points] + [0.0] * from_zero
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(ys), max(ys))
    x_low, x_high = min(x_ticks[0], min(xs)), max(x_ticks[-1], max(xs))
    y_low, y_high = min(y_ticks[0], min(ys)), max(y_ticks[-1], max(ys))

    def across(x: float) -> float:
        return round(LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT), 1)

    def down(y: float) -> float:
        return round(HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM), 1)

    parts = [_grid([(across(x), written(x)) for x in x_ticks], [(down(y), written(y)) for y in y_ticks])]
    ends = _spread({name: down(points[-1][1]) for name, points in lines.items()})
    for index, (name, points) in enumerate(lines.items()):
        path = " ".join(f"{across(x)},{down(y)}" for x, y in points)
        colour = f"line-{index % COLOURS}"
        parts.append(Markup('<polyline class="{}" points="{}"/>').format(colour, path))
        parts.append(
            Markup('<text class="name {}" x="{}" y="{}">{}</text>').format(colour, WIDTH - RIGHT + 8, ends[name], name)
        )
    middle, foot = LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 3
    parts.append(
        Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(middle, foot, x_label)
    )
    shell = '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    return Markup(shell).format(WIDTH, HEIGHT, f"{y_label} by {x_label}", Markup("").join(parts))


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers from at or below `low` to at or above `high`."""
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size or size < 1 / LARGEST:  # ticks of twelve digits could not tell them apart
        pad = 0.1 * size if size >= 1 / LARGEST else 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def written(value: float) -> str:
    """A tick in few characters: `1.5M`, `0.002`."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / min(size, 1e3 if letter == 'k' else size):g}{letter}"
    return f"{value:g}"


def _finite(points: Series) -> list[tuple[float, float]]:
    return sorted((x, y) for x, y in points if abs(x) < LARGEST and abs(y) < LARGEST)  # NaN is not below


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    count = len(points)
    if count <= MAX_POINTS:
        return points
    return [points[index * (count - 1) // (MAX_POINTS - 1)] for index in range(MAX_POINTS)]


def _spread(heights: Mapping[str, float]) -> dict[str, float]:
    """Heights of the names, pushed down until none covers another."""
    placed: dict[str, float] = {}
    lowest = -math.inf
    for name, height in sorted(heights.items(), key=lambda pair: pair[1]):
        lowest = max(height + 4, lowest + LABEL_GAP)
        placed[name] = lowest
    # the last ones may have left the chart: push all up by what is too much
    too_low = max(0.0, lowest - (HEIGHT - BOTTOM + 4))
    return {name: round(height - too_low, 1) for name, height in placed.items()}


def _grid(columns: Sequence[tuple[float, str]], rows: Sequence[tuple[float, str]]) -> Markup:
    line = Markup('<line x1="{}" y1="{}" x2="{}" y2="{}"/><text class="axis" x="{}" y="{}" text-anchor="{}">{}</text>')
    foot = HEIGHT - BOTTOM
    parts = [line.format(LEFT, y, WIDTH - RIGHT, y, LEFT - 7, y + 4, "end", escape(text)) for y, text in rows]
    parts += [line.format(x, foot, x, foot + 4, x, foot + 16, "middle", escape(text)) for x, text in columns]
    return Markup("").join(parts)
