"""The files inside a `.tar.gz`, `.zip` or wheel, read in memory: nothing is extracted, nothing is run.

Only plain files count. Links, devices and folders are passed over as no files at all; a member whose name is absolute
or climbs out of the archive, or that is larger than a file may be, is refused with a reason and never read. What an
archive may unpack to is bounded as a whole, since a few kB can hold gigabytes. Member sizes are those of the headers,
and no more than that is read.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import partial
from pathlib import Path, PurePosixPath

from pretrain.data.document import RawFile
from pretrain.data.languages import is_excluded, language_of
from pretrain.errors import SourceError

MAX_FILE_BYTES = 8 * 10**6
"""Source: OpenCoder (arXiv 2411.04905), section 2.1.1: files above 8 MB are dropped."""
MAX_ARCHIVE_BYTES = 2 * 10**9
"""All members together, read or not; the largest archive of our list holds 95 MB."""
MAX_MEMBERS = 200_000
_MAX_METADATA_BYTES = 10**6

UNWANTED = "preprocess.excluded"
UNKNOWN = "preprocess.unknown_language"
TOO_LARGE = "preprocess.too_large"
UNSAFE = "preprocess.unsafe_path"

_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds."""

    files: list[RawFile]
    """In archive order, the leading folder removed; those that no stage would want come unread."""
    licence: str
    """As the package's own metadata names it."""


def read_archive(path: Path) -> Archive:
    """The contents of the archive.

    Raises: SourceError where it is damaged or unpacks to more than `MAX_ARCHIVE_BYTES`.
    """
    files: list[RawFile] = []
    licence = "unknown"
    try:
        for name, size, read in _members(path):
            if PurePosixPath(name).name in ("PKG-INFO", "METADATA") and name.count("/") == 1:
                licence = licence_in(read(_MAX_METADATA_BYTES).decode("utf-8", "replace"))
            inner = name.partition("/")[2] or name
            reason = refusal(inner, size, whole=name)
            files.append(RawFile(inner, None if reason else read(MAX_FILE_BYTES), reason))
    except _DAMAGE as error:
        raise SourceError(f"{path}: not a whole archive, got {error}; remove it and run again") from error
    return Archive(files, licence)


def refusal(path: str, size: int, *, whole: str | None = None) -> str | None:
    """Why a file of that name and size need not be read; `None` where it must be. `whole`: its name unshortened."""
    name = whole or path
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name or "\0" in name:
        return UNSAFE
    if is_excluded(path):
        return UNWANTED
    if language_of(path) is None:
        return UNKNOWN
    return TOO_LARGE if size > MAX_FILE_BYTES else None


def licence_in(metadata: str) -> str:
    """What a package's metadata names as its licence; `unknown` where it names none."""
    headers = HeaderParser().parsestr(metadata)
    if expression := headers.get("License-Expression"):
        return str(expression).strip()
    named = [str(line) for line in headers.get_all("Classifier", []) if str(line).startswith("License ::")]
    if named:
        return named[0].rpartition("::")[2].strip()
    lines = str(headers.get("License", "")).strip().splitlines()
    return lines[0].strip()[:80] if lines else "unknown"


Read = Callable[[int], bytes]


def _members(path: Path) -> Iterator[tuple[str, int, Read]]:
    """Name, size and a reader of at most so many bytes, for every plain file."""
    if path.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(path) as archive:
            yield from _zip_members(path, archive)
    else:
        with tarfile.open(path, "r:*") as archive:
            yield from _tar_members(path, archive)


def _tar_members(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, int, Read]]:
    total = 0
    for number, member in enumerate(archive, 1):
        total += max(member.size, 0)
        _check_bounds(path, total, number)
        if member.isreg() and (file := archive.extractfile(member)) is not None:
            yield member.name, member.size, file.read


def _zip_members(path: Path, archive: zipfile.ZipFile) -> Iterator[tuple[str, int, Read]]:
    members = archive.infolist()
    _check_bounds(path, sum(member.file_size for member in members), len(members))
    for member in members:
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        if not member.is_dir() and not is_link:
            yield member.filename, member.file_size, partial(_read_zipped, archive, member)


def _read_zipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(member) as file:
        return file.read(limit)


def _check_bounds(path: Path, total: int, number: int) -> None:
    if total > MAX_ARCHIVE_BYTES or number > MAX_MEMBERS:
        raise SourceError(
            f"{path}: unpacks to over {MAX_ARCHIVE_BYTES / 1e9:g} GB or {MAX_MEMBERS:,} files; take it off the list"
        )
