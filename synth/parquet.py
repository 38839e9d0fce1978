"""Parquet files that grow row by row in flat memory: one (`ParquetStream`), or as many as the rows need (`Shards`).

Same rows, same bytes: row groups and shards end by the rows alone, never by the clock or by how fast the disk is.
Not covered: what the rows are (`export.py`, `training_rows.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth.files import publish, writable

ROW_GROUP = 4096
SHARD_ROW_GROUP = 256
"""A reader holds a row group, decoded, and `synth merge` reads all shards at once: 8 MB each instead of 38."""
SLICE = 128
"""Rows turned into columns at once: a few milliseconds of work."""


class ParquetStream:
    """A Parquet file that grows row by row in flat memory and takes the place of `path` once the block ends well.

    Row groups are of `row_group` rows whatever the pace, so the same rows give the same bytes. Compression runs in a
    thread. Until the end the rows are in `.NAME.partial`; of two writers at once the later would destroy the earlier's.
    """

    def __init__(self, path: Path, schema: Any, row_group: int = ROW_GROUP) -> None:
        self.num_rows = 0
        self.num_bytes = 0
        """Of the columns in memory, uncompressed; counted a slice at a time."""
        self._row_group = row_group
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._slices: list[Any] = []
        self._held = ExitStack()
        self._writing: Future[None] | None = None

    def __enter__(self) -> ParquetStream:
        import pyarrow
        import pyarrow.parquet

        pyarrow.array([])  # its first array looks for pandas, which takes a second: better now than between calls
        with writable(self._path), ExitStack() as held:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = held.enter_context(self._partial.open("wb"))
            held.callback(self._partial.unlink, missing_ok=True)
            self._writer = pyarrow.parquet.ParquetWriter(
                self._file, self._schema, compression="zstd", compression_level=3, version="2.6"
            )
            held.callback(self._abandon)
            self._thread = held.enter_context(ThreadPoolExecutor(1, "parquet"))
            self._held = held.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with writable(self._path), self._held:
            if kind is None:
                self._slice()
                self._write_group()
                self._wait()
                self._writer.close()
                publish(self._file, self._partial, self._path)

    def _abandon(self) -> None:
        """Closes the writer where that was not done, whatever it says of its file."""
        with suppress(Exception):
            self._writer.close()

    def add(self, row: dict[str, Any]) -> None:
        """Appends one row. Raises: `RunFolderError`."""
        self.num_rows += 1
        self._rows.append(row)
        if len(self._rows) == SLICE:
            self._slice()
        if self.num_rows % self._row_group == 0:
            self._write_group()

    def _slice(self) -> None:
        """Turns the newest rows into columns: a few at a time, since calls wait meanwhile."""
        import pyarrow

        if self._rows:
            self._slices.append(pyarrow.RecordBatch.from_pylist(self._rows, schema=self._schema))
            self.num_bytes += self._slices[-1].nbytes
            self._rows = []

    def _write_group(self) -> None:
        import pyarrow

        self._wait()
        if self._slices or not self.num_rows:
            table = pyarrow.Table.from_batches(self._slices, schema=self._schema).combine_chunks()
            self._slices = []
            self._writing = self._thread.submit(self._writer.write_table, table, row_group_size=self._row_group)

    def _wait(self) -> None:
        with writable(self._path):
            if self._writing is not None:
                self._writing.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSize:
    """Where a shard ends: at whichever comes first."""

    rows: int = 1_000_000
    megabytes: float = 500.0
    """Of the columns uncompressed, as `datasets` counts a shard; on disk a quarter of that or so."""

    def is_full(self, stream: ParquetStream) -> bool:
        """Whether the next row belongs into another shard."""
        return stream.num_rows >= self.rows or stream.num_bytes >= self.megabytes * 1e6


class Shards:
    """Parquet files `SPLIT-00000-of-0000N.parquet` in one folder that take the place of those of the split there.

    How many there are shows at the end, so until then they are hidden files; a block that fails leaves none of them.
    """

    def __init__(self, folder: Path, split: str, schema: Any, size: ShardSize) -> None:
        self.num_rows = 0
        self._folder = folder
        self._split = split
        self._schema = schema
        self._size = size
        self._parts: list[Path] = []
        self._stream: ParquetStream | None = None

    def __enter__(self) -> Shards:
        self._remove_parts()  # of a process that was killed
        self._stream = self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, *failure: Any) -> None:
        try:
            if self._stream is not None:
                self._stream.__exit__(kind, *failure)
            if kind is None:
                self._publish()
        finally:
            self._remove_parts()

    def add(self, row: dict[str, Any]) -> None:
        """Appends one row. Raises: `RunFolderError`."""
        assert self._stream is not None, "the block was entered"
        if self._size.is_full(self._stream):
            full, self._stream = self._stream, None
            full.__exit__(None)
            self._stream = self._open()
        self._stream.add(row)
        self.num_rows += 1

    def _open(self) -> ParquetStream:
        part = self._folder / f".{self._split}-{len(self._parts):05}"
        self._parts.append(part)
        return ParquetStream(part, self._schema).__enter__()

    def _publish(self) -> None:
        names = [f"{self._split}-{number:05}-of-{len(self._parts):05}.parquet" for number in range(len(self._parts))]
        with writable(self._folder):
            for part, name in zip(self._parts, names, strict=True):
                part.replace(self._folder / name)
        self._remove(f"{self._split}-*-of-*.parquet", but=names)

    def _remove_parts(self) -> None:
        self._remove(f".{self._split}-*")
        self._remove(f"..{self._split}-*")  # a stream's own

    def _remove(self, pattern: str, but: Sequence[str] = ()) -> None:
        for path in self._folder.glob(pattern):
            if path.name not in but:
                path.unlink(missing_ok=True)
