"""The card of a mixture: what went in and why not the rest, whose work it is, how it was checked, what it was searched
for. Counted over the rows as they are written; no clock times, so the same rows give the same card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synth.card import EVIDENCE_MEANING, benchmark_of, cell, config, header, source_of, table, usage
from synth.figures import format_cost, format_count
from synth.mix import Mixture
from synth.mix_config import MixFile
from synth.sample import EVIDENCE
from synth.training_rows import Row

COLUMNS = (
    ("set", "name"),
    ("wanted", "wanted"),
    ("read", "read"),
    ("unusable", "unusable"),
    ("not asked for", "not_asked"),
    ("contaminated", "contaminated"),
    ("twins within", "twins_within"),
    ("twins across", "twins_across"),
    ("not needed", "not_needed"),
    ("train", "train"),
    ("repeats", "repeats"),
    ("validation", "validation"),
    ("short", "short"),
)
"""Heading and attribute of an account, as terminal and card show them."""


@dataclass(slots=True)
class MixStats:
    """What the card counts, a row at a time."""

    rows: Counter[str] = field(default_factory=Counter)
    """Split -> rows."""
    sets: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Set, programming language -> rows."""
    evidence: Counter[str] = field(default_factory=Counter)
    teachers: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    licenses: set[str] = field(default_factory=set)
    locales: set[str] = field(default_factory=set)
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    """Rows that asked a teacher whose price is not known."""

    def add(self, row: Row, split: str, *, again: bool) -> None:
        """Counts a row; one that is there `again` was paid for once."""
        self.rows[split] += 1
        self.sets[row["tag"], row["language"] or row.get("lang") or "unknown"] += 1
        self.evidence[row["evidence"]] += 1
        self.teachers[row["teacher"] or "none or unknown"] += 1
        self.sources[f"{source_of(row['seed_source'])} ({row['seed_license'] or 'licence unknown'})"] += 1
        self.licenses |= {row["seed_license"]} - {""}
        self.locales |= {row["locale"]} - {""}
        if row["calls"] and not again:
            self.calls += row["calls"]
            self.prompt_tokens += row["prompt_tokens"]
            self.completion_tokens += row["completion_tokens"]
            self.cost_usd += row["cost_usd"] or 0.0
            self.unpriced += row["cost_usd"] is None


def render_mix_card(
    mix: MixFile,
    mixture: Mixture,
    stats: MixStats,
    configs: Mapping[str, Sequence[str]],
    *,
    name: str,
    version: str,
) -> str:
    """The Markdown text of the card, with a front matter that names every set as a configuration."""
    folders = {each: "data" if each == "default" else f"subsets/{each}" for each in configs}
    front = header(
        [
            config(each, {s: f"{folders[each]}/{s}-*.parquet" for s in splits}, default=each == "default")
            for each, splits in configs.items()
        ],
        licenses=stats.licenses,
        locales=stats.locales,
        tags=["code", "sft" if mix.layout == "instructions" else "annealing", "opencook"],
        num_rows=stats.rows.total(),
    )
    what = "instructions" if mix.layout == "instructions" else "documents"
    splits = " and ".join(f"{count} for {split}" for split, count in stats.rows.items())
    about = f"{splits}: {what} mixed by opencook {version}. {mix.about}".strip()
    sections = [front, f"# {name}\n\n{about}", _accounts(mix, mixture), _composition(stats), _checks(stats)]
    sections += [_contamination(mix, mixture), table("teacher", "rows", stats.teachers, title="Teachers")]
    sections.append(table("source and licence", "rows", stats.sources, title="Seeds and their licences"))
    if stats.calls:
        sections.append(_cost(stats))
    sections.append(usage(next((each for each in configs if each != "default"), "default"), mix.layout))
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def _accounts(mix: MixFile, mixture: Mixture) -> str:
    lines = ["## What went in, and why not the rest", ""]
    lines += [f"| {' | '.join(heading for heading, _ in COLUMNS)} |", f"|---|{'---:|' * (len(COLUMNS) - 1)}"]
    lines += [f"| {' | '.join(cell(str(getattr(a, name))) for _, name in COLUMNS)} |" for a in mixture.accounts]
    alike = "equal" if mix.twins is None else f"equal or from {mix.twins:g} on alike"
    by = " or ".join(mix.compare)
    said = f"""Rows; `wanted` and `short` count {mix.unit}. Twins are rows {alike} in {by}; the better one stays, and
one of an earlier set before one of a later. No seed is on both sides of the split."""
    return "\n".join([*lines, "", said])


def _composition(stats: MixStats) -> str:
    lines = ["## What is in it", "", "| set | language | rows |", "|---|---|---:|"]
    found = sorted(stats.sets.items(), key=lambda item: (item[0][0], -item[1], item[0]))
    return "\n".join(lines + [f"| {cell(name)} | {cell(language)} | {count} |" for (name, language), count in found])


def _checks(stats: MixStats) -> str:
    lines = ["## How the rows were checked", "", "| evidence | rows | what it means |", "|---|---:|---|"]
    kinds = [kind for kind in EVIDENCE if stats.evidence[kind]]
    return "\n".join(lines + [f"| `{kind}` | {stats.evidence[kind]} | {EVIDENCE_MEANING[kind]} |" for kind in kinds])


def _contamination(mix: MixFile, mixture: Mixture) -> str:
    if not mix.decontaminate:
        return "## Contamination\n\nThe rows were searched for no test set here."
    hits = Counter(
        f"{benchmark_of(told['detail'])}, `{told['reason']}`"
        for told in mixture.left_out
        if told["reason"].startswith("decontaminate.")
    )
    said = f"## Contamination\n\nSearched for: {', '.join(mix.decontaminate)}. What was found is not in this dataset"
    return f"{said}:\n\n{table('test set and rule', 'rows left out', hits)}" if hits else f"{said}: nothing."


def _cost(stats: MixStats) -> str:
    lines = ["## What it cost", "", "| | |", "|---|---:|", f"| calls | {format_count(stats.calls)} |"]
    lines += [f"| prompt tokens | {format_count(stats.prompt_tokens)} |"]
    lines += [f"| completion tokens | {format_count(stats.completion_tokens)} |"]
    if not stats.unpriced:
        lines.append(f"| cost | {format_cost(stats.cost_usd)} |")
    return "\n".join([*lines, "", "Of the rows in here alone; what dropped ones took is in the cards of their runs."])
