"""The `pretrain train` and `pretrain anneal` commands; under `torchrun` every process runs the same one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pretrain.phase import Phase

PATH = click.Path(path_type=Path)


def shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with the options that both training commands have."""
    options = (
        click.option("--shards", required=True, multiple=True, type=PATH, help="Folder of shards; repeatable."),
        click.option("--out", required=True, type=PATH, help="Run folder; the same command again goes on in it."),
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="As in train.seed=1; repeatable."),
        click.option("--max-steps", type=click.IntRange(min=1), help="Optimizer steps, in place of the tokens."),
        click.option("--restart", is_flag=True, help="Begin anew instead of going on."),
        click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON."),
        click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.option("--preset", help="Name or YAML file.")
@click.option("--depth", type=int, help="Instead of a preset: one number that decides size, rate, batch and tokens.")
@click.option("--tokenizer", required=True, type=PATH, help="Folder of `pretrain tokenizer`.")
@shared_options
def train(preset: str | None, depth: int | None, tokenizer: Path, **options: Any) -> None:
    """Pretrain: warm-up, then a constant learning rate. Goes on from the newest checkpoint in --out."""
    if (preset is None) == (depth is None):
        raise click.UsageError("give either --preset or --depth")

    def choose() -> Phase:
        from pretrain.config import load_preset, parse_settings
        from pretrain.phase import overridden, stable_phase, with_steps

        overrides = parse_settings(options["settings"])
        if depth is not None:
            from pretrain.dial import preset_for_depth
            from pretrain.tokenizer import load_tokenizer

            size = load_tokenizer(tokenizer).get_vocab_size()
            chosen = overridden(preset_for_depth(depth, vocab_size=size), overrides)
        else:
            chosen = load_preset(str(preset), overrides=overrides)
        if options["max_steps"] is not None:
            chosen = with_steps(chosen, options["max_steps"], stage="pretrain")
        return stable_phase(chosen, shards=options["shards"], tokenizer=tokenizer)

    _run("pretrain train", choose, options)


@click.command()
@click.option("--from", "start", required=True, type=PATH, help="Run folder or checkpoint of `pretrain train`.")
@click.option("--preset", help="Name or YAML file.  [default: the checkpoint's]")
@click.option("--tokenizer", type=PATH, help="Where it was moved to.  [default: the checkpoint's]")
@shared_options
def anneal(start: Path, preset: str | None, tokenizer: Path | None, **options: Any) -> None:
    """Branch from a stable checkpoint: new mixture, falling learning rate, optimizer kept."""

    def choose() -> Phase:
        from pretrain.config import parse_settings
        from pretrain.phase import anneal_phase

        return anneal_phase(
            start,
            shards=options["shards"],
            tokenizer=tokenizer,
            preset=preset,
            overrides=parse_settings(options["settings"]),
            max_steps=options["max_steps"],
        )

    _run("pretrain anneal", choose, options)


def _run(name: str, choose: Callable[[], Phase], options: dict[str, Any]) -> None:
    from pretrain.errors import ConfigError, PretrainError
    from sandbox.console import DONE, FAILED, INTERRUPTED, exit_code
    from synth.errors import SynthError

    def run() -> None:
        manifest = _finish(choose(), options["out"], restart=options["restart"])
        print(json.dumps(manifest, ensure_ascii=False) if options["as_json"] else summary(options["out"], manifest))

    def run_quietly() -> int:
        """The main process tells what all meet together. Choosing reads this machine's files: each tells its own."""
        try:
            phase = choose()
        except ConfigError:
            return FAILED
        try:
            _finish(phase, options["out"], restart=options["restart"])
        except KeyboardInterrupt:
            return INTERRUPTED
        except (PretrainError, SynthError):
            return FAILED
        return DONE

    command = run if _speaks() else run_quietly
    raise SystemExit(exit_code(command, name=name, known=(PretrainError, SynthError)))


def _finish(phase: Phase, out: Path, *, restart: bool) -> dict[str, Any]:
    """The manifest of the finished run; one that was finished before is told without loading torch."""
    from pretrain.errors import require_train_extra
    from pretrain.run_folder import RunFolder, differences, finished

    folder = RunFolder(out)
    if not restart and finished(folder, identity=phase.identity, inputs=phase.inputs, steps=phase.steps):
        manifest = folder.read_manifest() or {}
        if _speaks():
            changed = differences(manifest["preset"], phase.preset.model_dump(mode="json"))
            unused = f", so {', '.join(changed)} has no effect" if changed else ""
            click.echo(f"{out}: already finished{unused}; --restart begins anew", err=True)
        return manifest
    require_train_extra()
    from pretrain.train import run_phase

    return run_phase(phase, out, restart=restart)


def summary(out: Path, manifest: dict[str, Any]) -> str:
    """The finished run in a few lines."""
    share = "n/a" if manifest["mfu"] is None else f"{manifest['mfu']:.1%}"
    lines = [
        f"{manifest['steps']:,} steps, {manifest['tokens']:,} tokens in {manifest['seconds'] / 60:.1f} min: "
        f"{manifest['tokens_per_s']:,.0f} tokens/s, MFU {share} ({manifest['precision']})",
        f"loss {manifest['first_loss']:.4f} -> {manifest['last_loss']:.4f}",
    ]
    scores = manifest["heldout_bits_per_byte"]
    if scores:
        lines += [
            f"held-out bits per byte, {name}: {scores['first'][name]:.3f} -> {last:.3f}"
            for name, last in scores["last"].items()
        ]
    return "\n".join([*lines, f"checkpoints in {out}"])


def _speaks() -> bool:
    """Whether this process is the one of its run that prints."""
    return os.environ.get("RANK", "0") == "0"
