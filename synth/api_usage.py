"""A function out of the examples of an API's documentation, with the examples as its tests: `usage_of`.

`list(chunked([1, 2, 3, 4], 2))`, shown to be `[[1, 2], [3, 4]]`, becomes `def apply_chunked(iterable, n)` that returns
`list(chunked(iterable, n))`: real use of the API, a task that can be told without it, and outputs that its own
documentation vouches for. Examples that differ in more than the plain values handed to the API are other functions; the
one with most examples is taken.

Not covered: examples that need more than imports and plain values before them, and those of methods and classes.
"""

from __future__ import annotations

import ast
import doctest
import re
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from synth.api_calls import missing_calls
from synth.api_names import dotted
from synth.asserts import VALUE_MODULES, Unusable, check_statements
from synth.doctests import BUILTINS, Example, names_in

MAX_TEST_CHARS = 400
"""As of a mutated call: longer tests fill the row."""
_NUMPY = "import numpy as np"
_CONVENTIONS = {"np": "numpy", "nx": "networkx", "pd": "pandas", "sp": "scipy", "pa": "pyarrow", "xp": "cupy"}
_BUILDER = re.compile(r"array|(Multi)?(Di)?Graph|\w+_graph")
_ROUNDED = re.compile(r"\d\.\d{8}")
"""A number that was shown rounded, as numpy does."""
_parser = doctest.DocTestParser()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One function that uses an API as its documentation does."""

    entry_point: str
    signature: str
    """`def apply_chunked(iterable, n)`."""
    code: str
    examples: tuple[Example, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Shown:
    """One example: an expression and what it is shown to give, both without the documentation's own names."""

    expression: ast.expr
    expected: str
    imports: tuple[str, ...]


def usage_of(name: str, signature: str, doc: str, siblings: Mapping[str, str]) -> Usage | None:
    """The function, or `None` where no example shows plain values going in and coming out.

    `siblings` are the other public names of the API's module -> their full names, which examples use unannounced.
    """
    try:
        return _usage_of(name, signature, doc, siblings)
    except (SyntaxError, ValueError, RecursionError):  # an example that parses and still is no program: `await f()`
        return None


def _usage_of(name: str, signature: str, doc: str, siblings: Mapping[str, str]) -> Usage | None:
    entry_point = f"apply_{name.rpartition('.')[2].lower()}"
    parameters = _positional(signature)
    by_shape: defaultdict[tuple[str, str], dict[str, Example]] = defaultdict(dict)
    for shown in _examples(name, doc, siblings):
        template, values = _lift(shown, name, parameters)
        call = f"{entry_point}({', '.join(values.values())})"
        test = _test(call, shown.expected)
        if values and test:
            head = f"def {entry_point}({', '.join(values)})"
            code = "\n".join([*shown.imports, "", "", f"{head}:", f"    return {ast.unparse(template)}", ""])
            by_shape[head, code][test] = Example(call=call, expected=shown.expected)
    if not by_shape:
        return None
    (head, code), found = max(by_shape.items(), key=lambda item: len(item[1]))
    return Usage(
        entry_point=entry_point,
        signature=head,
        code=code,
        examples=tuple(found.values()),
        tests=tuple(found),
    )


def parse_signature(signature: str) -> ast.arguments | None:
    """The parameters of `(a, b=None)`; `None` where it is no Python."""
    try:
        tree = ast.parse(f"def f{signature}: ...").body[0]
    except (SyntaxError, ValueError):
        return None
    return tree.args if isinstance(tree, ast.FunctionDef) else None


def _positional(signature: str) -> list[str]:
    """Names for as many positional arguments as an example may give."""
    given = parse_signature(signature)
    if given is None:
        return []
    named = [each.arg for each in (*given.posonlyargs, *given.args)]
    return named + ([f"{given.vararg.arg.rstrip('s')}{n}" for n in range(1, 6)] if given.vararg else [])


def _examples(name: str, doc: str, siblings: Mapping[str, str]) -> Iterator[_Shown]:
    """The examples that are one expression over plain values and imported names, and that use the API."""
    known: dict[str, str] = {}
    values: dict[str, ast.expr] = {}
    try:
        lines = _parser.get_examples(doc)
    except ValueError:
        return
    for line in lines:
        try:
            with warnings.catch_warnings(action="ignore"):  # about other people's string escapes
                body = ast.parse(line.source).body
        except (SyntaxError, ValueError):
            return  # what it would have bound is now unknown
        expression = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
        if expression is None or not line.want or line.exc_msg or line.options.get(doctest.SKIP):
            for statement in body:
                _note(statement, known, values)
            continue
        expression = _Inlined(values).visit(expression)
        imports = _imports(names_in(ast.unparse(expression))[0], name, known, siblings)
        if imports is not None and not missing_calls("\n".join([*imports, ast.unparse(expression)]), [name]):
            yield from _plain(expression, line.want.strip(), imports)


def _note(statement: ast.stmt, known: dict[str, str], values: dict[str, ast.expr]) -> None:
    """Remembers the imports and the plain values that a line binds.

    Any other name that it binds is unknown after it, and so is a value that it may have changed.
    """
    reads, binds = names_in(ast.unparse(statement))
    for bound in binds | (reads & values.keys()):
        known[bound] = ""
        values.pop(bound, None)
    match statement:
        case ast.Import(names=aliases):
            for alias in aliases:
                known[alias.asname or alias.name.partition(".")[0]] = f"import {ast.unparse(alias)}"
        case ast.ImportFrom(module=module, names=aliases, level=0):
            for alias in aliases:
                known[alias.asname or alias.name] = f"from {module} import {ast.unparse(alias)}"
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if _is_literal(value) or _built(value):
            values[target] = value
            known.pop(target)


