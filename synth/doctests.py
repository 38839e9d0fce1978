"""Doctests as tests that stand alone: `read_docstring` turns a docstring into examples and one test for each.

A test must judge code that was never near the seed (a teacher's solution has the entry point and nothing else), so
each one carries all it needs: the earlier lines of the docstring it depends on, imports, and copies of the module's
helper functions, in a local scope so that they cannot replace the solution's own.

Not covered: examples that print, end in `...`, show an object by its address or by a class of the module itself, or are
marked `+SKIP`. Each is counted under its `example.rule` reason.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import inspect
import re
import symtable
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from synth.asserts import VALUE_MODULES, Unusable, check_statements

BUILTINS = frozenset(dir(builtins))
_HEADING = re.compile(
    r"\s*(\.\. (code|code-block|doctest)::.*|(basic |more )?(examples?|doctests?|usage|for example)\s*:{0,2})\s*",
    re.IGNORECASE,
)
_HISTORY = re.compile(r"^( *)\.\. (versionadded|versionchanged|deprecated)::.*\n?((\1 +.*)?\n)*(\1 +.*)?", re.MULTILINE)
_parser = doctest.DocTestParser()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One example that ships with the code."""

    call: str
    """The expression, such as `take(3, [1, 2])`."""
    expected: str
    """What the doctest shows for it; for an exception its last line, such as `ValueError: empty`."""
    setup: str = ""
    """Statements that must run before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a test borrows from the module around its function, as source text."""

    imports: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()


Provide = Callable[[frozenset[str]], Context | None]
"""Names that a test reads and nothing in it binds -> what defines them, or `None` where the module cannot."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One `>>>` statement of a docstring, with the names it reads and binds."""

    body: list[ast.stmt]
    want: str
    raises: str | None
    is_skipped: bool
    has_wildcard: bool
    reads: frozenset[str]
    binds: frozenset[str]


def read_docstring(
    docstring: str, entry_point: str, provide: Provide, *, skipped: Counter[str] | None = None
) -> list[tuple[Example, str]]:
    """The usable examples of `docstring`, each with its test.

    The reasons of those left out are counted in `skipped`. Raises `ValueError` where doctest itself cannot read it.
    """
    lines = _read_lines(docstring)
    pairs: dict[str, tuple[Example, str]] = {}
    for position, line in enumerate(lines):
        if not line.want and line.raises is None:
            continue
        try:
            example, test = _make_test(line, _needed(lines, position), entry_point, provide)
        except Unusable as reason:
            if skipped is not None:
                skipped[str(reason)] += 1
        else:
            pairs.setdefault(test, (example, test))
    return list(pairs.values())


