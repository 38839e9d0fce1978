"""The dataset card of an export: what is in it, how it was checked, what it cost, and what it does not promise.

All of it is counted over the rows, a row at a time, and there are no clock times: the same ledger gives the same card.
Not covered: what was paid for rows that a limit left unfinished (`synth status` has everything); the card of a mixture
(`mix_card.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from synth.figures import RowStats, format_cost, format_count, format_share, funnel_steps
from synth.sample import EVIDENCE, Evidence, Funnel, Sample
from synth.training_rows import Layout

EVIDENCE_MEANING = {
    "seed": "examples that ship with the seed's real code judged a solution written from the instruction alone",
    "agreement": "structurally distinct solutions gave the same outputs",
    "self": "the solution passes tests by the same teacher, which may share its errors",
    "seed_code": "the response is the seed's own verified code; the instruction is unproven",
    "none": "nothing was run",
}
_SIZES = (
    *((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")),
    (10_000_000, "1M<n<10M"),
)
_LARGEST = "10M<n<100M"
MAX_LINES = 50
"""Of one table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What the rows themselves do not say."""

    recipe: str
    subset: str = "default"
    """The name under which `load_dataset` has the rows."""
    layout: Layout = "instructions"
    about: str = ""
    """The recipe's own line on itself."""
    selection: str = ""
    """Which rows were chosen, where that is not all kept ones."""
    benchmarks: tuple[str, ...] = ()
    """Test sets that the rows were searched for."""
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
    composition: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Programming language, human language -> rows."""
    contaminated: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Benchmark, rule -> rows of the run that were dropped for it."""
    unverified: int = 0
    """Rows of the dataset that verification had dropped."""
    any_checked: bool = False

    def count(self, sample: Sample) -> None:
        """Counts what a row took, kept or dropped."""
        self.run.add(sample)
        reason = sample.dropped or ""
        if reason.startswith("decontaminate.") or reason == "seed.contaminated":
            self.contaminated[benchmark_of(sample.detail), reason] += 1

    def add(self, sample: Sample) -> None:
        """Counts a row of the dataset."""
        made = sample.provenance
        self.rows.add(sample)
        self.teachers[made.teacher or "unknown"] += 1
        self.sources[f"{source_of(made.seed_source)} ({made.seed_license or 'licence unknown'})"] += 1
        self.licenses |= {made.seed_license} - {""}
        self.locales.add(sample.locale)
        self.languages.add(sample.language)
        self.composition[sample.language, sample.locale] += 1
        self.unverified += sample.dropped is not None
        self.any_checked |= bool(sample.check)

    @property
    def evidence(self) -> dict[Evidence, int]:
        """Kind -> rows of the dataset, from strong to weak; kinds without a row are left out."""
        counts = self.rows.by_evidence + Counter({"none": self.unverified})
        return {kind: counts[kind] for kind in EVIDENCE if counts[kind]}


def benchmark_of(detail: str) -> str:
    """The test set that a drop's detail names, as in `HumanEval/12: add(`."""
    task = detail.partition(":")[0]
    return task.rpartition("/")[0] or task or "unknown"


def source_of(seed_source: str) -> str:
    """Where a seed is from without its place in there: `more-itertools==10.5.0`, `rows.jsonl`, `src/a.py`."""
    return re.split(r"::|:\d+$|:[^:]*/", seed_source)[0] or "unknown"


def render_card(stats: CardStats, facts: CardFacts) -> str:
    """The Markdown text of the card, with the front matter that dataset hubs and `load_dataset` read."""
    configs = [config(facts.subset, {"train": "data/train-*.parquet"})]
    tags = ["code", "synthetic", "sft" if facts.layout == "instructions" else "annealing", "opencook"]
    sections = [
        header(
            configs,
            licenses=stats.licenses,
            locales=stats.locales,
            tags=[*tags, *sorted(stats.languages)],
            num_rows=stats.rows.num_rows,
        ),
        _introduction(stats, facts),
    ]
    if stats.rows.num_rows:
        sections.append(_composition(stats))
    if facts.funnel is not None:
        sections.append(_funnel(facts.funnel, stats))
    sections += [_verification(stats), _contamination(stats, facts), _table_of_sources(stats)]
    if stats.run.calls:
        sections.append(_cost(stats.run))
    sections.append(usage(facts.subset, facts.layout))
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def config(name: str, files: Mapping[str, str], *, default: bool = False) -> dict[str, object]:
    """What the front matter says of one configuration: split -> pattern of its files."""
    found = [{"split": split, "path": path} for split, path in files.items()]
    return {"config_name": name, "data_files": found} | ({"default": True} if default else {})


def header(
    configs: Sequence[Mapping[str, object]],
    *,
    licenses: Iterable[str],
    locales: Iterable[str],
    tags: Sequence[str],
    num_rows: int,
) -> str:
    """The front matter."""
    matter = {
        "license": "other",
        "license_name": " AND ".join(sorted(licenses)) or "unknown",
        "language": sorted(locales) or ["en"],
        "task_categories": ["text-generation"],
        "tags": list(tags),
        "size_categories": [_size(num_rows)],
        "configs": list(configs),
    }
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)}---"


def _size(num_rows: int) -> str:
    return next((label for limit, label in _SIZES if num_rows < limit), _LARGEST)


