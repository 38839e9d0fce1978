"""How lengths, tokens, cost, difficulty and similarity are spread over rows, as bars of kept and dropped rows.

Values are counted at two significant digits, so that memory stays flat and a quantile is right to 5 %.
Not covered: their looks (`report.html.j2`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from synth.figures import format_cost, format_share
from synth.sample import Sample

MAX_BARS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The rows whose value lies in one range."""

    label: str
    kept: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A histogram with its summary in words."""

    title: str
    summary: str
    bars: tuple[Bar, ...]

    @property
    def tallest(self) -> int:
        """Rows of the fullest range, at least 1."""
        return max([1, *(bar.kept + bar.dropped for bar in self.bars)])

    @property
    def has_dropped(self) -> bool:
        """Whether any bar counts dropped rows."""
        return any(bar.dropped for bar in self.bars)


@dataclass(slots=True)
class Distribution:
    """How one number is spread; what is not finite is left out."""

    kept: Counter[float] = field(default_factory=Counter)
    dropped: Counter[float] = field(default_factory=Counter)

    def add(self, value: float, is_kept: bool) -> None:
        """Counts one row."""
        if math.isfinite(value):
            (self.kept if is_kept else self.dropped)[float(f"{value:.2g}")] += 1

    def quantile(self, share: float) -> float | None:
        """The value that `share` of the rows do not exceed: of the kept rows, or of all where none was kept."""
        counts = self.kept or self.dropped
        left = share * counts.total()
        for value in sorted(counts):
            left -= counts[value]
            if left <= 0:
                return value
        return None

    def bars(self, edges: Sequence[float], labels: Sequence[str]) -> tuple[Bar, ...]:
        """Rows from each edge up to the next; the last range has no end, and the first takes what is below it."""
        kept, dropped = [0] * len(edges), [0] * len(edges)
        for counts, bins in ((self.kept, kept), (self.dropped, dropped)):
            for value, rows in counts.items():
                bins[max(sum(value >= edge for edge in edges) - 1, 0)] += rows
        bars = zip(labels, kept, dropped, strict=True)
        return tuple(Bar(label=label, kept=k, dropped=d) for label, k, d in bars)


@dataclass(slots=True)
class Distributions:
    """All distributions of a run, counted as rows come; a row without a value is not in that one."""

    instruction: Distribution = field(default_factory=Distribution)
    response: Distribution = field(default_factory=Distribution)
    tokens: Distribution = field(default_factory=Distribution)
    cost: Distribution = field(default_factory=Distribution)
    difficulty: Distribution = field(default_factory=Distribution)
    pass_ratio: Distribution = field(default_factory=Distribution)
    similarity: Distribution = field(default_factory=Distribution)
    """Of kept rows to the nearest other kept one; filled from outside."""

    def add(self, sample: Sample) -> None:
        """Counts one row."""
        kept, made = sample.dropped is None, sample.provenance
        if sample.instruction:
            self.instruction.add(len(sample.instruction), kept)
        if sample.response:
            self.response.add(len(sample.response), kept)
        if made.calls:
            self.tokens.add(made.prompt_tokens + made.completion_tokens, kept)
            if made.cost_usd is not None:
                self.cost.add(made.cost_usd, kept)
        if "difficulty" in sample.scores:
            self.difficulty.add(sample.scores["difficulty"], kept)
        if (ratio := _pass_ratio(sample)) is not None:
            self.pass_ratio.add(ratio, kept)

    def charts(self) -> list[Chart]:
        """A chart of each distribution that has rows."""
        return list(self._charts())

    def _charts(self) -> Iterator[Chart]:
        yield from _chart("Instruction length", self.instruction, "{:,.0f} characters".format)
        yield from _chart("Response length", self.response, "{:,.0f} characters".format)
        yield from _chart("Tokens a row", self.tokens, "{:,.0f} tokens".format)
        yield from _chart("Cost a row", self.cost, format_cost)
        ratio_edges, ratio_labels = (0, 0.001, 0.25, 0.5, 0.75, 1), ("0", ">0", "25%", "50%", "75%", "all")
        levels = ("1 easy", "2", "3", "4", "5 hard")
        yield from _chart("Difficulty", self.difficulty, "{:g}".format, ((1, 1.5, 2.5, 3.5, 4.5), levels))
        yield from _chart("Candidates that passed", self.pass_ratio, format_share, (ratio_edges, ratio_labels))
        tenths = [number / 10 for number in range(10)]
        labels = [f"{tenth:.1f}" for tenth in tenths]
        yield from _chart("Similarity to the nearest kept row", self.similarity, "{:.2f}".format, (tenths, labels))


def _chart(
    title: str,
    found: Distribution,
    write: Callable[[float], str],
    ranges: tuple[Sequence[float], Sequence[str]] | None = None,
) -> Iterator[Chart]:
    middle, high = found.quantile(0.5), found.quantile(0.9)
    if middle is None or high is None:
        return
    edges, labels = ranges or _ranges([*found.kept, *found.dropped], write)
    whose = "kept rows" if found.kept else "rows"
    summary = f"Half of the {whose} have {write(middle)} or less, nine in ten {write(high)} or less."
    yield Chart(title=title, summary=summary, bars=found.bars(edges, labels))


def _ranges(values: Sequence[float], write: Callable[[float], str]) -> tuple[list[float], list[str]]:
    """Edges 1, 2, 5, 10 ... around `values`, or powers of ten where those would be too many; each with its label."""
    above = [value for value in values if value > 0]
    low, high = (min(above), max(above)) if above else (1.0, 1.0)
    exponents = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        edges = [float(f"{step * 10.0**exponent:.2g}") for exponent in exponents for step in steps]
        first = max(sum(edge <= low for edge in edges) - 1, 0)
        edges = [edge for edge in edges[first:] if edge <= high]
        if len(edges) < MAX_BARS:
            break
    edges = [0.0, *edges] if len(above) < len(values) else edges
    return edges, [write(edge).partition(" ")[0] for edge in edges]


def _pass_ratio(sample: Sample) -> float | None:
    """The share of solution candidates that passed, if any ran."""
    if "pass_ratio" in sample.scores:
        return sample.scores["pass_ratio"]
    check = sample.check
    return check.num_candidates_passed / check.num_candidates if check and check.num_candidates else None
