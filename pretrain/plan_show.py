"""A plan for people, and how amounts are written: `28,100 h`, `1.2 TB`, `2.1T`."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table

from pretrain.plan import Plan

COUNTS = ((1, ""), (1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T"))
BYTES = ((1e3, " kB"), (1e6, " MB"), (1e9, " GB"), (1e12, " TB"), (1e15, " PB"))


def plan_text(plan: Plan) -> str:
    """Two tables, stages and memory, and the assumption that the times rest on."""
    out = StringIO()
    console = Console(file=out, width=100)
    totals = plan.as_json()
    stages = _table("stage", "tokens", "FLOPs", "disk", "time")
    for stage in plan.stages:
        flops = "" if stage.flops is None else f"{stage.flops:.2e}"
        row = (short_count(stage.tokens), flops, short_bytes(stage.disk_bytes), short_hours(stage.hours))
        stages.add_row(stage.name, *row)
    stages.add_row("all", "", "", short_bytes(totals["disk_bytes"]), short_hours(totals["hours"]), style="bold")
    memory = _table("memory per device", "")
    for name, amount in plan.memory.items():
        memory.add_row(name, short_bytes(amount))
    limit = "" if plan.memory_limit is None else f" of {short_bytes(plan.memory_limit)} usable"
    memory.add_row("all", f"{short_bytes(totals['memory_bytes'])}{limit}", style="bold")
    shape = f"{short_count(plan.parameters)} parameters, {plan.flops_per_token:.3g} FLOPs per token"
    console.print(f"{plan.preset}: {shape}, on {plan.devices} x {plan.device}", highlight=False)
    console.print(stages)
    console.print(memory)
    gpu_hours = f"{plan.device_hours:,.0f} {plan.device.upper()} hours"
    hours = short_hours(plan.device_hours) if plan.device == "cpu" else gpu_hours
    console.print(
        f"Training takes {hours} at {plan.mfu:.0%} of {plan.peak_flops:.3g} FLOP/s (MFU: {plan.mfu_source}).",
        highlight=False,
    )
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return "\n".join(lines)


def short_count(amount: float | None) -> str:
    """Three digits and a letter; empty for `None`."""
    return "" if amount is None else _three_digits(amount, COUNTS)


def short_bytes(amount: float | None) -> str:
    """Three digits in decimal units; empty for `None`."""
    return "" if amount is None else _three_digits(amount, BYTES)


def _three_digits(amount: float, units: Sequence[tuple[float, str]]) -> str:
    """The amount in the smallest unit that keeps it below 1,000 *after* rounding, so that 999.9M is 1B."""
    for size, unit in units:
        text = f"{amount / size:.3g}"
        if float(text) < 1000:
            return f"{text}{unit}"
    size, unit = units[-1]
    return f"{amount / size:,.0f}{unit}"


def short_hours(hours: float | None) -> str:
    """Days, hours or minutes, whichever is readable; empty for `None`."""
    if hours is None:
        return ""
    if round(60 * hours, 1) < 60:
        return f"{60 * hours:.1f} min"
    return f"{hours:.1f} h" if round(hours, 1) < 48 else f"{hours / 24:,.1f} days"


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, 3, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    return table
