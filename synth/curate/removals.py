"""Which rows to remove as duplicates, by their text, instruction, code, or instruction and code together.

- `text`, `code`: equal texts, then near ones (`search.py`).
- `instruction`: equal instructions, then near-identical ones (`pairs.py`).
- `both`: rows whose instruction *and* code are near those of one survivor. Two tasks that share a solution stay, and
  so do two solutions of one task.

A row is compared with survivors only, in the order of `rank`, and a removal names the survivor that makes it
superfluous, so that no chain must be followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synth.curate import pairs
from synth.curate.exact import ExactIndex
from synth.curate.index import DiskIndex
from synth.curate.near import THRESHOLD
from synth.curate.search import find_near_duplicates

By = Literal["text", "instruction", "code", "both"]
Method = Literal["exact", "near", "instruction", "code", "both"]


@dataclass(frozen=True, slots=True)
class Removal:
    """Why a row is superfluous."""

    kept: int
    """The survivor: rows of an index first, then those of the search."""
    method: Method
    similarity: float
    """Jaccard of token 5-grams, of the code for `both`; the share of content words for `instruction`; 1 for `exact`."""


def find_removals(
    texts: Sequence[str],
    *,
    by: By = "text",
    instructions: Sequence[str] = (),
    threshold: float = THRESHOLD,
    preset: str = "default",
    instruction_threshold: float = pairs.THRESHOLD,
    rank: Sequence[Any] | None = None,
    index: DiskIndex | None = None,
) -> list[Removal | None]:
    """For each row its removal, `None` where it survives.

    `texts` is what `by` compares (the code for `both`, with the `instructions` beside it). The largest `rank` survives.

    Raises: `ValueError` for a threshold outside (0, 1] or an unknown preset.
    """
    order = list(range(len(texts)))
    if rank is not None:
        order.sort(key=lambda i: rank[i], reverse=True)
    base = 0 if index is None else len(index)
    removals: list[Removal | None] = [None] * len(texts)
    # Of equals the first in order stands for all; numbers count those of the index first.
    equals = ExactIndex(index.digests() if index is not None else ())
    distinct: list[int] = []
    same: dict[int, int] = {}
    for place, i in enumerate(order):
        first = equals.add(exact_key(texts[i], instructions[i]) if by == "both" else texts[i])
        if first is None:
            distinct.append(i)
        else:
            same[i] = first if first < base else base + order[first - base]
        assert place == len(distinct) + len(same) - 1
    if by == "instruction":
        found = _similar(texts, distinct, instruction_threshold, index)
    else:
        found = _near(texts, distinct, by, instructions, threshold, preset, instruction_threshold, index)
    for i, removal in found.items():
        removals[i] = removal
    for i, first in same.items():
        # An equal of a row that is removed itself is like the survivor to the same degree.
        removals[i] = (removals[first - base] if first >= base else None) or Removal(first, "exact", 1.0)
    return removals


def exact_key(code: str, instruction: str) -> str:
    """What two rows have in common that are exact duplicates by `both`."""
    return f"{len(instruction)}\n{instruction}\n{code}"


def _near(
    texts: Sequence[str],
    distinct: list[int],
    by: By,
    instructions: Sequence[str],
    threshold: float,
    preset: str,
    instruction_threshold: float,
    index: DiskIndex | None,
) -> dict[int, Removal]:
    """The near duplicates among the rows `distinct`, in order of rank."""
    base = 0 if index is None else len(index)

    def alike(number: int, other: int) -> bool:
        left, right = (
            index.instruction(n) if index is not None and n < base else instructions[distinct[n - base]]
            for n in (number, other)
        )
        return pairs.instruction_similarity(left, right) >= instruction_threshold

    twins = find_near_duplicates(
        _Chosen(texts, distinct),
        threshold=threshold,
        preset=preset,
        earlier=index,
        accept=alike if by == "both" else None,
    )
    method: Method = "near" if by == "text" else "both" if by == "both" else "code"
    return {
        i: Removal(twin.index if twin.index < base else base + distinct[twin.index - base], method, twin.jaccard)
        for i, twin in zip(distinct, twins, strict=True)
        if twin is not None
    }


def _similar(
    texts: Sequence[str], distinct: list[int], threshold: float, index: DiskIndex | None
) -> dict[int, Removal]:
    """The near-identical instructions among the rows `distinct`, in order of rank."""
    base = 0 if index is None else len(index)
    seen = pairs.InstructionIndex(threshold=threshold)
    for number in range(base):
        assert index is not None
        seen.keep(index.instruction(number))
    found = {}
    for i in distinct:
        twin = seen.add(texts[i])
        if twin is not None:
            kept = twin.index if twin.index < base else base + distinct[twin.index - base]
            found[i] = Removal(kept, "instruction", twin.jaccard)
    return found


class _Chosen(Sequence[str]):
    """Some of `texts`, read as they are asked for."""

    def __init__(self, texts: Sequence[str], numbers: list[int]) -> None:
        self._texts, self._numbers = texts, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: Any) -> Any:
        return self._texts[self._numbers[place]]
