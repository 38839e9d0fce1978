"""`pretrain report`: one page about a run of the whole chain."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from sandbox.console import exit_code


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The page.  [default: RUN/report.html]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def report(run: Path, out: Path | None, as_json: bool) -> None:
    """Write RUN/report.html about the chain in RUN, at any moment of it, and print it in short."""

    def write() -> None:
        from pretrain import report as page

        target = out or run / "report.html"
        facts = page.write_report(run, target)
        print(json.dumps(page.as_json(facts)) if as_json else page.report_text(facts))
        print(f"wrote {target}", file=sys.stderr)

    from pretrain.errors import PretrainError
    from synth.errors import SynthError

    sys.exit(exit_code(write, name="pretrain report", known=(PretrainError, SynthError)))
