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
    from synth.curate.index import DiskIndex
    from synth.curate.removals import By, Removal
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

INSTRUCTION_FIELDS = ("instruction", "prompt", "question", "problem", "messages:user")
CODE_FIELDS = ("code", "output", "response", "completion", "content", "messages:assistant")
"""Without --field: the first that the first row has. `messages:ROLE` are the messages of that role."""

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
@click.option(
    "--by",
    type=click.Choice(["text", "instruction", "code", "both"]),
    default="text",
    show_default=True,
    help="What is compared; both: instruction and code must both be near.",
)
@click.option("--threshold", type=float, default=0.7, show_default=True, help="Jaccard similarity that makes a twin.")
@click.option("--preset", type=click.Choice(["default", "opencoder"]), default="default", show_default=True)
@click.option(
    "--rank",
    "ranks",
    multiple=True,
    metavar="COLUMN[:asc]",
    help="Keep the row with the largest COLUMN (:asc, smallest) of a group; repeat for ties. `length` is that of the "
    "text.  [default: tests_passed, scores, length, id:asc where rows have tests_passed, else the first row]",
)
@click.option("--index", "folder", type=_file, help="Folder of earlier survivors: compare with them, then add these.")
@_json
def dedup(
    source: Path,
    out: Path,
    fields: tuple[str, ...],
    by: By,
    threshold: float,
    preset: str,
    ranks: tuple[str, ...],
    folder: Path | None,
    as_json: bool,
) -> None:
    """Drop exact and near duplicates; of each group the best ranked stays, and each drop names it."""
    from synth.curate.index import DiskIndex
    from synth.curate.near import shape_of
    from synth.curate.ranking import DEFAULT_RANK, rank_rows
    from synth.curate.removals import exact_key, find_removals

    table = _read(source, out)
    try:
        index = DiskIndex(folder, shape_of(threshold, preset), by) if folder is not None else None
        texts, instructions, fields = _compared(table, source, by, fields)
        columns = ranks or (DEFAULT_RANK if table.rows and "tests_passed" in table.rows[0] else ())
        removals = find_removals(
            texts,
            by=by,
            instructions=instructions,
            threshold=threshold,
            preset=preset,
            rank=rank_rows(table.rows, texts, columns) if columns and table.rows else None,
            index=index,
        )
        base = 0 if index is None else len(index)
        drops = [None if it is None else _drop(it, table.rows, index, base) for it in removals]
        _write(table, drops, out, {"by": by, "fields": fields, "rank": columns}, as_json)
        if index is not None:  # last: a crash before it makes the same OUT again
            kept = [i for i, drop in enumerate(drops) if drop is None]
            told = [instructions[i] if instructions else texts[i] if by == "instruction" else "" for i in kept]
            names = [str(table.rows[i].get("id", f"{source.name}:{i}")) for i in kept]
            exact = [exact_key(texts[i], instructions[i]) if by == "both" else texts[i] for i in kept]
            index.add([texts[i] for i in kept], exact, list(zip(names, told, strict=True)))
    except ValueError as error:
        raise SynthError(str(error)) from error
    except OSError as error:
        raise SynthError(f"{folder or 'TMPDIR'}: {error.strerror or error}") from error


def _compared(
    table: Table, source: Path, by: By, fields: tuple[str, ...]
) -> tuple[list[str], list[str], tuple[str, ...]]:
    """The texts to compare, the instructions beside them for `both`, and the fields all came from."""

    def read(names: tuple[str, ...]) -> list[str]:
        return ["\n".join(row_texts(row, names, source, i)) for i, row in enumerate(table.rows)]

    if by == "text":
        fields = fields or _guess_fields(table, source)
        return read(fields), [], fields
    fields = fields or _first_known(table, source, INSTRUCTION_FIELDS if by == "instruction" else CODE_FIELDS)
    if by != "both":
        return read(fields), [], fields
    told = _first_known(table, source, INSTRUCTION_FIELDS)
    return read(fields), read(told), (*told, *fields)


