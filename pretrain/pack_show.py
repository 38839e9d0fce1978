"""What `pretrain pack` shows: a live line on a terminal or a line now and then, and a table of the shards."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

LINE_EVERY_S = 30.0
"""Where stderr is no terminal."""


def say(text: str) -> None:
    """Nothing; one line on stderr."""
    print(f"pretrain: {text}", file=sys.stderr, flush=True)


class Progress:
    """Text done of all, the rate in tokens, and the shard under way."""

    def __init__(self, total_bytes: int) -> None:
        self._total, self._done, self._tokens = max(total_bytes, 1), 0, 0
        self._started = self._said = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        """Starts the live line on a terminal."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}"))
            self._bar = Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
            self._bar.start()
            self._bar.add_task("packing", total=self._total, rate="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clears the live line."""
        if self._bar is not None:
            self._bar.stop()

    def advance(self, label: str, num_bytes: int, num_tokens: int) -> None:
        """So much more of `label` is done."""
        self._done += num_bytes
        self._tokens += num_tokens
        now = time.monotonic()
        rate = f"{self._tokens / max(now - self._started, 1e-3):,.0f} tokens/s"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done, description=label, rate=rate)
        elif now - self._said >= LINE_EVERY_S:
            self._said = now
            say(f"{label}: {min(self._done / self._total, 1):.0%} of all text, {rate}")


def print_table(manifest: dict[str, Any]) -> None:
    """Nothing; the shards of a manifest on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table("shard", title=f"{manifest['tokens']:,} training tokens, {manifest['tokens_per_s']:,} tokens/s")
    for column in ("documents", "left out", "MB of text", "tokens", "bytes per token"):
        table.add_column(column, justify="right")
    for label, facts in (manifest["shards"] | manifest["heldout"]).items():
        figures = (facts["documents"], sum(facts["dropped"].values()))
        ratio = facts["bytes"] / max(facts["tokens"], 1)
        table.add_row(
            label, *(f"{n:,}" for n in figures), f"{facts['bytes'] / 1e6:,.2f}", f"{facts['tokens']:,}", f"{ratio:.2f}"
        )
    Console().print(table)
