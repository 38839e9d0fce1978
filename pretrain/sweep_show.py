"""A sweep for people: the table on the terminal and the plot beside its record."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pretrain.comparison import Comparison
from pretrain.fit import Curve, Estimate
from synth.files import atomic_file


def sweep_text(record: Mapping[str, Any], comparison: Mapping[str, Comparison] | None = None) -> str:
    """Table, curve and prediction, and the comparison where there is one."""
    out = StringIO()
    console = Console(file=out, width=110)
    table = Table("depth", "parameters", "tokens", "FLOPs", "bits per byte", "minutes", box=None, header_style="bold")
    for column in table.columns:
        column.justify = "right"
    for point in record["points"]:
        loss, minutes = point["bits_per_byte"]["all"], point["seconds"] / 60
        sizes = (f"{point['parameters']:,}", f"{point['tokens']:,}", f"{point['compute']:.2e}")
        table.add_row(str(point["depth"]), *sizes, f"{loss:.4f}", f"{minutes:.1f}")
    console.print(table)
    lines = [out.getvalue().rstrip()]
    if record.get("status", "done") != "done":
        depths = ", ".join(str(depth) for depth in record["depths"])
        lines.append(f"{record['status']}: these are the finished ones of depths {depths}; the same command goes on")
    curve, ahead = record["curve"], record["prediction"]
    if curve is None:
        lines.append(f"no curve: {record['no_curve'].removeprefix('sweep: ')}")
    else:
        lines.append(
            f"curve: {curve['floor']:.3f} + {curve['scale']:.4g} x C^-{curve['alpha']:.4f}, "
            f"root mean square error {100 * curve['error']:.2f} %"
        )
        told = _told(Estimate(ahead["value"], ahead["low"], ahead["high"]), ".4f")
        lines.append(f"predicted at {ahead['compute']:.2e} FLOPs, ten times the largest run: {told}")
    lines += [f"{name}: {sentence(one)}" for name, one in (comparison or {}).items()]
    return "\n".join(lines)


def sentence(found: Comparison) -> str:
    """The answer of a comparison: which data, by how much at which compute, and how far that moves."""
    value, low, high = (100 * part for part in (found.change.value, found.change.low or 0, found.change.high or 0))
    at = f"{found.ours:.4f} bits per byte instead of {found.theirs:.4f} at {found.compute:.2e} FLOPs"
    verdict = f"{found.verdict} data" if found.verdict != "not told apart" else found.verdict
    return f"{verdict}: {at}, {value:+.1f} % ({low:+.1f} to {high:+.1f} over all depths); {worth_text(found)}"


def worth_text(found: Comparison) -> str:
    """What the data is worth in compute."""
    if found.worth is None:
        return "no curve through both, so no worth in compute"
    return f"worth {_told(found.worth, '.2f', 'x')} the other's compute"


def _told(estimate: Estimate, form: str, unit: str = "") -> str:
    text = f"{estimate.value:{form}}{unit}"
    if estimate.low is None or estimate.high is None:
        return f"{text} (no range: that takes four runs, of which any three make a curve)"
    return f"{text} ({estimate.low:{form}} to {estimate.high:{form}} with one run left out)"


def draw_sweep(
    path: Path,
    record: Mapping[str, Any],
    other: Mapping[str, Any] | None = None,
    found: Comparison | None = None,
) -> None:
    """Nothing; `path` holds the plot: runs, curve, the prediction with its range, and what `found` says of both."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)  # no display and no global state
    axes = figure.add_subplot()
    _draw_one(axes, record, "#0b6b5f", "this data" if other else "runs")
    if other:
        _draw_one(axes, other, "#a83c0c", "the other data")
    for point in record["points"]:
        place = (point["compute"], point["bits_per_byte"]["all"])
        axes.annotate(f"depth {point['depth']}", place, (0, -14), textcoords="offset points", fontsize=8, ha="center")
    axes.set(xscale="log", xlabel="training compute (FLOPs)", ylabel="held-out bits per byte")
    axes.grid(alpha=0.25, which="both", linewidth=0.5)
    axes.legend(frameon=False)
    if found is not None:
        change = f"{100 * found.change.value:+.1f} % bits per byte at {found.compute:.1e} FLOPs"
        axes.set_title(f"this data: {found.verdict}, {change},\n{worth_text(found)}", fontsize=9, loc="left")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    with atomic_file(path) as file:
        file.write(buffer.getvalue())


def _draw_one(axes: Any, record: Mapping[str, Any], colour: str, label: str) -> None:
    points = record["points"]
    compute = [point["compute"] for point in points]
    axes.plot(compute, [point["bits_per_byte"]["all"] for point in points], "o", color=colour, label=label)
    if record["curve"] is None:
        return
    curve, ahead = Curve(**record["curve"]), record["prediction"]
    grid = np.geomspace(min(compute), ahead["compute"], 100)
    name = rf"${curve.floor:.2f} + A\,C^{{-{curve.alpha:.3f}}}$"
    axes.plot(grid, [curve.loss(float(value)) for value in grid], "--", color=colour, linewidth=1, label=name)
    low, high = ahead["low"] or ahead["value"], ahead["high"] or ahead["value"]
    spread = [[ahead["value"] - low], [high - ahead["value"]]]
    axes.errorbar([ahead["compute"]], [ahead["value"]], yerr=spread, fmt="D", mfc="none", color=colour, capsize=3)
