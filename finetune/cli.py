"""The `finetune` command: `stage1`, `stage2`, `train CONFIG`, `chat` and `eval`.

Results go to stdout, everything else to stderr. Exit 0 done, 1 failed, 2 bad usage, 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune.base import EMBEDDED
from finetune.cli_eval import eval_
from finetune.errors import FinetuneError, ModelError
from finetune.progress import say
from sandbox.console import exit_code

if TYPE_CHECKING:
    from finetune.config import StageConfig

CONTEXT = {"help_option_names": ["-h", "--help"], "show_default": True}
debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="opencook")
@debug_option
def cli() -> None:
    """Turn verified data into chat models: supervised fine-tuning in declared stages, on TRL."""
    # Waiting threads sleep instead of spinning. Measured on two cores shared with other work: 8 s instead of 40 s for
    # one forward and backward pass of 512 tokens.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with the options that every training command shares."""
    options = (
        click.option("--data", multiple=True, help="Export folder, Parquet or JSONL file, hub data set; repeatable."),
        click.option("--model", help=f"Checkpoint folder, hub id or {EMBEDDED}.  [default: the stage file's]"),
        click.option("--out", type=click.Path(path_type=Path), help="Output folder.  [default: beside the export]"),
        click.option("--max-steps", type=click.IntRange(min=1), help="Stop after so many optimizer steps."),
        click.option("--seed", type=int, help="Of the shuffling.  [default: the stage file's]"),
        click.option("--restart", is_flag=True, help="Begin anew instead of going on from the last checkpoint."),
        click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON."),
        debug_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


preset_help = (
    "Overrides from the stage file: `full` as published, `tiny` for a laptop, `scratch` for a base model of a few "
    "million parameters.  [default: tiny without a GPU]"
)


@cli.command()
@click.option("--preset", help=preset_help)
@run_options
def stage1(preset: str | None, **options: Any) -> None:
    """Stage 1: broad instruction data (OpenCoder: 1 epoch, batch 4096, 2e-5)."""
    _run("stage1", preset, options, choose_preset=True)


@cli.command()
@click.option("--preset", help=preset_help)
@run_options
def stage2(preset: str | None, **options: Any) -> None:
    """Stage 2: high-quality, execution-verified data (OpenCoder: 3 epochs, batch 512, 5e-5)."""
    _run("stage2", preset, options, choose_preset=True)


@cli.command()
@click.argument("config")
@click.option("--preset", help="One of the config's own presets.")
@run_options
def train(config: str, preset: str | None, **options: Any) -> None:
    """Train as the YAML file CONFIG says (or `stage1`, `stage2`)."""
    _run(config, preset, options, choose_preset=False)


@cli.command()
@click.option("--model", help=f"Checkpoint folder, hub id or {EMBEDDED}.  [default: the newest under runs/]")
@click.option("--prompt", help="Answer this and leave. Without it: a conversation, or stdin where that is no terminal.")
@click.option("--system", help="System text.  [default: the model's own]")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=512)
@click.option("--temperature", type=click.FloatRange(min=0, max=2), default=0.0, help="0 is greedy.")
@debug_option
def chat(model: str | None, prompt: str | None, **options: Any) -> None:
    """Talk to a model: a conversation on a terminal, one answer for --prompt or a pipe."""

    def converse() -> None:
        from finetune.chat import Chat, typed_lines

        text = prompt if prompt is not None or sys.stdin.isatty() else sys.stdin.read()
        talk = Chat.load(model or str(_newest_model(Path("runs"))), **options)
        if text is None:
            talk.converse(typed_lines(), say)
        elif text.strip():
            talk.ask(text.strip(), stream=True)
        else:
            raise FinetuneError("prompt: is empty; give --prompt TEXT or pipe one in")

    _exit("finetune chat", converse)


cli.add_command(eval_)


def _newest_model(runs: Path) -> Path:
    """The model folder of the run that finished last under `runs`.

    Raises: ModelError where none did.
    """
    finished = [path for path in runs.glob("*/*/manifest.json") if path.with_name("config.json").is_file()]
    if not finished:
        raise ModelError(f"{runs}: no finished model in it; give --model DIR or --model {EMBEDDED}")
    newest = max(finished, key=lambda path: path.stat().st_mtime).parent
    say(f"talking to {newest}")
    return newest


def _run(stage: str, preset: str | None, options: dict[str, Any], *, choose_preset: bool) -> None:
    restart, as_json, out = options.pop("restart"), options.pop("as_json"), options.pop("out")
    overrides = options | {"data": options["data"] or None}

    def run() -> None:
        from finetune.config import load_stage
        from finetune.train import train as run_training

        chosen = _default_preset() if choose_preset and preset is None else preset
        config = load_stage(stage, preset=chosen, overrides=overrides)
        folder = out or default_out(config)
        config = _after(config, folder, given=options["model"])
        manifest = run_training(config, folder, restart=restart)
        print(json.dumps(manifest, ensure_ascii=False) if as_json else _summary(folder, manifest))

    _exit(f"finetune {Path(stage).stem}", run)


def default_out(config: StageConfig) -> Path:
    """`runs/<name>/<stage>` where the data is `runs/<name>/export`, else `runs/<data's name>/<stage>` here."""
    first = Path(config.data[0].partition(":")[0]) if config.data else Path("data")
    if first.name == "export" and first.is_dir():
        return first.parent / config.name
    return Path("runs") / (first.stem or "data") / config.name


def _after(config: StageConfig, out: Path, *, given: str | None) -> StageConfig:
    """The config, starting from the finished stage beside `out` where it names one and no model is given."""
    if given is not None or config.after is None or not (out.parent / config.after / "config.json").is_file():
        return config
    model = str(out.parent / config.after)
    say(f"starting from {model}; --model chooses another")
    return config.model_copy(update={"model": model})


def _default_preset() -> str:
    from finetune.errors import require_train_extra

    require_train_extra()
    import torch

    if torch.cuda.is_available():
        return "full"
    say("no GPU found: --preset tiny (small batches, 512 tokens); --preset full trains as published")
    return "tiny"


def _summary(folder: Path, manifest: dict[str, Any]) -> str:
    result = manifest["result"]
    lines = [f"loss {result['first_loss']:.4f} -> {result['last_loss']:.4f}"]
    if "first_held_out_loss" in result:
        rows = manifest["rows"]["held_out"]
        lines.append(
            f"held-out loss {result['first_held_out_loss']:.4f} -> {result['last_held_out_loss']:.4f} ({rows} rows)"
        )
    lines.append(f"model in {folder}; try: finetune chat --model {folder}")
    return "\n".join(lines)


def _exit(name: str, command: Callable[[], None]) -> None:
    raise SystemExit(exit_code(command, name=name, known=(FinetuneError,)))


def main() -> None:
    """Nothing; the console script."""
    cli()


if __name__ == "__main__":
    main()
