"""An evaluation as tables on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def show(manifest: Mapping[str, Any], console: Console | None = None) -> None:
    """Nothing; the figures are printed."""
    console = console or Console()
    console.print(bits_table(manifest))
    for line in sentences(manifest):
        console.print(line, highlight=False)


def bits_table(manifest: Mapping[str, Any]) -> Table:
    """Bits per byte by language, the model beside its baselines; less is better."""
    columns = {"model": manifest["heldout_bits_per_byte"], **manifest.get("baselines", {})}
    table = Table(title="Held-out bits per byte", title_justify="left")
    table.add_column("language")
    table.add_column("bytes", justify="right")
    for name in columns:
        table.add_column(name, justify="right")
    sizes = {name: facts["bytes"] for name, facts in manifest["heldout"].items()}
    for name, size in [*sizes.items(), ("all", sum(sizes.values()))]:
        table.add_row(name, f"{size:,}", *(f"{values[name]:.3f}" for values in columns.values()))
    return table


def sentences(manifest: Mapping[str, Any]) -> list[str]:
    """What stands below the table."""
    lines = []
    if "share_of" in manifest:
        shares = ", ".join(f"{100 * share:.0f} % of {name}" for name, share in manifest["share_of"].items())
        lines.append(f"The model needs {shares}; the n-gram read {manifest['ngram_tokens']:,} tokens.")
    valid = manifest.get("valid_python", {})
    for way in ("greedy", "sampled"):
        if way in valid:
            shares = ", ".join(f"{who} {100 * share:.0f} %" for who, share in valid[way].items())
            lines.append(f"Valid Python after {valid['prompts']} held-out function headers, {way}: {shares}.")
    if "benchmark" in manifest:
        figures = manifest["benchmark"]
        scores = ", ".join(f"pass@{k} {100 * score:.1f} %" for k, score in figures["pass_at_k"].items())
        lines.append(f"{figures['benchmark']} ({figures['mode']}): {scores}, {figures['problems']} problems.")
    return lines
