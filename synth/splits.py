"""A split of a training set on disk: Parquet shards, and conversations also as JSON Lines.

Not covered: the columns (`training_rows.py`), the card (`card.py`, `mix_card.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from synth.files import publish, writable
from synth.parquet import Shards, ShardSize
from synth.training_rows import Layout, Row, arrow_schema, layout_of

TRAIN, VALIDATION = "train", "validation"
NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\s]')
"""What `datasets` does not take in the name of a configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a training set looks like."""

    subset: str
    """OpenCoder's name for rows of the kind, or one's own: the name under which `load_dataset` has them."""
    layout: Layout
    size: ShardSize = field(default_factory=ShardSize)

    @classmethod
    def of(cls, subset: str, *, layout: Layout | None = None, size: ShardSize | None = None) -> Form:
        """That of a subset; the layout is the one that OpenCoder's set of the name has."""
        subset = NOT_IN_NAMES.sub("_", subset)
        return cls(subset=subset, layout=layout or layout_of(subset), size=size or ShardSize())

    @classmethod
    def of_manifest(cls, facts: Mapping[str, Any], *, size: ShardSize | None = None) -> Form:
        """That of a run, by its manifest; one of an earlier version goes by the recipe's name."""
        return cls.of(facts.get("subset") or facts["recipe"], layout=facts.get("layout"), size=size)


class MessagesWriter:
    """`SPLIT.jsonl` in the making: one line `{"messages": [...], "id": ..., "evidence": ...}` a row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")  # always the same: a killed process leaves one at most
        self._file: IO[bytes] | None = None

    def __enter__(self) -> MessagesWriter:
        with writable(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._file is not None, "the block was entered"
        try:
            with writable(self._path), self._file:
                if kind is None:
                    publish(self._file, self._partial, self._path)
        finally:
            self._partial.unlink(missing_ok=True)

    def add(self, row: Row) -> None:
        """Appends one row. Raises: `RunFolderError`."""
        assert self._file is not None, "the block was entered"
        line = {name: row[name] for name in ("messages", "id", "evidence")}
        with writable(self._path):
            self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


class SplitWriter:
    """One split of a training set in the making: its shards, and, where rows are conversations, their JSON Lines."""

    def __init__(self, data: Path, split: str, form: Form, *, messages: Path | None = None) -> None:
        self._shards = Shards(data, split, arrow_schema(form.layout), form.size)
        chats = messages and messages / f"{split}.jsonl"
        if chats and form.layout != "instructions":
            chats.unlink(missing_ok=True)
            chats = None
        self._messages = MessagesWriter(chats) if chats else None
        self._held = ExitStack()

    @property
    def num_rows(self) -> int:
        """Rows added so far."""
        return self._shards.num_rows

    def __enter__(self) -> SplitWriter:
        with ExitStack() as held:
            held.enter_context(self._shards)
            if self._messages:
                held.enter_context(self._messages)
            self._held = held.pop_all()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._held.__exit__(*failure)

    def add(self, row: Row) -> None:
        """Appends one row, numbered. Raises: `RunFolderError`."""
        row["seq_id"] = self.num_rows
        self._shards.add(row)
        if self._messages:
            self._messages.add(row)
