"""Exact duplicates: the SHA-256 of the text, nothing normalised. Not covered: near duplicates (`near.py`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


class ExactIndex:
    """The texts seen so far, by the first 16 bytes of their digest: about 130 bytes a text, whatever its length."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}  # digests as numbers: a fifth smaller than as bytes
        self._added = 0

    def add(self, text: str) -> int | None:
        """The number of the first text equal to this one, counting `add` calls from 0; `None` for a new text."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        first = self._first.setdefault(int.from_bytes(digest[:16]), self._added)
        self._added += 1
        return None if first == self._added - 1 else first


def find_exact_duplicates(texts: Iterable[str]) -> list[int | None]:
    """For each text the index of its first equal, `None` where it is the first itself."""
    index = ExactIndex()
    return [index.add(text) for text in texts]
