"""Commands over what is there already: recipes, and runs finished or under way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synth.errors import RunFolderError

if TYPE_CHECKING:
    from synth.figures import Ratios
    from synth.sample import Sample

RUN = click.argument("run", type=click.Path(path_type=Path), default=None, required=False)


@click.command()
@RUN
@click.option("--json", "as_json", is_flag=True, help="Print plain data on stdout.")
def status(run: Path | None, as_json: bool) -> None:
    """What a run has paid for so far and what it came to; also while it is running."""
    import dataclasses

    from synth.figures import compute_ratios, format_cost, format_seconds, visible
    from synth.ledger import Ledger
    from synth.runs import RunFolder, latest_funnel

    folder = RunFolder(run or newest_run())
    with Ledger(folder.path, read_only=True) as ledger:
        spent, progress, batches = ledger.spent(), ledger.progress(), ledger.open_batches()
    done = folder.read_manifest() if folder.manifest.exists() else None
    funnel, is_finished = latest_funnel(done, progress, calls=spent.calls)
    ratios = compute_ratios(funnel, spent) if funnel else None
    if as_json:
        facts = {"run": str(folder.path), "finished": is_finished, "spent": dataclasses.asdict(spent), "manifest": done}
        facts["open_batches"] = len(batches)
        facts |= {"funnel": funnel and funnel.to_json(), "per_kept_row": ratios and dataclasses.asdict(ratios)}
        click.echo(json.dumps(facts))
        return
    ended = f"finished {done['finished']}" if done else "not finished"
    click.echo(f"{folder.path}: {ended}{'' if is_finished or not done else ', more was paid since'}")
    click.echo(f"  paid    {spent.calls:,} calls, {spent.prompt_tokens:,} + {spent.completion_tokens:,} tokens")
    click.echo(f"  cost    {format_cost(spent.cost_usd)}")
    click.echo(f"  time    {format_seconds(spent.seconds)}")
    click.echo(f"  run     {spent.verdicts:,} programs")
    if batches:
        calls = sum(facts["num_requests"] for facts in batches.values())
        click.echo(f"  open    {len(batches):,} batches of {calls:,} calls; the same command again collects them")
    if funnel and ratios:
        click.echo(f"  rows    {funnel.kept:,} kept of {funnel.seeds:,} seeds{'' if is_finished else ' so far'}")
        for reason, count in funnel.dropped.items():
            click.echo(f"          {count:>5,} {visible(reason)}")
        click.echo(f"  a row   {_per_row(ratios)}")
    if done:
        click.echo(f"  again   {done['command']}")


def _per_row(ratios: Ratios) -> str:
    """`3.1 calls, 812 tokens, 17.2 s, $0.031`: what a kept row took."""
    from synth.figures import format_cost, format_count, format_seconds

    if ratios.calls_per_row is None:
        return "none kept yet"
    parts = [f"{format_count(ratios.calls_per_row)} calls", f"{format_count(ratios.tokens_per_row)} tokens"]
    cost = "price not known" if ratios.cost_per_row is None else format_cost(ratios.cost_per_row)
    return ", ".join([*parts, format_seconds(ratios.seconds_per_row), cost])


@click.command()
@click.argument("row")
@click.argument("run", type=click.Path(path_type=Path), required=False)
def explain(row: str, run: Path | None) -> None:
    """The story of ROW (the beginning of its id, or its function's name): asked, answered, run, kept or dropped."""
    from rich.console import Console

    from synth.export import StoredSamples
    from synth.ledger import Ledger
    from synth.runs import RunFolder
    from synth.show import print_story
    from synth.story import read_story

    folder = RunFolder(run or newest_run())
    with Ledger(folder.path, read_only=True) as ledger:
        sample = _find(row, StoredSamples(folder.samples), folder.path)
        story = read_story(sample, ledger)
    print_story(Console(), story)


def _find(row: str, samples: Iterable[Sample], run: Path) -> Sample:
    matches = [sample for sample in samples if sample.id.startswith(row) or row in (sample.entry_point, sample.seed_id)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise RunFolderError(f"{run}: no row {row!r}; `synth report` lists them all with their ids")
    raise RunFolderError(f"{run}: {row!r} fits {len(matches)} rows ({', '.join(s.id for s in matches[:5])}); say which")


@click.command()
@RUN
def report(run: Path | None) -> None:
    """Write report.html anew, with the story of each row where the ledger is there, and say where it is."""
    import dataclasses
    from contextlib import ExitStack

    from synth.export import StoredSamples
    from synth.figures import RunFacts
    from synth.ledger import Ledger
    from synth.report import write_report
    from synth.runs import RunFolder
    from synth.sample import Funnel

    folder = RunFolder(run or newest_run())
    done = folder.read_manifest()
    facts = RunFacts(**{field.name: done[field.name] for field in dataclasses.fields(RunFacts)})
    with ExitStack() as held:
        has_ledger = (folder.path / "ledger.sqlite").exists()
        ledger = held.enter_context(Ledger(folder.path, read_only=True)) if has_ledger else None
        write_report(folder.report, StoredSamples(folder.samples), Funnel(**done["funnel"]), facts, ledger=ledger)
    click.echo(folder.report)
    stories = "with stories" if has_ledger else "without stories, since ledger.sqlite is not there"
    click.echo(f"{folder.report.stat().st_size / 1e6:,.1f} MB, {stories}", err=True)


def newest_run() -> Path:
    """The run folder written to last."""
    found = sorted(Path("runs").glob("*/ledger.sqlite"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RunFolderError("runs: no run there yet; name a run folder, or start one with synth generate")
    return found[-1].parent


COMMANDS = (status, explain, report)
