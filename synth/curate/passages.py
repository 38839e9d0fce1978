"""A benchmark's texts as passages: tokens, the parts that can leak alone, and how much each token says.

The two parts of a text are its prose (docstrings and comments) and its code, since either may be copied without the
other. A text without code, such as MBPP's prompts, is all prose, or rather all one part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from synth.curate.benchmarks import Benchmark
from synth.curate.grams import TOKEN, skeleton_of, telling

_REPEATED = 0.3
"""What a token is worth that stands in the same place a second time: lists and tables repeat themselves."""
_RENAMED = 1.0
_PROSE = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|/\*.*?\*/|^[ \t]*(?:#|//)[^\n]*$', re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Passage:
    """One text of a task."""

    task: str
    text: str
    tokens: list[str]
    skeleton: list[str]
    parts: list[int]
    """Of each token: 0 code, 1 prose."""
    telling: tuple[list[bool], list[bool]]
    """Of each gram, by where it begins: literal, skeleton."""
    worth: tuple[float, float]
    """What all of a part's tokens say together."""

    @property
    def reach(self) -> int:
        """Tokens of a text within which a copy of this one lies, comments added."""
        return len(self.tokens) * 3 // 2 + 10


def token_worth(token: str, kept: bool, is_same: bool) -> float:
    """How much it says that a text has this token here; roughly, a third of the bits. `is_same`: not renamed."""
    if "\u3400" <= token <= "\u9fff":
        return 1.5 if is_same else 0.0
    if kept:
        return (1.0 if len(token) == 1 else 2.0) if token.isdigit() else 1.5 if token.isalpha() else 0.5
    return 3.0 if is_same and len(token) > 1 else _RENAMED


def worth_of(tokens: Sequence[tuple[str, bool, bool]]) -> float:
    """What tokens, each with `kept` and `is_same` as of `token_worth`, say together."""
    seen: set[str] = set()
    total = 0.0
    for token, kept, is_same in tokens:
        worth = token_worth(token, kept, is_same)
        total += worth * _REPEATED if token in seen else worth
        seen.add(token)
    return total


@lru_cache(maxsize=8)
def passages_of(benchmark: Benchmark) -> tuple[Passage, ...]:
    """The passages of a benchmark, in its order; 0.4 s for HumanEval."""
    cut = [[list(TOKEN.finditer(text)) for text in task.texts] for task in benchmark.tasks]
    tokens = [[[match.group().lower() for match in text] for text in texts] for texts in cut]
    skeletons = [[skeleton_of(text) for text in texts] for texts in tokens]
    told = telling(tokens, 0), telling(skeletons, 1)
    return tuple(
        _passage(task.id, text, tokens[i][n], skeletons[i][n], _parts(text, cut[i][n]), (told[0][i][n], told[1][i][n]))
        for i, task in enumerate(benchmark.tasks)
        for n, text in enumerate(task.texts)
    )


def _passage(
    task: str,
    text: str,
    tokens: list[str],
    skeleton: list[str],
    parts: list[int],
    told: tuple[list[bool], list[bool]],
) -> Passage:
    known = list(zip(tokens, map(bool, skeleton), [True] * len(tokens), strict=True))
    worth = tuple(worth_of([token for token, part in zip(known, parts, strict=True) if part == n]) for n in (0, 1))
    return Passage(
        task=task,
        text=text,
        tokens=tokens,
        skeleton=skeleton,
        parts=parts,
        telling=told,
        worth=(worth[0], worth[1]),
    )


def _parts(text: str, tokens: Sequence[re.Match[str]]) -> list[int]:
    prose = [match.span() for match in _PROSE.finditer(text)]
    return [int(any(start <= token.start() < end for start, end in prose)) for token in tokens]
