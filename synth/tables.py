"""Rows of JSON Lines, JSON, Parquet and Arrow files and of Hugging Face datasets, one at a time, with where each is.

Local files need nothing beyond the base install (a folder that `datasets` saved is Arrow files); only a dataset on the
hub needs the `datasets` package, and is streamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synth.errors import SeedError

Row = dict[str, Any]
ROW_SUFFIXES = frozenset({".arrow", ".json", ".jsonl", ".parquet"})
_SPLITS = frozenset({"train", "validation", "valid", "dev", "test"})


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """The rows of the file at `path` as pairs of where (`file.jsonl:12`) and row. Raises `SeedError`."""
    import pyarrow

    readers = {".jsonl": _read_json_lines, ".json": _read_json, ".parquet": _read_parquet, ".arrow": _read_arrow}
    try:
        for number, row in readers[path.suffix](path):
            if not isinstance(row, dict):
                raise SeedError(f"{path.name}:{number}: a row must be an object, got {type(row).__name__}; fix the row")
            yield f"{path.name}:{number}", row
    except (OSError, UnicodeDecodeError, pyarrow.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise SeedError(f"{path}: cannot be read as {path.suffix[1:]}, got {reason}; check the file") from error


def read_hub(name: str) -> Iterator[tuple[str, Row]]:
    """The rows of the hub dataset `owner/name[:config][:split]`, streamed; the split is `train` unless said."""
    repository, *rest = name.split(":")
    split = rest.pop() if rest and (len(rest) == 2 or rest[-1] in _SPLITS) else "train"
    config = rest[0] if rest else None
    try:
        import datasets
    except ImportError:
        raise SeedError(f"hf:{name}: needs the `datasets` package; pip install 'opencook[train]'") from None
    try:
        rows = datasets.load_dataset(repository, config, split=split, streaming=True)
        for number, row in enumerate(rows, 1):
            yield f"{repository}:{split}:{number}", row
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        advice = "check name, config and split, the network and HF_TOKEN; a local path would have to exist"
        raise SeedError(f"hf:{name}: cannot be opened, got {reason}; {advice}") from error


def _read_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, _parse_json(line, f"{path.name}:{number}")


def _read_json(path: Path) -> Iterator[tuple[int, Any]]:
    """The items of a JSON list; a file with one object a line, as some datasets name `.json`, is read so."""
    text = path.read_text(encoding="utf-8-sig")
    if text.lstrip().startswith("{"):
        yield from _read_json_lines(path)
        return
    rows = _parse_json(text, path.name)
    if not isinstance(rows, list):
        raise SeedError(f"{path.name}: must be a list of objects, got {type(rows).__name__}; use one object a line")
    yield from enumerate(rows, 1)


def _parse_json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise SeedError(f"{where}: not JSON, got {error}; fix or remove the line") from error


def _read_parquet(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        number = 0
        for batch in file.iter_batches(batch_size=256):
            for row in batch.to_pylist():
                number += 1
                yield number, row


def _read_arrow(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow

    with pyarrow.memory_map(str(path)) as source, pyarrow.ipc.open_stream(source) as batches:
        number = 0
        for batch in batches:
            for row in batch.to_pylist():
                number += 1
                yield number, row
