"""`report.html`: one self-contained page over a run, to be opened from disk with no network.

The rows are model output and therefore hostile: they travel as JSON inside a data block, the page writes them with
`textContent` only, and a content security policy allows our own script and style (by hash) and no request at all.

The samples are gone through twice, to count them and to take what is shown, and never held together in memory.
Not covered: rows beyond `max_rows`; the page says how many it left out, and `samples.parquet` holds them all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from synth.figures import (
    EVIDENCE_MEANS,
    RowStats,
    RunFacts,
    compute_ratios,
    format_cost,
    format_count,
    format_seconds,
    format_share,
    funnel_steps,
    visible,
)
from synth.files import atomic_file
from synth.sample import Funnel, Sample

__all__ = ["RunFacts", "write_report"]

MAX_ROWS = 2_000
"""Rows embedded in full. Measured at 2.4 kB a row: 2,000 rows are 5 MB, load in 0.3 s and search in 40 ms; 20,000 rows
are 48 MB, 1.6 s and 150 ms."""
MAX_CHARS = 20_000
"""Longest text of one field that is embedded; what is cut off is counted in its place."""


def write_report(
    path: Path, samples: Iterable[Sample], funnel: Funnel, facts: RunFacts, *, max_rows: int = MAX_ROWS
) -> None:
    """Nothing; `path` holds the page afterwards, whole or not at all.

    `samples` is iterated twice, so a generator will not do. Raises `RunFolderError` where `path` cannot be written.
    """
    page = render_report(samples, funnel, facts, max_rows=max_rows)
    with atomic_file(path) as file:
        file.write(page)


def render_report(samples: Iterable[Sample], funnel: Funnel, facts: RunFacts, *, max_rows: int = MAX_ROWS) -> bytes:
    """The page as UTF-8; `samples` is iterated twice."""
    style, script = _asset("report.css"), _asset("report.js")
    stats = RowStats.over(samples)
    rows = [_row(sample) for sample in choose_rows(samples, stats.outcomes, max_rows)]
    assert len(rows) == min(stats.num_rows, max_rows), "samples must give the same rows each time"
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = template.from_string(_asset("report.html.j2")).render(
        facts=facts,
        funnel=funnel,
        steps=funnel_steps(funnel),
        evidence=_evidence_mix(stats),
        round_trips=stats.round_trips,
        figures=_figures(funnel, facts),
        num_rows=stats.num_rows,
        num_shown=len(rows),
        missing=funnel.seeds - funnel.kept - sum(funnel.dropped.values()) - funnel.unfinished,
        share=format_share,
        style=style,
        script=script,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        rows=embed_json(rows),
    )
    # A file name or argument that is not UTF-8 comes as lone surrogates, which cannot be encoded: show them as escapes.
    return page.encode("utf-8", "backslashreplace")


def choose_rows(samples: Iterable[Sample], outcomes: Mapping[str | None, int], limit: int) -> Iterator[Sample]:
    """At most `limit` rows in their order: half the room for kept rows, the rest shared evenly by drop reason.

    `outcomes` counts `samples` by drop reason. Room that one side does not need goes to the other, and each group is
    thinned at even distances, so that early and late seeds are both there.
    """
    chosen = {reason: _spread(outcomes[reason], room) for reason, room in _share_room(outcomes, limit).items()}
    seen = dict.fromkeys(outcomes, 0)
    for sample in samples:
        if seen[sample.dropped] in chosen[sample.dropped]:
            yield sample
        seen[sample.dropped] += 1


def _share_room(outcomes: Mapping[str | None, int], limit: int) -> dict[str | None, int]:
    """How many rows of each group are shown."""
    num_rows, num_kept = sum(outcomes.values()), outcomes.get(None, 0)
    if num_rows <= limit:
        return dict(outcomes)
    rooms: dict[str | None, int] = {None: min(num_kept, max(limit // 2, limit - (num_rows - num_kept)))}
    room = limit - rooms[None]
    smallest_first = sorted((item for item in outcomes.items() if item[0] is not None), key=lambda item: item[1])
    for position, (reason, rows) in enumerate(smallest_first):
        rooms[reason] = min(rows, room // (len(smallest_first) - position))
        room -= rooms[reason]
    return rooms


def _spread(count: int, room: int) -> frozenset[int]:
    """`room` of the numbers below `count`, at even distances."""
    return frozenset(step * count // room for step in range(room))


def embed_json(value: Any) -> str:
    """JSON that is inert inside a `<script>` element: no `<`, `>` or `&` can end or open anything."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _figures(funnel: Funnel, facts: RunFacts) -> list[tuple[str, str, str]]:
    """Name, value and footnote of each headline figure."""
    ratios = compute_ratios(funnel, facts)
    tokens = facts.prompt_tokens + facts.completion_tokens
    price = "price not known" if facts.cost_usd is None else f"{format_cost(facts.cost_usd)} in all"
    return [
        ("rows kept", format_count(funnel.kept), f"of {format_count(funnel.seeds)} seeds"),
        ("yield", format_share(ratios.kept_share), "of the seeds that finished"),
        ("time per kept row", format_seconds(ratios.seconds_per_row), f"{format_seconds(facts.seconds)} in all"),
        ("tokens per kept row", format_count(ratios.tokens_per_row), f"{format_count(tokens)} in all"),
        ("calls per kept row", format_count(ratios.calls_per_row), f"{format_count(facts.calls)} in all"),
        ("cost per kept row", format_cost(ratios.cost_per_row), price),
    ]


