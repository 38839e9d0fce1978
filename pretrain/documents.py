"""Documents to train and judge a tokenizer on: those of a corpus folder, or of plain files and folders of them.

A corpus folder brings its own held-out split. Of anything else a document is held out by the hash of its text, so the
same text is always on the same side. Texts stream; nothing keeps them all. Of plain folders, hidden files are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pretrain.errors import CorpusError
from synth.files import JSONL_SUFFIXES, PARQUET_SUFFIXES

HELD_OUT_SHARE = 0.05
"""Of the documents outside a corpus folder."""
BATCH_ROWS = 1024
STRINGS = ("string", "large_string", "string_view")
"""Arrow's types of text."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file with documents."""

    path: Path
    language: str
    held_out: bool | None
    """`None`: decided by each document's hash."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text, its language, and its place in [0, 1) by hash: a fixed random draw."""

    text: str
    language: str
    draw: float


def find_sources(paths: Sequence[Path]) -> list[Source]:
    """The files under `paths`, in order: corpus folders (`train/<language>/*.parquet`), other folders, files.

    Raises: CorpusError where a path does not exist, nothing is in it, or it is an unfinished corpus.
    """
    sources = [source for path in paths for source in _sources_in(path)]
    if not sources:
        raise CorpusError(f"{', '.join(map(str, paths))}: no text in it; give a corpus folder or text files")
    return sources


def documents(sources: Iterable[Source], *, held_out: bool, seed: int = 0) -> Iterator[Document]:
    """Every document on that side of the split, in file order. Raises: CorpusError."""
    for source in sources:
        if source.held_out is not None and source.held_out != held_out:
            continue
        for text in _texts(source):
            draw = _draw(text, seed)
            if source.held_out is not None or (_draw(text, "held-out") < HELD_OUT_SHARE) == held_out:
                yield Document(text, source.language, draw)


def sample(sources: Sequence[Source], *, max_bytes: int, seed: int = 0) -> Iterator[Document]:
    """Training documents, about `max_bytes` of them, every language in proportion.

    A document is drawn by the hash of its text and the seed, so the draw depends neither on order nor on workers.
    """
    total = sum(len(document.text.encode()) for document in documents(sources, held_out=False, seed=seed))
    share = max_bytes / max(total, 1)
    return (found for found in documents(sources, held_out=False, seed=seed) if found.draw < share)


def digest(sources: Iterable[Source]) -> str:
    """The SHA-256 over every file's name, language and bytes, as hex. Raises: CorpusError."""
    whole = hashlib.sha256()
    for source in sources:
        try:
            with source.path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise CorpusError(f"{source.path}: cannot be read, got {error.strerror}; leave it out") from error
        whole.update(f"{source.path.name}\0{source.language}\0{source.held_out}\0{content}\n".encode())
    return whole.hexdigest()


def _draw(text: str, salt: object) -> float:
    hashed = hashlib.sha256(f"{salt}\0{text}".encode()).digest()
    return int.from_bytes(hashed[:7]) / 2**56  # 56 bits fit a float exactly, so 1.0 cannot come out


def _sources_in(path: Path) -> Iterator[Source]:
    if path.is_file():
        yield _plain(path)
    elif any(path.glob("train/*/*.parquet")) or any(path.glob("heldout/*/*.parquet")):
        if not (path / "manifest.json").is_file():
            raise CorpusError(f"{path}: an unfinished corpus, there is no manifest.json; run `pretrain data` again")
        for side in ("train", "heldout"):
            for file in sorted(path.joinpath(side).glob("*/*.parquet")):
                yield Source(file, file.parent.name, side == "heldout")
    elif path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts):
                yield _plain(file)
    else:
        raise CorpusError(f"{path}: no such file or folder; give a corpus folder or text files")


def _plain(path: Path) -> Source:
    return Source(path, path.suffix.removeprefix(".") or "text", None)


def _texts(source: Source) -> Iterator[str]:
    if source.path.suffix in PARQUET_SUFFIXES:
        yield from _parquet_texts(source.path)
    elif source.path.suffix in JSONL_SUFFIXES:
        yield from _row_texts(source.path)
    else:
        try:
            yield source.path.read_bytes().decode("utf-8")  # as bytes: reading text would change CRLF to LF
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(f"{source.path}: cannot be read as UTF-8 text, got {error}; leave it out") from error


def _row_texts(path: Path) -> Iterator[str]:
    where = f"{path}"
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                where = f"{path}:{number}"
                if line.strip():
                    yield _text_of(json.loads(line.decode()), where)
    except (OSError, ValueError, RecursionError) as error:  # a decoding error is a ValueError
        raise CorpusError(f"{where}: not a line of JSON in UTF-8, got {error}; fix or remove it") from error


def _text_of(row: Any, where: str) -> str:
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        columns = ", ".join(row) or "no columns" if isinstance(row, dict) else type(row).__name__
        raise CorpusError(f"{where}: needs a `text` of type string, got {columns}")
    text: str = row["text"]
    try:
        text.encode()
    except UnicodeEncodeError as error:  # JSON can spell half a surrogate pair
        raise CorpusError(f"{where}: `text` is not valid Unicode, got {error}; remove the row") from error
    return text


def _parquet_texts(path: Path) -> Iterator[str]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            if "text" not in file.schema_arrow.names:
                raise CorpusError(f"{path}: needs a `text` column, got {', '.join(file.schema_arrow.names)}")
            kind = file.schema_arrow.field("text").type
            if str(kind.value_type if pyarrow.types.is_dictionary(kind) else kind) not in STRINGS:
                raise CorpusError(f"{path}: needs a `text` column of strings, got {kind}")
            for batch in file.iter_batches(BATCH_ROWS, columns=["text"]):
                yield from (text for text in batch.column(0).to_pylist() if text is not None)
    except (OSError, pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read as Parquet, got {error}; run `pretrain data` again") from error