def prose(docstring: str) -> str:
    """The docstring without its examples, the headings over them and the history; empty when it holds nothing else."""
    parts = _parser.parse(inspect.cleandoc(docstring))
    text = _HISTORY.sub("", "".join(part if isinstance(part, str) else "\n" for part in parts))
    lines: list[str] = []
    after_heading = False
    for line in text.splitlines():
        is_underline = after_heading and re.fullmatch(r"\s*[-=~]{3,}\s*", line) is not None
        after_heading = _HEADING.fullmatch(line) is not None
        is_comment = re.match(r"\s+#", line) is not None  # spoke of the example under it
        if not after_heading and not is_underline and not is_comment:
            lines.append(line.rstrip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def names_in(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The global names that `source` reads, and those that it binds, by Python's own scoping."""
    table = symtable.symtable(source, "<seed>", "exec")
    reads = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    binds = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    pending = list(table.get_children())
    while pending:
        scope = pending.pop()
        pending += scope.get_children()
        reads |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
    return frozenset(reads), frozenset(binds)


def unparse(body: list[ast.stmt]) -> str:
    """The source text of the statements."""
    return ast.unparse(ast.Module(body=body, type_ignores=[]))


def _read_lines(docstring: str) -> list[_Line]:
    lines = []
    for example in _parser.get_examples(docstring):
        try:
            body = [statement for statement in ast.parse(example.source).body if not _is_foreign_import(statement)]
            reads, binds = names_in(unparse(body))
        except (SyntaxError, ValueError):  # what it would have bound is now undefined, and shows as such
            continue
        is_skipped = bool(example.options.get(doctest.SKIP))
        has_wildcard = bool(example.options.get(doctest.ELLIPSIS)) and "..." in example.want and not example.exc_msg
        lines.append(_Line(body, example.want.rstrip("\n"), example.exc_msg, is_skipped, has_wildcard, reads, binds))
    return lines


def _is_foreign_import(statement: ast.stmt) -> bool:
    """Whether it imports from beyond the standard library.

    From the seed's own package: the entry point is there already, and `Provide` defines the rest. From elsewhere: the
    names stay undefined, which leaves out the examples that use them.
    """
    match statement:
        case ast.Import(names=aliases):
            modules = [alias.name for alias in aliases]
        case ast.ImportFrom(module=module, level=level):
            modules = [module or "" if level == 0 else "."]
        case _:
            return False
    return any(module.partition(".")[0] not in sys.stdlib_module_names - {"__future__"} for module in modules)


def _needed(lines: list[_Line], position: int) -> list[_Line]:
    """The earlier lines that could change what the line at `position` sees: all that share a name, transitively.

    Sharing is followed both ways, so that `b = a` and then `b.append(1)` count for an example about `a`.
    """
    earlier = [line for line in lines[:position] if not line.is_skipped]
    bound = frozenset[str]().union(*(line.binds for line in earlier))
    wanted = lines[position].reads & bound
    while True:
        chosen = [line for line in earlier if (line.reads | line.binds) & wanted]
        wider = wanted.union(*((line.reads | line.binds) & bound for line in chosen))
        if wider == wanted:
            return chosen
        wanted = wider


def _make_test(line: _Line, needed: list[_Line], entry_point: str, provide: Provide) -> tuple[Example, str]:
    if line.is_skipped:
        raise Unusable("example.skipped")
    if line.has_wildcard:
        raise Unusable("example.wildcard")
    setup = [statement for other in needed for statement in _replay(other)]
    checks = check_statements(line.body, line.want, line.raises)
    reads, binds = names_in(unparse([*setup, *checks]))
    if entry_point not in reads or entry_point in binds:
        raise Unusable("example.other_function")
    context = _context(reads - binds - BUILTINS - {entry_point}, provide)
    imports = [statement for text in context.imports for statement in ast.parse(text).body]
    definitions = [_without_docstring(statement) for text in context.definitions for statement in ast.parse(text).body]
    setup = [*imports, *definitions, *setup]
    example = Example(
        call=unparse(line.body),
        expected=(line.raises or line.want).strip(),
        setup=unparse(setup),
    )
    test = unparse([*setup, *checks])
    return example, _in_local_scope(test) if definitions else test


def _replay(line: _Line) -> list[ast.stmt]:
    """Statements that repeat what `line` did, without checking it."""
    if line.raises is None:
        return line.body
    handler = ast.ExceptHandler(type=ast.Name("Exception"), name=None, body=[ast.Pass()])
    return [ast.Try(body=line.body, handlers=[handler], orelse=[], finalbody=[])]


def _context(free: frozenset[str], provide: Provide) -> Context:
    """What defines the names `free`: the module around the function, or the standard types of shown values."""
    context = provide(free) if free else Context()
    if context is not None:
        return context
    values = sorted(free & VALUE_MODULES.keys())
    rest = provide(free.difference(values)) if values else None
    if rest is None:
        raise Unusable("example.undefined_name")
    imports = tuple(f"from {VALUE_MODULES[name]} import {name}" for name in values)
    return Context(imports=rest.imports + imports, definitions=rest.definitions)


def _in_local_scope(test: str) -> str:
    body = ast.parse(test).body
    function = ast.parse("def check_example(): pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = body
    return unparse([function]) + "\n\ncheck_example()"


def _without_docstring(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.FunctionDef) and ast.get_docstring(statement) is not None:
        statement.body = statement.body[1:] or [ast.Pass()]
    return statement
