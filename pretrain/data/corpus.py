"""A corpus folder: `train/` and `heldout/`, in each a folder per language of Parquet parts, and `manifest.json` last.

Parts are cut by their text's size, in document order, so the same documents always make the same bytes.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from pretrain.data.document import Document
from pretrain.errors import CorpusError, RunFolderError
from synth.files import atomic_file

PART_BYTES = 128 * 2**20
"""Text of one part, more or less: enough to compress well, little enough to hold in memory."""
SPLITS = ("train", "heldout")
COLUMNS = tuple(field.name for field in fields(Document))


@contextmanager
def hold_folder(out: Path) -> Iterator[None]:
    """A block in which no other process writes `out`.

    Raises: RunFolderError where another does, or where the folder holds something else.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        strangers = sorted(
            entry.name for entry in out.iterdir() if entry.name not in (*SPLITS, "manifest.json", ".lock")
        )
        if strangers and not (out / ".lock").exists():
            raise RunFolderError(f"{out}: holds something else ({strangers[0]}); choose another --out")
        lock = (out / ".lock").open("w")
    except OSError as error:
        raise RunFolderError(f"{out}: cannot be written, got {error.strerror}; choose another --out") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFolderError(f"{out}: another process writes there; wait for it or choose another --out") from None
        yield


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest of a finished corpus; `None` where there is none.

    Raises: CorpusError where it is damaged.
    """
    path = out / "manifest.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CorpusError(f"{path}: damaged, got {error}; run again with --restart") from error


def write_manifest(out: Path, manifest: dict[str, Any]) -> None:
    """Nothing; from now on the corpus counts as finished."""
    with atomic_file(out / "manifest.json") as file:
        file.write((json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())


def clear(out: Path) -> None:
    """Nothing; what an earlier run wrote is gone, the manifest first."""
    (out / "manifest.json").unlink(missing_ok=True)
    for split in SPLITS:
        shutil.rmtree(out / split, ignore_errors=True)


def write_split(folder: Path, documents: Iterable[Document]) -> dict[str, dict[str, int]]:
    """For each language how many documents and bytes were written below `folder`."""
    by_language: dict[str, list[Document]] = {}
    for document in documents:
        by_language.setdefault(document.language, []).append(document)
    return {language: _write_language(folder / language, by_language[language]) for language in sorted(by_language)}


def _write_language(folder: Path, documents: Sequence[Document]) -> dict[str, int]:
    sizes = [len(document.text.encode()) for document in documents]
    part: list[Document] = []
    part_bytes = number = 0
    for document, size in zip(documents, sizes, strict=True):
        if part and part_bytes + size > PART_BYTES:
            _write_part(folder / f"part-{number:05}.parquet", part)
            part, part_bytes, number = [], 0, number + 1
        part.append(document)
        part_bytes += size
    _write_part(folder / f"part-{number:05}.parquet", part)
    return {"documents": len(documents), "bytes": sum(sizes)}


def _write_part(path: Path, documents: Sequence[Document]) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {name: [getattr(document, name) for document in documents] for name in COLUMNS}
    # 64-bit offsets: a part of one giant document would not fit 32-bit ones.
    schema = pyarrow.schema(
        [(name, pyarrow.large_string() if name == "text" else pyarrow.string()) for name in COLUMNS]
    )
    with atomic_file(path) as file:
        pyarrow.parquet.write_table(pyarrow.table(columns, schema=schema), file, compression="zstd")