def _first_known(table: Table, source: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    if not table.rows:
        return ()
    for name in names:
        if name.partition(":")[0] in table.rows[0]:
            return (name,)
    known = ", ".join(names)
    raise SynthError(
        f"{source}: needs one of the columns {known}, got {', '.join(table.rows[0])}; name one with --field"
    )


def _drop(removal: Removal, rows: list[dict[str, Any]], index: DiskIndex | None, base: int) -> Drop:
    """What `OUT.dropped.jsonl` says of a removal; `twin` is the row kept, null where the index holds it."""
    twin = removal.kept - base if removal.kept >= base else None
    name = rows[twin].get("id", twin) if twin is not None else index.name(removal.kept) if index else None
    return {
        "reason": f"dedup.{removal.method}",
        "method": removal.method,
        "kept": name,
        "twin": twin,
        "similarity": round(removal.similarity, 4),
    }


@click.command()
@click.argument("source", metavar="IN", type=_file)
@click.argument("out", metavar="OUT", type=_file)
@click.option(
    "--against",
    multiple=True,
    default=["humaneval"],
    show_default=True,
    help="humaneval, mbpp, a benchmark's .jsonl[.gz], .json or .parquet file, or hf:OWNER/NAME; repeat for several.",
)
@click.option(
    "--benchmark-fields",
    metavar="FIELD=COLUMN,...",
    help="Columns of the files: prompt=question,solution=answer,entry_point=name,test=tests,id=key.",
)
@click.option("--preset", type=click.Choice(["default", "opencoder"]), default="default", show_default=True)
@click.option("--entry-points/--no-entry-points", default=True, help="Whether a test set's function names count.")
@click.option("--report", type=_file, help="Write what was found as JSON: task, rule, score, and where.")
@_field
@_json
def decontaminate(
    source: Path,
    out: Path,
    against: tuple[str, ...],
    benchmark_fields: str | None,
    preset: str,
    entry_points: bool,
    report: Path | None,
    fields: tuple[str, ...],
    as_json: bool,
) -> None:
    """Drop rows that repeat a benchmark's task, renamed or not, or use its entry points."""
    from synth.curate.benchmarks import NAMED, load_benchmark, parse_fields
    from synth.curate.decontaminate import Decontaminator
    from synth.decontamination_report import find_hits, write_report

    def find(table: Table, names: tuple[str, ...]) -> list[Drop | None]:
        columns = parse_fields(benchmark_fields) if benchmark_fields else None
        benchmarks = [load_benchmark(name, None if name.lower() in NAMED else columns) for name in against]
        decontaminator = Decontaminator(benchmarks, preset=preset, use_entry_points=entry_points)
        rows = (
            [(name, text) for name in names for text in row_texts(row, (name,), source, i)]
            for i, row in enumerate(table.rows)
        )
        drops = find_hits(decontaminator, rows)
        if report is not None:
            write_report(report, source, benchmarks, drops)
        return drops

    _filter(source, out, fields, find, as_json)


def row_texts(row: dict[str, Any], fields: tuple[str, ...], source: Path, number: int) -> list[str]:
    """The texts in the named fields of one row; a list, as of messages or tests, gives each of its items.

    Raises: `SynthError` for a field that is not there.
    """
    texts: list[str] = []
    for field in fields:
        name, _, role = (field, "", "") if field in row else field.partition(":")
        if name not in row:
            raise SynthError(f"{source}: row {number} has no {field!r}, got {', '.join(row)}; choose another --field")
        value = row[name]
        for item in value if isinstance(value, list) else [value]:
            if role and not (isinstance(item, dict) and item.get("role") == role):
                continue
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
    table = _read(source, out)
    try:
        fields = fields or _guess_fields(table, source)
        drops = find(table, fields)
    except ValueError as error:
        raise SynthError(str(error)) from error
    _write(table, drops, out, {"fields": fields}, as_json)


def _read(source: Path, out: Path) -> Table:
    from synth.files import check_suffix, read_table

    check_suffix(out)
    return read_table(source)


def _write(table: Table, drops: list[Drop | None], out: Path, facts: dict[str, Any], as_json: bool) -> None:
    """Writes the rows kept and the rows dropped, and says what came of it."""
    from synth.files import Table, write_jsonl, write_table

    kept = [row for row, drop in zip(table.rows, drops, strict=True) if drop is None]
    dropped_path = out.with_name(out.name + ".dropped.jsonl")
    write_jsonl(
        dropped_path,
        ({"row": i, **drop, "content": table.rows[i]} for i, drop in enumerate(drops) if drop is not None),
    )
    write_table(out, Table(kept, table.schema))
    told = [drop for drop in drops if drop is not None]
    reasons = dict(Counter(drop["reason"] for drop in told).most_common())
    summary = {"rows": len(table.rows), "kept": len(kept), "dropped": reasons} | facts
    if any("similarity" in drop for drop in told):
        summary["similarity"] = {reason: _range(told, reason) for reason in reasons}
    _say(summary | {"out": str(out), "dropped_out": str(dropped_path)}, as_json)


def _range(drops: list[Drop], reason: str) -> list[float]:
    """The least and the largest similarity of those dropped for one reason."""
    values = [drop["similarity"] for drop in drops if drop["reason"] == reason]
    return [min(values), max(values)]


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
        low, high = summary.get("similarity", {}).get(reason, (1, 1))
        grid.add_row(reason, f"-{count}", "" if low == high == 1 else f"similarity {low:.2f} to {high:.2f}")
    grid.add_row("kept", str(summary["kept"]))
    console = Console(stderr=True, soft_wrap=True)
    console.print(grid)
    lines = [f"compared: {', '.join(summary['fields'])}", summary["out"], summary["dropped_out"]]
    console.print("\n".join(lines), highlight=False, markup=False)
    if as_json:
        click.echo(json.dumps(summary))
