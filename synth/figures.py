"""The figures of a run and how they are written: `RunFacts`, what a kept row cost, numbers and text made readable.

The report and the terminal print the same figures because both take them from here. What is counted over the rows is
counted one row at a time (`RowStats`), so that memory does not grow with them.
Not covered: where the facts come from (the ledger), how they look on a page (`report.py`) or a screen (`show.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from synth.sample import EVIDENCE, Evidence, Funnel, Sample

EVIDENCE_MEANS: dict[Evidence, str] = {
    "seed": "the real code's own examples passed",
    "agreement": "structurally different solutions agree",
    "self": "the teacher's own tests pass",
    "seed_code": "the seed's own code is verified, the instruction is not",
    "none": "nothing was run",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What made the rows and what it took, over every invocation of the run so far."""

    name: str
    recipe: str
    teacher: str
    command: str
    """The command line that makes this run again."""
    seeds_source: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package or tool -> version, in the order to show them."""
    seconds: float = 0.0
    """Wall-clock time of all invocations together."""
    calls: int = 0
    """Completions the teacher gave; answers taken again from the ledger are not counted twice."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    """`None` where the price is not known."""
    finished: str = ""
    """When the run ended, as ISO 8601 text."""


@dataclass(slots=True)
class Paid:
    """What rows took, of those that share a recipe."""

    calls: int = 0
    """Completions behind the rows; one that two rows share counts for both."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    known_cost_usd: float = 0.0
    unpriced: int = 0
    """Rows that asked a teacher whose price is not known."""

    @property
    def cost_usd(self) -> float | None:
        """`None` where the price of any row's calls is not known."""
        return self.known_cost_usd if self.calls and not self.unpriced else None


@dataclass(slots=True)
class RowStats:
    """What is counted over the rows of a run, kept and dropped, as they come."""

    groups: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    """Recipe, language and drop reason -> rows; the reason is `None` for the kept ones."""
    by_evidence: Counter[Evidence] = field(default_factory=Counter)
    """Kept rows by what their verification rests on."""
    round_trips: int = 0
    """Kept rows whose solution was written from the instruction alone and passed tests its teacher never saw."""
    paid: dict[str, Paid] = field(default_factory=dict)
    """By recipe."""

    @classmethod
    def over(cls, samples: Iterable[Sample]) -> RowStats:
        """The counts over `samples`."""
        stats = cls()
        for sample in samples:
            stats.add(sample)
        return stats

    def add(self, sample: Sample) -> None:
        """Counts one row."""
        self.groups[sample.recipe, sample.language, sample.dropped] += 1
        if sample.dropped is None:
            self.by_evidence[sample.evidence] += 1
            self.round_trips += sample.round_trip
        made, paid = sample.provenance, self.paid.setdefault(sample.recipe, Paid())
        paid.calls += made.calls
        paid.prompt_tokens += made.prompt_tokens
        paid.completion_tokens += made.completion_tokens
        paid.known_cost_usd += made.cost_usd or 0.0
        paid.unpriced += made.calls > 0 and made.cost_usd is None

    @property
    def outcomes(self) -> Counter[str | None]:
        """Drop reason -> rows; `None` for the kept ones."""
        outcomes: Counter[str | None] = Counter()
        for (_, _, reason), rows in self.groups.items():
            outcomes[reason] += rows
        return outcomes

    @property
    def num_rows(self) -> int:
        """Kept and dropped."""
        return self.groups.total()

    @property
    def dropped(self) -> dict[str, int]:
        """Reason -> rows."""
        return {reason: rows for reason, rows in self.outcomes.items() if reason is not None}

    @property
    def evidence(self) -> dict[Evidence, int]:
        """`by_evidence` from strong to weak; kinds without a row are left out."""
        return {name: self.by_evidence[name] for name in EVIDENCE if self.by_evidence[name]}

    @property
    def calls(self) -> int:
        """Of all rows, as the next three."""
        return sum(paid.calls for paid in self.paid.values())

    @property
    def prompt_tokens(self) -> int:
        """Of all rows."""
        return sum(paid.prompt_tokens for paid in self.paid.values())

    @property
    def completion_tokens(self) -> int:
        """Of all rows."""
        return sum(paid.completion_tokens for paid in self.paid.values())

    @property
    def cost_usd(self) -> float | None:
        """`None` where the price of any row's calls is not known."""
        priced = self.calls and not any(paid.unpriced for paid in self.paid.values())
        return sum(paid.known_cost_usd for paid in self.paid.values()) if priced else None


