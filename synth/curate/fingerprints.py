"""Stage 2 of decontamination, fingerprints: Python functions of the same form, whatever their names.

A function is parsed and its tree written as a list of labels, without docstrings, annotations, decorators and layout,
every name that is no builtin being a variable. A fingerprint is the set of all five labels in a row, variables numbered
within each five, so that a line added or taken away changes only its own. Short functions say too little and have none.

Not covered: other languages (common runs stand for those), code whose statements were put in another order.
"""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
import warnings
from collections.abc import Iterator
from typing import NamedTuple

MIN_SHARE = 0.7
"""Of a benchmark function's fingerprint, in a function no more than `_MAX_RATIO` times as large."""
MIN_SIZE = 24
_MAX_RATIO = 3
_MAX_CHARS = 20_000
_SIZE = 5

Fingerprint = frozenset[tuple[object, ...]]

_DEF = re.compile(r"^([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)", re.MULTILINE)
_BUILTINS = frozenset(dir(builtins))
_VARIABLE = object()


class Function(NamedTuple):
    """A function as it stands in a text."""

    name: str
    start: int
    end: int


def functions_in(text: str, start: int = 0, end: int | None = None) -> Iterator[Function]:
    """The Python functions of `text`, by indentation, that overlap `start` to `end`; the text may be prose as well."""
    end = len(text) if end is None else end
    for match in _DEF.finditer(text, 0, end):
        # The next line that begins no deeper and neither closes the signature nor is empty.
        over = re.compile(rf"^(?!{match[1]}[ \t]|[ \t]*(?:\)|$))", re.MULTILINE).search(text, match.end())
        stop = over.start() if over else len(text)
        if stop > start:
            yield Function(match[2], match.start(), stop)


def fingerprint(source: str) -> Fingerprint | None:
    """The fingerprint of the first function of `source`; `None` for no Python, or a function that says too little."""
    if len(source) > _MAX_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes
            tree = ast.parse(textwrap.dedent(source))
        labels = [label for node in tree.body[:1] for label in _labels(node)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    rows = {_numbered(labels[at : at + _SIZE]) for at in range(len(labels) - _SIZE + 1)}
    return frozenset(rows) if len(rows) >= MIN_SIZE else None


def share_of(benchmark: Fingerprint, other: Fingerprint) -> float:
    """How much of a benchmark function `other` repeats, in [0, 1]; 0 where it is far larger."""
    if len(other) > _MAX_RATIO * len(benchmark):
        return 0.0
    return len(benchmark & other) / len(benchmark)


def _numbered(labels: list[object]) -> tuple[object, ...]:
    """The labels with variables numbered in order of appearance."""
    numbers: dict[str, int] = {}
    return tuple(
        numbers.setdefault(label[1], len(numbers)) if isinstance(label, tuple) and label[0] is _VARIABLE else label
        for label in labels
    )


def _labels(node: ast.AST) -> Iterator[object]:
    """A tree in the order it is read in, a label for each node and for each name, operator and constant in it."""
    match node:
        case ast.Name(id=name):
            yield name if name in _BUILTINS else (_VARIABLE, name)
            return
        case ast.Constant(value=value):
            yield repr(value)
            return
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield from ("def", (_VARIABLE, name))
            children: list[ast.AST] = [node.args, *_without_docstring(node.body)]
        case ast.arg(arg=name):
            yield (_VARIABLE, name)
            return
        case ast.AnnAssign(target=target, value=value):
            yield "Assign"
            children = [target] if value is None else [target, value]
        case ast.Attribute(value=value, attr=name):
            yield f".{name}"
            children = [value]
        case _:
            yield type(node).__name__
            children = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context)]
    for child in children:
        yield from _labels(child)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body
