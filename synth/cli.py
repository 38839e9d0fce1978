"""The `synth` command: flags in, one line or a result out. Each command imports what it needs when it runs."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sandbox.console import command_line, exit_code
from sandbox.verdict import SandboxError
from synth import cli_data, cli_runs
from synth.cli_recipes import recipes
from synth.curate_cli import decontaminate, dedup
from synth.errors import SynthError

if TYPE_CHECKING:
    from synth.forecast import Goal
    from synth.generate import Order, Result


def main() -> None:
    """Runs the command line and exits with its code."""
    sys.exit(exit_code(_run, name="synth", known=(SynthError, SandboxError)))


def _run() -> int | None:
    try:
        result = cli.main(prog_name="synth", standalone_mode=False)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return result if isinstance(result, int) else None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="opencook", prog_name="synth")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def cli(debug: bool) -> None:
    """Execution-verified synthetic SFT data: seeds -> teacher -> sandbox -> dataset."""


cli.add_command(dedup)
cli.add_command(decontaminate)
cli.add_command(recipes)
for command in (*cli_runs.COMMANDS, *cli_data.COMMANDS):
    cli.add_command(command)


VLLM_OPTIONS = [
    click.option(
        "--vllm-python",
        type=click.Path(path_type=Path),
        help="For vllm:MODEL: an interpreter or environment with vLLM.",
    ),
    click.option("--vllm-args", help="For vllm:MODEL: vLLM's own options, as in '--max-model-len 4096'."),
]


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags that say what to cook, for every command that cooks."""
    options = [
        click.option("--recipe", required=True, help="A bundled recipe or a folder with recipe.yaml."),
        click.option("--seeds", help="starter, doctest:PACKAGE,..., a folder, a JSONL or Parquet file, hf:OWNER/NAME."),
        click.option("--teacher", help="local[:FILE.gguf], vllm:MODEL or openai:MODEL.  [default: local]"),
        click.option("--judge", help="Another teacher for steps with `role: judge`."),
        *VLLM_OPTIONS,
        click.option(
            "--base-url",
            "base_urls",
            multiple=True,
            help="An OpenAI-compatible endpoint, or several that serve the same.",
        ),
        click.option("--price", help="PROMPT,COMPLETION in USD per million tokens.  [default: from the price table]"),
        click.option("--prices", type=click.Path(path_type=Path), help="A price table of your own, YAML, over ours."),
        click.option("--max-calls", type=click.IntRange(min=1), help="Pay for at most so many calls in all."),
        click.option("--max-tokens", type=click.IntRange(min=1), help="At most so many tokens, prompts included."),
        click.option("--max-cost", type=click.FloatRange(min=0), help="At most so many USD."),
        click.option("--locale", type=click.Choice(["en", "zh", "mix"]), default="en", show_default=True),
        click.option(
            "--languages", help="Programming languages that rows may be in, as in python,go.  [default: the sandbox's]"
        ),
        click.option("--concurrency", type=click.IntRange(min=1), help="Calls to the teacher at once, at most."),
        click.option("--rpm", type=click.FloatRange(min=0, min_open=True), help="Calls a minute, at most."),
        click.option("--tpm", type=click.FloatRange(min=0, min_open=True), help="Tokens a minute, at most."),
        click.option(
            "--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for one call.  [default: 600]"
        ),
        click.option(
            "--stall-after",
            type=click.FloatRange(min=0, min_open=True),
            help="Stop when no call was answered for so many seconds.  [default: 900]",
        ),
        click.option(
            "--against",
            multiple=True,
            help="A benchmark that seeds and rows may not repeat: a name or a file; repeat.  [default: humaneval]",
        ),
        click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Sandbox containers."),
        click.option("--seed", type=int, default=0, show_default=True, help="Of everything drawn at random."),
        click.option("--out", type=click.Path(path_type=Path), help="The run folder.  [default: runs/RECIPE]"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@cli.command()
@_options
@click.option("--rows", type=click.IntRange(min=1), help="Kept rows wanted.  [default: every seed once]")
@click.option("--batch", is_flag=True, help="Ask through the batch endpoint: cheaper, up to a day late.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest on stdout.")
@click.option(
    "--shard",
    help="I/N: every N-th seed from I = 0 on, into OUT/shards/I-of-N for `synth merge`. --rows, --max-calls, "
    "--max-tokens, --max-cost, --rpm, --tpm and --concurrency are of the whole run, and a shard has an N-th of each.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="ray: shards on a Ray cluster, then `merge`; OUT must lie on a disk that all nodes share.",
)
@click.option("--shards", type=click.IntRange(min=1), help="How many with --engine ray.  [default: a shard for 2 CPUs]")
@click.option("--ray-address", help="Of a running cluster, HOST:PORT.  [default: one on this machine alone]")
def generate(
    rows: int | None,
    batch: bool,
    as_json: bool,
    shard: str | None,
    engine: str,
    shards: int | None,
    ray_address: str | None,
    **flags: Any,
) -> int:
    """Cook a dataset: ask, execute, verify, curate, export.

    The same command again goes on where it stopped; nothing is paid for twice.
    """
    from synth.shards import Shard

    if engine == "ray" and shard is not None:
        raise click.UsageError("--shard: is for an array of jobs; with --engine ray say how many with --shards")
    if engine == "local" and (shards is not None or ray_address is not None):
        raise click.UsageError("--shards and --ray-address need --engine ray")
    order = _order(rows=rows, batch=batch, shard=None if shard is None else Shard.parse(shard), **flags)
    if engine == "ray":
        from synth.forecast import Goal
        from synth.ray_engine import generate_on_ray

        # Without rows as a goal: what the shards keep is not curated yet.
        result = _shown(Goal(budget=order.budget), lambda **shows: generate_on_ray(order, shards, ray_address, **shows))
        return _conclude(result, rows, as_json)
    result = _cook(order, write=True)
    return _conclude_shard(result, as_json) if order.shard else _conclude(result, rows, as_json)


@cli.command()
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The run folder to write.")
@click.option("--rows", type=click.IntRange(min=1), help="Kept rows wanted.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest on stdout.")
def merge(shards: tuple[Path, ...], out: Path, rows: int | None, as_json: bool) -> int:
    """Make one run of the folders that `generate --shard` wrote: curated, exported, its ledger whole.

    The dataset is, byte for byte, that of one process with the same answers. Where the shards have too few rows, this
    says which to run again and how.
    """
    from rich.console import Console

    from synth.merge import merge as run

    console = Console(stderr=True)
    result = run(
        shards,
        out,
        rows=rows,
        command=command_line(),
        say=lambda line: console.print(line, style="bright_black", highlight=False, markup=False, soft_wrap=True),
    )
    return _conclude(result, rows, as_json)


def _conclude(result: Result, rows: int | None, as_json: bool) -> int:
    """Says what a run came to; the exit code."""
    from rich.console import Console

    from synth.show import print_funnel

    funnel = result.batch.funnel
    console = Console(stderr=True)
    print_funnel(console, funnel, result.facts, result.stats)
    if result.batch.stopped_by:
        console.print(f"stopped: {result.batch.stopped_by}; raise it and run the same command again", highlight=False)
    elif rows is not None and funnel.kept < rows:
        console.print(f"the seeds ran out at {funnel.kept} of {rows} rows; give more with --seeds", highlight=False)
    console.print(f"data set {result.folder.export}   report {result.folder.report}", highlight=False)
    if as_json:
        click.echo(result.folder.manifest.read_text(encoding="utf-8"))
    if not funnel.adds_up:
        click.echo("synth: the funnel does not add up: rows were lost; this is a defect, please report it", err=True)
    if not funnel.kept:
        click.echo(f"synth: no row was kept; {result.folder.report} says why", err=True)
    return 0 if funnel.adds_up and funnel.kept else 1


def _conclude_shard(result: Result, as_json: bool) -> int:
    """Says what a shard came to; one without a row may well be a part of a good whole."""
    from rich.console import Console

    from synth.show import print_funnel

    funnel = result.batch.funnel
    console = Console(stderr=True)
    print_funnel(console, funnel, result.facts, result.stats)
    if result.batch.stopped_by:
        said = f"stopped: {result.batch.stopped_by}, this shard's part; raise the whole and run the same command again"
        console.print(said, highlight=False)
    console.print(
        f"shard in {result.folder.path}; when all are there, `synth merge` makes the data set", highlight=False
    )
    if as_json:
        click.echo(result.folder.manifest.read_text(encoding="utf-8"))
    return 0 if funnel.adds_up else 1


@cli.command()
@_options
@click.option("--rows", type=click.IntRange(min=1), default=2, show_default=True, help="Seeds to try.")
def preview(rows: int, **flags: Any) -> None:
    """Cook a few seeds and show them whole, kept or dropped; nothing is exported."""
    from rich.console import Console

    from synth.show import print_sample

    result = _cook(_order(rows=None, **flags), write=False, num_seeds=rows)
    for sample in result.samples:
        print_sample(Console(), sample)


def _order(
    *,
    price: str | None,
    max_calls: int | None,
    max_tokens: int | None,
    max_cost: float | None,
    timeout: float | None,
    stall_after: float | None,
    out: Path | None,
    vllm_python: Path | None,
    vllm_args: str | None,
    languages: str | None,
    against: tuple[str, ...],
    **flags: Any,
) -> Order:
    from sandbox.languages import find_languages
    from synth.budget import Budget
    from synth.calls import Price
    from synth.curator import BENCHMARKS
    from synth.endpoints import Vllm
    from synth.generate import Order
    from synth.teacher import STALL_S, TIMEOUT_S

    if out is not None and str(out).encode("utf-8", "replace").decode() != str(out):
        raise click.UsageError(f"--out: must be a UTF-8 path, got {str(out)!a}; choose another")
    if max_cost is not None and not max_cost < math.inf:
        raise click.UsageError(f"--max-cost: must be a number of USD, got {max_cost}")
    if (vllm_python or vllm_args) and not any(str(flags[role]).startswith("vllm:") for role in ("teacher", "judge")):
        raise click.UsageError("--vllm-python and --vllm-args go with --teacher vllm:MODEL or --judge vllm:MODEL")
    return Order(
        **flags,
        vllm=Vllm.parse(vllm_python, vllm_args),
        languages=tuple(language.name for language in find_languages((languages or "").replace(" ", "").split(",")))
        if languages
        else (),
        out=out,
        price=Price.parse(price) if price else None,
        against=against or BENCHMARKS,
        budget=Budget(max_calls=max_calls, max_tokens=max_tokens, max_cost_usd=max_cost),
        timeout_s=timeout or TIMEOUT_S,
        stall_s=stall_after or STALL_S,
        command=command_line(),
    )


def _cook(order: Order, *, write: bool, num_seeds: int | None = None) -> Result:
    """The order's result."""
    import asyncio

    from synth.forecast import Goal
    from synth.generate import generate as run

    goal = Goal(rows=order.part_rows, seeds=num_seeds, budget=order.part_budget)
    return _shown(goal, lambda **shows: asyncio.run(run(order, write=write, num_seeds=num_seeds, **shows)))


def _shown(goal: Goal, run: Callable[..., Result]) -> Result:
    """What `run` returns, which is given `say` and `watch` of a live display on stderr."""
    import gc

    from rich.console import Console

    from synth.progress import Progress

    console = Console(stderr=True)

    def say(line: str) -> None:
        console.print(line, style="bright_black", highlight=False, markup=False, soft_wrap=True)

    gc.freeze()  # what was imported stays: there is no need to look through it again and again
    with Progress(console, goal) as progress:
        return run(say=say, watch=progress.update)


@cli.command()
@click.option("--recipe", default="educational", show_default=True, help="A bundled recipe or a folder.")
@click.option("--seeds", help="As for generate.")
@click.option("--teacher", help="As for generate.")
@click.option("--vllm-python", type=click.Path(path_type=Path), help="As for generate.")
@click.option("--vllm-args", help="As for generate.")
@click.option("--base-url", "base_urls", multiple=True, help="As for generate.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
def doctor(
    recipe: str,
    seeds: str | None,
    teacher: str | None,
    vllm_python: Path | None,
    vllm_args: str | None,
    base_urls: tuple[str, ...],
    out: Path,
) -> int:
    """Look at everything a run needs, before anything is spent."""
    import asyncio

    from rich.console import Console
    from rich.text import Text

    from synth.doctor import examine
    from synth.endpoints import Spec, Vllm

    console = Console()
    spec = Spec.parse(teacher, base_urls, Vllm.parse(vllm_python, vllm_args))

    async def show() -> bool:
        sound = True
        async for finding in examine(recipe=recipe, seeds=seeds, spec=spec, out=out):
            mark = Text("ok  ", style="green") if finding.ok else Text("no  ", style="bold red")
            console.print(Text.assemble(mark, f"{finding.name:<16} {finding.said}"), soft_wrap=True)
            sound = sound and finding.ok
        return sound

    return 0 if asyncio.run(show()) else 1