class Usage(Protocol):
    """What was paid: `RunFacts`, or the ledger's `Spent` while a run goes on."""

    @property
    def calls(self) -> int: ...
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...
    @property
    def cost_usd(self) -> float | None: ...
    @property
    def seconds(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """What one kept row took; `None` where there is no kept row or the fact is not known."""

    kept_share: float | None
    """Kept rows over finished seeds: seeds stopped by a limit have had no chance yet."""
    calls_per_row: float | None
    tokens_per_row: float | None
    """Prompt and completion tokens together, those of dropped rows included."""
    seconds_per_row: float | None
    cost_per_row: float | None
    tokens_per_s: float | None
    """Completion tokens over wall-clock seconds."""


def compute_ratios(funnel: Funnel, paid: Usage) -> Ratios:
    """The ratios of a run; the dropped rows' calls, tokens and seconds are charged to the kept ones."""
    tokens = paid.prompt_tokens + paid.completion_tokens
    return Ratios(
        kept_share=_ratio(funnel.kept, funnel.kept + sum(funnel.dropped.values())),
        calls_per_row=_ratio(paid.calls, funnel.kept),
        tokens_per_row=_ratio(tokens, funnel.kept),
        seconds_per_row=_ratio(paid.seconds, funnel.kept),
        cost_per_row=_ratio(paid.cost_usd, funnel.kept),
        tokens_per_s=_ratio(paid.completion_tokens, paid.seconds),
    )


def _ratio(part: float | None, whole: float) -> float | None:
    return None if part is None or whole <= 0 else part / whole


EARLY_STAGES = ("seed", "ask", "parse")
LATE_STAGES = ("verify", "emit", "curate", "dedup", "near", "contamination", "decontaminate")
"""Where a reason's stage stands in a pipeline; stages of a recipe's own come between the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One bar of the funnel: a reason, the rows it took and what went on after it."""

    label: str
    kind: Literal["seeds", "drop", "unfinished", "kept"]
    rows: int
    left: int
    """Rows that go on after this step."""
    share: float
    """`rows` over all seeds."""


def funnel_steps(funnel: Funnel) -> list[Step]:
    """The bars from all seeds to the kept rows: reasons in the order of a pipeline, largest first within a stage."""
    total, left = funnel.seeds, funnel.seeds
    losses: list[tuple[str, int, Literal["drop", "unfinished"]]] = [
        (reason, rows, "drop") for reason, rows in in_pipeline_order(funnel.dropped)
    ]
    if funnel.unfinished:
        losses.append(("unfinished", funnel.unfinished, "unfinished"))
    steps = [Step(label="seeds", kind="seeds", rows=total, left=total, share=1.0)]
    for label, rows, kind in losses:
        left -= rows
        steps.append(Step(label=label, kind=kind, rows=rows, left=max(left, 0), share=_ratio(rows, total) or 0.0))
    share = _ratio(funnel.kept, total) or 0.0
    return [*steps, Step(label="kept", kind="kept", rows=funnel.kept, left=funnel.kept, share=share)]


def in_pipeline_order(dropped: Mapping[str, int]) -> list[tuple[str, int]]:
    """Reasons with their rows, early stages first, and the largest first within a stage."""
    return sorted(dropped.items(), key=lambda item: (*_stage_order(item[0]), -item[1], item[0]))


def _stage_order(reason: str) -> tuple[int, int]:
    stage = reason.partition(".")[0]
    if stage in EARLY_STAGES:
        return (0, EARLY_STAGES.index(stage))
    return (2, LATE_STAGES.index(stage)) if stage in LATE_STAGES else (1, 0)


def format_count(value: float | None) -> str:
    """`1,234`, `0.85` or `-`: three digits at least, thousands separated."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.3g}"


def format_rough(value: float) -> str:
    """`940`, `12,400`, `8.1M`: an estimate, to three digits at most."""
    rough = float(f"{value:.3g}")
    for size, unit in ((1e9, "B"), (1e6, "M")):
        if rough >= size:
            return f"{rough / size:.3g}{unit}"
    return f"{rough:,.0f}"


def format_share(value: float | None) -> str:
    """`32.0%`, `<0.1%` for what would otherwise look like nothing, or `-`."""
    if value is None:
        return "-"
    return "<0.1%" if 0 < value < 0.001 else f"{value:.1%}"


def format_seconds(value: float | None) -> str:
    """`0.42 s`, `17.2 s`, `4 min 05 s`, `2 h 07 min`, or `-`; whole numbers stay whole."""
    if value is None:
        return "-"
    if value < 59.95:
        return f"{value} s" if isinstance(value, int) else f"{value:.2f} s" if value < 1 else f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours:,} h {minutes:02d} min"


def format_cost(value: float | None) -> str:
    """`$12.40`, `$0.0031`, or `-` where the price is not known."""
    if value is None:
        return "-"
    if value >= 0.1 or value == 0:
        return f"${value:,.2f}"
    return f"${value:.2g}" if value >= 0.0001 else f"${value:.1e}"


# C0 without tab and newline, DEL, C1; the invisible and direction marks that can make code read as other code; and lone
# surrogates, which no file or terminal takes. Zero-width joiners stay: real scripts need them.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` with control characters, terminal escapes and direction overrides spelt out, such as `<U+001B>`."""
    return _UNSEEN.sub(lambda match: f"<U+{ord(match.group()):04X}>", text.replace("\r\n", "\n"))
