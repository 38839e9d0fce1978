"""More inputs for a seed's examples, by type-aware mutation: `mutated_calls`.

Five examples of a predicate are easy to pass by accident (measured: a check of the length's parity passed those of
`has_letter_and_digit`). So each argument is varied a little, in its own type, and mixed with those of the other
examples; the seed's own code, or most candidates, then say what comes out. Mutations stay close to the examples: a
number keeps its sign, text its characters, a record its length and rows their width, unless an example of the same
argument shows that more is allowed. An input that the task does not speak of would judge right solutions wrong.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from synth.controls import called, source_of

MAX_CHARS = 400
"""Longer calls are left out: they would fill the row."""


def mutated_calls(tests: Iterable[str], limit: int) -> list[str]:
    """At most `limit` calls like those that `tests` compare, none there already; the same tests give the same calls.

    The ways to vary take turns, so that the one with most to give does not crowd the others out.
    """
    calls = [call for test in tests if (call := called(test)) and not call.keywords]
    known = [(ast.unparse(call.func), arguments) for call in calls if (arguments := _literals(call)) is not None]
    seen = {_text(name, arguments) for name, arguments in known}
    ways: defaultdict[str, set[str]] = defaultdict(set)
    for name, arguments in known:
        for way, varied in _variations(arguments, [others for other, others in known if other == name]):
            text = _text(name, varied)
            if text not in seen and len(text) <= MAX_CHARS:
                ways[way].add(text)
    turns = itertools.zip_longest(*(sorted(ways[way], key=_shuffled) for way in sorted(ways)))
    return list(dict.fromkeys(text for turn in turns for text in turn if text is not None))[:limit]


def _shuffled(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _literals(call: ast.Call) -> list[Any] | None:
    try:
        return [ast.literal_eval(argument) for argument in call.args]
    except (ValueError, TypeError):
        return None


def _text(name: str, arguments: Sequence[Any]) -> str:
    return f"{name}({', '.join(map(source_of, arguments))})"


def _variations(arguments: list[Any], examples: list[list[Any]]) -> Iterator[tuple[str, list[Any]]]:
    """Arguments near to these, each with the way they were made."""
    for position, value in enumerate(arguments):
        shown = [other[position] for other in examples if len(other) > position]
        ways = {
            "near": neighbours(value),
            "edge": edges(value, shown),
            "other": (item for item in shown if type(item) is type(value) or item is None),
        }
        for way, changes in ways.items():
            for changed in changes:
                yield way, [*arguments[:position], changed, *arguments[position + 1 :]]
    for first, second in itertools.combinations(range(len(arguments)), 2):
        if type(arguments[first]) is type(arguments[second]) and arguments[first] != arguments[second]:
            swapped = list(arguments)
            swapped[first], swapped[second] = arguments[second], arguments[first]
            yield "swap", swapped


def neighbours(value: Any, *, inside: bool = False) -> Iterator[Any]:
    """Values of the same type a small step away; a tuple `inside` another value is a record and keeps its length."""
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1 if value != -1 else -2
            yield value - 1 if value > 0 or value < 0 else 2
        case float():
            yield value * 2
        case str() | bytes():
            yield from _resized(value)
            yield value[: len(value) // 2]
        case list() | tuple():
            if not (inside and isinstance(value, tuple)):
                yield from _resized(value)
            yield from _with_an_item_changed(value)
        case dict() if value:
            first, last = next(iter(value)), next(reversed(value))
            for gone in (last, first):
                yield {key: item for key, item in value.items() if key != gone}
            for changed in neighbours(value[last], inside=True):
                yield {**value, last: changed}
        case set() if value:
            ordered = sorted(value, key=repr)
            yield set(ordered[1:])
            for changed in neighbours(ordered[-1], inside=True):
                if changed not in value:
                    yield {*ordered[:-1], changed}


def _with_an_item_changed(sequence: Any) -> Iterator[Any]:
    """The first or the last item varied; rows of one width keep it."""
    is_table = len(sequence) > 1 and all(isinstance(row, list) and len(row) == len(sequence[0]) for row in sequence)
    for position in sorted({0, len(sequence) - 1}) if len(sequence) else ():
        row = sequence[position]
        for changed in _with_an_item_changed(row) if is_table else neighbours(row, inside=True):
            yield type(sequence)((*sequence[:position], changed, *sequence[position + 1 :]))


def _resized(sequence: Any) -> Iterator[Any]:
    """Shorter, longer, doubled and in another order, of what is there."""
    changes = [sequence[1:], sequence[:-1], sequence + sequence[:1], sequence[::-1]]
    if len(sequence) > 2:
        changes += [sequence[:1] + sequence[2:], sequence[1:2] + sequence[:1] + sequence[2:]]
    yield from (changed for changed in changes if changed != sequence)


def edges(value: Any, shown: Sequence[Any]) -> Iterator[Any]:
    """Boundary values of the type that the examples `shown` of the same argument allow."""
    alike = [item for item in shown if type(item) is type(value)]
    match value:
        case bool():
            return
        case int() | float():
            low, high = min(alike, default=value), max(alike, default=value)
            yield from (edge for edge in (low, high) if edge != value)
            if low < 0 and value:
                yield -value
            if low <= 0 and value:
                yield type(value)(0)
            if high > 1:
                yield high + high
        case str() | bytes() | list() | tuple():
            if any(not item for item in alike) and value:
                yield value[:0]
            if value:
                yield value[:1]
            longest: Any = max(alike, key=len, default=value)
            if longest:
                yield longest + longest[-1:]  # such as the accent that another example shows
        case dict() | set():
            if any(not item for item in alike) and value:
                yield type(value)()
