"""Fill-in-the-middle: some documents are cut at two characters and reordered, so that a model learns to infill.

The cut is made on characters at pack time, before tokenisation, so tokens end at the cuts as they do when a user's
cursor stands inside a word. Two forms, both closed by end-of-text like every document:

    PSM   <prefix> P <suffix> S <middle> M
    SPM   <prefix> <suffix> S <middle> P M      (the paper's variant 2, which shares PSM's tokens)

Sentinels are token ids that only this module writes: text which contains their names is encoded as ordinary text.
Source: arXiv 2207.14255 (Bavarian et al.), section 3 for PSM, 3.1 for SPM and its variants.
Not covered: cuts at lines or syntax nodes, and files of one repository in one document.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_CHARACTERS = 32
"""Shorter documents stay as they are: their parts would be a few tokens each."""


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Token ids."""

    prefix: int
    middle: int
    suffix: int


@dataclass(frozen=True, slots=True)
class Parts:
    """A document cut in three; `prefix + middle + suffix` is the document."""

    prefix: str
    middle: str
    suffix: str
    spm: bool
    """Suffix first."""


def cut(text: str, *, rate: float, spm_rate: float, seed: int) -> Parts | None:
    """The parts of `text`, or `None` where it stays whole.

    A pure function of its arguments: the draw comes from the text's own hash, so neither the order of documents nor
    the number of workers matters. The middle is never empty; prefix and suffix may be.
    """
    if rate <= 0 or len(text) < MIN_CHARACTERS:
        return None
    digest = hashlib.blake2b(text.encode(), key=struct.pack("<q", seed), digest_size=32).digest()
    apply, spm, first, second = struct.unpack("<4Q", digest)
    if apply >= rate * 2**64:
        return None
    # Two different ones of the len + 1 places between characters: the second skips the first.
    places = len(text) + 1
    one, two = first * places >> 64, second * (places - 1) >> 64
    two += two >= one
    start, end = min(one, two), max(one, two)
    return Parts(text[:start], text[start:end], text[end:], spm=spm < spm_rate * 2**64)


def arrange(
    prefix: NDArray[np.int32], middle: NDArray[np.int32], suffix: NDArray[np.int32], *, spm: bool, ids: Sentinels
) -> NDArray[np.int32]:
    """The tokens of the three parts with their sentinels, end-of-text not included."""
    before, between, after = (np.array([i], np.int32) for i in (ids.prefix, ids.suffix, ids.middle))
    if spm:
        return np.concatenate([before, between, suffix, after, prefix, middle])
    return np.concatenate([before, prefix, between, suffix, after, middle])


def restore(tokens: NDArray[np.int32], ids: Sentinels) -> NDArray[np.int32]:
    """The tokens in reading order: `arrange` undone; those of an uncut document as they are."""
    if not len(tokens) or tokens[0] != ids.prefix:
        return tokens
    suffix_at = int(np.flatnonzero(tokens == ids.suffix)[0])
    middle_at = int(np.flatnonzero(tokens == ids.middle)[0])
    prefix, suffix = tokens[1:suffix_at], tokens[suffix_at + 1 : middle_at]
    return np.concatenate([prefix, tokens[middle_at + 1 :], suffix])  # an SPM document has its prefix behind <middle>
