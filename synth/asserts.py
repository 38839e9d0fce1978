"""What a doctest shows, as statements that check it: `check_statements`.

A doctest compares printed text; an assert should compare values, so that a right answer in another spelling passes.
Shown values become `==` (or `is` for `True`, `False`, `None`), a traceback becomes a check of the exception's type, and
`print(x)` a check of `str(x)`. Text that no value certainly stands behind is refused with its `example.rule` reason.
"""

from __future__ import annotations

import ast
import builtins
import re

VALUE_MODULES = {
    "Counter": "collections",
    "Decimal": "decimal",
    "Fraction": "fractions",
    "OrderedDict": "collections",
    "deque": "collections",
}
"""Standard constructors whose shown form is compared as a value: the repr of some differs between Python versions."""
_BUILTIN_VALUES = frozenset({"bytearray", "complex", "dict", "frozenset", "list", "range", "set", "slice", "tuple"})
_STABLE_REPRS = frozenset({"datetime", "inf", "nan"})
"""Names in shown values that are compared as text: `nan` equals nothing, `datetime` may be the module or the class."""


class Unusable(Exception):
    """This example makes no test; the argument is the `example.rule` reason."""


def check_statements(shown: list[ast.stmt], want: str, raises: str | None) -> list[ast.stmt]:
    """Statements that fail unless the statements `shown` give what the doctest says.

    `want` is the expected output without its last line feed, `raises` the last line of an expected traceback.
    Raises `Unusable`.
    """
    if raises is not None:
        return [_check_exception(shown, raises.partition(":")[0].strip())]
    match shown:
        case [ast.Expr(ast.Call(func=ast.Name("print"), args=[argument], keywords=[]))]:
            return [_check_printed(argument, want)]
        case [ast.Expr(expression)] if not _prints(expression):
            return [_check_value(expression, want.strip())]
    raise Unusable("example.prints")


def _check_exception(shown: list[ast.stmt], name: str) -> ast.stmt:
    kind = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        raise Unusable("example.own_class")
    handler = ast.ExceptHandler(type=ast.Name(name), name=None, body=[ast.Pass()])
    complaint = ast.parse(f"raise AssertionError('expected {name}')").body
    return ast.Try(body=shown, handlers=[handler], orelse=complaint, finalbody=[])


def _check_printed(argument: ast.expr, want: str) -> ast.stmt:
    if isinstance(argument, ast.Starred) or "<BLANKLINE>" in want or "..." in want:
        raise Unusable("example.prints")
    return _assert(_call("str", argument), ast.Eq(), ast.Constant(want))


def _prints(expression: ast.expr) -> bool:
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    return bool(names & {"print", "pprint", "pp"})


def _check_value(expression: ast.expr, want: str) -> ast.stmt:
    try:
        expected = ast.parse(want, mode="eval").body
    except (SyntaxError, ValueError):
        if re.fullmatch(r"<class '[\w.]+'>", want):
            return _assert(_call("repr", expression), ast.Eq(), ast.Constant(want))
        raise Unusable("example.not_a_value") from None
    if any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(expected)):
        raise Unusable("example.wildcard")
    if isinstance(expected, ast.Constant) and expected.value in (True, False, None) and not _is_number(expected):
        return _assert_singleton(expression, expected)
    if _is_literal(expected) or _is_standard_value(expected):
        return _assert(expression, ast.Eq(), expected)
    names = _names(expected)
    if names and names <= _STABLE_REPRS and "\n" not in want:
        return _assert(_call("repr", expression), ast.Eq(), ast.Constant(want))
    raise Unusable("example.not_a_value")


def _is_number(constant: ast.Constant) -> bool:
    """Whether this is 0 or 1, which equal `False` and `True`."""
    return constant.value is not None and not isinstance(constant.value, bool)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _is_standard_value(node: ast.expr) -> bool:
    """Whether it is built of literals and calls of known constructors alone."""
    called = {part.func.id for part in ast.walk(node) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}
    return bool(called) and _names(node) == called and called <= VALUE_MODULES.keys() | _BUILTIN_VALUES


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _assert_singleton(expression: ast.expr, expected: ast.Constant) -> ast.stmt:
    """`assert a == b` for a comparison shown as `True`: the plainer form of `assert (a == b) is True`."""
    if isinstance(expression, ast.Compare) and isinstance(expected.value, bool):
        truth = expression if expected.value else ast.UnaryOp(op=ast.Not(), operand=expression)
        return ast.Assert(test=truth, msg=None)
    return _assert(expression, ast.Is(), expected)


def _assert(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.stmt:
    return ast.Assert(test=ast.Compare(left=left, ops=[operator], comparators=[right]), msg=None)


def _call(name: str, argument: ast.expr) -> ast.expr:
    return ast.Call(func=ast.Name(name), args=[argument], keywords=[])
