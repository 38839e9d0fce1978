"""Which rows of a run become training data: by evidence, by scores, and whether verification had a say at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from synth.errors import SynthError
from synth.sample import EVIDENCE, Evidence, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A choice among rows; all kept rows where nothing is said."""

    evidence: frozenset[str] | None = None
    """Only rows with one of these kinds; `None` takes any."""
    min_scores: Mapping[str, float] = field(default_factory=dict)
    """Only rows that have each of these scores and reach it."""
    with_unverified: bool = False
    """Also rows that nothing but verification dropped: what an unfiltered data set would have held."""

    def takes(self, sample: Sample) -> bool:
        """Whether a sample is chosen."""
        if sample.dropped is not None and not (self.with_unverified and is_unverified(sample)):
            return False
        return self.fits(sample.evidence, sample.scores)

    def fits(self, evidence: str, scores: Mapping[str, float]) -> bool:
        """Whether a row has the evidence and the scores asked for."""
        if self.evidence is not None and evidence not in self.evidence:
            return False
        return all(scores.get(name, float("-inf")) >= least for name, least in self.min_scores.items())

    def __str__(self) -> str:
        """As a card says it; empty where all kept rows are taken."""
        parts = []
        if self.with_unverified:
            parts.append("with the rows that verification dropped")
        if self.evidence is not None:
            parts.append(f"evidence {', '.join(kind for kind in EVIDENCE if kind in self.evidence)}")
        parts += [f"{name} at least {least:g}" for name, least in self.min_scores.items()]
        return "; ".join(parts)


KEPT = Selection()
VERIFIED = Selection(evidence=frozenset(EVIDENCE) - {"none"})


def is_unverified(sample: Sample) -> bool:
    """Whether the row was dropped by verification and would be complete without it."""
    verdict = sample.dropped is not None and sample.dropped.startswith("verify.")
    return verdict and bool(sample.instruction and sample.response)


def parse_evidence(text: str) -> frozenset[Evidence]:
    """`seed,agreement` as kinds of evidence. Raises: `SynthError` for one that is not known."""
    known: dict[str, Evidence] = {kind: kind for kind in EVIDENCE}
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise SynthError(f"--evidence: unknown kind {name!r}; known: {', '.join(EVIDENCE)}")
    if not names:
        raise SynthError(f"--evidence: names no kind, got {text!r}; known: {', '.join(EVIDENCE)}")
    return frozenset(known[name] for name in names)


def parse_score(text: str) -> tuple[str, float]:
    """`quality=3` as name and least score. Raises: `SynthError`."""
    name, _, least = text.partition("=")
    try:
        if name.strip() and (value := float(least)) == value:
            return name.strip(), value
    except ValueError:
        pass
    raise SynthError(f"--min-score: must be NAME=NUMBER, got {text!r}; such as quality=3")
