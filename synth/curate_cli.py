"""The commands `synth dedup` and `synth decontaminate`: any JSON Lines or Parquet file in, the rows to keep out.

Dropped rows go to `OUT.dropped.jsonl`, each with its reason and what it collided with. Field order is text order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synth.errors import SynthError

if TYPE_CHECKING:
    from synth.files import Table

DEFAULT_FIELDS: tuple[tuple[str, ...], ...] = (
    ("instruction", "output", "response", "code"),
    ("messages",),
    ("prompt", "completion", "code"),
    ("text", "code"),
    ("content",),
    ("code",),
)
"""Without --field: the first list whose first column the first row has, as far as its columns are there."""

Drop = dict[str, Any]

_file = click.Path(path_type=Path)
_field = click.option(
    "--field", "fields", multiple=True, help="Column to read; repeat for several.  [default: guessed]"
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")


@click.command()
@click.argument("source", metavar="IN", type=_file)
@click.argument("out", metavar="OUT", type=_file)
@_field
@click.option("--threshold", type=float, default=0.7, show_default=True, help="Jaccard similarity that makes a twin.")
@click.option("--preset", type=click.Choice(["default", "opencoder"]), default="default", show_default=True)
@_json
def dedup(source: Path, out: Path, fields: tuple[str, ...], threshold: float, preset: str, as_json: bool) -> None:
    """Drop exact and near duplicates of earlier rows; the first of each group stays."""
    from synth.curate.exact import find_exact_duplicates
    from synth.curate.search import find_near_duplicates

    def find(table: Table, names: tuple[str, ...]) -> list[Drop | None]:
        texts = ["\n".join(row_texts(row, names, source, i)) for i, row in enumerate(table.rows)]
        drops: list[Drop | None] = [None] * len(texts)
        for i, first in enumerate(find_exact_duplicates(texts)):
            if first is not None:
                drops[i] = {"reason": "dedup.exact", "twin": first, "jaccard": 1.0}
        different = [i for i, drop in enumerate(drops) if drop is None]
        try:
            twins = find_near_duplicates([texts[i] for i in different], threshold=threshold, preset=preset)
        except OSError as error:
            raise SynthError(error.strerror) from error
        for i, twin in zip(different, twins, strict=True):
            if twin is not None:
                drops[i] = {"reason": "dedup.near", "twin": different[twin.index], "jaccard": round(twin.jaccard, 4)}
        return drops

    _filter(source, out, fields, find, as_json)


@click.command()
@click.argument("source", metavar="IN", type=_file)
@click.argument("out", metavar="OUT", type=_file)
@click.option("--against", multiple=True, default=["humaneval"], help="humaneval, or a benchmark's JSONL; repeat.")
@_field
@_json
def decontaminate(source: Path, out: Path, against: tuple[str, ...], fields: tuple[str, ...], as_json: bool) -> None:
    """Drop rows that use a benchmark's entry point or share ten tokens in a row with it."""
    from synth.curate.decontaminate import Decontaminator, load_benchmark

    def find(table: Table, names: tuple[str, ...]) -> list[Drop | None]:
        decontaminator = Decontaminator([load_benchmark(name) for name in against])
        hits = [decontaminator.find(*row_texts(row, names, source, i)) for i, row in enumerate(table.rows)]
        return [hit and {"reason": f"decontaminate.{hit.rule}", "task": hit.task, "text": hit.text} for hit in hits]

    _filter(source, out, fields, find, as_json)


def row_texts(row: dict[str, Any], fields: tuple[str, ...], source: Path, number: int) -> list[str]:
    """The texts in the named fields of one row; a list, as of messages or tests, gives each of its items.

    Raises: `SynthError` for a field that is not there.
    """
    texts: list[str] = []
    for field in fields:
        if field not in row:
            raise SynthError(f"{source}: row {number} has no {field!r}, got {', '.join(row)}; choose another --field")
        value = row[field]
        for item in value if isinstance(value, list) else [value]:
            part = item.get("content") if isinstance(item, dict) else item
            if part is not None:  # an empty column is an empty text
                texts.append(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False, default=str))
    return texts


def _filter(
    source: Path,
    out: Path,
    fields: tuple[str, ...],
    find: Callable[[Table, tuple[str, ...]], list[Drop | None]],
    as_json: bool,
) -> None:
    """Reads, asks `find` for a drop or `None` per row, writes both files and says what came of it."""
    from synth.files import Table, check_suffix, read_table, write_jsonl, write_table

    check_suffix(out)
    table = read_table(source)
    try:
        fields = fields or _guess_fields(table, source)
        drops = find(table, fields)
    except ValueError as error:
        raise SynthError(str(error)) from error
    kept = [row for row, drop in zip(table.rows, drops, strict=True) if drop is None]
    dropped_path = out.with_name(out.name + ".dropped.jsonl")
    write_jsonl(
        dropped_path,
        ({"row": i, **drop, "content": table.rows[i]} for i, drop in enumerate(drops) if drop is not None),
    )
    write_table(out, Table(kept, table.schema))
    reasons = dict(Counter(drop["reason"] for drop in drops if drop is not None).most_common())
    summary = {"rows": len(table.rows), "kept": len(kept), "dropped": reasons, "fields": fields}
    _say(summary | {"out": str(out), "dropped_out": str(dropped_path)}, as_json)


def _guess_fields(table: Table, source: Path) -> tuple[str, ...]:
    if not table.rows:
        return ()
    for names in DEFAULT_FIELDS:
        if names[0] in table.rows[0]:
            return tuple(name for name in names if name in table.rows[0])
    raise SynthError(f"{source}: no text column known, got {', '.join(table.rows[0])}; name one with --field")


def _say(summary: dict[str, Any], as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid("rows", str(summary["rows"]), box=None, pad_edge=False)
    for reason, count in summary["dropped"].items():
        grid.add_row(reason, f"-{count}")
    grid.add_row("kept", str(summary["kept"]))
    console = Console(stderr=True, soft_wrap=True)
    console.print(grid)
    lines = [f"compared: {', '.join(summary['fields'])}", summary["out"], summary["dropped_out"]]
    console.print("\n".join(lines), highlight=False, markup=False)
    if as_json:
        click.echo(json.dumps(summary))
