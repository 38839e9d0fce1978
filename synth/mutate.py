"""More inputs for a seed's examples, by type-aware mutation: `mutated_calls`.

Five examples of a predicate are easy to pass by accident (measured: a check of the length's parity passed those of
`has_letter_and_digit`). So each argument is varied a little, in its own type, and mixed with those of the other
examples; the seed's own code then says what comes out. Mutations stay close to the examples (numbers keep their sign,
text its characters), because an input that the task does not speak of would judge right solutions wrong.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from synth.controls import called, source_of

MAX_CHARS = 400
"""Longer calls are left out: they would fill the row."""


def mutated_calls(tests: Iterable[str], limit: int) -> list[str]:
    """At most `limit` calls like those that `tests` compare, none there already; the same tests give the same calls."""
    calls = [call for test in tests if (call := called(test)) and not call.keywords]
    known = [(ast.unparse(call.func), arguments) for call in calls if (arguments := _literals(call)) is not None]
    seen = {_text(name, arguments) for name, arguments in known}
    found = {
        _text(name, varied) for name, arguments in known for varied in _variations(arguments, [a for _, a in known])
    }
    fresh = [text for text in found - seen if len(text) <= MAX_CHARS]
    return sorted(fresh, key=lambda text: hashlib.sha256(text.encode("utf-8", "replace")).digest())[:limit]


def _literals(call: ast.Call) -> list[Any] | None:
    try:
        return [ast.literal_eval(argument) for argument in call.args]
    except (ValueError, TypeError):
        return None


def _text(name: str, arguments: Sequence[Any]) -> str:
    return f"{name}({', '.join(map(source_of, arguments))})"


def _variations(arguments: list[Any], others: list[list[Any]]) -> Iterator[list[Any]]:
    """The arguments with one of them varied, or taken from another example."""
    for position, value in enumerate(arguments):
        swapped = (other[position] for other in others if len(other) > position)
        for changed in (*neighbours(value), *(item for item in swapped if type(item) is type(value))):
            yield [*arguments[:position], changed, *arguments[position + 1 :]]


def neighbours(value: Any) -> Iterator[Any]:
    """Values of the same type a small step away."""
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1 if value != -1 else -2
            yield value - 1 if value > 0 or value < 0 else 2
        case float():
            yield value * 2
        case str() | bytes():
            yield from (*_cuts(value), value[: len(value) // 2])
        case list() | tuple():
            yield from _cuts(value)
            for changed in neighbours(value[0]) if value else ():
                yield type(value)((changed, *value[1:]))
        case dict() if value:
            last = next(reversed(value))
            yield {key: item for key, item in value.items() if key != last}
            for changed in neighbours(value[last]):
                yield {**value, last: changed}
        case set() if value:
            yield set(sorted(value, key=repr)[1:])


def _cuts(sequence: Any) -> tuple[Any, ...]:
    """Without the first, without the last, the first once more at the end, and backwards."""
    return sequence[1:], sequence[:-1], sequence + sequence[:1], sequence[::-1]
