"""Stage 2 of decontamination, the longest common runs: how much of a passage a text repeats, renamed or not.

From each seed the text and the passage are read in both directions as long as they agree: the same keywords, marks and
numbers, and names that stand for each other one to one. Of what agrees, the tokens in telling grams are weighed
(`passages.token_worth`: a name that is the same says more than one that was changed), and compared with what the
passage's prose and its code say as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from synth.curate.grams import GRAM_SIZES, skeleton_of
from synth.curate.passages import Passage, worth_of
from synth.curate.sieve import Seeds

MIN_SHARE, MIN_WORTH = 0.6, 13.0
"""A passage is repeated where this share of its prose or its code is, and what is repeated tells this much ..."""
ENOUGH_WORTH = 45.0
"""... or where that much is told. Set on 6,000 files of packages: none comes near the pair, none above 40 alone."""


class Run(NamedTuple):
    """What a text repeats of a passage."""

    share: float
    """Of the passage's prose or its code, whichever is more, in [0, 1]."""
    worth: float
    start: int
    """First token in the text."""
    end: int

    @property
    def is_hit(self) -> bool:
        """Whether that is contamination."""
        return self.worth >= ENOUGH_WORTH or (self.share >= MIN_SHARE and self.worth >= MIN_WORTH)


class _Match(NamedTuple):
    """A token of the text that agrees with one of the passage; the greater says more."""

    tells: bool
    is_same: bool
    length: int
    place: int


def best_run(tokens: Sequence[str], passage: Passage, seeds: Seeds) -> Run | None:
    """The stretch of the text, as long as a copy may be, that repeats most of the passage; `None` if none does."""
    matches = _matches(tokens, passage, seeds)
    runs = (_weigh(stretch, matches, passage) for stretch in _stretches(sorted(matches), passage.reach))
    return max(runs, key=lambda run: (run.is_hit, run.share * run.worth, run.worth), default=None)


def _matches(tokens: Sequence[str], passage: Passage, seeds: Seeds) -> dict[int, _Match]:
    """For each token of the text that lies in a common run, its best match."""
    low = max(0, min((seed[0] for seed in seeds), default=0) - len(passage.tokens))
    skeleton = skeleton_of(tokens[low : max((seed[0] for seed in seeds), default=0) + len(passage.tokens) + 1])
    found: dict[int, _Match] = {}
    ends: dict[int, int] = {}  # shift between text and passage -> where its last run ended
    for begin, place in sorted(seeds):
        shift = begin - place
        if ends.get(shift, -1) > begin:
            continue
        start, end = _extend(tokens, skeleton, low, passage, begin, place)
        ends[shift] = end
        same = [tokens[at] == passage.tokens[at - shift] for at in range(start, end)]
        for at, tells in enumerate(_telling(passage, start - shift, same)):
            match = _Match(tells, same[at], end - start, start + at - shift)
            found[start + at] = max(match, found.get(start + at, match))
    return found


def _extend(
    tokens: Sequence[str], skeleton: Sequence[str], low: int, passage: Passage, begin: int, place: int
) -> tuple[int, int]:
    """The longest run through a seed, as a range of the text; `skeleton` begins at its token `low`."""
    forth: dict[str, str] = {}
    back: dict[str, str] = {}

    def agree(at: int, there: int) -> bool:
        if skeleton[at - low] != passage.skeleton[there]:
            return False
        if skeleton[at - low]:
            return True
        ours, theirs = tokens[at], passage.tokens[there]
        return forth.setdefault(ours, theirs) == theirs and back.setdefault(theirs, ours) == ours

    end, shift = begin, begin - place
    while end < low + len(skeleton) and end - shift < len(passage.tokens) and agree(end, end - shift):
        end += 1
    start = begin
    while start > low and start - shift > 0 and agree(start - 1, start - 1 - shift):
        start -= 1
    return start, end


def _telling(passage: Passage, place: int, same: Sequence[bool]) -> list[bool]:
    """Of each token of a run from `place`: whether it lies in a telling gram that the run holds as it must be."""
    tells = [False] * len(same)
    for view, size in enumerate(GRAM_SIZES):
        for at in range(len(same) - size + 1):
            if passage.telling[view][place + at] and (view or all(same[at : at + size])):
                tells[at : at + size] = [True] * size
    return tells


def _stretches(places: Sequence[int], reach: int) -> Iterator[Sequence[int]]:
    """For each run of tokens, all that lie within `reach` from its start."""
    last = 0
    for first, place in enumerate(places):
        if first and places[first - 1] == place - 1:
            continue
        while last < len(places) and places[last] - place <= reach:
            last += 1
        yield places[first:last]


def _weigh(stretch: Sequence[int], matches: dict[int, _Match], passage: Passage) -> Run:
    def weigh(some: Sequence[_Match]) -> float:
        return worth_of([(passage.tokens[m.place], bool(passage.skeleton[m.place]), m.is_same) for m in some])

    held = [matches[at] for at in stretch]
    share = 0.0
    for part, whole in enumerate(passage.worth):
        best = {m.place: m for m in sorted(held) if passage.parts[m.place] == part}  # the best match of a place is last
        if whole:
            share = max(share, weigh([best[place] for place in sorted(best)]) / whole)
    return Run(share, weigh([match for match in held if match.tells]), stretch[0], stretch[-1] + 1)
