"""The dataset card of an export: what is in it, how it was checked, and what it does not promise. No clock times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import yaml

from synth.sample import EVIDENCE, Funnel, Sample

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
    """What the card counts, row by row."""

    rows: list[Sample] = field(default_factory=list)

    def count(self, sample: Sample) -> None: ...
    def add(self, sample: Sample) -> None:
        self.rows.append(sample)


def render_card(stats: CardStats, facts: CardFacts) -> str:
    return _render_card(stats.rows, facts)


def _render_card(samples: Sequence[Sample], facts: CardFacts) -> str:
    """The Markdown text of the card, with the front matter that dataset hubs and `load_dataset` read."""
    sections = [_header(samples), _introduction(samples, facts)]
    if facts.funnel is not None:
        sections.append(_funnel(facts.funnel, len(samples)))
    sections += [_verification(samples), _sources(samples), _usage()]
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def _header(samples: Sequence[Sample]) -> str:
    languages = sorted({sample.locale for sample in samples}) or ["en"]
    licenses = sorted({sample.provenance.seed_license for sample in samples if sample.provenance.seed_license})
    matter = {
        "license": "other",
        "license_name": " AND ".join(licenses) or "unknown",
        "language": languages,
        "task_categories": ["text-generation"],
        "tags": ["code", "synthetic", "sft", "opencook", *sorted({sample.language for sample in samples})],
        "size_categories": [_size(len(samples))],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}],
    }
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)}---"


def _size(num_rows: int) -> str:
    return next((label for limit, label in _SIZES if num_rows < limit), "n>1M")


def _introduction(samples: Sequence[Sample], facts: CardFacts) -> str:
    maker = f"opencook {facts.version}".strip()
    lines = [f"# {facts.recipe}", "", f"{len(samples)} instruction-code pairs, made by {maker} with the recipe"]
    lines[-1] += f" `{facts.recipe}`." + (f" {facts.about.strip()}" if facts.about.strip() else "")
    lines += ["", _table("teacher", "rows", Counter(sample.provenance.teacher or "unknown" for sample in samples))]
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


def _verification(samples: Sequence[Sample]) -> str:
    counts = Counter(sample.evidence for sample in samples)
    lines = ["## How the rows were checked", ""]
    if any(sample.check for sample in samples):
        lines += ["Code and tests ran together in a container without network access."]
    lines += ["What a check is worth depends on where the tests come from, so every row names its `evidence`:", ""]
    lines += ["| evidence | rows | what it means |", "|---|---:|---|"]
    lines += [f"| `{kind}` | {counts[kind]} | {EVIDENCE_MEANING[kind]} |" for kind in EVIDENCE if counts[kind]]
    round_trips = sum(sample.round_trip for sample in samples)
    lines += ["", f"{round_trips} rows made the round trip: solved from the instruction alone, judged by unseen tests."]
    return "\n".join([*lines, "", _LIMITS])


def _sources(samples: Sequence[Sample]) -> str:
    sources = Counter(_source(sample) for sample in samples)
    return "## Seeds and their licences\n\n" + _table("source and licence", "rows", sources)


def _source(sample: Sample) -> str:
    origin = sample.provenance
    return f"{origin.seed_source or 'unknown'} ({origin.seed_license or 'licence unknown'})"


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
