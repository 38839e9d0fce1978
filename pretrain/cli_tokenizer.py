"""The `pretrain tokenizer` command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option(
    "--data",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Corpus folder, or text, JSONL or Parquet files (column `text`), or a folder of them; repeatable.",
)
@click.option("--vocab-size", type=int, help="Tokens, the 32 special ones included.")
@click.option("--preset", help="In place of --vocab-size: as large as this preset's model wants it.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Tokenizer folder.")
@click.option(
    "--sample-mb", type=click.FloatRange(min=0, min_open=True), default=100.0, help="Text to train on, at most about."
)
@click.option("--compare", "others", multiple=True, help="Folder, tokenizer.json or smollm2; repeatable.")
@click.option("--seed", type=int, default=0, help="Of the sample.")
@click.option("--restart", is_flag=True, help="Train again even where --out is finished.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def tokenizer(
    data: tuple[Path, ...], vocab_size: int | None, preset: str | None, out: Path, as_json: bool, **options: Any
) -> None:
    """Train a byte-level BPE tokenizer on a corpus and show how many bytes a token covers."""
    if (vocab_size is None) == (preset is None):
        raise click.UsageError("give one of --vocab-size and --preset")
    from pretrain.errors import PretrainError
    from sandbox.console import exit_code
    from synth.errors import SynthError

    def run() -> None:
        from pretrain.config import load_preset
        from pretrain.tokenizer_run import build_tokenizer, print_table

        size = load_preset(preset).model.vocab_size if preset is not None else vocab_size
        assert size is not None
        manifest = build_tokenizer(data, out, vocab_size=size, **options)
        if as_json:
            print(json.dumps(manifest, ensure_ascii=False))
        else:
            print_table(manifest)

    raise SystemExit(exit_code(run, name="pretrain tokenizer", known=(PretrainError, SynthError)))
