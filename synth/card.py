"""The dataset card of an export: what is in it, how it was checked, what it cost, and what it does not promise.

All of it is counted over the rows, a row at a time, and there are no clock times: the same ledger gives the same card.
Not covered: what was paid for rows that a limit left unfinished (`synth status` has everything).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import yaml

from synth.figures import RowStats, format_cost, format_count
from synth.sample import Funnel, Sample

EVIDENCE_MEANING = {
    "seed": "examples that ship with the seed's real code judged a solution written from the instruction alone",
    "agreement": "structurally distinct solutions gave the same outputs",
    "self": "the solution passes tests by the same teacher, which may share its errors",
    "seed_code": "the response is the seed's own verified code; the instruction is unproven",
    "none": "nothing was run",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What the rows themselves do not say."""

    recipe: str
    about: str = ""
    """The recipe's own line on itself."""
    command: str = ""
    """The command that makes this again from the same ledger."""
    funnel: Funnel | None = None
    version: str = ""
    """Of opencook."""


@dataclass(slots=True)
class CardStats:
    """What the card counts, a row at a time: `count` every row of the run, `add` those that the dataset holds."""

    run: RowStats = field(default_factory=RowStats)
    rows: RowStats = field(default_factory=RowStats)
    """Over the rows of the dataset alone."""
    teachers: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    """`source (licence)` -> rows."""
    licenses: set[str] = field(default_factory=set)
    locales: set[str] = field(default_factory=set)
    languages: set[str] = field(default_factory=set)
    any_checked: bool = False

    def count(self, sample: Sample) -> None:
        """Counts what a row took, kept or dropped."""
        self.run.add(sample)

    def add(self, sample: Sample) -> None:
        """Counts a row of the dataset."""
        made = sample.provenance
        self.rows.add(sample)
        self.teachers[made.teacher or "unknown"] += 1
        self.sources[f"{made.seed_source or 'unknown'} ({made.seed_license or 'licence unknown'})"] += 1
        self.licenses |= {made.seed_license} - {""}
        self.locales.add(sample.locale)
        self.languages.add(sample.language)
        self.any_checked |= bool(sample.check)


def render_card(stats: CardStats, facts: CardFacts) -> str:
    """The Markdown text of the card, with the front matter that dataset hubs and `load_dataset` read."""
    sections = [_header(stats), _introduction(stats, facts)]
    if facts.funnel is not None:
        sections.append(_funnel(facts.funnel, stats.rows.num_rows))
    sections += [_verification(stats), _table_of_sources(stats)]
    if stats.run.calls:
        sections.append(_cost(stats.run))
    sections.append(_usage())
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def _header(stats: CardStats) -> str:
    matter = {
        "license": "other",
        "license_name": " AND ".join(sorted(stats.licenses)) or "unknown",
        "language": sorted(stats.locales) or ["en"],
        "task_categories": ["text-generation"],
        "tags": ["code", "synthetic", "sft", "opencook", *sorted(stats.languages)],
        "size_categories": [_size(stats.rows.num_rows)],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}],
    }
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)}---"


def _size(num_rows: int) -> str:
    return next((label for limit, label in _SIZES if num_rows < limit), "n>1M")


def _introduction(stats: CardStats, facts: CardFacts) -> str:
    maker = f"opencook {facts.version}".strip()
    lines = [f"# {facts.recipe}", "", f"{stats.rows.num_rows} instruction-code pairs, made by {maker} with the recipe"]
    lines[-1] += f" `{facts.recipe}`." + (f" {facts.about.strip()}" if facts.about.strip() else "")
    lines += ["", _table("teacher", "rows", stats.teachers)]
    if facts.command:
        lines += ["", "Made again from the same ledger, byte for byte, by:", "", "```", facts.command, "```"]
    return "\n".join(lines)


def _funnel(funnel: Funnel, num_rows: int) -> str:
    rows = {"seeds": funnel.seeds, **{f"`{reason}`": -count for reason, count in funnel.dropped.items()}}
    if funnel.unfinished:
        rows["unfinished"] = -funnel.unfinished
    if num_rows != funnel.kept:
        rows["not of the evidence asked for"] = num_rows - funnel.kept
    return "## Funnel\n\n" + _table("stage", "rows", rows | {"in this dataset": num_rows})


_LIMITS = """Limits: passing tests is no proof of correct code, and nothing was run to check the prose. Near duplicates
and benchmark contamination are found by text, so paraphrases can remain."""


def _verification(stats: CardStats) -> str:
    rows = stats.rows
    lines = ["## How the rows were checked", ""]
    if stats.any_checked:
        lines += ["Code and tests ran together in a container without network access."]
    lines += ["What a check is worth depends on where the tests come from, so every row names its `evidence`:", ""]
    lines += ["| evidence | rows | what it means |", "|---|---:|---|"]
    lines += [f"| `{kind}` | {count} | {EVIDENCE_MEANING[kind]} |" for kind, count in rows.evidence.items()]
    made = f"{rows.round_trips} rows made the round trip: solved from the instruction alone, judged by unseen tests."
    return "\n".join([*lines, "", made, "", _LIMITS])


def _table_of_sources(stats: CardStats) -> str:
    return "## Seeds and their licences\n\n" + _table("source and licence", "rows", stats.sources)


def _cost(run: RowStats) -> str:
    num_kept = run.outcomes[None]
    figures = {"calls": run.calls, "prompt tokens": run.prompt_tokens, "completion tokens": run.completion_tokens}
    lines = ["## What it cost", "", "| | in all | a kept row |", "|---|---:|---:|"]
    for name, total in figures.items():
        lines.append(f"| {name} | {format_count(total)} | {format_count(total / num_kept if num_kept else None)} |")
    if run.cost_usd is not None:
        per_row = run.cost_usd / num_kept if num_kept else None
        lines.append(f"| cost | {format_cost(run.cost_usd)} | {format_cost(per_row)} |")
    return "\n".join([*lines, "", "The kept rows are charged with what the dropped ones took."])


def _usage() -> str:
    return """## How to load it

```python
from datasets import load_dataset

rows = load_dataset("path/to/this/folder", split="train")
strong = rows.filter(lambda row: row["evidence"] == "seed" and row["round_trip"])
```

`messages` is what chat trainers read; `output` is the same answer, `code` the program inside it, `testcase` its tests;
`scores` and `templates` are JSON objects."""


def _table(name: str, number: str, rows: dict[str, int]) -> str:
    """A two-column Markdown table; a `Counter` is put largest first."""
    items: Iterable[tuple[str, int]] = rows.items()
    if isinstance(rows, Counter):
        items = sorted(items, key=lambda item: (-item[1], item[0]))
    lines = [f"| {name} | {number} |", "|---|---:|"]
    lines += [f"| {_cell(label)} | {count} |" for label, count in items]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
