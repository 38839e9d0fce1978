"""Hashed token 5-grams ("shingles") of texts, as numpy arrays: what near-duplicate search compares.

A token is a run of letters, digits and underscores, or one punctuation mark; each CJK character is a token of its
own, since Chinese and Japanese put no spaces between words. White space separates and is otherwise ignored, so
re-indented code keeps its shingles; case and comments count. Hashes depend on the text alone, never on the process
(Python's own `hash` is salted) nor on the other texts of a batch.

Everything runs as whole-array operations over blocks of many texts: a Python loop over tokens is about eight times
slower. Not covered: a tokeniser that knows the programming language.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

SHINGLE_SIZE = 5
"""Tokens a shingle. Source: OpenCoder (arXiv 2411.04905), section 2.1, file-level fuzzy deduplication."""

_BLOCK_CHARS = 1 << 16  # one block's arrays then stay in the processor's second-level cache
BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_BASE_INVERSE = pow(BASE, -1, 1 << 64)
GRAM = np.uint64(0xD6E8FEB86659FD93)
MIX = np.uint64(0xFF51AFD7ED558CCD)

SPACE, WORD, SINGLE = 0, 1, 2
_SPACES = "".join(map(chr, range(33))) + "\x7f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"
_SPACES += "".join(map(chr, range(0x2000, 0x200C)))
_SINGLE_RANGES = (
    (0x2010, 0x2028),  # dashes and quotation marks
    (0x3001, 0x3040),  # CJK punctuation
    (0x3040, 0x3100),  # kana
    (0x3400, 0x4DC0),  # CJK ideographs, extension A
    (0x4E00, 0xA000),  # CJK ideographs
    (0xF900, 0xFB00),  # compatibility ideographs
    (0xFF01, 0xFF10),  # full-width punctuation
    (0xFF1A, 0xFF21),
    (0x20000, 0x32000),  # further ideographs
)


class Shingles(NamedTuple):
    """The shingles of several texts, one after another."""

    hashes: Hashes
    """In text order, repeats included."""
    offsets: NDArray[np.int64]
    """`(num_texts + 1,)`: text `i` owns `hashes[offsets[i] : offsets[i + 1]]`, never empty."""


def shingle_many(texts: Iterable[str], *, size: int = SHINGLE_SIZE) -> Shingles:
    """The shingles of every text. A text of fewer than `size` tokens has one, of all its tokens."""
    parts = [_shingle_block(block, size) for block in _blocks(texts)]
    if len(parts) == 1:
        return parts[0]
    counts = np.concatenate([np.zeros(1, np.int64), *(np.diff(part.offsets) for part in parts)])
    hashes = [part.hashes for part in parts] or [np.empty(0, np.uint64)]
    return Shingles(np.concatenate(hashes), np.cumsum(counts))


def shingle_set(text: str, *, size: int = SHINGLE_SIZE) -> NDArray[np.uint32]:
    """The distinct shingles of one text, sorted, cut to 32 bits: what `jaccard` takes.

    Half the memory of full hashes; two texts of 2,500 shingles share one by accident in 700 pairs.
    """
    return distinct(shingle_many([text], size=size).hashes)


def distinct(hashes: Hashes) -> NDArray[np.uint32]:
    """The upper 32 bits of `hashes`, sorted, each once."""
    return distinct_short((hashes >> np.uint64(32)).astype(np.uint32))


def distinct_short(short: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """`short`, sorted in place, each once."""
    short.sort()
    keep = np.ones(len(short), bool)
    np.not_equal(short[1:], short[:-1], out=keep[1:])
    return short[keep]


def distinct_each(shingles: Shingles) -> list[NDArray[np.uint32]]:
    """`distinct` of every text, in a fifth of the time where texts are short."""
    counts = np.diff(shingles.offsets)
    if len(counts) == 1:
        return [distinct(shingles.hashes)]
    # Text number above, shingle below, so that one sort sorts them all.
    tagged = np.repeat(np.arange(len(counts), dtype=np.uint64) << np.uint64(32), counts)
    tagged |= shingles.hashes >> np.uint64(32)
    tagged.sort()
    keep = np.ones(len(tagged), bool)
    np.not_equal(tagged[1:], tagged[:-1], out=keep[1:])
    tagged = tagged[keep]
    bounds = np.searchsorted(tagged, np.arange(len(counts) + 1, dtype=np.uint64) << np.uint64(32)).tolist()
    short = tagged.astype(np.uint32)
    return [short[begin:end] for begin, end in pairwise(bounds)]


def jaccard(left: NDArray[np.uint32], right: NDArray[np.uint32]) -> float:
    """The Jaccard similarity of two `shingle_set`s: shared over all distinct shingles, in [0, 1]."""
    both = np.concatenate([left, right])
    both.sort()
    shared = int(np.count_nonzero(both[1:] == both[:-1]))
    return shared / (len(both) - shared)


def mix(hashes: Hashes) -> Hashes:
    """`hashes` with every input bit spread over every output bit."""
    hashes = (hashes ^ (hashes >> np.uint64(33))) * MIX
    return hashes ^ (hashes >> np.uint64(29))


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """`texts` in order, in lists of about `_BLOCK_CHARS` characters."""
    block: list[str] = []
    num_chars = 0
    for text in texts:
        block.append(text)
        num_chars += len(text)
        if num_chars >= _BLOCK_CHARS:
            yield block
            block, num_chars = [], 0
    if block:
        yield block


def _shingle_block(texts: Sequence[str], size: int) -> Shingles:
    tokens, offsets = _hash_tokens(texts)
    counts = np.diff(offsets)
    missing = np.maximum(size - counts, 0)
    if missing.any():  # short texts are padded with zeros, which no token hashes to
        tokens = np.insert(tokens, np.repeat(offsets[1:], missing), 0)
        counts = counts + missing
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    num_windows = len(tokens) - size + 1
    grams = tokens[:num_windows].copy()
    for shift in range(1, size):
        grams *= GRAM
        grams += tokens[shift : shift + num_windows]
    grams = mix(grams)
    if size > 1 and len(texts) > 1:  # windows that would reach into the next text
        inner = np.ones(num_windows, bool)
        inner[(offsets[1:-1, None] - np.arange(1, size)).ravel()] = False
        grams = grams[inner]
    return Shingles(grams, np.concatenate([np.zeros(1, np.int64), np.cumsum(counts - size + 1)]))


def _hash_tokens(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """A hash per token of all `texts`, and where each text's tokens begin (with the end, `len(texts) + 1`)."""
    chars, kinds = _classify("\n".join(texts))
    begins = kinds > 0
    begins[1:] = kinds[1:] > (kinds[:-1] & WORD)  # a mark, or a word character after anything but one
    starts = np.flatnonzero(begins)
    bounds = np.cumsum([0, *(len(text) + 1 for text in texts)])
    offsets = np.searchsorted(starts, bounds).astype(np.int64)
    if not len(starts):
        return np.empty(0, np.uint64), offsets
    powers, inverses = _powers(max(len(chars).bit_length(), _BLOCK_CHARS.bit_length() + 1))
    # A polynomial in BASE over the token's characters, spaces being 0, moved to where the token would begin at 0.
    sums = np.add.reduceat(chars * powers[: len(chars)], starts)
    return mix(sums * inverses[starts]), offsets