def _introduction(stats: CardStats, facts: CardFacts) -> str:
    maker = f"opencook {facts.version}".strip()
    what = "instruction-code pairs" if facts.layout == "instructions" else "documents"
    said = f"{stats.rows.num_rows} {what}, made by {maker} with the recipe `{facts.recipe}`."
    if facts.about.strip():
        said += f" {facts.about.strip()}"
    lines = [f"# {facts.recipe}", "", said]
    if facts.selection:
        lines += ["", f"Chosen from the run: {facts.selection}."]
    return "\n".join([*lines, "", table("teacher", "rows", stats.teachers)])


def _composition(stats: CardStats) -> str:
    lines = ["## What is in it", "", "| language | written in | rows |", "|---|---|---:|"]
    found = sorted(stats.composition.items(), key=lambda item: (-item[1], item[0]))
    lines += [f"| {cell(language)} | {cell(locale)} | {count} |" for (language, locale), count in found]
    return "\n".join(lines)


def _funnel(funnel: Funnel, stats: CardStats) -> str:
    lines = ["## Funnel", "", "| stage | rows | left | of the seeds |", "|---|---:|---:|---:|"]

    def tell(name: str, rows: int, left: int) -> None:
        share = format_share(left / funnel.seeds if funnel.seeds else None)
        lines.append(f"| {cell(name)} | {rows} | {left} | {share} |")

    for step in funnel_steps(funnel)[:-1]:
        name = f"`{step.label}`" if step.kind == "drop" else step.label
        tell(name, step.rows if step.kind == "seeds" else -step.rows, step.left)
    num_rows = stats.rows.num_rows
    if stats.unverified:
        tell("dropped by verification alone, put back", stats.unverified, funnel.kept + stats.unverified)
    if left_out := funnel.kept + stats.unverified - num_rows:
        tell("not asked for", -left_out, num_rows)
    tell("in this dataset", num_rows, num_rows)
    return "\n".join(lines)


_LIMITS = """Limits: passing tests is no proof of correct code, and nothing was run to check the prose. Near duplicates
and benchmark contamination are found by text, so paraphrases can remain."""


def _verification(stats: CardStats) -> str:
    rows = stats.rows
    lines = ["## How the rows were checked", ""]
    if stats.any_checked:
        lines += ["Code and tests ran together in a container without network access."]
    lines += ["What a check is worth depends on where the tests come from, so every row names its `evidence`:", ""]
    lines += ["| evidence | rows | what it means |", "|---|---:|---|"]
    lines += [f"| `{kind}` | {count} | {EVIDENCE_MEANING[kind]} |" for kind, count in stats.evidence.items()]
    made = f"{rows.round_trips} rows made the round trip: solved from the instruction alone, judged by unseen tests."
    if stats.unverified:
        made += f"\n{stats.unverified} rows **failed** verification: `verified` is false, `dropped` says why."
    return "\n".join([*lines, "", made, "", _LIMITS])


def _contamination(stats: CardStats, facts: CardFacts) -> str:
    lines = ["## Contamination", ""]
    if not facts.benchmarks:
        return "\n".join([*lines, "The rows were searched for no test set."])
    lines += [f"Searched for: {', '.join(facts.benchmarks)}. What was found is not in this dataset:", ""]
    if not stats.contaminated:
        return "\n".join([*lines, "nothing."])
    lines += ["| test set | rule | rows dropped |", "|---|---|---:|"]
    found = sorted(stats.contaminated.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(lines + [f"| {cell(name)} | `{rule}` | {count} |" for (name, rule), count in found])


def _table_of_sources(stats: CardStats) -> str:
    return table("source and licence", "rows", stats.sources, title="Seeds and their licences")


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


def usage(subset: str, layout: Layout) -> str:
    """How to load the set, and what is in the columns."""
    if layout == "documents":
        choice = 'python = rows.filter(lambda row: row["lang"] == "python")'
        said = "`text` is what to train on, `lang` its programming language."
    else:
        choice = 'strong = rows.filter(lambda row: row["evidence"] == "seed" and row["round_trip"])'
        said = """`messages` is what chat trainers read (as JSON Lines, too, under `messages/`); `output` is the same
answer, `code` the program inside it, `testcase` its tests."""
    return f"""## How to load it

```python
from datasets import load_dataset

rows = load_dataset("path/to/this/folder", "{subset}", split="train")
{choice}
```

{said}
`scores` and `templates` are JSON objects, `tag` names the subset."""


def table(name: str, number: str, rows: dict[str, int], *, title: str = "") -> str:
    """A two-column Markdown table; a `Counter` is put largest first, and its tail is summed up."""
    items = list(rows.items())
    if isinstance(rows, Counter):
        items.sort(key=lambda item: (-item[1], item[0]))
        if len(rest := items[MAX_LINES:]) > 1:
            items[MAX_LINES:] = [(f"{len(rest):,} others", sum(count for _, count in rest))]
    lines = [f"## {title}", ""] if title else []
    lines += [f"| {name} | {number} |", "|---|---:|"]
    lines += [f"| {cell(label)} | {count} |" for label, count in items]
    return "\n".join(lines)


def cell(text: str) -> str:
    """Text that cannot break the table it stands in."""
    return " ".join(text.split()).replace("|", "\\|")
