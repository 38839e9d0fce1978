"""Tokens and token grams in two views, and which of them tell a benchmark: what decontamination looks for.

*Literal*: lower-case tokens, cut as `shingles.py` cuts them (a word, one mark, one Chinese character). *Skeleton*: the
same, with every word that is no keyword, builtin or small number made one blank, so that renamed code, in any language
written like C or Python, keeps it.

A gram *tells* when ordinary code does not have it (`background.npz`: what stands in at least 25 of some 2,000 folders
of the standard library and installed packages, made by `benchmarks/background.py`), when at most two tasks of its
benchmark share it ("check some edge cases that are easy to work out by hand" stands in 88 of HumanEval's), and when it
is more than blanks and marks.
"""

from __future__ import annotations

import builtins
import keyword
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

GRAM_SIZES = (6, 8)
"""Tokens of a gram: literal, skeleton."""
MAX_TASKS = 2
_MIN_WORDS = 2
_MIN_KEPT = 3

Gram = tuple[str, ...]

_SINGLE = (
    "!-/:-@\\[-^`{-~\u2010-\u2027\u3001-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff0f\uff1a-\uff20"
    "\U00020000-\U00031fff"
)
_SPACE = "\x00- \x7f\x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
TOKEN = re.compile(f"[{_SINGLE}]|[^{_SINGLE}{_SPACE}]+")

MARKS = tuple(char for char in map(chr, range(33, 127)) if not char.isalnum() and char != "_")
_OTHER_KEYWORDS = """
    auto bool boolean byte case catch char const default delete do double enum export extends final finally float fn
    for foreach func function goto impl implements include instanceof int interface let long match mod module mut
    namespace new nil null package private protected pub public short signed sizeof static string struct super switch
    template then this throw throws trait type typedef typename typeof undefined unless unsigned until use using val
    var virtual void volatile where while
    append count extend find index insert items join keys lower pop push replace size sort split strip upper values
    length math console log println printf vector
""".split()
KEPT = frozenset(
    [word.lower() for word in (*keyword.kwlist, *keyword.softkwlist, *dir(builtins)) if word != "_"]
    + _OTHER_KEYWORDS
    + [str(number) for number in range(1001)]
    + list(MARKS)
)
"""Tokens that a skeleton keeps."""


def tokenize(text: str) -> list[str]:
    """The lower-case tokens of `text`, as many as `shingle_many(size=1)` makes of it unless it has none."""
    return TOKEN.findall(text.lower())


def skeleton_of(tokens: Sequence[str]) -> list[str]:
    """The tokens with every name blank."""
    return [token if token in KEPT else "" for token in tokens]


def grams_of(tokens: Sequence[str], size: int) -> list[Gram]:
    """Every `size` tokens in a row."""
    return list(zip(*(tokens[shift:] for shift in range(size)), strict=False))


def telling(tasks: Sequence[Sequence[Sequence[str]]], view: int) -> list[list[list[bool]]]:
    """For each task and each of its texts, given as tokens in that view: whether each gram tells."""
    grams = [[grams_of(tokens, GRAM_SIZES[view]) for tokens in texts] for texts in tasks]
    num_tasks = Counter(gram for texts in grams for gram in {gram for text in texts for gram in text})
    candidates = [gram for gram, count in num_tasks.items() if count <= MAX_TASKS and says_something(gram, view)]
    told = {gram for gram, common in zip(candidates, is_common(candidates, view).tolist(), strict=True) if not common}
    return [[[gram in told for gram in text] for text in texts] for texts in grams]


def says_something(gram: Gram, view: int) -> bool:
    """Whether a gram is more than marks and numbers (literal), or than blanks and one or two others (skeleton)."""
    if view:
        return len({token for token in gram if token}) >= _MIN_KEPT
    return sum((len(token) > 1 and not token.isdigit()) or token >= "\u3400" for token in set(gram)) >= _MIN_WORDS


def is_common(grams: Sequence[Gram], view: int) -> NDArray[np.bool_]:
    """Whether ordinary code has each gram; wrong for one in a hundred that it has not."""
    return np.isin(digests(grams), _background()[view])


def digests(grams: Sequence[Gram]) -> NDArray[np.uint32]:
    """24 bits of each gram, the same in every version and process."""
    joined = ("\x1f".join(gram).encode("utf-8", "surrogatepass") for gram in grams)
    return np.fromiter((zlib.crc32(text) >> 8 for text in joined), np.uint32, len(grams))


@lru_cache(maxsize=1)
def _background() -> tuple[NDArray[np.uint32], ...]:
    """The sorted digests of common grams, literal and skeleton; stored as differences, a byte or so each."""
    with (resources.files("synth.curate") / "background.npz").open("rb") as file, np.load(file) as stored:
        return tuple(np.cumsum(stored[name], dtype=np.uint32) for name in ("literal", "skeleton"))
