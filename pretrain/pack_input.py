"""What `pretrain pack` reads: corpus folders, and Parquet or JSON Lines files under a name. Texts stream.

A row gives `text` or `content`, or `instruction`, `input` where it has one, and `output` (or `response`), joined by
blank lines. The first of these columns that holds a text counts; null is as good as absent.
Not covered: hidden files, compressed JSON Lines, and chat `messages`, whose template belongs to fine-tuning.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pretrain.errors import ShardError
from synth.files import JSONL_SUFFIXES, PARQUET_SUFFIXES, training_files

WHOLE_FILE_BYTES = 16 << 20
"""Larger files are told apart by size, beginning and end, so that a finished pack says so at once."""
EDGE_BYTES = 64 << 10
BATCH_ROWS = 64
COLUMNS = ("text", "content", "instruction", "input", "output", "response")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")

Row = tuple[str, bool]
"""A text, and whether it may be cut for FIM: instructions may not, nobody infills those."""


@dataclass(frozen=True, slots=True)
class Source:
    """All files of one shard, in order."""

    name: str
    held_out: bool
    paths: tuple[Path, ...]

    @property
    def label(self) -> str:
        """How progress and figures call it."""
        return f"heldout/{self.name}" if self.held_out else self.name


def find_sources(data: Sequence[str]) -> list[Source]:
    """One source per shard to be: languages of corpus folders and `NAME=PATH`; equal names are joined.

    Raises: ShardError.
    """
    found: dict[tuple[bool, str], list[Path]] = {}
    for item in data:
        name, equals, rest = item.partition("=")
        named = bool(equals) and not Path(item).exists()
        if not (rest if named else item):  # an unset variable, which would mean the current folder
            raise ShardError(f"--data {item!r}: no path in it; give a corpus folder, or NAME=PATH")
        for key, path in _named_files(name, Path(rest).expanduser()) if named else _corpus_files(Path(item)):
            found.setdefault(key, []).append(path)
    return [Source(name, held_out, tuple(paths)) for (held_out, name), paths in sorted(found.items())]


def read_rows(paths: Iterable[Path], dropped: Counter[str]) -> Iterator[Row]:
    """Every row with a text, in file order; the others are counted in `dropped` by reason.

    Raises: ShardError.
    """
    for path in paths:
        for row in _parquet_rows(path) if path.suffix in PARQUET_SUFFIXES else _jsonl_rows(path):
            text, may_cut = _text_of(row)
            if text is None:
                dropped["pack.no_text"] += 1
            elif not text.strip():
                dropped["pack.empty"] += 1
            elif not _is_unicode(text):  # JSON can spell half a surrogate pair
                dropped["pack.not_unicode"] += 1
            else:
                yield text, may_cut


def text_bytes(path: Path) -> int:
    """About how much text is in the file, without reading it."""
    if path.suffix not in PARQUET_SUFFIXES:
        return path.stat().st_size
    metadata = _open_parquet(path).metadata
    return sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))


def digest(paths: Iterable[Path]) -> str:
    """A hash that tells whether the files are those of last time, names aside. Raises: ShardError."""
    hashed = hashlib.sha256()
    for path in paths:
        try:
            _hash_file(path, hashed)
        except OSError as error:
            raise ShardError(f"{path}: cannot be read, got {error.strerror}; check the file") from error
    return hashed.hexdigest()


def _hash_file(path: Path, hashed: Any) -> None:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        hashed.update(f"{size}\n".encode())
        if size <= WHOLE_FILE_BYTES:
            hashed.update(file.read())
        else:
            hashed.update(file.read(EDGE_BYTES))
            file.seek(-EDGE_BYTES, 2)
            hashed.update(file.read())


def _corpus_files(folder: Path) -> Iterator[tuple[tuple[bool, str], Path]]:
    if not (folder / "train").is_dir():
        hint = "give a corpus folder of `pretrain data`, or NAME=PATH"
        raise ShardError(f"{folder}: no corpus folder, there is no train/ in it; {hint}")
    if not (folder / "manifest.json").is_file():
        raise ShardError(f"{folder}: an unfinished corpus, there is no manifest.json; run `pretrain data` again")
    files = [(side, path) for side in ("train", "heldout") for path in sorted((folder / side).glob("*/*.parquet"))]
    if not files:
        raise ShardError(f"{folder}: an empty corpus; run `pretrain data` with more sources")
    for side, path in files:
        yield (side == "heldout", _check_name(path.parent.name)), path


def _named_files(name: str, path: Path) -> Iterator[tuple[tuple[bool, str], Path]]:
    _check_name(name)
    if (path / "train").is_dir() and (path / "heldout").is_dir():
        raise ShardError(f"{name}={path}: a corpus folder, held-out text included; give it without a name")
    known = PARQUET_SUFFIXES + JSONL_SUFFIXES
    files = [path] if path.is_file() else training_files(path)
    files = files or sorted(file for file in path.rglob("*") if _is_data(file, path))
    if not path.exists():
        raise ShardError(f"{name}={path}: no such file or folder")
    if not files or files[0].suffix not in known:
        raise ShardError(f"{name}={path}: no {', '.join(known)} file; give one or a folder of them")
    yield from (((False, name), file) for file in files)


def _is_data(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return file.suffix in PARQUET_SUFFIXES + JSONL_SUFFIXES and not hidden and not file.is_dir()


def _check_name(name: str) -> str:
    if not NAME.fullmatch(name) or name in ("manifest", "heldout"):
        raise ShardError(f"{name!r}: no name for a shard; use letters, digits and ._+-, not `manifest` or `heldout`")
    return name


def _text_of(row: dict[str, Any]) -> tuple[str | None, bool]:
    for column in ("text", "content"):
        if isinstance(row.get(column), str):
            return row[column], True
    instruction, given = row.get("instruction"), row.get("input")
    response = next((row[column] for column in ("output", "response") if isinstance(row.get(column), str)), None)
    if not isinstance(instruction, str) or response is None:
        return None, False
    asked = f"{instruction}\n\n{given}" if isinstance(given, str) and given.strip() else instruction
    return f"{asked}\n\n{response}", False


def _columns(path: Path, names: Sequence[str]) -> list[str]:
    """The columns to read. Raises: ShardError where there is no text among them."""
    columns = [column for column in COLUMNS if column in names]
    if {"text", "content"} & set(columns) or ("instruction" in columns and {"output", "response"} & set(columns)):
        return columns
    raise ShardError(
        f"{path}: needs a column text or content, or instruction and output; got {', '.join(names) or 'none'}"
    )


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow

    file = _open_parquet(path)
    columns = _columns(path, file.schema_arrow.names)
    try:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False):
            yield from batch.to_pylist()
    except (OSError, pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise ShardError(f"{path}: damaged, got {_first_line(error)}; write the file again") from error


def _open_parquet(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise ShardError(f"{path}: not a Parquet file, got {_first_line(error)}; write the file again") from error


def _jsonl_rows(path: Path) -> Iterator[dict[str, Any]]:
    where = f"{path}"
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                where = f"{path}:{number}"
                if line.strip():
                    row = json.loads(line.decode())
                    yield row if isinstance(row, dict) else {}
    except (OSError, ValueError, RecursionError) as error:  # a decoding error is a ValueError
        raise ShardError(f"{where}: no line of JSON in UTF-8, got {_first_line(error)}; fix it") from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
