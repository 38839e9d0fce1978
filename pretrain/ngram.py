"""What a model must beat: a token n-gram model (interpolated modified Kneser-Ney), and general compressors.

Tokens come as one array in which every document ends with the end-of-text token; a document is predicted given that
token alone before it, and nothing of the document before.

An n-gram is an index into the sorted table of its order, and its key there is (index of its first n - 1 tokens) x
vocabulary + last token. So the words that follow one context lie side by side, and a look-up is one binary search.
Measured on one busy core, order 5: 25 million tokens in 27 s and 1.9 GB. Not covered: pruning, corpora beyond memory.

Source: Chen and Goodman 1999, "An empirical study of smoothing techniques for language modeling", section 3.
"""

from __future__ import annotations

import lzma
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

ORDER = 5
CHUNK_TOKENS = 1 << 20
"""Scored at a time."""


@dataclass(frozen=True, slots=True)
class Table:
    """The n-grams of one order."""

    keys: np.ndarray
    """Sorted, int64."""
    shares: np.ndarray
    """Of each n-gram in its context, after the discount; float32."""
    back_off: np.ndarray
    """By context (index into the order below): what the discounts freed for the shorter context; float32."""

    def find(self, context: np.ndarray, words: np.ndarray, vocab_size: int) -> np.ndarray:
        """The index of each n-gram, -1 where the context is -1 or the n-gram was never seen."""
        wanted = np.where(context < 0, -1, context * vocab_size + words)
        if not len(self.keys):  # every document is shorter than the order
            return np.full(len(wanted), -1)
        places = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[places] == wanted, places, -1)


@dataclass(frozen=True, slots=True)
class NgramModel:
    """Probabilities of the next token; over the vocabulary they sum to one in every context."""

    tables: tuple[Table, ...]
    """From order 1 up."""
    vocab_size: int
    end_of_text: int

    @classmethod
    def train(cls, tokens: np.ndarray, *, vocab_size: int, order: int = ORDER, end_of_text: int = 0) -> NgramModel:
        """The model of these documents. Raises: ValueError for no tokens or one beyond the vocabulary."""
        if not len(tokens) or tokens.min() < 0 or tokens.max() >= vocab_size:
            raise ValueError(f"tokens: need at least one, all in [0, {vocab_size}); got {len(tokens)}")
        words = with_start(tokens, end_of_text)
        depths = context_depths(words, end_of_text)
        return cls(tuple(_count(words, depths, vocab_size, order)), vocab_size, end_of_text)

    def probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """Of each token given those before it in its document; float64."""
        words = with_start(tokens, self.end_of_text)
        depths = context_depths(words, self.end_of_text)
        likely = np.full(len(words), 1.0 / self.vocab_size)
        found = np.zeros(len(words), dtype=np.int64)  # the empty context
        for order, table in enumerate(self.tables, 1):
            context = np.where(depths >= order - 1, _shifted(found) if order > 1 else found, -1)
            found = table.find(context, words, self.vocab_size)
            known = context >= 0
            likely[known] *= table.back_off[context[known]]
            seen = found >= 0
            likely[seen] += table.shares[found[seen]]
        return likely[1:]

    def bits_per_byte(self, tokens: np.ndarray, *, token_bytes: np.ndarray, max_tokens: int | None = None) -> float:
        """Bits per byte of text over the first whole documents, by the rule of `heldout.py`.

        As many documents as fit into `max_tokens`, one at least; the first token of each is given, its end is scored.
        `token_bytes`: the bytes that each token stands for, by id, as `heldout.token_bytes` has them.

        Raises: ValueError where nothing is left to score.
        """
        bits, num_bytes = 0.0, 0
        for chunk in document_chunks(tokens, self.end_of_text, max_tokens=max_tokens):
            scored = context_depths(with_start(chunk, self.end_of_text), self.end_of_text)[1:] > 1
            bits -= float(np.log2(self.probabilities(chunk)[scored]).sum())
            num_bytes += int(token_bytes[chunk[scored]].sum())
        if not num_bytes:
            raise ValueError("tokens: no document of two tokens or more, got nothing to score; hold out more text")
        return bits / num_bytes

    def distribution(self, context: Sequence[int]) -> np.ndarray:
        """The probability of every token after `context`, of which what precedes its last end of text is ignored."""
        words = np.asarray([self.end_of_text, *context], dtype=np.int64)
        words = words[np.flatnonzero(words == self.end_of_text)[-1] :]
        likely = np.full(self.vocab_size, 1.0 / self.vocab_size)
        for order, table in enumerate(self.tables, 1):
            if order - 1 > len(words):
                break
            index = self._find_one(words[len(words) - (order - 1) :])
            if index is None:
                break
            first, last = np.searchsorted(table.keys, [index * self.vocab_size, (index + 1) * self.vocab_size])
            likely *= table.back_off[index]
            likely[table.keys[first:last] - index * self.vocab_size] += table.shares[first:last]
        return likely

    def _find_one(self, words: np.ndarray) -> int | None:
        index = np.zeros(1, dtype=np.int64)
        for table, word in zip(self.tables, words, strict=False):
            index = table.find(index, np.asarray([word]), self.vocab_size)
        return None if index[0] < 0 else int(index[0])

    def generate(
        self, prompt: Sequence[int], *, max_tokens: int, rng: np.random.Generator, temperature: float = 1.0
    ) -> list[int]:
        """Up to `max_tokens` tokens drawn after `prompt`, the end of text not among them; temperature 0 is greedy."""
        drawn: list[int] = []
        for _ in range(max_tokens):
            likely = self.distribution([*prompt, *drawn][-len(self.tables) :])
            if temperature == 0:
                token = int(likely.argmax())
            else:
                sharpened = likely ** (1 / temperature)
                token = int(rng.choice(self.vocab_size, p=sharpened / sharpened.sum()))
            if token == self.end_of_text:
                break
            drawn.append(token)
        return drawn


