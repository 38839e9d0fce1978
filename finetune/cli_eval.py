"""`finetune eval`: a model on a benchmark, judged in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


@click.command("eval")
@click.option("--benchmark", default="humaneval", help="Which problems.")
@click.option("--model", required=True, help="Checkpoint folder, hub id or smollm2-135m-instruct.")
@click.option(
    "--mode",
    type=click.Choice(["base", "chat"]),
    help="Continue the prompt, or answer it.  [default: chat where the tokenizer has a chat template]",
)
@click.option("--samples", type=click.IntRange(min=1), default=1, help="Completions per problem.")
@click.option("--k", "ks", type=click.IntRange(min=1), multiple=True, help="Also pass@K; repeatable.  [default: 1]")
@click.option("--temperature", type=click.FloatRange(min=0, max=2), default=0.0, help="0 is greedy.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=512, help="Per completion.")
@click.option("--limit", type=click.IntRange(min=1), help="So many problems, evenly spread.  [default: all]")
@click.option("--batch", type=click.IntRange(min=1), default=16, help="Prompts answered at once.")
@click.option("--seed", type=int, default=0, help="Of the sampling.")
@click.option("--out", type=click.Path(path_type=Path), help="Output folder.  [default: eval/ beside the model]")
@click.option("--workers", type=click.IntRange(min=1), default=2, help="Programs judged at once.")
@click.option("--restart", is_flag=True, help="Begin anew instead of going on from the last batch.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def eval_(**options: Any) -> None:
    """Score a model on a benchmark: its answers run in the sandbox, and all of them are kept."""
    if options["ks"] and max(options["ks"]) > options["samples"]:
        raise click.BadParameter(f"must be at most --samples ({options['samples']})", param_hint="--k")

    def run() -> None:
        manifest, out = _evaluate(options)
        print(json.dumps(manifest, ensure_ascii=False) if options["as_json"] else _summary(manifest, out))

    _exit(run)


def _evaluate(options: dict[str, Any]) -> tuple[dict[str, Any], Path]:
    """The manifest and the folder it is in; a finished evaluation is found before torch is loaded."""
    from finetune.base import resolve_model
    from finetune.benchmarks import load_problems
    from finetune.completions import Settings
    from finetune.data import data_hash
    from finetune.evaluate import evaluate, finished

    problems = load_problems(options["benchmark"], limit=options["limit"])
    path = resolve_model(options["model"])
    weights = sorted(str(file) for file in Path(path).glob("*.safetensors"))
    names = ("benchmark", "model", "mode", "samples", "temperature", "max_new_tokens", "limit", "batch", "seed")
    identity = {name: options[name] for name in names} | {"weights": data_hash(weights) if weights else path}
    ks, out, restart = options["ks"] or (1,), options["out"], options["restart"]
    if out is not None and not restart and (manifest := finished(out, identity, ks)) is not None:
        return manifest, out

    from finetune.sample import load_sampler
    from sandbox.pool import SandboxPool

    with SandboxPool(
        workers=options["workers"], rerun_timeouts="doubtful"
    ) as pool:  # before the model: a missing engine is told at once
        sampler = load_sampler(path, **{name: options[name] for name in ("mode", "max_new_tokens", "temperature")})
        settings = Settings(**{**identity, "mode": sampler.mode})
        out = out or default_out(options["model"], f"{options['benchmark']}-{sampler.mode}")
        return evaluate(settings, problems, sampler, out, pool=pool, ks=ks, restart=restart), out


def default_out(model: str, name: str) -> Path:
    """`eval/<model>-<name>` beside a model folder, else `runs/<model>/eval/<name>` here."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder.parent / "eval" / f"{folder.name}-{name}"
    return Path("runs") / model.replace("/", "--") / "eval" / name


def _summary(manifest: dict[str, Any], out: Path) -> str:
    scores = ", ".join(f"pass@{k} {100 * score:.1f} %" for k, score in manifest["pass_at_k"].items())
    statuses = ", ".join(f"{status} {count}" for status, count in manifest["by_status"].items())
    return "\n".join(
        [
            f"{manifest['benchmark']} ({manifest['mode']}): {scores}, {manifest['problems']} problems",
            f"{manifest['completions']} completions: {statuses}; {100 * manifest['stopped_share']:.0f} % ended by "
            f"themselves; {manifest['tokens']:,} tokens in {manifest['seconds']:.0f} s",
            f"each completion with its verdict: {out / 'results.jsonl'}",
        ]
    )


def _exit(command: Callable[[], None]) -> None:
    from finetune.errors import FinetuneError
    from sandbox.console import exit_code
    from sandbox.verdict import SandboxError

    raise SystemExit(exit_code(command, name="finetune eval", known=(FinetuneError, SandboxError)))