def _evidence_mix(stats: RowStats) -> list[tuple[str, int, float, str]]:
    """Name, kept rows, share of the kept rows and meaning of each kind of evidence there is."""
    num_kept = stats.outcomes[None]
    return [(name, rows, rows / num_kept, EVIDENCE_MEANS[name]) for name, rows in stats.evidence.items()]


def _row(sample: Sample) -> dict[str, Any]:
    """What the page shows of one row."""
    outcomes = sample.check.outcomes if sample.check else ()
    tests = [{"test": _text(o.test), "passed": o.passed, "error": _text(o.error)} for o in outcomes]
    return {
        "id": sample.id,
        "dropped": sample.dropped and visible(sample.dropped),
        "detail": _text(sample.detail),
        "evidence": sample.evidence,
        "round_trip": sample.round_trip,
        "seed": _text(sample.seed_id),
        "language": _text(sample.language),
        "locale": _text(sample.locale),
        "entry": _text(sample.entry_point),
        "instruction": _text(sample.instruction),
        "response": _text(sample.response),
        "code": _text(sample.code),
        "tests": tests or [{"test": _text(test), "passed": None, "error": ""} for test in sample.tests],
        "facts": _provenance_facts(sample),
    }


def _provenance_facts(sample: Sample) -> list[tuple[str, str]]:
    """Name and value of each fact that is known about how the row was made."""
    check, made, candidates = sample.check, sample.provenance, ""
    if check and check.num_candidates:
        candidates = f"{check.num_candidates_passed} of {check.num_candidates} passed"
    facts: Mapping[str, str] = {
        "verdict": check.status if check else "",
        "candidates": candidates,
        "seed": sample.seed_id,
        "from": made.seed_source,
        "licence": made.seed_license,
        "teacher": made.teacher,
        "judge": made.judge,
        "templates": ", ".join(f"{name} {digest}" for name, digest in made.templates.items()),
        "scores": ", ".join(f"{name} {_number(score)}" for name, score in sample.scores.items()),
        "calls": format_count(made.calls),
        "tokens": f"{made.prompt_tokens:,} in, {made.completion_tokens:,} out",
        "cost": "" if made.cost_usd is None else format_cost(made.cost_usd),
    }
    return [(name, _text(value)) for name, value in facts.items() if value]


def _number(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else str(value)


def _text(text: str) -> str:
    """`text` made visible, and cut at `MAX_CHARS` with a count of what is missing."""
    cut = len(text) - MAX_CHARS
    return visible(text if cut <= 0 else f"{text[:MAX_CHARS]}\n[{cut:,} more characters are in samples.parquet]")


def _asset(name: str) -> str:
    return resources.files("synth").joinpath(name).read_text("utf-8")


def _csp_hash(text: str) -> str:
    """The policy's name for exactly this inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
