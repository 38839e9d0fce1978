"""`Progress`: the live display of a run on stderr, or a plain line now and then where stderr is not a terminal.

Not covered: what the run will come to (`forecast.py`), the summary after it (`show.print_funnel`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from synth.figures import format_cost, format_count, format_seconds, visible
from synth.forecast import Forecast, Goal, make_forecast

WINDOW_S = 300.0
"""Rates are those of the last five minutes: at a row a minute, fewer would make the remaining time jump."""
TOP_REASONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Where a run stands: totals so far, those of earlier invocations included."""

    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    in_flight: int = 0
    """Calls sent and not yet answered."""
    window: int | None = None
    """Calls that may be in flight now, as the endpoint was found to bear them."""
    concurrency: int | None = None
    """The ceiling of `window`."""
    waiting: str = ""
    """What holds the calls up, in a line; empty where nothing does."""
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    row_calls: int = 0
    """Calls behind the rows that ended, without those for rows under way."""
    row_tokens: int = 0
    """Of their prompts and completions."""
    row_cost_usd: float | None = None

    @property
    def done(self) -> int:
        """Seeds that ended, kept or dropped."""
        return self.kept + sum(self.dropped.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Speeds over the last `WINDOW_S`; `None` until they can be told."""

    kept_per_min: float | None = None
    tokens_per_s: float | None = None
    """Completion tokens."""
    remaining_s: float | None = None


class Progress:
    """A context manager; `update` it with each `Snapshot`, as often as you like."""

    def __init__(
        self,
        console: Console,
        goal: Goal,
        *,
        plain_every_s: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._goal = goal
        self._plain_every_s = plain_every_s
        self._clock = clock
        self._started = self._said = clock()
        # The drawing thread reads this one reference; everything in it is frozen.
        self._view = (Snapshot(), Rates())
        self._history: deque[tuple[float, Snapshot]] = deque()
        live = console.is_terminal and not console.is_dumb_terminal
        # stdout carries results and must not be drawn on stderr, so it is left alone.
        self._live = (
            Live(console=console, get_renderable=self._draw, transient=True, redirect_stdout=False) if live else None
        )

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        elif self._history:
            self._say()

    def update(self, snapshot: Snapshot) -> None:
        """Nothing; the display shows `snapshot` at its next refresh."""
        now = self._clock()
        self._remember(now, snapshot)
        self._view = (snapshot, self._measure(now, snapshot))
        if self._live is None and now - self._said >= self._plain_every_s:
            self._said = now
            self._say()

    def _remember(self, now: float, snapshot: Snapshot) -> None:
        history = self._history
        # Rows that come back from the ledger take no call and no time: until the first new call there is no rate.
        if history and history[-1][1].calls == history[0][1].calls == snapshot.calls:
            history.clear()
        if len(history) < 2 or now - history[-2][0] >= 1.0:
            history.append((now, snapshot))
        else:
            history[-1] = (now, snapshot)
        while len(history) > 2 and now - history[0][0] > WINDOW_S:
            history.popleft()

    def _measure(self, now: float, snapshot: Snapshot) -> Rates:
        then, first = self._history[0]
        span_s = now - then
        if span_s < 1.0:
            return Rates()
        kept_per_s = (snapshot.kept - first.kept) / span_s
        done_per_s = (snapshot.done - first.done) / span_s
        waits = []
        if self._goal.rows is not None and kept_per_s > 0:
            waits.append((self._goal.rows - snapshot.kept) / kept_per_s)
        if self._goal.seeds is not None and done_per_s > 0:
            waits.append((self._goal.seeds - snapshot.done) / done_per_s)
        return Rates(
            kept_per_min=kept_per_s * 60,
            tokens_per_s=(snapshot.completion_tokens - first.completion_tokens) / span_s,
            remaining_s=max(min(waits), 0.0) if waits else None,
        )

    def _draw(self) -> Group:
        snapshot, rates = self._view
        line = Table.grid(padding=(0, 2))
        line.add_row(self._bar(snapshot), Text(", ".join(self._pace(snapshot, rates))))
        spent = Text(f"{self._elapsed()}, {_spending(snapshot, rates)}", style="bright_black")
        notes = [Text(note, style="yellow" if is_urgent else "") for note, is_urgent in self._notes(snapshot, rates)]
        return Group(line, Text(f"{self._seeds(snapshot)}, {_outcomes(snapshot)}"), spent, *notes)

    def _notes(self, snapshot: Snapshot, rates: Rates) -> list[tuple[str, bool]]:
        """What else there is to say, and whether it asks for the reader's attention."""
        notes = [(f"waiting: {visible(' '.join(snapshot.waiting.split()))}", True)] if snapshot.waiting else []
        forecast = self._forecast(snapshot, rates)
        if forecast is not None:
            notes.append((f"forecast: {forecast}", False))
            notes += [(forecast.early_end, True)] if forecast.early_end else []
        return notes

    def _forecast(self, snapshot: Snapshot, rates: Rates) -> Forecast | None:
        elapsed_s = self._clock() - self._started
        return make_forecast(snapshot, self._goal, elapsed_s=elapsed_s, remaining_s=rates.remaining_s)

    def _bar(self, snapshot: Snapshot) -> ProgressBar:
        """Whichever is closer to its end: the target rows or the seeds."""
        ends = ((snapshot.kept, self._goal.rows), (snapshot.done, self._goal.seeds))
        parts = [min(done / total, 1.0) for done, total in ends if total]
        width = 28 if self._console.width >= 80 else 10
        return ProgressBar(total=1.0 if parts else None, completed=max(parts, default=0.0), width=width)

    def _pace(self, snapshot: Snapshot, rates: Rates) -> list[str]:
        goal = f" of {self._goal.rows:,}" if self._goal.rows is not None else ""
        parts = [f"{snapshot.kept:,}{goal} rows kept"]
        if rates.kept_per_min is not None:
            parts.append(f"{format_count(round(rates.kept_per_min, 1))} rows/min")
        if rates.remaining_s is not None:
            parts.append(f"about {format_seconds(round(rates.remaining_s))} left")
        return parts

    def _seeds(self, snapshot: Snapshot) -> str:
        goal = f" of {self._goal.seeds:,}" if self._goal.seeds is not None else ""
        return f"{snapshot.done:,}{goal} seeds done"

    def _elapsed(self) -> str:
        return f"{format_seconds(round(self._clock() - self._started))} so far"

    def _say(self) -> None:
        snapshot, rates = self._view
        pace = ", ".join([*self._pace(snapshot, rates), self._elapsed()])
        parts = [pace, f"{self._seeds(snapshot)}, {_outcomes(snapshot)}", _spending(snapshot, rates)]
        parts += [note for note, _ in self._notes(snapshot, rates)]
        self._console.print(Text("; ".join(parts)), soft_wrap=True)


def _outcomes(snapshot: Snapshot) -> str:
    """`dropped 31: verify.failed 18, parse.no_code 7, 2 more reasons 6`."""
    ordered = sorted(snapshot.dropped.items(), key=lambda item: (-item[1], item[0]))
    total = snapshot.done - snapshot.kept
    if not ordered:
        return "dropped 0"
    top = [f"{visible(reason)} {rows:,}" for reason, rows in ordered[:TOP_REASONS]]
    rest = ordered[TOP_REASONS:]
    if rest:
        top.append(f"{len(rest)} more reason{'s' if len(rest) > 1 else ''} {sum(rows for _, rows in rest):,}")
    return f"dropped {total:,}: {', '.join(top)}"


def _spending(snapshot: Snapshot, rates: Rates) -> str:
    """`8 calls in flight, 1,024 answered, 561,679 tokens, 53.2 tokens/s, cost $0.12`."""
    speed = "" if rates.tokens_per_s is None else f", {format_count(round(rates.tokens_per_s, 1))} tokens/s"
    cost = "" if snapshot.cost_usd is None else f", cost {format_cost(snapshot.cost_usd)}"
    tokens = snapshot.prompt_tokens + snapshot.completion_tokens
    return f"{_in_flight(snapshot)}, {snapshot.calls:,} answered, {tokens:,} tokens{speed}{cost}"


def _in_flight(snapshot: Snapshot) -> str:
    """`8 of 12 calls in flight (ceiling 64)`, without what is not known or says nothing."""
    allowed = "" if snapshot.window is None else f" of {snapshot.window:,}"
    is_low = snapshot.window is not None and snapshot.concurrency is not None and snapshot.window < snapshot.concurrency
    ceiling = f" (ceiling {snapshot.concurrency:,})" if is_low else ""
    return f"{snapshot.in_flight:,}{allowed} calls in flight{ceiling}"
