"""Values as plain data: `encode` takes a result out of the candidate's process, `same` compares it outside.

JSON's own types stand for themselves, and a tuple is a list. What JSON cannot say is an object with one marked key:
`{"$set": [...]}`, `{"$dict": [[key, value], ...]}` (keys that are no strings), `{"$bytes": hex}`, `{"$float": "nan"}`,
`{"$int": hex}` (over a thousand digits), `{"$complex": [real, imaginary]}`. Numbers are equal by value, except that
`True` is not `1`; NaN equals NaN; sets are equal in any order. Standard library only; runs inside the container,
`encode` beside the candidate: whatever it is talked into saying is data, compared by a process out of its reach.
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 100
MAX_NODES = 200_000
MAX_ENCODED_CHARS = 256_000
MAX_INT_BITS = 3_000
"""Beyond, an integer goes as hex: Python refuses to write more than 4,300 decimal digits."""


class NotPlain(Exception):
    """The value is no plain data; says what it is."""


def encode(value: Any) -> str:
    """The value as JSON in ASCII. Raises `NotPlain`."""
    text = json.dumps(plain(value, [MAX_NODES], 0))
    if len(text) > MAX_ENCODED_CHARS:
        raise NotPlain(f"a value of {len(text):,} characters; at most {MAX_ENCODED_CHARS:,} are compared")
    return text


def plain(value: Any, left: list[int], depth: int) -> Any:
    """The value in JSON's types, read by the base classes' own methods, so that a subclass cannot lie about itself."""
    left[0] -= 1
    if depth > MAX_DEPTH or left[0] < 0:
        raise NotPlain("a value that is nested too deep, or contains itself" if left[0] >= 0 else "a value too large")
    kind = type(value)
    if value is None or kind is bool:
        return value
    if issubclass(kind, int):
        return marked(int.__index__(value))
    if issubclass(kind, float):
        return marked(float.__float__(value))
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, list | tuple):
        base = list if issubclass(kind, list) else tuple
        return [plain(item, left, depth + 1) for item in base.__iter__(value)]
    if issubclass(kind, dict):
        return plain_dict(value, left, depth)
    if issubclass(kind, set | frozenset):
        members = (set if issubclass(kind, set) else frozenset).__iter__(value)
        return {"$set": [plain(item, left, depth + 1) for item in members]}
    if issubclass(kind, bytes | bytearray):
        return {"$bytes": bytes(memoryview(value)).hex()}
    if issubclass(kind, complex):
        parts = complex.__complex__(value)
        return {"$complex": [plain(parts.real, left, depth + 1), plain(parts.imag, left, depth + 1)]}
    if callable(numbers := getattr(kind, "tolist", None)):  # numpy's scalars and arrays
        return plain(numbers(value), left, depth + 1)
    raise NotPlain(f"a {kind.__name__}, which is no plain data")


def plain_dict(value: dict[Any, Any], left: list[int], depth: int) -> dict[str, Any]:
    """A dict as an object where its keys allow it, else as pairs in order."""
    items = [
        (plain(key, left, depth + 1), plain(content, left, depth + 1)) for key, content in dict.items(value)
    ]
    if all(isinstance(key, str) and not key.startswith("$") for key, _ in items):
        return dict(items)
    return {"$dict": [[key, content] for key, content in items]}


def same(expected: Any, got: Any) -> bool:
    """Whether a value from a job and a value from `encode`, both in JSON's types, are equal by the rules above."""
    expected = marked(expected)
    if isinstance(expected, bool) or isinstance(got, bool) or expected is None or got is None:
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return expected == got
    if isinstance(expected, dict) and isinstance(got, dict):
        return same_objects(expected, got)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(same, expected, got))
    return isinstance(expected, str) and isinstance(got, str) and expected == got


def marked(value: Any) -> Any:
    """A number as `plain` gives it, marked where JSON has no form for it that all agree on."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
        return {"$int": hex(value)}
    return value


def same_objects(expected: dict[str, Any], got: dict[str, Any]) -> bool:
    """`same` for two objects, which may be marked ones."""
    if expected.keys() != got.keys():
        return False
    for mark in ("$set", "$dict"):
        if mark in expected:
            return same_members(expected[mark], got[mark])
    return all(same(value, got[key]) for key, value in expected.items())


def same_members(expected: Any, got: Any) -> bool:
    """Whether two lists are the same up to order, by their members' canonical text."""
    if not isinstance(expected, list) or not isinstance(got, list) or len(expected) != len(got):
        return False
    return sorted(map(canonical, expected)) == sorted(map(canonical, got))


def canonical(value: Any) -> str:
    """The same text for values that are `same`."""
    if isinstance(value, float):
        value = int(value) if value.is_integer() else marked(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(sorted(json.dumps(key) + ":" + canonical(item) for key, item in value.items())) + "}"
    return json.dumps(value)