def with_start(tokens: np.ndarray, end_of_text: int) -> np.ndarray:
    """The tokens as int32 behind one end of text, the context of the first document."""
    return np.concatenate((np.array([end_of_text], dtype=np.int32), tokens), dtype=np.int32, casting="unsafe")


def context_depths(words: np.ndarray, end_of_text: int) -> np.ndarray:
    """How many tokens of context each token has: those since the last end of text before it, that one included."""
    places = np.arange(len(words), dtype=np.int32)
    starts = np.maximum.accumulate(np.where(words == end_of_text, places, np.int32(0)))
    depths = np.zeros(len(words), dtype=np.int32)
    depths[1:] = places[1:] - starts[:-1]
    return depths


def document_chunks(tokens: np.ndarray, end_of_text: int, *, max_tokens: int | None = None) -> Iterator[np.ndarray]:
    """Runs of whole documents of about `CHUNK_TOKENS`: as many as fit into `max_tokens`, one at least."""
    ends = np.flatnonzero(np.asarray(tokens) == end_of_text) + 1
    if not len(ends) or ends[-1] != len(tokens):
        ends = np.append(ends, len(tokens))
    if max_tokens is not None:
        ends = ends[: max(1, int(np.searchsorted(ends, max_tokens, side="right")))]
    start = 0
    while start < int(ends[-1]):
        end = int(ends[min(int(np.searchsorted(ends, start + CHUNK_TOKENS)), len(ends) - 1)])
        yield np.asarray(tokens[start:end])
        start = end


