"""What the report page holds of each row: a short entry for the list, the row itself, and its story.

Text is cut where it is very long. Not covered: how it is stored in the page (`report_blocks.py`), which rows are shown
(`report.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import IO, Any

from synth.figures import format_cost, format_count, visible
from synth.ledger import Ledger
from synth.nearest import NearestKept
from synth.report_blocks import BlockWriter
from synth.sample import Sample, TestOutcome
from synth.story import Asked, Judged, read_story

MAX_CHARS = 20_000
"""Longest text of one field that is embedded; what is cut off is counted in its place."""
TITLE_CHARS = 160

ENTRY = ("id", "title", "dropped", "evidence", "recipe", "language", "locale", "entry", "seed", "tests")
"""The fields of an entry of the list, in their order; two more follow, `nearest` (a row's number) and `similarity`."""


class PageRows:
    """The rows of a page: the list in memory, all else written to `file` as it comes."""

    def __init__(self, file: IO[bytes], ledger: Ledger | None) -> None:
        self.similarities: list[float] = []
        """Of each kept row to the nearest other kept one, once `index` was taken."""
        self._ledger = ledger
        self._entries: list[list[Any]] = []
        self._rows = BlockWriter(file, "rows")
        self._stories = BlockWriter(file, "stories")
        self._nearest = NearestKept()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def num_bytes(self) -> int:
        """Of rows and stories before they were compressed."""
        return self._rows.num_bytes + self._stories.num_bytes

    def add(self, sample: Sample) -> None:
        """Takes one row. Raises: `RunFolderError` where the ledger lacks a part of its story."""
        self._entries.append(list_entry(sample))
        self._nearest.add(f"{sample.instruction}\n{sample.response}"[:MAX_CHARS], is_kept=sample.dropped is None)
        self._rows.add(whole_row(sample, self._rows.text))
        if self._ledger is not None:
            told = read_story(sample, self._ledger).events
            self._stories.add([event_record(event, self._stories.text) for event in told])

    def index(self) -> dict[str, Any]:
        """What the page must know of all rows before it opens any; ends the adding."""
        self._rows.flush()
        self._stories.flush()
        found = self._nearest.find()
        for entry, near in zip(self._entries, found, strict=True):
            entry += [near.index, round(near.similarity, 2)] if near else [None, 0]
            if entry[ENTRY.index("dropped")] is None:
                self.similarities.append(near.similarity if near else 0.0)
        return {
            "fields": [*ENTRY, "nearest", "similarity"],
            "entries": self._entries,
            "rows": self._rows.starts,
            "stories": self._stories.starts,
        }


def list_entry(sample: Sample) -> list[Any]:
    """The values of `ENTRY`."""
    outcomes = sample.check.outcomes if sample.check else ()
    title = sample.instruction.strip().partition("\n")[0].replace("`", "")
    return [
        sample.id,
        visible(title[:TITLE_CHARS]),
        sample.dropped and visible(sample.dropped),
        sample.evidence,
        visible(sample.recipe),
        visible(sample.language),
        visible(sample.locale),
        visible(sample.entry_point[:TITLE_CHARS]),
        visible(sample.seed_id[:TITLE_CHARS]),
        f"{sample.check.tests_passed}/{len(outcomes)} tests" if sample.check and outcomes else "",
    ]


Write = Callable[[str], int]
"""Takes a text into a block and gives the number that stands for it."""


def whole_row(sample: Sample, write: Write) -> dict[str, Any]:
    """What the page shows of one row."""
    outcomes = sample.check.outcomes if sample.check else ()
    tests = [_test(outcome, write) for outcome in outcomes]
    return {
        "detail": _text(sample.detail, write),
        "round_trip": sample.round_trip,
        "instruction": _text(sample.instruction, write),
        "response": _text(sample.response, write),
        "code": _text(sample.code, write),
        "tests": tests or [{"test": _text(test, write), "passed": None, "error": write("")} for test in sample.tests],
        "facts": [[write(name), _text(value, write)] for name, value in _facts(sample).items() if value],
    }


def event_record(event: Asked | Judged, write: Write) -> dict[str, Any]:
    """One event of a story, as the page holds it."""
    if isinstance(event, Judged):
        return {
            "ran": write(event.purpose),
            "status": write(event.status),
            "language": write(event.language),
            "code": _text(event.code, write, LEDGER),
            "tests": [_test(outcome, write) for outcome in event.tests],
            "stdout": _text(event.stdout, write, LEDGER),
            "stderr": _text(event.stderr, write, LEDGER),
        }
    messages = () if event.is_repeat else event.messages
    return {
        "asked": write(event.template),
        "role": write(event.role),
        "model": write(event.model),
        "tokens": write(f"{event.prompt_tokens:,} + {event.completion_tokens:,} tokens"),
        "finish": write(event.finish_reason),
        "repeats": write(f"the same prompt, sample {event.sample + 1}") if event.is_repeat else None,
        "messages": [[write(role), _text(content, write, LEDGER)] for role, content in messages],
        "completion": _text(event.completion, write, LEDGER),
    }


def _test(outcome: TestOutcome, write: Write) -> dict[str, Any]:
    return {"test": _text(outcome.test, write), "passed": outcome.passed, "error": _text(outcome.error, write)}


def _facts(sample: Sample) -> Mapping[str, str]:
    """Name and value of each fact about how the row was made; empty where it is not known."""
    check, made, candidates = sample.check, sample.provenance, ""
    if check and check.num_candidates:
        candidates = f"{check.num_candidates_passed} of {check.num_candidates} passed"
    return {
        "verdict": check.status if check else "",
        "candidates": candidates,
        "seed": sample.seed_id,
        "from": made.seed_source,
        "licence": made.seed_license,
        "recipe": sample.recipe,
        "teacher": made.teacher,
        "judge": made.judge,
        "templates": ", ".join(f"{name} {digest}" for name, digest in made.templates.items()),
        "scores": ", ".join(f"{name} {_number(score)}" for name, score in sample.scores.items()),
        "calls": format_count(made.calls),
        "tokens": f"{made.prompt_tokens:,} in, {made.completion_tokens:,} out",
        "cost": "" if made.cost_usd is None else format_cost(made.cost_usd),
    }


def _number(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else str(value)


LEDGER = "the ledger"


def _text(text: str, write: Write, whole: str = "samples.parquet") -> int:
    """Takes `text`, cut at `MAX_CHARS` with a count of what is missing and what holds the `whole`."""
    cut = len(text) - MAX_CHARS
    return write(text if cut <= 0 else f"{text[:MAX_CHARS]}\n[{cut:,} more characters are in {whole}]")
