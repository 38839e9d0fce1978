"""Commands over what is there already: recipes, and runs finished or under way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synth.errors import RunFolderError

if TYPE_CHECKING:
    from synth.figures import Ratios
    from synth.ledger import Ledger
    from synth.sample import Sample
    from synth.show import Asked, Judged

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
    from synth.show import Story, print_story

    folder = RunFolder(run or newest_run())
    with Ledger(folder.path, read_only=True) as ledger:
        sample = _find(row, StoredSamples(folder.samples), folder.path)
        events = list(_events(sample, ledger))
    print_story(Console(), Story(sample=sample, events=events))


def _find(row: str, samples: Iterable[Sample], run: Path) -> Sample:
    matches = [sample for sample in samples if sample.id.startswith(row) or row in (sample.entry_point, sample.seed_id)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise RunFolderError(f"{run}: no row {row!r}; `synth report` lists them all with their ids")
    raise RunFolderError(f"{run}: {row!r} fits {len(matches)} rows ({', '.join(s.id for s in matches[:5])}); say which")


def _events(sample: Sample, ledger: Ledger) -> Iterator[Asked | Judged]:
    """What the ledger has of the row: all the questions in order, then all the verdicts."""
    from synth.sample import TestOutcome
    from synth.show import Asked, Judged

    prompt = ""
    for key, template in zip(sample.provenance.completions, sample.provenance.asked, strict=True):
        before = prompt
        request, completion = ledger.request(key), ledger.completion(key)
        if request is None or completion is None:
            raise RunFolderError(f"{ledger.path}: has not the completion {key[:12]} of row {sample.id}; run it again")
        prompt = "\n\n".join(f"{message['role']}: {message['content']}" for message in request.messages)
        yield Asked(
            template=template,
            role="judge" if request.teacher == sample.provenance.judge else "teacher",
            prompt=prompt if prompt != before else f"(the same prompt, sample {request.index + 1})",
            completion=completion.text,
            model=request.teacher,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            finish_reason=completion.finish_reason,
        )
    for key, purpose in zip(sample.provenance.verdicts, sample.provenance.ran, strict=True):
        job, verdict = ledger.job(key), ledger.verdict(key)
        if job is None or verdict is None:
            raise RunFolderError(f"{ledger.path}: has not the verdict {key[:12]} of row {sample.id}; run it again")
        outcomes = zip(job["tests"], verdict.test_results, strict=False)
        yield Judged(
            status=verdict.status,
            purpose=purpose,
            code=job["code"],
            language=job["language"],
            tests=tuple(TestOutcome(test=test, passed=result.passed, error=result.error) for test, result in outcomes),
            error=verdict.stderr[-2000:],
        )


@click.command()
@RUN
def report(run: Path | None) -> None:
    """Write report.html anew and say where it is."""
    import dataclasses

    from synth.export import StoredSamples
    from synth.figures import RunFacts
    from synth.report import write_report
    from synth.runs import RunFolder
    from synth.sample import Funnel

    folder = RunFolder(run or newest_run())
    done = folder.read_manifest()
    facts = RunFacts(**{field.name: done[field.name] for field in dataclasses.fields(RunFacts)})
    write_report(folder.report, StoredSamples(folder.samples), Funnel(**done["funnel"]), facts)
    click.echo(folder.report)


def newest_run() -> Path:
    """The run folder written to last."""
    found = sorted(Path("runs").glob("*/ledger.sqlite"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RunFolderError("runs: no run there yet; name a run folder, or start one with synth generate")
    return found[-1].parent


COMMANDS = (status, explain, report)