def _count(words: np.ndarray, depths: np.ndarray, vocab_size: int, max_order: int) -> Iterator[Table]:
    """The tables from order 1 up. A table's counts need the order above it, so that one is indexed first."""
    places = np.arange(1, len(words), dtype=np.int32)  # of the tokens that are predicted: all but the first
    num_contexts = 1
    keys, counts, index = np.arange(vocab_size), np.bincount(words[1:], minlength=vocab_size), words
    for order in range(1, max_order + 1):
        here = (keys, counts, num_contexts)
        if order < max_order:
            longer = places[depths[places] >= order]
            next_keys, first, inverse, next_counts = _unique(
                index[longer - 1].astype(np.int64) * vocab_size + words[longer]
            )
            adjusted = np.bincount(index[longer[first]], minlength=len(keys))  # how many tokens each n-gram follows
            at_start = places[depths[places] == order - 1]  # begins with the end of text: follows none, so is counted
            adjusted += np.bincount(index[at_start], minlength=len(keys))
            here = (keys, adjusted, num_contexts)
            num_contexts, places, keys, counts = len(keys), longer, next_keys, next_counts
            index = np.full(len(words), -1, dtype=np.int32)
            index[longer] = inverse
            del longer, first, inverse
        yield _smooth(*here, vocab_size)


def _unique(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sorted different keys, a place of each, the index of each key among them, and counts.

    As `np.unique` with its extras, but with the sort that is not stable (vectorised) and half the memory.
    """
    places = np.argsort(keys)
    ordered = keys[places]
    del keys
    is_new = np.empty(len(places), dtype=np.bool_)
    is_new[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    starts = np.flatnonzero(is_new)
    inverse = np.empty(len(places), dtype=np.int32)
    inverse[places] = np.cumsum(is_new, dtype=np.int32) - 1
    return ordered[starts], places[starts], inverse, np.diff(np.append(starts, len(places)))


def _smooth(keys: np.ndarray, counts: np.ndarray, num_contexts: int, vocab_size: int) -> Table:
    """The table with discounted shares and what they leave to the shorter context."""
    discounts = _discounts(counts)[np.minimum(counts, 3)]
    contexts = keys // vocab_size
    totals = np.bincount(contexts, weights=counts, minlength=num_contexts)
    freed = np.bincount(contexts, weights=discounts, minlength=num_contexts)
    back_off = np.divide(freed, totals, out=np.ones(num_contexts), where=totals > 0)
    shares = np.divide(counts - discounts, totals[contexts], out=np.zeros(len(keys)), where=totals[contexts] > 0)
    return Table(keys.astype(np.int64), shares.astype(np.float32), back_off.astype(np.float32))


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken off counts of 0, 1, 2 and 3 or more: estimated, or fixed where text is too little for that."""
    ones, twos, threes, fours = (float((counts == number).sum()) for number in (1, 2, 3, 4))
    if not min(ones, twos, threes, fours):
        return np.array([0.0, 0.5, 0.75, 1.0])
    ratio = ones / (ones + 2 * twos)
    estimates = (1 - 2 * ratio * twos / ones, 2 - 3 * ratio * threes / twos, 3 - 4 * ratio * fours / threes)
    return np.array([0.0, *(min(max(value, 0.1), most) for most, value in enumerate(estimates, 1))])


def _shifted(values: np.ndarray) -> np.ndarray:
    """Each value one place later, -1 at the first."""
    return np.concatenate(([-1], values[:-1]))


@dataclass(frozen=True, slots=True)
class Compression:
    """Bits per byte of a general compressor."""

    one_by_one: float
    """Each document by itself, as a model without training sees it."""
    together: float
    """All of them in one stream (as far as the window reaches: zlib 32 KiB, xz 64 MiB)."""


def compression_bits_per_byte(texts: Iterable[str]) -> dict[str, Compression]:
    """What `zlib` and `xz` at their highest levels need. Raises: ValueError where there is no text."""
    documents = [text.encode() for text in texts]
    num_bytes = sum(map(len, documents))
    if not num_bytes:
        raise ValueError("texts: nothing to compress, got 0 bytes")
    return {
        name: Compression(
            8 * math.fsum(len(compress(document)) for document in documents) / num_bytes,
            8 * len(compress(b"".join(documents))) / num_bytes,
        )
        for name, compress in {"zlib": _zlib, "xz": _xz}.items()
    }


def _zlib(data: bytes) -> bytes:
    return zlib.compress(data, 9)


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=9)
