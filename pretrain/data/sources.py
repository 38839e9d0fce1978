"""Where raw code comes from: pinned packages, a folder, or a table, each as units that one worker reads at a time.

A unit is a package, one folder below the given one, the files beside those folders, or a table. Units and the files in
them have a fixed order, which is also their rank: of two equal files the earlier stays. Not covered: repositories'
stars and commit dates, by which OpenCoder chooses among equals; packages carry neither.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pretrain.data.archives import read_archive, refusal
from pretrain.data.document import RawFile
from pretrain.data.index import Index
from pretrain.data.languages import DOC_TYPES
from pretrain.data.packages import BUNDLED, archive_folder, fetch_archives, read_pins
from pretrain.errors import SourceError
from synth.files import JSONL_SUFFIXES, PARQUET_SUFFIXES, read_table

_TEXT_COLUMNS = ("text", "content", "code")
_REPO_COLUMNS = ("repo", "repo_name")
_LICENCE_COLUMNS = ("licence", "license")
_MAX_TABLE_TEXT = 8 * 10**6


class OnFetched(Protocol):
    """Hears how many bytes another archive has."""

    def __call__(self, num_bytes: int, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Unit:
    """What one worker reads at a time."""

    kind: Literal["archive", "folder", "loose", "table"]
    """`loose`: the files that lie directly in a folder."""
    path: Path
    repo: str
    source: str
    """The column `source`: `pypi`, `folder` or `table`."""


@dataclass(frozen=True, slots=True)
class Source:
    """An ordered list of units, and a digest of everything they hold."""

    spec: str
    units: tuple[Unit, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class UnitFiles:
    """The files of one unit."""

    files: list[RawFile]
    licence: str


def source_fingerprint(spec: str, *, packages: int | None = None) -> str:
    """A digest of what `spec` holds now: the pins of a list, or names, sizes and times of files.

    Raises: SourceError.
    """
    if _is_list(spec):
        lines = [f"{pin.label} {pin.sha256}" for pin in read_pins(_list_path(spec))[:packages]]
    else:
        path = _existing(spec)
        files = list(_walk(path)) if path.is_dir() else [path]
        lines = [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def open_source(
    spec: str, *, packages: int | None = None, index: Index | None = None, on_fetched: OnFetched | None = None
) -> Source:
    """The source that `spec` names, its archives fetched: `pypi`, `pypi:LIST`, a folder, a `.jsonl` or `.parquet` file.

    `packages` takes the first so many of a list. Raises: SourceError.
    """
    fingerprint = source_fingerprint(spec, packages=packages)
    if _is_list(spec):
        pins = read_pins(_list_path(spec))[:packages]
        paths = fetch_archives(pins, archive_folder(), index=index or Index.from_pip(), on_fetched=on_fetched)
        units = [Unit("archive", path, pin.label, "pypi") for pin, path in zip(pins, paths, strict=True)]
        return Source(spec, tuple(units), fingerprint)
    path = _existing(spec)
    if path.is_file():
        return Source(spec, (Unit("table", path, path.stem, "table"),), fingerprint)
    entries = sorted(entry for entry in path.iterdir() if not entry.is_symlink())
    units = [
        Unit("folder", entry, entry.name, "folder")
        for entry in entries
        if entry.is_dir() and not _is_hidden(entry.name)
    ]
    if any(entry.is_file() for entry in entries):
        units.append(Unit("loose", path, path.resolve().name, "folder"))
    return Source(spec, tuple(units), fingerprint)


def read_unit(unit: Unit) -> UnitFiles:
    """The files of `unit`, in order.

    Raises: SourceError.
    """
    if unit.kind == "archive":
        archive = read_archive(unit.path)
        return UnitFiles(sorted(archive.files, key=lambda file: file.path), archive.licence)
    if unit.kind == "folder":
        return UnitFiles([_read_file(unit.path, file) for file in _walk(unit.path)], "unknown")
    if unit.kind == "loose":
        top = (file for file in _walk(unit.path) if file.parent == unit.path)
        return UnitFiles([_read_file(unit.path, file) for file in top], "unknown")
    return UnitFiles(list(_rows(unit.path)), "unknown")


def _is_list(spec: str) -> bool:
    return spec == "pypi" or spec.startswith("pypi:")


def _list_path(spec: str) -> Path:
    return Path(spec.removeprefix("pypi:")) if spec != "pypi" else BUNDLED


def _existing(spec: str) -> Path:
    path = Path(spec)
    if path.is_dir() or (path.is_file() and path.suffix in JSONL_SUFFIXES + PARQUET_SUFFIXES):
        return path
    problem = "unknown format" if path.is_file() else "no such source"
    raise SourceError(f"--source {spec}: {problem}; give pypi, pypi:LIST, a folder, a .jsonl or a .parquet file")


def _walk(folder: Path) -> Iterator[Path]:
    """Every plain file below `folder` in order; links and hidden folders are not followed."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            path = Path(root, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _read_file(folder: Path, path: Path) -> RawFile:
    inner = path.relative_to(folder).as_posix()
    try:
        reason = refusal(inner, path.stat().st_size)
        return RawFile(inner, None if reason else path.read_bytes(), reason)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read, got {error.strerror}; check its permissions") from error


def _rows(path: Path) -> Iterator[RawFile]:
    """The rows of a table as files; a row without text is a refused one."""
    rows = read_table(path).rows
    column = next((name for name in _TEXT_COLUMNS if rows and name in rows[0]), None)
    if column is None:
        columns = ", ".join(rows[0]) if rows else "no rows"
        raise SourceError(f"{path}: needs a column {' or '.join(_TEXT_COLUMNS)}, got {columns}; rename one")
    for number, row in enumerate(rows):
        text, name = row.get(column), str(row.get("path") or f"row-{number}")
        repo = next((str(row[key]) for key in _REPO_COLUMNS if row.get(key)), f"{path.stem}/{number}")
        licence = next((str(row[key]) for key in _LICENCE_COLUMNS if row.get(key)), None)
        language = str(row.get("language") or "").lower() or None
        if language is None and "path" not in row:
            language = "text"
        elif language not in DOC_TYPES:  # a spelling of its own, such as `C++`: the file name decides
            language = None
        if not isinstance(text, str):
            yield RawFile(name, None, "preprocess.no_text", repo, language, licence)
        elif len(text) > _MAX_TABLE_TEXT:
            yield RawFile(name, None, "preprocess.too_large", repo, language, licence)
        else:
            yield RawFile(name, text.encode("utf-8", "surrogatepass"), None, repo, language, licence)
