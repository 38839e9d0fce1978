"""`pretrain sweep`: a small scaling curve over depths, and what a data set is worth beside another."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sandbox.console import exit_code

FOLDER = click.Path(path_type=Path, file_okay=False)


def read_depths(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """The numbers of `1,2,3,4`."""
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"must be whole numbers with commas between, as in 1,2,3,4, got {value!r}") from error


@click.command()
@click.option(
    "--depths", callback=read_depths, default="1,2,3,4", show_default=True, help="Sizes to train, by the dial."
)
@click.option("--shards", multiple=True, type=FOLDER, help="Packed shards; repeatable.")
@click.option("--tokenizer", type=FOLDER, help="The tokenizer the shards were packed with.")
@click.option("--out", type=FOLDER, required=True, help="Holds a run folder per depth, sweep.json and sweep.png.")
@click.option("--tokens-per-parameter", type=float, default=20.0, show_default=True, help="20 is compute-optimal.")
@click.option("--context", type=click.IntRange(min=16), default=512, show_default=True, help="Tokens per sequence.")
@click.option("--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help="Over every preset; repeatable.")
@click.option("--compare", type=FOLDER, help="The --out of a sweep over other data: is ours better?")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def sweep(out: Path, compare: Path | None, as_json: bool, **options: Any) -> None:
    """Train several depths, fit loss = E + A x C^-alpha, predict ten times the compute.

    Without --shards the sweep in --out is shown (and compared) again. --compare says by how much the loss differs at
    equal compute, what that is worth in compute, and how far both move; it is kept in --out as comparison.json.
    """

    def run() -> None:
        from pretrain import sweep as sweeps
        from pretrain.comparison import compare as compare_sweeps
        from pretrain.sweep_show import draw_sweep, sweep_text

        other = sweeps.read_sweep(compare) if compare else None
        record = _run(out, other, **options) if options["shards"] else sweeps.read_sweep(out)
        found = compare_sweeps(record, other) if other else None
        told = {name: one.as_json() for name, one in (found or {}).items()}
        if found:
            sweeps.write_json(out / "comparison.json", {"with": str(compare), "comparison": told})
        draw_sweep(out / "sweep.png", record, other, found["all"] if found else None)
        if as_json:
            print(json.dumps(record | ({"comparison": told} if told else {})))
        else:
            print(sweep_text(record, found))
            print(f"wrote {out / 'sweep.json'} and {out / 'sweep.png'}", file=sys.stderr)

    from pretrain.errors import PretrainError
    from synth.errors import SynthError

    sys.exit(exit_code(run, name="pretrain sweep", known=(PretrainError, SynthError)))


def _run(
    out: Path, other: Mapping[str, Any] | None, *, shards: tuple[Path, ...], tokenizer: Path | None, **options: Any
) -> dict[str, Any]:
    """The record of the sweep, run as far as it was not; that it can be compared with `other` is known before."""
    from pretrain import sweep as sweeps
    from pretrain.comparison import check_comparable
    from pretrain.config import parse_settings
    from pretrain.errors import ConfigError
    from pretrain.tokenizer import load_tokenizer

    if tokenizer is None:
        raise ConfigError("--tokenizer: is missing; give the one that the shards were packed with")
    presets = sweeps.plan_sweep(
        options["depths"],
        vocab_size=max(256, load_tokenizer(tokenizer).get_vocab_size()),
        context=options["context"],
        tokens_per_parameter=options["tokens_per_parameter"],
        settings=parse_settings(options["settings"]),
    )
    if other is not None:
        tokens = next(iter(presets.values())).train.evaluate_tokens
        check_comparable(list(presets), sweeps.heldout_identity(shards, tokens), other)
    return sweeps.run_sweep(presets, shards, tokenizer, out)
