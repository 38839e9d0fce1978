"""`report.html`: one self-contained page over a run, to be opened from disk with no network.

The rows are model output and therefore hostile: they travel as JSON inside data blocks, the page writes them with
`textContent` only, and a content security policy allows our own script and style (by hash) and no request at all.

A small entry of each row stands before the script, so that the list works while the rest still loads; the rows and
their stories follow, compressed in blocks that are opened on demand. The samples are gone through twice, to count them
and to take what is shown; rows go to a temporary file as they come, so that memory does not grow with their length.
Not covered: rows beyond `max_rows`; the page says how many it left out, and `samples.parquet` holds them all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, StrictUndefined

from synth.breakdown import cost_by_recipe, cross
from synth.distributions import Distributions
from synth.figures import (
    EVIDENCE_MEANS,
    RowStats,
    RunFacts,
    compute_ratios,
    format_cost,
    format_count,
    format_rough,
    format_seconds,
    format_share,
    funnel_steps,
)
from synth.files import atomic_file
from synth.ledger import Ledger
from synth.report_rows import PageRows
from synth.sample import Funnel, Sample

__all__ = ["RunFacts", "write_report"]

MAX_ROWS = 10_000
"""Rows embedded in full. At 16 kB of text a row: 41 MB, 0.9 s of the browser's CPU (`benchmarks/report.py`)."""
SCRIPTS = ("report_blocks.js", "report_text.js", "report_detail.js", "report.js")
"""One script in the page, under one name space."""
PIECE = 1 << 20


def write_report(
    path: Path,
    samples: Iterable[Sample],
    funnel: Funnel,
    facts: RunFacts,
    *,
    ledger: Ledger | None = None,
    max_rows: int = MAX_ROWS,
) -> None:
    """Nothing; `path` holds the page afterwards, whole or not at all.

    `samples` is iterated twice, so a generator will not do. With the `ledger` each row has its story.
    Raises `RunFolderError` where `path` cannot be written, or the ledger lacks a part of a story.
    """
    with atomic_file(path) as file:
        write_page(file, samples, funnel, facts, ledger=ledger, max_rows=max_rows)


def write_page(
    file: IO[bytes],
    samples: Iterable[Sample],
    funnel: Funnel,
    facts: RunFacts,
    *,
    ledger: Ledger | None = None,
    max_rows: int = MAX_ROWS,
) -> None:
    """Nothing; the page is in `file` as UTF-8."""
    stats, spread = RowStats(), Distributions()
    for sample in samples:
        stats.add(sample)
        spread.add(sample)
    with tempfile.TemporaryFile() as blocks:
        rows = PageRows(blocks, ledger)
        for sample in choose_rows(samples, stats.outcomes, max_rows):
            rows.add(sample)
        assert len(rows) == min(stats.num_rows, max_rows), "samples must give the same rows each time"
        index = rows.index()
        for similarity in rows.similarities:
            spread.similarity.add(similarity, True)
        packed = blocks.tell()
        blocks.seek(0)
        shown = {"index": index, "num_shown": len(rows), "packed": packed, "unpacked": rows.num_bytes}
        for piece in _page(funnel, facts, stats, spread, shown, blocks):
            # A file name or argument that is not UTF-8 comes as lone surrogates, which cannot be encoded: escape them.
            file.write(piece.encode("utf-8", "backslashreplace"))


def _page(
    funnel: Funnel, facts: RunFacts, stats: RowStats, spread: Distributions, shown: dict[str, Any], blocks: IO[bytes]
) -> Iterator[str]:
    """The page in pieces, `blocks` among them as they are read."""
    style, script = _asset("report.css"), _script()
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(_asset("report.html.j2")).generate(
        facts=facts,
        funnel=funnel,
        steps=funnel_steps(funnel),
        evidence=_evidence_mix(stats),
        round_trips=stats.round_trips,
        figures=_figures(funnel, facts),
        crossed=cross(stats),
        costs=cost_by_recipe(stats),
        charts=spread.charts(),
        num_rows=stats.num_rows,
        num_shown=shown["num_shown"],
        packed=_format_bytes(shown["packed"]),
        unpacked=_format_bytes(shown["unpacked"]),
        missing=funnel.seeds - funnel.kept - sum(funnel.dropped.values()) - funnel.unfinished,
        share=format_share,
        rough=format_rough,
        count=format_count,
        cost=format_cost,
        style=style,
        script=script,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        index=embed_json(shown["index"]),
        blocks=(piece.decode("ascii") for piece in iter(lambda: blocks.read(PIECE), b"")),
    )


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


def _format_bytes(number: int) -> str:
    return f"{number / 1e6:,.1f} MB" if number >= 1e5 else f"{number / 1e3:,.1f} kB"


def _script() -> str:
    """The whole script, in one function so that no name of it is the page's."""
    return '"use strict";\n(() => {\n' + "".join(map(_asset, SCRIPTS)) + "})();\n"


def _asset(name: str) -> str:
    return resources.files("synth").joinpath(name).read_text("utf-8")


def _csp_hash(text: str) -> str:
    """The policy's name for exactly this inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
