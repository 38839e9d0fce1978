"""A corpus folder: `train/` and `heldout/`, in each a folder per language of Parquet parts, and `manifest.json` last.

Parts are cut by their text's size, in document order, so the same documents always make the same bytes.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from pretrain import run_folder
from pretrain.data.document import Document
from pretrain.errors import CorpusError, RunFolderError
from synth.files import atomic_file

PART_BYTES = 128 * 2**20
"""Text of one part, more or less: enough to compress well, little enough to hold in memory."""
SPLITS = ("train", "heldout")
COLUMNS = tuple(field.name for field in fields(Document))
# The second form of each is what `atomic_file` leaves of a run that was killed.
_PART = re.compile(r"part-\d+\.parquet|\.part-\d+\.parquet\.\w+")
_OWN = re.compile(r"\.lock|manifest\.json|\.manifest\.json\.\w+")


@contextmanager
def hold_folder(out: Path) -> Iterator[None]:
    """A block in which no other process writes `out`.

    Raises: RunFolderError where another does, or where the folder holds what `pretrain data` did not write.
    """
    try:
        stranger = next(_strangers(out), None) if out.exists() else None
    except OSError as error:
        raise RunFolderError(f"{out}: cannot be read, got {error.strerror}; choose another --out") from error
    if stranger is not None:
        raise RunFolderError(f"{out}: holds something else ({stranger}); choose another --out")
    with run_folder.hold_folder(out):
        yield


def _strangers(out: Path) -> Iterator[str]:
    """What in `out` no run of this stage wrote, whole or interrupted: clearing the folder would lose it."""
    for entry in sorted(out.iterdir()):
        if entry.name in SPLITS and entry.is_dir() and not entry.is_symlink():
            inner = (path for path in sorted(entry.rglob("*")) if not path.is_dir() or path.is_symlink())
            yield from (str(path.relative_to(out)) for path in inner if not _PART.fullmatch(path.name))
        elif not _OWN.fullmatch(entry.name):
            yield entry.name
    if _stage(out / "manifest.json") != "data":
        yield "manifest.json"


def _stage(manifest: Path) -> Any:
    """Whose manifest it is; ours where there is none, or none that can be read (`read_manifest` tells of that)."""
    try:
        content = json.loads(manifest.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return "data"
    return content.get("stage") if isinstance(content, dict) else None


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest of a finished corpus; `None` where there is none.

    Raises: CorpusError where it is damaged.
    """
    path = out / "manifest.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise CorpusError(f"{path}: damaged, got {error}; run again with --restart") from error


def write_manifest(out: Path, manifest: dict[str, Any]) -> None:
    """Nothing; from now on the corpus counts as finished."""
    with atomic_file(out / "manifest.json") as file:
        file.write((json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())


def clear(out: Path) -> None:
    """Nothing; what an earlier run wrote is gone, the manifest first.

    Raises: RunFolderError where some of it stays, which would count as part of the new corpus.
    """
    try:
        for manifest in (out / "manifest.json", *out.glob(".manifest.json.*")):
            manifest.unlink(missing_ok=True)
        for split in SPLITS:
            if (out / split).exists():
                shutil.rmtree(out / split)
    except OSError as error:
        raise RunFolderError(f"{out}: cannot be cleared, got {error}; remove it or choose another --out") from error


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
