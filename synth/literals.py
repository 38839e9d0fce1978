"""Python's plain values as literals of another language: `Dialect.write`.

Only what means the same there is written; the rest is `Untranslatable`: numbers that the language rounds or wraps, text
whose characters it counts in another way, `None` inside of a list, dictionaries whose keys or order would change, and
sets and bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Untranslatable(Exception):
    """A value that the language cannot write, or that would mean something else in it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a value: `int`, `float`, `bool`, `str`, or `list` with the type of its items, where that is known."""

    name: str
    item: Kind | None = None


ANY = Kind("any")
"""Where types are not declared."""
Lists = Callable[[list[str], Kind, bool, bool], str]
"""(items as written, type, whether it is given to the function, whether it is inside of another) -> the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one language writes values and tests."""

    compare: Callable[[str, str, Any], str]
    """(call, expected value as written, the value itself) -> the test."""
    lists: Lists
    types: Mapping[str, str] = field(default_factory=dict)
    """What the types are called; empty where they are not declared."""
    null: str = ""
    pair: str = ""
    """What stands between key and value; empty where dictionaries are left out."""
    braces: str = "{}"
    keeps_key: Callable[[Any], bool] = lambda key: isinstance(key, str)
    """Whether a dictionary keeps such a key as it is, and in its place."""
    compares_dicts: bool = True
    """Whether order does not matter when they are compared."""
    escaped: str = '"\\'
    """What has a backslash before it in text."""
    counts_characters: bool = False
    """Whether text beyond ASCII, up to U+FFFF, has the length that it has in Python."""
    max_int: int = 2**31 - 1
    prefix: str = ""
    """What stands before a function's name."""
    reserved: frozenset[str] = frozenset()
    """Names that no function may have."""

    def write(self, value: Any, kind: Kind = ANY, *, given: bool, inner: bool = False) -> str:
        """The literal of a value that is `given` to a function or expected from it.

        Raises:
            Untranslatable: there is none that means the same.
        """
        match value:
            case bool():
                return "true" if value else "false"
            case int() if abs(value) <= self.max_int:
                return f"{value}.0" if kind.name == "float" else str(value)
            case float() if given:
                return self._float(value)
            case str():
                return self.quoted(value)
            case None if self.null and not inner:
                return self.null
            case list() | tuple() if not self._is_mixed(value):
                items = [self.write(item, kind.item or ANY, given=given, inner=True) for item in value]
                return self.lists(items, kind, given, inner)
            case dict() if self.pair and (given or self.compares_dicts) and all(map(self.keeps_key, value)):
                pairs = [
                    self.pair.join(self.write(part, given=given, inner=True) for part in item) for item in value.items()
                ]
                return f"{self.braces[0]}{', '.join(pairs)}{self.braces[1]}"
        raise Untranslatable(repr(value)[:80])

    def quoted(self, text: str) -> str:
        """The literal of a text.

        Raises:
            Untranslatable: it has characters that the language counts or escapes in another way.
        """
        for character in text:
            is_wide = self.counts_characters and "\xa0" < character <= "\uffff" and character.isprintable()
            if not (" " <= character <= "~" or character in "\n\t" or is_wide):
                raise Untranslatable(f"the character {character!a}")
        return '"' + "".join(f"\\{c}" if c in self.escaped else ESCAPES.get(c, c) for c in text) + '"'

    def _float(self, value: float) -> str:
        """As it is, if it needs no exponent; a whole number only where types tell it from an integer."""
        is_negative_zero = value == 0 and math.copysign(1, value) < 0
        if is_negative_zero or not re.fullmatch(r"-?\d+\.\d+", repr(value)) or (value.is_integer() and not self.types):
            raise Untranslatable(repr(value))
        return repr(value)

    def _is_mixed(self, value: list[Any] | tuple[Any, ...]) -> bool:
        """Whether tuples matter: in Python one in a list is not a list in a list, and typed languages want a struct."""
        tuples = [isinstance(item, tuple) for item in value]
        return (bool(self.types) and isinstance(value, tuple)) or (
            isinstance(value, list) and any(tuples) and not all(tuples)
        )


ESCAPES = {"\n": "\\n", "\t": "\\t"}


def type_name(kind: Kind | None, types: Mapping[str, str]) -> str:
    """What a type is called.

    Raises:
        Untranslatable: of a list no item was ever seen.
    """
    if kind is None:
        raise Untranslatable("a list of nothing")
    name = types[kind.name]
    return name.replace("{}", type_name(kind.item, types)) if kind.name == "list" else name
