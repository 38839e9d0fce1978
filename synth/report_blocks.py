"""Records packed small into a page: blocks of gzip in base64, which the page opens one at a time when it needs them.

A record is made of dicts, lists, booleans, `None` and numbers, each of which stands for a text: in a block every text
stands once. Texts are stored sorted, which brings the prompts of one template side by side: deflate looks back 32 KiB
only, which is less than the story of a long row.
Not covered: finding a word without opening the blocks; the page opens them all, in its idle time.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import IO, Any

from synth.figures import visible

BLOCK_ROWS = 256
BLOCK_CHARS = 1_000_000
"""Texts of a block before they are packed: what a reader waits for when opening a row, some 10 ms."""
LEVEL = 4
"""Of gzip: half the time of 6, and 5 % more bytes."""


class BlockWriter:
    """Writes records to `file` as `<script>` elements `NAME-0`, `NAME-1` ... of data, each when it is full."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.starts: list[int] = []
        """Number of the first record of each block."""
        self.num_bytes = 0
        """Of all records as JSON, before they were compressed."""
        self._file = file
        self._name = name
        self._num_records = 0
        self._records: list[Any] = []
        self._numbers: dict[str, int] = {}
        self._num_chars = 0

    def text(self, text: str) -> int:
        """What stands for `text` in the record that is added next."""
        if (number := self._numbers.get(text)) is None:
            number = self._numbers[text] = len(self._numbers)
            self._num_chars += len(text)
        return number

    def add(self, record: Any) -> None:
        """Appends a record."""
        self._records.append(record)
        self._num_records += 1
        if len(self._records) == BLOCK_ROWS or self._num_chars >= BLOCK_CHARS:
            self.flush()

    def flush(self) -> None:
        """Writes what is not written yet."""
        if not self._records:
            return
        packed = json.dumps(self._contents(), ensure_ascii=False, separators=(",", ":")).encode()
        text = base64.b64encode(gzip.compress(packed, LEVEL, mtime=0)).decode()
        block = f'<script type="text/plain" id="{self._name}-{len(self.starts)}">{text}</script>\n'
        self._file.write(block.encode())
        self.num_bytes += len(packed)
        self.starts.append(self._num_records - len(self._records))
        self._records, self._numbers, self._num_chars = [], {}, 0

    def _contents(self) -> dict[str, Any]:
        """The records, their texts made visible and sorted, and for each number the place of its text."""
        ordered = sorted(self._numbers.items())
        places = [0] * len(ordered)
        for place, (_, number) in enumerate(ordered):
            places[number] = place
        return {"texts": [visible(text) for text, _ in ordered], "places": places, "records": self._records}
