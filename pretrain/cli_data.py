"""`pretrain data`: raw code in, a clean corpus out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--source", default="pypi", help="`pypi`, `pypi:LIST`, a folder, a .jsonl or a .parquet file.")
@click.option("--packages", type=click.IntRange(min=1), help="Only the first so many packages of the list.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("corpus"), help="Corpus folder.")
@click.option("--held-out", type=click.FloatRange(0, 0.5), default=0.02, help="Share of packages held out.")
@click.option("--against", multiple=True, default=("humaneval",), help="Benchmark, JSONL file or `none`; repeatable.")
@click.option("--max-mb", type=click.FloatRange(min=0, min_open=True), help="Stop after so many MB of text.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: one a core]")
@click.option("--restart", is_flag=True, help="Make a finished corpus anew.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def data(out: Path, workers: int | None, restart: bool, as_json: bool, **options: Any) -> None:
    """Raw code in, a clean corpus out: dedup, filters, decontamination."""
    from pretrain.errors import PretrainError
    from sandbox.console import exit_code
    from synth.errors import SynthError

    def run() -> None:
        from pretrain.data.build import DataOptions, build_corpus

        manifest = build_corpus(DataOptions(**options), out, workers=workers or os.cpu_count() or 1, restart=restart)
        print(json.dumps(manifest, ensure_ascii=False) if as_json else summary(out, manifest))

    raise SystemExit(exit_code(run, name="pretrain data", known=(PretrainError, SynthError)))


def summary(out: Path, manifest: dict[str, Any]) -> str:
    """The funnel, the languages and the times, for people."""
    funnel = manifest["funnel"]
    lines = [f"{funnel['files']:>9,}  files read"]
    lines += [f"{-count:>9,}  {reason}" for reason, count in funnel["dropped"].items()]
    lines.append(f"{funnel['kept']:>9,}  kept, {funnel['bytes'] / 1e6:,.1f} MB")
    for split in ("train", "heldout"):
        ranked = sorted(manifest[split].items(), key=lambda item: -item[1]["bytes"])
        listed = ", ".join(f"{name} {figures['bytes'] / 1e6:,.1f} MB" for name, figures in ranked[:6])
        rest = f" and {len(ranked) - 6} more" if len(ranked) > 6 else ""
        lines.append(f"{split}: {listed or 'nothing'}{rest}")
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in manifest["stage_seconds"].items())
    lines += [f"times: {times}", f"corpus in {out}"]
    return "\n".join(lines)
