"""One row from seed to export: `Sample`, its checks and its provenance, and the funnel that must add up.

Everything here is a pure function of recipe, seeds and ledger: no clock, no durations, no machine names, so the same
ledger gives a byte-identical dataset.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Evidence = Literal["seed", "agreement", "self", "seed_code", "none"]
EVIDENCE: tuple[Evidence, ...] = ("seed", "agreement", "self", "seed_code", "none")
"""From strong to weak. `seed`: the seed's own examples judged a solution written from the instruction alone;
`agreement`: structurally distinct solutions agree; `self`: the teacher's own tests pass; `seed_code`: the response is
the seed's own verified code, the instruction is unproven; `none`: nothing was run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """One kept test and how the chosen solution fared on it."""

    __test__ = False  # tells pytest that this is not a test class

    test: str
    passed: bool
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What the sandbox said of the row's code: the verdict without its clock readings."""

    status: str
    outcomes: tuple[TestOutcome, ...] = ()
    num_candidates: int = 0
    """Solution candidates that were run."""
    num_candidates_passed: int = 0

    @property
    def tests_passed(self) -> int:
        """How many of the kept tests passed."""
        return sum(outcome.passed for outcome in self.outcomes)

    @property
    def pass_ratio(self) -> float | None:
        """The share of candidates that passed; `None` where nothing was run."""
        return self.num_candidates_passed / self.num_candidates if self.num_candidates else None

    @property
    def difficulty(self) -> int | None:
        """From 1, where every candidate passed, to 5, where hardly any did; `None` for fewer than two candidates."""
        return 5 - round(4 * self.num_candidates_passed / self.num_candidates) if self.num_candidates > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a row came from and what it cost."""

    teacher: str = ""
    judge: str = ""
    templates: dict[str, str] = field(default_factory=dict)
    """Template file -> first 12 hex digits of its SHA-256."""
    seed_source: str = ""
    seed_license: str = ""
    completions: tuple[str, ...] = ()
    """Ledger keys of every completion this row used, in order."""
    asked: tuple[str, ...] = ()
    """The template behind each of `completions`."""
    verdicts: tuple[str, ...] = ()
    """Ledger keys of every verdict this row used, in order."""
    ran: tuple[str, ...] = ()
    """What each of `verdicts` was for, such as `candidate 2`."""
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    """`None` where the price is not known."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One instruction-response pair, kept or dropped with its `stage.rule` reason."""

    recipe: str
    seed_id: str
    instruction: str = ""
    response: str = ""
    text: str = ""
    """The document to train on, for rows that are no conversation."""
    code: str = ""
    entry_point: str = ""
    tests: tuple[str, ...] = ()
    evidence: Evidence = "none"
    round_trip: bool = False
    """The solution was written from the instruction alone and passed tests that the teacher never saw."""
    language: str = "python"
    locale: str = "en"
    check: Check | None = None
    scores: dict[str, float] = field(default_factory=dict)
    provenance: Provenance = Provenance()
    dropped: str | None = None
    """`stage.rule`, such as `verify.failed` or `dedup.near`; `None` for a kept row."""
    detail: str = ""
    """One line on why it was dropped, such as the twin's id or the first failing test."""

    @functools.cached_property
    def id(self) -> str:
        """16 hex digits over recipe, seed and content: the name of the row everywhere."""
        texts = (self.instruction, self.response, self.text) if self.text else (self.instruction, self.response)
        content = "\x00".join((self.recipe, self.seed_id, *texts))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def drop(self, reason: str, detail: str = "") -> Sample:
        """This row, dropped for `reason` (`stage.rule`)."""
        assert self.dropped is None, f"already dropped: {self.dropped}"
        return dataclasses.replace(self, dropped=reason, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """Seeds in, rows out, and a reason for every difference."""

    seeds: int
    kept: int
    dropped: dict[str, int]
    """Reason -> rows, largest first."""
    unfinished: int = 0
    """Seeds begun but stopped by a call or cost limit; the same command with a higher limit finishes them."""

    @property
    def adds_up(self) -> bool:
        """Whether every seed is accounted for."""
        return self.seeds == self.kept + sum(self.dropped.values()) + self.unfinished

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return dataclasses.asdict(self)


def count_funnel(samples: Iterable[Sample], *, seeds: int, unfinished: int = 0) -> Funnel:
    """The funnel over `samples`; `seeds` is counted where seeds are drawn, so that a lost row shows."""
    reasons: Counter[str] = Counter()
    kept = 0
    for sample in samples:
        if sample.dropped is None:
            kept += 1
        else:
            reasons[sample.dropped] += 1
    ordered = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    return Funnel(seeds=seeds, kept=kept, dropped=ordered, unfinished=unfinished)
