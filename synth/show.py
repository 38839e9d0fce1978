"""What the terminal shows of a run: the funnel at its end, one row, and the story of a row.

Everything a model wrote is hostile to a terminal as it is to a page: it passes `visible`, and reaches rich as `Text` or
`Syntax`, never as a markup string. Of what programs printed only the end is shown; nothing else is cut.

Not covered: the live display while a run goes on (`progress.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from synth.figures import (
    RowStats,
    RunFacts,
    Step,
    compute_ratios,
    format_cost,
    format_count,
    format_seconds,
    format_share,
    funnel_steps,
    visible,
)
from synth.sample import Funnel, Sample, TestOutcome
from synth.story import Asked, Judged, Story

BAR_WIDTH = 32
KEPT, LOST, QUIET = "green", "red", "bright_black"
OUTPUT_CHARS = 2_000
"""The end of what a program printed, which says how it ended."""


def print_funnel(console: Console, funnel: Funnel, facts: RunFacts, stats: RowStats | None = None) -> None:
    """Nothing; the end-of-run summary is on `console`, with the evidence of the kept rows where `stats` are given."""
    steps = funnel_steps(funnel)
    others = max(len(step.label) for step in steps) + len(f"{funnel.seeds:,}") + 14  # padding, minus sign and share
    width = min(max(console.width - others, 4), BAR_WIDTH)
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(width=width, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style=QUIET)
    for step in steps:
        table.add_row(*_funnel_line(step, funnel.seeds, width))
    console.print(table)
    if not funnel.adds_up:
        accounted = funnel.kept + sum(funnel.dropped.values()) + funnel.unfinished
        problem = f"does not add up: {funnel.seeds:,} seeds, {accounted:,} accounted for; do not use these rows"
        console.print(Text(problem, style=f"bold {LOST}"))
    if stats is not None and stats.evidence:
        mix = ", ".join(f"{name} {rows:,}" for name, rows in stats.evidence.items())
        console.print(Text(f"\nevidence: {mix}; round trip made by {stats.round_trips:,} of {funnel.kept:,}"))
    console.print(Text.assemble("\n", *_per_row(funnel, facts)), end="")


def _funnel_line(step: Step, seeds: int, width: int) -> tuple[Text, Text, Text, Text]:
    loss = step.kind in ("drop", "unfinished")
    whole = seeds or 1
    left = round(width * step.left / whole)
    lost = max(round(width * (step.left + step.rows) / whole) - left, 1) if loss and step.rows else 0
    style = KEPT if step.kind == "kept" else QUIET
    left = min(max(left, 1 if step.left else 0), width - lost)
    bar = Text.assemble(("█" * left, style), ("█" * lost, LOST if step.kind == "drop" else "yellow"))
    weight = f"bold {KEPT}" if step.kind == "kept" else "bold" if step.kind == "seeds" else ""
    count = Text(f"{'-' if loss else ''}{step.rows:,}", style=weight)
    return Text(visible(step.label), style=weight), bar, count, Text(format_share(step.share))


def _per_row(funnel: Funnel, facts: RunFacts) -> Iterator[str | tuple[str, str]]:
    ratios = compute_ratios(funnel, facts)
    tokens = facts.prompt_tokens + facts.completion_tokens
    price = "price not known" if facts.cost_usd is None else f"{format_cost(facts.cost_usd)} in all"
    lines = (
        ("yield", format_share(ratios.kept_share), "of the seeds that finished"),
        ("time", format_seconds(ratios.seconds_per_row), f"a kept row, {format_seconds(facts.seconds)} in all"),
        ("tokens", format_count(ratios.tokens_per_row), f"a kept row, {format_count(tokens)} in all"),
        ("calls", format_count(ratios.calls_per_row), f"a kept row, {format_count(facts.calls)} in all"),
        ("cost", format_cost(ratios.cost_per_row), f"a kept row, {price}"),
    )
    for name, value, note in lines:
        yield from (f"{name:<8}", (f"{value:>12}", "bold"), (f"  {note}\n", QUIET))


def print_sample(console: Console, sample: Sample) -> None:
    """Nothing; the row is on `console` as a panel."""
    parts: list[RenderableType] = []
    if sample.detail:
        parts += [Text(visible(sample.detail), style=LOST), Text()]
    if sample.instruction:
        parts += [_heading("instruction"), *_prose(sample.instruction, sample.language)]
    if sample.response:
        parts += [_heading("response"), *_prose(sample.response, sample.language)]
    if sample.code and sample.code.strip() not in sample.response:
        parts += [_heading("code"), _code(sample.code, sample.language), Text()]
    if sample.check and sample.check.outcomes:
        parts += [_heading(_tally(sample.check.outcomes)), _tests(sample.check.outcomes, sample.language)]
    elif sample.tests:
        parts += [_heading("tests, not run"), *(_code(test, sample.language) for test in sample.tests)]
    parts += [Text(), _cost_line(sample)]
    border = KEPT if sample.dropped is None else LOST
    console.print(Panel(Group(*parts), title=_title(sample), title_align="left", border_style=border, padding=(1, 2)))


def print_story(console: Console, story: Story) -> None:
    """Nothing; every question, answer and verdict behind the row is on `console`, then the row itself."""
    for number, event in enumerate(story.events, start=1):
        console.print(Rule(_event_title(number, event), align="left", style=QUIET))
        body = _asked(event) if isinstance(event, Asked) else _judged(event)
        console.print(Padding(Group(*body), (1, 2)))
    print_sample(console, story.sample)


def _event_title(number: int, event: Asked | Judged) -> Text:
    if isinstance(event, Judged):
        style = KEPT if event.status == "passed" else LOST
        return Text.assemble(f"{number}. {visible(event.purpose)}: ", (visible(event.status), style))
    facts = [visible(event.model), f"{event.prompt_tokens:,} + {event.completion_tokens:,} tokens"]
    facts.append(f"finish: {visible(event.finish_reason)}" if event.finish_reason else "")
    title = f"{number}. {visible(event.template)} asked of the {event.role}  "
    return Text.assemble((title, "bold"), (", ".join(filter(None, facts)), QUIET))


def _asked(event: Asked) -> Iterator[RenderableType]:
    prompt = "\n\n".join(f"{role}: {content}" for role, content in event.messages)
    if event.is_repeat:
        prompt = f"(the same prompt, sample {event.sample + 1})"
    yield Text(visible(prompt), style=QUIET)
    yield Text()
    if event.completion.strip():
        yield from _prose(event.completion, "python")
    else:
        yield Text("(an empty completion)", style=LOST)


def _judged(event: Judged) -> Iterator[RenderableType]:
    if event.code:
        yield _code(event.code, event.language)
        yield Text()
    if event.tests:
        yield _tests(event.tests, event.language)
    if event.stdout:
        yield Text(visible(event.stdout[-OUTPUT_CHARS:]))
    if event.stderr:
        yield Text(visible(event.stderr[-OUTPUT_CHARS:]), style=LOST)
    if not (event.code or event.tests or event.stdout or event.stderr):
        yield Text("(no tests, no output)", style=QUIET)


def _title(sample: Sample) -> Text:
    outcome = ("kept", f"bold {KEPT}") if sample.dropped is None else (visible(sample.dropped), f"bold {LOST}")
    name = visible(sample.entry_point or sample.seed_id)
    return Text.assemble(" ", outcome, "  ", (sample.id, "bold"), "  ", (name, QUIET), " ")


def _cost_line(sample: Sample) -> Text:
    made = sample.provenance
    facts = [
        f"evidence: {sample.evidence}" + (" (round trip)" if sample.round_trip else ""),
        f"seed: {sample.seed_id}" + (f" ({made.seed_license})" if made.seed_license else ""),
        made.teacher and f"teacher: {made.teacher}",
        f"{made.calls:,} calls, {made.prompt_tokens:,} + {made.completion_tokens:,} tokens",
        "" if made.cost_usd is None else format_cost(made.cost_usd),
    ]
    return Text(visible("  ".join(filter(None, facts))), style=QUIET)


def _heading(text: str) -> Text:
    return Text(text, style=f"bold {QUIET}")


def _tally(outcomes: Sequence[TestOutcome]) -> str:
    return f"tests, {sum(outcome.passed for outcome in outcomes)} of {len(outcomes)} passed"


def _tests(outcomes: Sequence[TestOutcome], language: str) -> Table:
    table = Table.grid(padding=(0, 1))
    for outcome in outcomes:
        mark = Text("✓", style=KEPT) if outcome.passed else Text("✗", style=LOST)
        table.add_row(mark, _code(outcome.test, language))
        if outcome.error:
            table.add_row("", Text(visible(outcome.error), style=LOST))
    return table


def _prose(text: str, language: str) -> Iterator[RenderableType]:
    """The text as it stands, fenced blocks as code."""
    # Not rich.markdown: it leaves raw HTML out and turns URLs of the model's choice into links.
    parts = re.split(r"^[ \t]*```[ \t]*([\w+#.-]*)[ \t]*$\n?", visible(text), flags=re.MULTILINE)
    for index in range(0, len(parts), 2):  # prose, tag, code, tag, prose ...
        if not parts[index].strip():
            continue
        if index % 4 == 0:
            yield Text(parts[index].strip("\n"))
        else:
            yield Padding(_code(parts[index], parts[index - 1] or language), (1, 2))
    yield Text()


def _code(code: str, language: str) -> Syntax:
    # The ANSI theme takes the colours of the reader's own terminal, light or dark.
    return Syntax(visible(code).rstrip("\n"), language, theme="ansi_dark", background_color="default", word_wrap=True)
