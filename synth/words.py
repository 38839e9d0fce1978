"""Plain questions about prose that recipes ask in conditions: how much of one text is in another, and is there code."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W\d_]{3,}|[\u4e00-\u9fff]")
FUNCTION_WORDS = frozenset(
    """a all also an and any are as at be been but by can each for from function given has have how if in into is it its
    list must not of on one only or other out return returns should so string such than that the their them then there
    these they this those to two was when where whether which while will with write you your""".split()
)
CODE = re.compile(
    r"```|^\s*(def |class |import |from \w+ import |return\b.*[=(\[]|for .*:$|while .*:$)|:=|\w\(.*\)\s*:", re.M
)


def stems(text: str) -> set[str]:
    """Content words, lower-cased and cut to a crude stem, so that `counting` and `counts` meet; CJK by character."""
    return {_stem(word) for word in WORD.findall(text.lower()) if word not in FUNCTION_WORDS}


def _stem(word: str) -> str:
    for suffix in ("ings", "ing", "ers", "er", "ies", "ed", "es", "s", "ly", "e", "y"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def overlap(text: str, reference: str) -> float:
    """The share of `reference`'s content words that `text` has, in [0, 1]; 1.0 when the reference has none."""
    wanted = stems(reference)
    return len(wanted & stems(text)) / len(wanted) if wanted else 1.0


def has_code(text: str) -> bool:
    """Whether prose holds what looks like a program: a fence, a definition, a statement."""
    return CODE.search(text) is not None
