"""Exact duplicates: the SHA-256 of the text, nothing normalised. Not covered: near duplicates (`near.py`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

DIGEST_BYTES = 16


def digest_of(text: str) -> bytes:
    """The first 16 bytes of the text's SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:DIGEST_BYTES]


class ExactIndex:
    """The texts seen so far, by digest: about 130 bytes a text, whatever its length."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        """`digests`, of texts seen before, are all different and come first in the count."""
        # as numbers: a fifth smaller than as bytes
        self._first = {int.from_bytes(digest): number for number, digest in enumerate(digests)}
        self._added = len(self._first)

    def add(self, text: str) -> int | None:
        """The number of the first text equal to this one, counting `add` calls from 0; `None` for a new text."""
        first = self._first.setdefault(int.from_bytes(digest_of(text)), self._added)
        self._added += 1
        return None if first == self._added - 1 else first


def find_exact_duplicates(texts: Iterable[str]) -> list[int | None]:
    """For each text the index of its first equal, `None` where it is the first itself."""
    index = ExactIndex()
    return [index.add(text) for text in texts]
