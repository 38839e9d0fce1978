"""What flows through the stages: files as they were read, documents, and the count of what became of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pretrain.errors import CorpusError


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as its source has it."""

    path: str
    """Inside its package."""
    data: bytes | None
    """`None` where the source would not read it; `refused` then says why."""
    refused: str | None = None
    """A drop reason, such as `preprocess.too_large`."""
    repo: str | None = None
    """Where a table's row says so; otherwise the unit's."""
    language: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One row of a corpus."""

    id: str
    """SHA-256 of the text's UTF-8 bytes."""
    text: str
    path: str
    repo: str
    """`name==version` of the package, or the folder or repository it comes from."""
    language: str
    doc_type: str
    """`code`, `data` or `text`."""
    licence: str
    source: str


@dataclass(slots=True)
class Funnel:
    """How many files were read, and what became of each."""

    files: int = 0
    bytes_read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    bytes_kept: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The form the manifest holds, reasons in the order of the stages.

        Raises: CorpusError where a file is unaccounted for.
        """
        if self.files != sum(self.dropped.values()) + self.kept:
            lost = self.files - sum(self.dropped.values()) - self.kept
            raise CorpusError(f"funnel: {lost} of {self.files} files are unaccounted for; this is a defect, report it")
        return {
            "files": self.files,
            "bytes_read": self.bytes_read,
            "dropped": dict(self.dropped),
            "kept": self.kept,
            "bytes": self.bytes_kept,
        }
