"""`pretrain plan`: what a preset will need, before anything is started."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from sandbox.console import exit_code

if TYPE_CHECKING:
    from pretrain.config import Preset

GPU_PARAMETERS = 100_000_000
"""Presets below so many parameters are planned on this CPU unless --gpu is given."""


@click.command()
@click.option("--preset", "name", help="A preset's name or YAML file.")
@click.option("--depth", type=int, help="In place of --preset: the depth dial.")
@click.option("--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help="Over the preset; repeatable.")
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--gpus-per-node", type=click.IntRange(min=1), default=8, show_default=True)
@click.option("--gpu", help="h100, h800, h200, a100, a800, b200 or cpu.  [default: h100; cpu below 100M parameters]")
@click.option("--mfu", type=click.FloatRange(min=0, max=1, min_open=True), help="Model FLOPs utilization to assume.")
@click.option("--dry-run", is_flag=True, help="Exit with 0 even where the plan cannot run.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def plan(
    name: str | None,
    depth: int | None,
    settings: tuple[str, ...],
    nodes: int,
    gpus_per_node: int,
    gpu: str | None,
    mfu: float | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Tokens, FLOPs, memory per GPU, disk and time of a preset; exit 1 where it cannot run."""

    def run() -> int:
        from pretrain.plan import make_plan
        from pretrain.plan_show import plan_text

        preset = _preset(name, depth, settings)
        chosen = (gpu or ("cpu" if preset.model.num_parameters() < GPU_PARAMETERS else "h100")).lower()
        made = make_plan(
            preset, gpu=None if chosen == "cpu" else chosen, nodes=nodes, gpus_per_node=gpus_per_node, mfu=mfu
        )
        print(json.dumps(made.as_json()) if as_json else plan_text(made))
        for problem in made.problems:
            print(f"pretrain plan: {problem}", file=sys.stderr)
        return 1 if made.problems and not dry_run else 0

    from pretrain.errors import PretrainError
    from synth.errors import SynthError

    sys.exit(exit_code(run, name="pretrain plan", known=(PretrainError, SynthError)))


def _preset(name: str | None, depth: int | None, settings: tuple[str, ...]) -> Preset:
    from pretrain.config import load_preset, parse_settings
    from pretrain.errors import ConfigError
    from pretrain.sweep import plan_sweep

    if (name is None) == (depth is None):
        raise ConfigError("--preset, --depth: give one of them, as in --preset tiny")
    overrides = parse_settings(settings)
    if name is not None:
        return load_preset(name, overrides=overrides)
    assert depth is not None
    return plan_sweep([depth], vocab_size=4096, settings=overrides)[depth]
