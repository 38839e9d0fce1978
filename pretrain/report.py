"""`report.html`: one self-contained page over a run of the whole chain, and the same in short for a terminal.

It reads manifests and metrics only, so that it works at any moment of a run; what is missing is shown as not run. Texts
of models and file names are hostile: the template escapes all of them and the page's policy allows no script at all.
Not covered: what stands in `synth`'s and the evaluations' own reports, row by row.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pretrain.chart import line_chart
from pretrain.run_facts import StageFacts, flatten, number, numbers, read_run
from pretrain.run_figures import (
    MAX_TEXT,
    TRAINED,
    duration,
    fertility_table,
    funnel_rows,
    headline,
    key_figure,
    language_table,
    learnt_rows,
    samples_over_time,
    total_seconds,
    visible,
)
from synth.files import atomic_file


def write_report(run: Path, out: Path) -> dict[str, StageFacts]:
    """The facts of the run; `out` holds the page afterwards, whole or not at all.

    Raises: RunFolderError where `run` holds no stage or `out` cannot be written.
    """
    facts = read_run(run)
    with atomic_file(out) as file:
        file.write(render_report(run, facts))
    return facts


def render_report(run: Path, facts: Mapping[str, StageFacts]) -> bytes:
    """The page as UTF-8."""
    style = _asset("report.css")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(_asset("report.html.j2")).render(
        name=run.resolve().name,
        style=Markup(style),
        style_hash=f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}",
        figures=headline(facts),
        stages=[(stage, duration(stage.seconds), key_figure(stage)) for stage in facts.values()],
        total=duration(total_seconds(facts)),
        funnel=funnel_rows(facts["corpus"]),
        fertility=fertility_table(facts["tokenizer"]),
        charts=charts(facts),
        learnt=learnt_rows(facts),
        by_language=language_table(facts["eval"]),
        measured=sorted(flatten(_without_settings(facts["eval"].manifest)).items()),
        samples=samples_over_time(facts),
        sft=[(name, facts[name].manifest.get("result", {})) for name in ("stage1", "stage2")],
        sft_number=number,
        chat=_read_text(run / "chat.txt"),
    )
    return page.encode("utf-8", "backslashreplace")


def report_text(facts: Mapping[str, StageFacts]) -> str:
    """One line per stage, and what was learnt, for a terminal."""
    out = StringIO()
    console = Console(file=out, width=110, highlight=False)
    table = Table("stage", "status", "time", "", box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for stage in facts.values():
        table.add_row(stage.name, stage.status, duration(stage.seconds), Text(key_figure(stage)))
    table.add_row("all", "", duration(total_seconds(facts)), "", style="bold")
    console.print(table)
    rows = learnt_rows(facts)
    if rows:
        learnt = Table("what it learnt", "", box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for name, value, note in rows:
            learnt.add_row(Text(name), Text(f"{value}  {note}".rstrip()))
        console.print(learnt)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def as_json(facts: Mapping[str, StageFacts]) -> dict[str, Any]:
    """Stages and findings for machines."""
    stages = [
        {"name": one.name, "status": one.status, "seconds": one.seconds, "figure": key_figure(one)}
        for one in facts.values()
    ]
    return {"stages": stages, "learnt": [{"what": name, "value": value} for name, value, _ in learnt_rows(facts)]}


def charts(facts: Mapping[str, StageFacts]) -> list[tuple[str, Markup]]:
    """Title and chart of each curve that has points."""
    heldout, languages = _by_stage(facts, "heldout_bits_per_byte", "all"), _by_language(facts)
    sft = {name: _points(facts[name], "loss") for name in ("stage1", "stage2")}
    drawn = [
        ("Training loss", _by_stage(facts, "loss"), "nats per token", False),
        ("Held-out bits per byte, all languages", _trained(heldout), "bits per byte", False),
        ("Held-out bits per byte by language", _trained(languages), "bits per byte", False),
        ("Learning rate", _by_stage(facts, "learning_rate"), "learning rate", True),
        ("Tokens per second", _by_stage(facts, "tokens_per_s"), "tokens per second", True),
        ("MFU", _by_stage(facts, "mfu"), "share of the measured peak", True),
        ("Fine-tuning loss", sft, "nats per token", False),
    ]
    found = [
        (title, line_chart(series, x_label="tokens", y_label=label, from_zero=from_zero))
        for title, series, label, from_zero in drawn
    ]
    return [(title, chart) for title, chart in found if chart]


def _by_stage(facts: Mapping[str, StageFacts], *path: str) -> dict[str, list[tuple[float, float]]]:
    return {name: _points(facts[name], *path) for name in TRAINED}


def _trained(series: Mapping[str, list[tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    """The series without the untrained model, beside which all the rest would be one flat line."""
    return {name: [point for point in points if point[0] > 0] for name, points in series.items()}


def _by_language(facts: Mapping[str, StageFacts]) -> dict[str, list[tuple[float, float]]]:
    """Stable phase and annealing as one line per language."""
    records = [record for name in TRAINED for record in facts[name].metrics]
    names = {language: None for record in records for language in numbers(record, "heldout_bits_per_byte")}
    stages = [facts[name] for name in TRAINED]
    return {
        language: [point for stage in stages for point in _points(stage, "heldout_bits_per_byte", language)]
        for language in names
        if language != "all"
    }


def _points(stage: StageFacts, *path: str) -> list[tuple[float, float]]:
    """(tokens, value) of each record that has the value; its tokens are its own or those of the step before it."""
    points, tokens = [], 0.0
    for record in stage.metrics:
        told = number(record, "tokens")
        tokens = tokens if told is None else told
        value = number(record, *path)
        if value is not None:
            points.append((tokens, value))
    return points


def _without_settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in ("identity", "inputs", "versions", "seconds")}


def _read_text(path: Path) -> str:
    try:
        return visible(path.read_text(encoding="utf-8", errors="replace")[:MAX_TEXT])
    except OSError:
        return ""


def _asset(name: str) -> str:
    return resources.files("pretrain").joinpath(name).read_text("utf-8")