def _imports(
    names: frozenset[str], api: str, known: Mapping[str, str], siblings: Mapping[str, str]
) -> tuple[str, ...] | None:
    """The import lines for `names`; `None` where one of them is neither imported nor a name that all know."""
    module, _, short = api.rpartition(".")
    lines = set()
    for name in names:
        if name in known:
            line = known[name]
        elif name in siblings or name == short:
            line = f"from {module} import {name}"
        elif name in BUILTINS:
            continue
        elif _CONVENTIONS.get(name) == api.partition(".")[0]:
            line = f"import {_CONVENTIONS[name]} as {name}"
        elif name == api.partition(".")[0]:
            line = f"import {module}"
        elif name in VALUE_MODULES:
            line = f"from {VALUE_MODULES[name]} import {name}"
        else:
            return None
        top = re.split(r"[ .]", line.partition(" ")[2])[0]
        if top != api.partition(".")[0] and top not in sys.stdlib_module_names:
            return None
        lines.add(line)
    return tuple(sorted(lines))


def _plain(expression: ast.expr, want: str, imports: tuple[str, ...]) -> Iterator[_Shown]:
    """The example as a value of Python's own: not printed, arrays and their numbers as lists and numbers."""
    if _ROUNDED.search(want):
        return
    match expression:
        case ast.Call(func=ast.Name("print"), args=[printed], keywords=[]) if not isinstance(printed, ast.Starred):
            expression = printed
    if any(isinstance(node, ast.Name) and node.id in ("print", "pprint") for node in ast.walk(expression)):
        return
    array = re.fullmatch(r"array\((.*?)(?:,\s*dtype=[\w.'<]+)?\)", want, re.DOTALL)
    scalar = re.fullmatch(
        r"np\.(?:u?int|float)\d+\((.*)\)|(?:np\.)?(True|False)_?|(-?[\d.]+(?:e-?\d+)?|-?inf|nan)", want
    )
    if array:
        expression = ast.Call(func=ast.Attribute(expression, "tolist"), args=[], keywords=[])
        want = " ".join(array[1].split())
    elif scalar and _NUMPY in imports:  # whether it is numpy's number or Python's
        held = ast.Call(func=ast.Attribute(ast.Name("np"), "asarray"), args=[expression], keywords=[])
        expression = ast.Call(func=ast.Attribute(held, "tolist"), args=[], keywords=[])
        want = scalar[1] or scalar[2] or scalar[3]
    yield _Shown(expression, want, imports)


def _lift(shown: _Shown, name: str, parameters: list[str]) -> tuple[ast.expr, dict[str, str]]:
    """The expression with parameters for the plain values handed to the API, and the values."""
    lifter = _Lifter(shown.imports, name, parameters, names_in(ast.unparse(shown.expression))[0])
    template = lifter.visit(ast.parse(ast.unparse(shown.expression), mode="eval").body)
    return template, lifter.values


class _Lifter(ast.NodeTransformer):
    """Puts parameters in place of the literal arguments of the first call of the API."""

    def __init__(self, imports: tuple[str, ...], name: str, parameters: list[str], taken: frozenset[str]) -> None:
        self._imports = imports
        self._name = name
        self._parameters = parameters
        self._taken = taken
        self._is_done = False
        self.values: dict[str, str] = {}
        """Parameter -> the literal it stands for."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """The call, changed where it is the first of the API."""
        callee = dotted(node.func)
        if self._is_done or missing_calls("\n".join([*self._imports, f"{callee}()"]), [self._name]):
            return self.generic_visit(node)
        self._is_done = True
        for position, (argument, parameter) in enumerate(zip(node.args, self._parameters, strict=False)):
            built = _built(argument)
            if isinstance(argument, ast.Call) and built and argument.args:
                inner = "size" if built.endswith("_graph") else "edges" if built.endswith("Graph") else parameter
                argument.args[0] = self._lifted(argument.args[0], inner)
            else:
                node.args[position] = self._lifted(argument, parameter)
        for keyword in node.keywords:
            is_mode = isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
            if keyword.arg and not is_mode:
                keyword.value = self._lifted(keyword.value, keyword.arg)
        return node

    def _lifted(self, argument: ast.expr, parameter: str) -> ast.expr:
        if not _is_literal(argument) or _is_flag(argument):
            return argument
        fresh = f"{parameter}_" if parameter in self._taken | BUILTINS else parameter
        fresh += "2" * (fresh in self.values)
        if fresh in self.values:
            return argument
        self.values[fresh] = ast.unparse(argument)
        return ast.Name(fresh)


class _Inlined(ast.NodeTransformer):
    """Plain values in place of the names that an earlier line gave them."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """The value, or the name."""
        return self._values.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


def _test(call: str, expected: str) -> str | None:
    try:
        checks = check_statements([ast.Expr(ast.parse(call, mode="eval").body)], expected, None)
    except Unusable:
        return None
    shown = "\n".join(map(ast.unparse, checks))
    types = sorted(names_in(shown)[0] & VALUE_MODULES.keys())
    test = "\n".join([*(f"from {VALUE_MODULES[name]} import {name}" for name in types), shown])
    return test if len(test) <= MAX_TEST_CHARS else None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _built(node: ast.expr) -> str:
    """What a call such as `np.array([1, 2])` or `nx.path_graph(4)` builds out of plain values; empty for others.

    Such a call may stand wherever its name does: nothing uses up an array or a graph.
    """
    match node:
        case ast.Call(func=ast.Attribute(attr=name), args=args, keywords=[]) if _BUILDER.fullmatch(name):
            return name if all(map(_is_literal, args)) else ""
    return ""


def _is_flag(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))
