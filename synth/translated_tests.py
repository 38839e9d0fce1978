"""Python tests in another language: `translate`.

A test that compares one call with one plain value says the same in many languages, so the examples of a Python function
can judge the same function written in another one. Tests in any other form, and values that would mean something else
there (`literals.py`), are left out, never guessed.

Where types are declared, a function has one: a test whose values do not fit those of the tests before it is left out,
and an empty list has the type that other tests show at its place. Not covered: what a language computes differently,
such as the remainder of a negative number, which is the task's to say.
"""

from __future__ import annotations

import ast
import itertools
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from synth.dialects import DIALECTS
from synth.literals import ANY, Dialect, Kind, Untranslatable


@dataclass(frozen=True, slots=True)
class Case:
    """One test, read: what is called with what, and what must come out."""

    name: str
    given: tuple[Any, ...]
    expected: Any
    is_plain: bool = False
    """`assert f(x)` or `assert not f(x)`, where nothing is compared."""


def translate(tests: Iterable[str], language: str) -> list[str]:
    """The tests that say the same in `language`, in order, each once; none where nothing can be translated into it."""
    dialect = DIALECTS.get(language)
    cases = list(_read_all(tests))
    if dialect is None or not cases:
        return []
    name = Counter(case.name for case in cases).most_common(1)[0][0]
    cases = _with_one_meaning([case for case in cases if case.name == name])
    if name in dialect.reserved or not name.isascii():
        return []
    shape: list[Kind] | None = None
    if dialect.types:
        cases, shape = _declared(cases)
    return list(dict.fromkeys(_written(cases, shape, dialect)))


def is_translatable(tests: Iterable[str], language: str, least: int = 3) -> bool:
    """Whether at least that many of the Python tests say the same in `language`."""
    return len(translate(tests, language)) >= least


def _written(cases: Iterable[Case], shape: Sequence[Kind] | None, dialect: Dialect) -> Iterator[str]:
    for case in cases:
        *kinds, result = shape or itertools.repeat(ANY, len(case.given) + 1)
        try:
            given = [dialect.write(value, kind, given=True) for value, kind in zip(case.given, kinds, strict=True)]
            expected = dialect.write(case.expected, result, given=False)
            yield dialect.compare(f"{dialect.prefix}{case.name}({', '.join(given)})", expected, case.expected)
        except (Untranslatable, RecursionError):
            continue


def _read_all(tests: Iterable[str]) -> Iterator[Case]:
    for test in tests:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as those of an invalid escape
                case = _read(ast.parse(test).body)
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):  # hostile, or no plain value
            continue
        if case is not None:
            yield case


def _read(body: list[ast.stmt]) -> Case | None:
    """The one test that the statements are; `None` where they are anything else."""
    match body:
        case [ast.Assert(test=ast.Compare(left=ast.Call() as call, ops=[ast.Eq()], comparators=[right]))]:
            return _case(call, ast.literal_eval(right))
        case [ast.Assert(test=ast.Compare(left=ast.Call() as call, ops=[ast.Is()], comparators=[ast.Constant(value)]))]:
            return _case(call, value) if value is None or isinstance(value, bool) else None
        case [ast.Assert(test=ast.Call() as call)]:
            return _case(call, True, is_plain=True)
        case [ast.Assert(test=ast.UnaryOp(op=ast.Not(), operand=ast.Call() as call))]:
            return _case(call, False, is_plain=True)
    return None


def _case(call: ast.Call, expected: object, *, is_plain: bool = False) -> Case | None:
    if not isinstance(call.func, ast.Name) or call.keywords:
        return None
    given = tuple(ast.literal_eval(argument) for argument in call.args)  # `*rest` is no value: a ValueError
    return Case(call.func.id, given, expected, is_plain)


def _with_one_meaning(cases: Sequence[Case]) -> list[Case]:
    """The cases, but none of a function that gives floats, and no `assert f(x)` of one that gives more than truth."""
    results = [case.expected for case in cases if not case.is_plain]
    if any(_has_float(result) for result in results):
        return []
    is_predicate = all(isinstance(result, bool) for result in results)
    return [case for case in cases if is_predicate or not case.is_plain]


def _has_float(value: Any) -> bool:
    """Whether it is one, or holds one; floats are not compared exactly, and `2` may stand for `2.0`."""
    if isinstance(value, dict):
        return any(_has_float(part) for item in value.items() for part in item)
    return isinstance(value, float | complex) or (
        isinstance(value, list | tuple | set) and any(_has_float(item) for item in value)
    )


def _declared(cases: Sequence[Case]) -> tuple[list[Case], list[Kind]]:
    """The cases that fit one declaration, and the types in it: those of the arguments, and last that of the result."""
    arity = max((len(case.given) for case in cases), default=0)
    fitting: list[Case] = []
    shape: list[Kind] = []
    for case in (case for case in cases if len(case.given) == arity):
        try:
            kinds = [kind_of(value) for value in (*case.given, case.expected)]
            shape = [_both(known, kind) for known, kind in zip(shape or kinds, kinds, strict=True)]
            fitting.append(case)
        except (Untranslatable, RecursionError):
            continue
    return fitting, shape


def kind_of(value: Any) -> Kind:
    """The type of a value in a language that declares types.

    Raises:
        Untranslatable: it is of more than one, or of none that all such languages have.
    """
    if isinstance(value, list):
        item: Kind | None = None
        for part in value:
            item = kind_of(part) if item is None else _both(item, kind_of(part))
        return Kind("list", item)
    if type(value) in (bool, int, float, str):
        return Kind(type(value).__name__)
    raise Untranslatable(repr(value)[:80])


def _both(first: Kind, second: Kind) -> Kind:
    """The one type that both can have: a list of something is also that of an empty list, a float also that of 1."""
    if first.name == second.name == "list":
        known = [item for item in (first.item, second.item) if item is not None]
        return Kind("list", _both(*known) if len(known) == 2 else next(iter(known), None))
    if first == second:
        return first
    if {first.name, second.name} == {"int", "float"}:
        return Kind("float")
    raise Untranslatable(f"{first.name} and {second.name}")
