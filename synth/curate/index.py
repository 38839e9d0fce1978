"""The survivors of earlier searches, in a folder: new sets are compared with them and added.

    stamp.json          what the numbers mean: hashing, banding, threshold, what is compared
    000000/             one per `add`, never changed afterwards
        keys.u32        (num_bands, num_rows)
        shingles.u32    the shingle set of each row, one after another
        ends.i64        where each ends, in shingles
        digests         16 bytes a row
        rows.jsonl      [name, instruction] of each row

A segment is written beside the others and renamed when it is whole, so a crash leaves the index as it was. Files are
mapped, not read: 20 bytes of memory a row, and what its names take. Not covered: taking rows out; two writers at once,
of which the second is refused.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.curate.exact import DIGEST_BYTES, digest_of
from synth.curate.near import Shape, keys_of
from synth.curate.shingles import SHINGLE_SIZE, distinct_each, shingle_many
from synth.curate.signature import ALGORITHM

_BATCH = 256


class DiskIndex:
    """A folder of survivors; a new folder is an empty index."""

    def __init__(self, folder: Path, shape: Shape, by: str) -> None:
        """Raises: `ValueError` where the folder holds something else or was made with another shape; `OSError`."""
        self.folder, self._shape = folder, shape
        self._stamp = {
            "algorithm": ALGORITHM,
            "shingle_size": SHINGLE_SIZE,
            "num_perm": shape.num_perm,
            "rows": shape.rows,
            "threshold": shape.threshold,
            "by": by,
        }
        self._check_stamp()
        names = sorted(path for path in folder.glob("[0-9]*") if path.is_dir())
        self._segments = [_Segment(path, shape.num_bands) for path in names]
        self._begins = np.cumsum([0, *(segment.num_rows for segment in self._segments)])

    def __len__(self) -> int:
        return int(self._begins[-1])

    def column(self, band: int) -> list[NDArray[np.uint32]]:
        """The keys of every row in one band, in parts."""
        return [segment.keys[band] for segment in self._segments]

    def shingles(self, number: int) -> NDArray[np.uint32]:
        """The shingle set of one row."""
        segment, row = self._find(number)
        begin = int(segment.ends[row - 1]) if row else 0
        return segment.shingles[begin : int(segment.ends[row])]

    def digests(self) -> Iterator[bytes]:
        """The digest of every row."""
        for segment in self._segments:
            data = segment.digests
            yield from (data[i : i + DIGEST_BYTES] for i in range(0, len(data), DIGEST_BYTES))

    def name(self, number: int) -> str:
        """What the row was called when it was added."""
        segment, row = self._find(number)
        return segment.rows[row][0]

    def instruction(self, number: int) -> str:
        """The instruction kept with the row, for searches that compare it."""
        segment, row = self._find(number)
        return segment.rows[row][1]

    def add(self, texts: Sequence[str], exact: Sequence[str], rows: Sequence[tuple[str, str]]) -> None:
        """Adds survivors: what is compared, what makes them equal, and `(name, instruction)` of each.

        Raises: `ValueError` where another process added rows meanwhile; `OSError`.
        """
        if not texts:
            return
        target = self.folder / f"{len(self._segments):06d}"
        partial = Path(tempfile.mkdtemp(dir=self.folder, prefix=".partial-"))
        try:
            self._write(partial, texts, exact, rows)
            try:
                partial.rename(target)
            except OSError as error:
                if target.is_dir():
                    raise ValueError(
                        f"{target}: was added by another run meanwhile; run the same command again"
                    ) from error
                raise
            _sync(self.folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self._segments.append(_Segment(target, self._shape.num_bands))
        self._begins = np.append(self._begins, self._begins[-1] + len(texts))

    def _write(self, folder: Path, texts: Sequence[str], exact: Sequence[str], rows: Sequence[tuple[str, str]]) -> None:
        keys = np.empty((self._shape.num_bands, len(texts)), np.uint32)
        ends = np.empty(len(texts), np.int64)
        total = 0
        with (folder / "shingles.u32").open("wb") as file:
            for begin in range(0, len(texts), _BATCH):
                sets = distinct_each(shingle_many(texts[begin : begin + _BATCH]))
                keys[:, begin : begin + len(sets)] = keys_of(sets, self._shape).T
                for number, shingles in enumerate(sets, begin):
                    total += len(shingles)
                    ends[number] = total
                    file.write(shingles.tobytes())
        keys.tofile(folder / "keys.u32")
        ends.tofile(folder / "ends.i64")
        (folder / "digests").write_bytes(b"".join(map(digest_of, exact)))
        lines = (json.dumps(row) + "\n" for row in rows)  # ASCII, so that lone surrogates come back
        (folder / "rows.jsonl").write_text("".join(lines), encoding="ascii")
        for path in folder.iterdir():
            _sync(path)
        _sync(folder)

    def _find(self, number: int) -> tuple[_Segment, int]:
        place = int(np.searchsorted(self._begins, number, side="right")) - 1
        return self._segments[place], number - int(self._begins[place])

    def _check_stamp(self) -> None:
        path = self.folder / "stamp.json"
        if not path.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise ValueError(f"{self.folder}: holds other files and no index; name a new folder or an index")
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = self.folder / ".stamp.json"
            partial.write_text(json.dumps(self._stamp) + "\n", encoding="utf-8")
            _sync(partial)
            partial.rename(path)
            _sync(self.folder)
            return
        try:
            found: Any = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValueError(f"{path}: is no stamp of an index; name another folder")
        for name, value in self._stamp.items():
            if found.get(name) != value:
                raise ValueError(
                    f"{self.folder}: the index was made with {name} {found.get(name)!r}, got {value!r}; "
                    "use the same options, or a new folder"
                )


class _Segment:
    """One set of rows, mapped into memory."""

    def __init__(self, folder: Path, num_bands: int) -> None:
        """Raises: `ValueError` where files do not fit each other."""
        self._folder = folder
        self.ends = _map(folder / "ends.i64", np.int64)
        self.num_rows = len(self.ends)
        keys = _map(folder / "keys.u32", np.uint32)
        self.shingles = _map(folder / "shingles.u32", np.uint32)
        digests = folder / "digests"
        fits = len(keys) == num_bands * self.num_rows and digests.exists()
        if not (
            fits and digests.stat().st_size == DIGEST_BYTES * self.num_rows and self.ends[-1] == len(self.shingles)
        ):
            raise ValueError(f"{folder}: is not whole; take the folder away, or make the index anew")
        self.keys = keys.reshape(num_bands, self.num_rows)

    @property
    def digests(self) -> bytes:
        return (self._folder / "digests").read_bytes()

    @cached_property
    def rows(self) -> list[tuple[str, str]]:
        """Name and instruction of each row."""
        with (self._folder / "rows.jsonl").open(encoding="ascii") as file:
            return [tuple(json.loads(line)) for line in file]


def _map(path: Path, kind: Any) -> NDArray[Any]:
    if not path.exists() or not path.stat().st_size:
        raise ValueError(f"{path}: is missing or empty; take its folder away, or make the index anew")
    return np.asarray(np.memmap(path, kind, "r"))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
