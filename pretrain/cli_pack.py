"""The `pretrain pack` command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

SHARE = click.FloatRange(min=0, max=1)


@click.command()
@click.option(
    "--data",
    required=True,
    multiple=True,
    metavar="DIR|NAME=PATH",
    help="Corpus folder of `pretrain data`; or NAME=PATH: Parquet or JSONL file or a folder of them; repeatable.",
)
@click.option("--tokenizer", required=True, type=click.Path(path_type=Path), help="Folder of `pretrain tokenizer`.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of shards.")
@click.option("--fim-rate", type=SHARE, default=0.5, show_default=True, help="Share of documents cut for infilling.")
@click.option("--spm-rate", type=SHARE, default=0.5, show_default=True, help="Share of these with the suffix first.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="Of the shuffling and the cuts.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that encode.  [default: one per core]")
@click.option("--restart", is_flag=True, help="Pack again even where --out is finished.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def pack(data: tuple[str, ...], tokenizer: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Tokenize a corpus into shards that `train` and Megatron-LM read."""
    from pretrain.errors import PretrainError
    from sandbox.console import exit_code
    from synth.errors import SynthError

    def run() -> None:
        from pretrain.pack import pack as pack_data
        from pretrain.pack_show import print_table

        manifest = pack_data(data, tokenizer, out, **options)
        if as_json:
            print(json.dumps(manifest))
        else:
            print_table(manifest)

    raise SystemExit(exit_code(run, name="pretrain pack", known=(PretrainError, SynthError)))
