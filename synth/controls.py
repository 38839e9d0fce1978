"""Controls on tests and solutions: what a test calls, its corrupted twin, a stub, whether two solutions are really two.

Tests and solutions are hostile source text here: they are read and rewritten with `ast`, never executed. Of languages
other than Python, `lexical.py` and `fingerprint.py` know as much as tokens tell.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterable

from synth import lexical
from synth.fingerprint import fingerprint

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def called(test: str) -> ast.Call | None:
    """The call whose value the test compares: `f(1)` in `assert f(1) == 2`; `None` for any other form."""
    comparison = _comparison(_parse(test))
    left = comparison.left if comparison else None
    return left if isinstance(left, ast.Call) and isinstance(left.func, ast.Name) else None


def assertion(call: str, value: str) -> str:
    """The test that `call` gives `value`, both as source text."""
    return f"assert {call} {'is' if value in ('True', 'False', 'None') else '=='} {value}"


def corrupted(test: str, language: str = "python", names: Collection[str] = ()) -> str | None:
    """The test with its expected value changed to another of the same type; `None` where no literal is compared.

    An honest solution that passes the test must fail this one. A solution that passes both has tampered with equality,
    or the test does not look at the value. `names`, what the solution defines, matter outside of Python alone.
    """
    if language != "python":
        return lexical.corrupted(test, language, names)
    tree = _parse(test)
    comparison = _comparison(tree)
    if comparison is None or tree is None:
        return None
    try:
        expected = ast.literal_eval(comparison.comparators[0])
        comparison.comparators[0] = ast.parse(source_of(_other(expected)), mode="eval").body
    except (ValueError, TypeError):  # no literal, or one that cannot be built, such as a set of lists
        return None
    if not isinstance(expected, bool):
        comparison.ops[0] = ast.Eq()  # `is None` becomes `== 0`: identity with a number is a warning
    return ast.unparse(tree)


def entry_point(tests: Iterable[str], defined: Iterable[str], language: str = "python") -> str:
    """The function that most tests call, among those `defined`; empty when none is called."""
    if language != "python":
        return lexical.entry_point(tests, defined, language)
    names = [call.func.id for test in tests if (call := called(test)) and isinstance(call.func, ast.Name)]
    known = set(defined)
    counts = {name: names.count(name) for name in names if name in known}
    return max(counts, key=lambda name: counts[name], default="")


def structure(code: str, language: str = "python") -> str:
    """A fingerprint that ignores names, docstrings, annotations and layout: equal means the same program, reworded.

    Code that does not parse is its own fingerprint.
    """
    if language != "python":
        return fingerprint(code, language)
    tree = _parse(code)
    if tree is None:
        return code
    nodes = list(ast.walk(tree))
    bound = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    bound += [node.arg for node in nodes if isinstance(node, ast.arg)]
    bound += [node.name for node in nodes if isinstance(node, FUNCTIONS)]
    names = {name: f"v{number}" for number, name in enumerate(dict.fromkeys(bound))}  # `sum` and `max` stay themselves
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg, node.annotation = names[node.arg], None
        elif isinstance(node, FUNCTIONS):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            node.name, node.returns = names[node.name], None
    try:
        return ast.dump(tree)
    except RecursionError:  # hundreds of `elif`
        return code


def is_tidy(code: str, entry_point: str, language: str = "python") -> bool:
    """Whether `code` is the function and what it needs: no example calls, no printing, no definition left unused.

    Other languages want a `main` or a class around it, so there anything is tidy.
    """
    if language != "python":
        return True
    tree = _parse(code)
    if tree is None:
        return False
    definitions: dict[str, ast.stmt] = {}
    for number, node in enumerate(tree.body):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            definitions[node.name] = node
        elif not isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign):
            is_docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not is_docstring:
                return False
    reached: set[str] = set()
    waiting = [entry_point]
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in reached:
            reached.add(name)
            waiting += [node.id for node in ast.walk(definitions[name]) if isinstance(node, ast.Name)]
    return reached == set(definitions)


def parameters(code: str, entry_point: str) -> list[str] | None:
    """The names of the function's parameters in order; `None` where `code` does not define it at the top level."""
    tree = _parse(code)
    found = [node for node in tree.body if isinstance(node, FUNCTIONS) and node.name == entry_point] if tree else []
    if not found:
        return None
    given = found[-1].args
    named = [
        *given.posonlyargs,
        *given.args,
        *filter(None, [given.vararg]),
        *given.kwonlyargs,
        *filter(None, [given.kwarg]),
    ]
    return [argument.arg for argument in named]


def stub(name: str, language: str = "python") -> str | None:
    """A solution that does nothing: tests that it passes prove nothing. `None` where the language must know types."""
    if language != "python":
        return lexical.stub(name, language)
    return f"def {name}(*args, **kwargs):\n    return None\n"


def is_literal(text: str) -> bool:
    """Whether `text` is the source of a plain Python value."""
    try:
        ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # `{[]: 1}` is a TypeError
        return False
    return True


def source_of(value: object) -> str:
    """The literal of `value`, the same in every process: `repr` orders a set by the hash seed."""
    tree = ast.parse(repr(value), mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Set):
            node.elts.sort(key=ast.unparse)
    return ast.unparse(tree)


def _parse(source: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in a model's code are its own affair
        try:
            tree = ast.parse(source)
            ast.unparse(tree)  # deep chains and 5,000-digit numbers cannot be written out again
            return tree
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nesting made to hurt
            return None


def _comparison(tree: ast.Module | None) -> ast.Compare | None:
    """The `left == right` or `left is right` of the last assertion."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)] if tree else []
    test = max(found, key=lambda node: (node.lineno, node.col_offset)).test if found else None
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    return test if isinstance(test.ops[0], ast.Eq | ast.Is) else None


def _other(value: object) -> object:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float | complex):
        return value + 1 if value + 1 != value else -value  # 1e20 + 1 == 1e20
    if isinstance(value, str):
        return value + "_"
    if isinstance(value, bytes):
        return value + b"_"
    if isinstance(value, list):
        return [*value, 0]
    if isinstance(value, tuple):
        return (*value, 0)
    if isinstance(value, dict):
        return {**value, _fresh(value): 0}
    if isinstance(value, set):
        return {*value, _fresh(value)}
    return 0


def _fresh(members: dict[object, object] | set[object]) -> str:
    return "_" * (1 + max((len(item) for item in members if isinstance(item, str)), default=0))
