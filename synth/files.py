"""Tables of rows on disk, JSON Lines or Parquet by suffix, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from synth.errors import RunFolderError, SynthError

JSONL_SUFFIXES = (".jsonl", ".ndjson")
PARQUET_SUFFIXES = (".parquet",)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in file order."""

    rows: list[dict[str, Any]]
    schema: Any = None
    """The Arrow schema they had in Parquet, so that a copy keeps its types; `None` from JSON Lines."""


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends, and leaves nothing behind when it fails.

    Raises: `RunFolderError` in one line for a full disk or a folder that cannot be written.
    """
    temporary: Path | None = None
    try:
        with writable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
                temporary = Path(file.name)
                yield file
                publish(file, temporary, path)
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):  # it became `path`
                temporary.unlink()


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turns what the disk says about `path` into one line. Raises: `RunFolderError`."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(_explain(path, error)) from error


def publish(file: IO[bytes], temporary: Path, path: Path) -> None:
    """Puts what was written as `temporary` in the place of `path`, so that a power cut leaves one of the two."""
    file.flush()
    os.fchmod(file.fileno(), 0o644)  # temporary files are private; results are not
    os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def training_files(folder: Path) -> list[Path]:
    """The Parquet files of an export's training split, in order; none for any other folder.

    An export says the same rows again under `messages/`, and that of `synth mix` under `subsets/` as well.
    """
    return sorted((folder / "data").glob("train-*-of-*.parquet"))


def read_table(path: Path) -> Table:
    """Every row of a `.jsonl`, `.ndjson` or `.parquet` file. Raises: `SynthError` with file and line."""
    check_suffix(path)
    if not path.is_file():
        raise SynthError(f"{path}: no such file; give a .jsonl or .parquet file")
    try:
        return _read_parquet(path) if path.suffix in PARQUET_SUFFIXES else Table(list(_read_jsonl(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise SynthError(f"{path}: cannot be read, got {error}; give a whole UTF-8 file") from error


def write_table(path: Path, table: Table) -> None:
    """Writes the rows in order, in the format of the suffix. Raises: `RunFolderError`, `SynthError`."""
    check_suffix(path)
    if path.suffix in PARQUET_SUFFIXES:
        _write_parquet(path, table)
    else:
        write_jsonl(path, table.rows)


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes one JSON object a line; values JSON has no form for (dates, bytes) as their text."""
    with atomic_file(path) as file:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, default=str) + "\n"
            file.write(line.encode("utf-8", "backslashreplace"))  # a lone surrogate as \udXXX, which JSON reads back


def check_suffix(path: Path) -> None:
    """Raises: `SynthError` for a suffix that names no format."""
    if path.suffix not in JSONL_SUFFIXES + PARQUET_SUFFIXES:
        known = ", ".join(JSONL_SUFFIXES + PARQUET_SUFFIXES)
        raise SynthError(f"{path}: unknown format, got suffix {path.suffix!r}; use one of {known}")


def _read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SynthError(f"{path}:{number}: not a line of JSON, got {error}; fix or remove it") from error
            if not isinstance(row, dict):
                raise SynthError(f"{path}:{number}: a row must be an object, got {type(row).__name__}; fix it")
            yield row


def _read_parquet(path: Path) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise SynthError(f"{path}: not a Parquet file, got {_first_line(error)}; give a whole one") from error
    return Table(table.to_pylist(), table.schema)


def _write_parquet(path: Path, table: Table) -> None:
    import pyarrow
    import pyarrow.parquet

    try:
        arrow = pyarrow.Table.from_pylist(table.rows, schema=table.schema)
    except (pyarrow.ArrowException, UnicodeEncodeError) as error:
        raise SynthError(f"{path}: rows do not fit one schema, got {_first_line(error)}; write .jsonl") from error
    with atomic_file(path) as file:
        pyarrow.parquet.write_table(arrow, file, compression="zstd")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: the disk is full; free some space and run the same command again"
    return f"{path}: cannot be written, got {error.strerror or error}; check the folder and its permissions"
