"""`pretrain export` and `pretrain eval`: a checkpoint becomes a model, and a model gets its figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FOLDER = click.Path(path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")


@click.command()
@click.argument("source", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Output folder.")
@click.option("--dtype", type=click.Choice(["bf16", "fp32"]), default="bf16", help="Of the weights.")
@click.option("--gguf", is_flag=True, help="Also write model.gguf for llama.cpp.")
@click.option("--tokenizer", type=FOLDER, help="Its folder, if it was moved.  [default: the run's]")
@click.option("--restart", is_flag=True, help="Replace an export that is there.")
@json_option
@debug_option
def export(source: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Write the run or checkpoint SOURCE as a Hugging Face model folder."""

    def run() -> None:
        from pretrain.errors import require_train_extra

        require_train_extra()
        from pretrain.export import export as run_export

        manifest = run_export(source, out, **options)
        if as_json:
            print(json.dumps(manifest, ensure_ascii=False))
            return
        print(f"step {manifest['step']:,}, {manifest['parameters']:,} parameters, {manifest['dtype']}: {out}")
        if manifest["gguf"]:
            print(f"for llama.cpp: {out / manifest['gguf']}")

    _exit("pretrain export", run)


@click.command("eval")
@click.argument("model", type=FOLDER)
@click.option("--shards", "shards", type=FOLDER, multiple=True, required=True, help="Folder of shards; repeatable.")
@click.option("--benchmark", help="Also base-mode pass@1 on this one, by `finetune eval`.")
@click.option("--limit", type=click.IntRange(min=1), help="So many problems of the benchmark.  [default: all]")
@click.option("--baseline", is_flag=True, help="Also an untrained model, an n-gram, zlib and xz.")
@click.option(
    "--max-tokens", type=click.IntRange(min=1), default=262_144, help="Held-out tokens per language, at most."
)
@click.option("--prompts", type=click.IntRange(min=1), default=100, help="Held-out functions to complete.")
@click.option("--batch", type=click.IntRange(min=1), default=8, help="Sequences at once.")
@click.option("--out", type=FOLDER, help="Output folder.  [default: eval/ beside the model]")
@click.option("--restart", is_flag=True, help="Begin anew.")
@json_option
@debug_option
def eval_(model: Path, as_json: bool, **options: Any) -> None:
    """Measure MODEL (an export, a run or a checkpoint): bits per byte on held-out text, syntax, pass@1."""

    def run() -> None:
        from pretrain.errors import require_train_extra

        require_train_extra()
        from pretrain.evaluate import evaluate
        from pretrain.evaluate_show import show

        manifest = evaluate(model, **options)
        if as_json:
            print(json.dumps(manifest, ensure_ascii=False))
        else:
            show(manifest)

    _exit("pretrain eval", run)


def _exit(name: str, command: Callable[[], None]) -> None:
    from pretrain.errors import PretrainError
    from sandbox.console import exit_code
    from synth.errors import SynthError

    raise SystemExit(exit_code(command, name=name, known=(PretrainError, SynthError)))
