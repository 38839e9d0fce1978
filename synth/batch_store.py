"""What a run remembers of its open batches: a row each in the ledger, and the requests in a file beside it.

`batches/<name>.jsonl` holds the requests of one batch, a line each, whose SHA-256 is the request's key; so an answer
can be kept even if no row asks for it any more. File and row are on disk before the provider is asked to begin; the
file goes when every answer is in the ledger. Deleting it by hand gives the batch up.
Not covered: the provider (`batch_wire.py`), the answers (`batches.py`).
"""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from synth.batch_lines import write_line
from synth.calls import Request
from synth.errors import RunFolderError
from synth.files import atomic_file, writable
from synth.ledger import Ledger

FOLDER = "batches"


@dataclass(slots=True, kw_only=True)
class Parcel:
    """The requests of one batch, and where they went."""

    name: str
    """Ours; the batch carries it in its metadata."""
    path: Path
    offsets: dict[str, int]
    """Key of each request -> where its line begins in `path`, bytes."""
    file_id: str = ""
    """The provider's, of the uploaded file; set before the batch is created."""
    batch_id: str = ""
    """The provider's; empty until it said so."""

    def request(self, key: str) -> Request:
        """The request under `key`."""
        with writable(self.path), self.path.open("rb") as file:
            file.seek(self.offsets[key])
            facts = json.loads(file.readline())
        return Request(**{**facts, "messages": tuple(facts["messages"])})


class Store:
    """The parcels of one teacher in a run folder."""

    def __init__(self, ledger: Ledger, *, teacher: str, base_url: str) -> None:
        self._ledger = ledger
        self._teacher = teacher
        self._base_url = base_url
        self._folder = ledger.path.parent / FOLDER

    def pack(self, requests: Sequence[Request], *, model: str, max_bytes: int, upload: IO[bytes]) -> Parcel:
        """The first of `requests`, at least one, as a file of them and as the lines to upload, within `max_bytes`.

        Raises:
            RunFolderError: the disk is full.
        """
        name = secrets.token_hex(8)
        path = self._folder / f"{name}.jsonl"
        offsets: dict[str, int] = {}
        end = num_bytes = 0
        with atomic_file(path) as file:
            for request in requests:
                line = write_line(request, model)
                num_bytes += len(line)
                if offsets and num_bytes > max_bytes:
                    break
                upload.write(line)
                offsets[request.key] = end
                end += file.write(request.json.encode() + b"\n")
        upload.flush()
        return Parcel(name=name, path=path, offsets=offsets)

    @contextmanager
    def upload_file(self) -> Iterator[IO[bytes]]:
        """A file for the lines to upload, gone when the block ends.

        Raises:
            RunFolderError: the disk is full, or the folder cannot be written.
        """
        with writable(self._folder):
            self._folder.mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".upload.", suffix=".jsonl") as file:
                yield file

    def record(self, parcel: Parcel) -> None:
        """Returns once it is certain that a later process will find the parcel."""
        facts = {
            "teacher": self._teacher,
            "base_url": self._base_url,
            "num_requests": len(parcel.offsets),
            "file_id": parcel.file_id,
            "batch_id": parcel.batch_id,
        }
        self._ledger.record_batch(parcel.name, facts)

    def close(self, parcel: Parcel) -> None:
        """Forgets the parcel: all its answers are in the ledger, or it never left."""
        self._ledger.close_batch(parcel.name)
        with writable(parcel.path):
            parcel.path.unlink(missing_ok=True)

    def reopen(self) -> Iterator[tuple[Parcel, str]]:
        """The parcels that an earlier process left open, oldest first, each with the base URL it went to."""
        rows = self._ledger.open_batches()
        self._sweep(set(rows))
        for name, facts in rows.items():
            path = self._folder / f"{name}.jsonl"
            if facts["teacher"] != self._teacher:
                continue
            if not path.exists():
                self._ledger.close_batch(name)
                continue
            offsets = dict(_read_offsets(path))
            parcel = Parcel(name=name, path=path, offsets=offsets, file_id=facts["file_id"], batch_id=facts["batch_id"])
            yield parcel, facts["base_url"]

    def _sweep(self, open_names: set[str]) -> None:
        """Removes what a killed process left of batches that it never recorded."""
        with writable(self._folder):
            for path in self._folder.iterdir() if self._folder.is_dir() else ():
                if path.stem not in open_names:
                    path.unlink()


def check_none_open(ledger: Ledger) -> None:
    """Nothing, unless single calls would ask again what open batches will answer.

    Raises:
        RunFolderError: one line that says how to collect them.
    """
    folder = ledger.path.parent / FOLDER
    num_open = sum((folder / f"{name}.jsonl").exists() for name in ledger.open_batches())
    if num_open:
        raise RunFolderError(
            f"{folder}: {num_open} open batch{'' if num_open == 1 else 'es'}, whose requests would be paid for again; "
            "run the same command with --batch to collect them, or delete the folder to give them up"
        )


def _read_offsets(path: Path) -> Iterator[tuple[str, int]]:
    with writable(path), path.open("rb") as file:
        end = 0
        for line in file:
            yield hashlib.sha256(line.removesuffix(b"\n")).hexdigest(), end
            end += len(line)
