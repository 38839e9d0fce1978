"""The commands that make training sets of what runs have kept: `synth export` and `synth mix`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sandbox.console import command_line
from synth.errors import SynthError

if TYPE_CHECKING:
    from rich.console import Console

    from synth.parquet import ShardSize

JSON = click.option("--json", "as_json", is_flag=True, help="Print plain data on stdout.")


def _writing(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of every command that writes a training set."""
    options = [
        click.option("--shard-rows", type=click.IntRange(min=1), help="Rows a Parquet file.  [default: 1,000,000]"),
        click.option(
            "--shard-mb",
            type=click.FloatRange(min=0, min_open=True),
            help="Megabytes a Parquet file, before compression.  [default: 500]",
        ),
        click.option("--push", "repository", metavar="OWNER/NAME", help="Upload it as a dataset, private; HF_TOKEN."),
        click.option("--public", is_flag=True, help="With --push: for everybody to see."),
        click.option("--dry-run", is_flag=True, help="With --push: write it, say what would be uploaded, ask no hub."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="[default: RUN/export; RUN/export-verified or RUN/export-all with those flags]",
)
@click.option("--verified-only", is_flag=True, help="Only rows with evidence.")
@click.option("--all", "everything", is_flag=True, help="Also rows that only verification dropped, labelled.")
@click.option("--evidence", help="Only rows of these kinds, such as seed,agreement.")
@click.option("--min-score", "min_scores", metavar="NAME=N", multiple=True, help="Only rows with such a score; repeat.")
@_writing
@JSON
def export(
    run: Path | None,
    out: Path | None,
    verified_only: bool,
    everything: bool,
    evidence: str | None,
    min_scores: tuple[str, ...],
    as_json: bool,
    **writing: Any,
) -> int:
    """Make the training set of a run anew, with all or some of its rows; asks no teacher and runs nothing."""
    from synth.cli_runs import newest_run
    from synth.reexport import export_again
    from synth.selection import VERIFIED, Selection, parse_evidence, parse_score

    if verified_only + everything + (evidence is not None) > 1:
        raise click.UsageError("--verified-only, --all and --evidence exclude each other; choose one")
    kinds = parse_evidence(evidence) if evidence is not None else VERIFIED.evidence if verified_only else None
    choice = Selection(evidence=kinds, min_scores=dict(map(parse_score, min_scores)), with_unverified=everything)
    if out is None and (evidence is not None or min_scores):
        raise click.UsageError("--out: name a folder for a choice of rows; RUN/export stays the whole")
    _check_push(**writing)
    run = run or newest_run()
    out = out or run / ("export-all" if everything else "export-verified" if verified_only else "export")
    told = export_again(run, out, choice, _size(**writing))
    console = _console()
    console.print(f"{told['rows']:,} rows in {out} ({told['put_back']:,} put back), subset {told['subset']}")
    told |= _push(out, console, **writing)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    return 0 if told["rows"] else _no_row(out)


@click.command()
@click.argument("mixture", metavar="stage1|stage2|annealing|FILE.yaml")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to write.")
@click.option(
    "--scale", type=click.FloatRange(min=0, min_open=True), help="Of the mixture's own counts, such as 0.001."
)
@click.option("--rows", "--tokens", "total", type=click.IntRange(min=1), help="In all, instead of --scale.")
@click.option(
    "--set", "sources", metavar="SET=SOURCE", multiple=True, help="Where rows of a set come from; repeat for more."
)
@click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Else: runs in here."
)
@click.option("--short", type=click.Choice(["keep", "refill", "fail"]), help="Where a set has too few rows.")
@click.option("--seed", type=int, help="Of choice, split and order.  [default: the mixture's]")
@_writing
@JSON
def mix(
    mixture: str,
    out: Path,
    scale: float | None,
    total: int | None,
    sources: tuple[str, ...],
    runs: Path,
    short: str | None,
    seed: int | None,
    as_json: bool,
    **writing: Any,
) -> int:
    """Make one training set of several: exact proportions, each row once, no seed on both sides of the split.

    Sources are run folders, exports, folders, files, or hf:OWNER/NAME[:CONFIG].
    """
    from synth.mix_config import load_mix, with_sources
    from synth.mix_export import make_mix

    if scale is not None and total is not None:
        raise click.UsageError("--scale and --rows exclude each other; choose one")
    _check_push(**writing)
    config = with_sources(load_mix(mixture), _by_set(sources), runs)
    changes = {"short": short, "seed": seed}
    config = config.model_copy(update={name: value for name, value in changes.items() if value is not None})
    console = _console()
    told = make_mix(
        config,
        out,
        name=out.absolute().name,
        total=config.wanted(scale=scale, total=total),
        size=_size(**writing),
        command=command_line(),
        say=lambda line: console.print(line, style="bright_black"),
    )
    _print_table(console, told)
    console.print(f"{told['rows']:,} rows in {out}")
    told |= _push(out, console, **writing)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    return 0


def _by_set(sources: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for given in sources:
        name, equals, source = given.partition("=")
        if not (name and equals and source):
            raise click.UsageError(f"--set: must be SET=SOURCE, got {given!r}")
        found.setdefault(name, []).append(source)
    return found


def _print_table(console: Console, told: dict[str, Any]) -> None:
    from rich.table import Table

    from synth.mix_card import COLUMNS

    grid = Table(box=None, pad_edge=False, header_style="bold")
    always = {"name", "wanted", "read", "train", "validation"}
    shown = [(heading, name) for heading, name in COLUMNS if name in always or any(row[name] for row in told["table"])]
    for heading, name in shown:
        grid.add_column(heading, justify="left" if name == "name" else "right", no_wrap=name == "name")
    for row in told["table"]:
        grid.add_row(*(f"{row[name]:,}" if isinstance(row[name], int) else row[name] for _, name in shown))
    console.print(grid, width=max(console.width, 100))
    short = [row["name"] for row in told["table"] if row["short"]]
    if short:
        largest = f"{told['largest']:,} {told['unit']} would keep the proportions of the sets that have rows"
        console.print(f"short: {', '.join(short)}; {largest}")


def _size(*, shard_rows: int | None, shard_mb: float | None, **_: Any) -> ShardSize:
    from synth.parquet import ShardSize

    size = ShardSize()
    return ShardSize(rows=shard_rows or size.rows, megabytes=shard_mb or size.megabytes)


def _check_push(*, repository: str | None, public: bool, dry_run: bool, **_: Any) -> None:
    """Says at once what would be wrong after hours. Raises: `SynthError`."""
    from synth.push import check_repository, open_hub

    if repository is None:
        if public or dry_run:
            raise click.UsageError("--public and --dry-run go with --push OWNER/NAME")
        return
    check_repository(repository)
    if not dry_run:
        open_hub()


def _push(
    out: Path, console: Console, *, repository: str | None, public: bool, dry_run: bool, **_: Any
) -> dict[str, Any]:
    from synth.push import open_hub, plan_push, push

    if repository is None:
        return {}
    plan = plan_push(out, repository, public=public)
    if dry_run:
        console.print(plan.describe())
        return {"would_push": {"repository": repository, "public": public, "files": dict(plan.files)}}
    address = push(plan, open_hub(), console.print)
    console.print(address)
    return {"pushed": address}


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def _no_row(out: Path) -> int:
    raise SynthError(f"{out}: no row was chosen; its README.md says what the run had")


COMMANDS = (export, mix)