def _classify(text: str) -> tuple[NDArray[np.uint8] | NDArray[np.uint32], NDArray[np.uint8]]:
    """The code points of `text`, spaces as 0, and what kind of character each is."""
    if text.isascii():
        raw = text.encode("ascii")
        return np.frombuffer(raw.translate(_ascii_chars()), np.uint8), np.frombuffer(
            raw.translate(_ascii_kinds()), np.uint8
        )
    chars = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    found = kinds()[np.minimum(chars, 0x32000)]
    return np.where(found == SPACE, np.uint32(0), chars), found


@lru_cache(maxsize=1)
def kinds() -> NDArray[np.uint8]:
    """The kind of every code point below 0x32001; all above are like the last."""
    table = np.full(0x32001, WORD, np.uint8)
    for code in range(128):
        if not (chr(code).isalnum() or chr(code) == "_"):
            table[code] = SINGLE
    for begin, end in _SINGLE_RANGES:
        table[begin:end] = SINGLE
    table[[ord(space) for space in _SPACES]] = SPACE
    return table


@lru_cache(maxsize=1)
def _ascii_kinds() -> bytes:
    return kinds()[:256].tobytes()


@lru_cache(maxsize=1)
def _ascii_chars() -> bytes:
    return bytes(code if kind != SPACE else 0 for code, kind in enumerate(_ascii_kinds()))


@lru_cache(maxsize=2)
def _powers(bits: int) -> tuple[Hashes, Hashes]:
    """`BASE ** i` and its inverse, modulo 2**64, for `i` below `2**bits`: 16 bytes a character of the longest text."""
    return _geometric(BASE, 1 << bits), _geometric(_BASE_INVERSE, 1 << bits)


def _geometric(ratio: int, count: int) -> Hashes:
    factors = np.full(count, ratio, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)
