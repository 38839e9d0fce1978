"""Plain questions that recipes ask in conditions: does one text say what another says, is there code in prose.

A reworded text is compared with what it was made from, word by word. Measured with the embedded teacher on rewordings
of docstrings: faithful ones had `near` of 0.89 and more and nothing in `altered`; most of the misleading ones had
`near` of 0.84 and less, and the rest had lost a word, such as the `or 0` of `..., or 0 if it is not there`.
A bigger teacher rewords freely: it needs a judge instead.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter

LEAD = re.compile(r"^(write a function that returns|returns?)\s+", re.I)
TOKEN = re.compile(r"[a-z]+|\d+|[\u4e00-\u9fff]|[^\w\s.,]")
FILLERS = frozenset(
    "a an are be been given is it its must result should that the this was were which will with".split()
)
"""Words that a rewording may drop without losing a fact."""
TURNS = frozenset("cannot except neither never no non none nor not only or unless without".split())
"""Words that turn a statement round."""
CODE = re.compile(
    r"```|^[ \t]*(def |class |import |from \w+ import |return\b.*[=(\[]|for .*:$|while .*:$)|:=|\w\(.*\)\s*:", re.M
)


def near(text: str, reference: str) -> float:
    """How much of two texts is the same words in the same order, in [0, 1]; the opening `Return` does not count."""
    return difflib.SequenceMatcher(None, _words(text), _words(reference), autojunk=False).ratio()


def altered(text: str, reference: str) -> list[str]:
    """The words of `reference` that `text` lost, and the numbers and turns (`not`, `or`) that it added."""
    said, meant = (Counter(word for word in _words(side) if word not in FILLERS) for side in (text, reference))
    lost, added = meant - said, said - meant
    return [*lost, *(word for word in added if word in TURNS or word.isdigit())]


def has_code(text: str) -> bool:
    """Whether prose holds what looks like a program: a fence, a definition, a statement."""
    return CODE.search(text) is not None


def _words(text: str) -> list[str]:
    """Lower-case words, numbers and marks in order, without the opening that every task shares."""
    return TOKEN.findall(LEAD.sub("", text.strip().lower()))
