"""Functions with examples, lifted out of their module so that each runs alone: `lift_functions`.

A lifted function brings the standard imports, helpers, classes and constants that it reads, in an order in which they
run; examples are taken out of its docstrings and become tests. A function left out is counted under its
`function.rule` reason. Methods are not covered.
"""

from __future__ import annotations

import ast
import copy
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from synth.closure import NotLiftable, Unit, collect, without_annotations
from synth.doctests import Context, Example, prose, read_docstring, unparse
from synth.modules import Definition, Module, SourceTree

MIN_EXAMPLES = 2
MAX_CODE_LINES = 120
"""A longer unit is more a module than a task, and crowds a small teacher's context."""
MAX_TEST_HELPER_LINES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function that runs alone, with what its examples say of it."""

    name: str
    text: str
    """The code with the function's docstring in full."""
    code: str
    """The code without examples."""
    signature: str
    summary: str
    """The docstring's prose on one line."""
    examples: tuple[Example, ...]
    tests: tuple[str, ...]
    line_above: str
    """The line above the definition, where a comment may say more."""


def lift_functions(tree: SourceTree, path: Path, skipped: Counter[str]) -> Iterator[Function]:
    """The functions of the file at `path` with at least `MIN_EXAMPLES` usable examples, in source order.

    Raises what `SourceTree.load` raises.
    """
    module = tree.load(path)
    for node in module.functions:
        if ">>>" not in (ast.get_docstring(node) or "") or module.bindings.get(node.name) != [node]:
            continue
        try:
            with warnings.catch_warnings(action="ignore"):  # about other people's string escapes
                function = _lift(tree, module, node, skipped)
        except NotLiftable as reason:
            skipped[str(reason)] += 1
        else:
            yield function


def _lift(
    tree: SourceTree, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef, skipped: Counter[str]
) -> Function:
    docstring = ast.get_docstring(node)
    assert docstring is not None
    unit, code = _collect_short(tree, module, node.name)

    def provide(names: frozenset[str]) -> Context | None:
        return _context(tree, module, names, node.name)

    try:
        pairs = read_docstring(docstring, node.name, provide, skipped=skipped)
    except ValueError:
        raise NotLiftable("function.malformed_docstring") from None
    if len(pairs) < MIN_EXAMPLES:
        raise NotLiftable("function.few_examples")
    return Function(
        name=node.name,
        text=_source(unit, module, full=node),
        code=code,
        signature=_signature(node),
        summary=" ".join(prose(docstring).split()),
        examples=tuple(example for example, _ in pairs),
        tests=tuple(test for _, test in pairs),
        line_above=module.line_above(node),
    )


def _collect_short(tree: SourceTree, module: Module, name: str) -> tuple[Unit, str]:
    """The function with all it needs, and its code; what only annotations mention goes first when it is too long."""
    unit = collect(tree, module, [name])
    code = _source(unit, module, full=None)
    if len(code.splitlines()) > MAX_CODE_LINES:
        unit = collect(tree, module, [name], annotated=False)
        unit.postpones_annotations = True
        code = _source(unit, module, full=None)
    if len(code.splitlines()) > MAX_CODE_LINES:
        raise NotLiftable("function.long")
    return unit, code


def _context(tree: SourceTree, module: Module, names: frozenset[str], entry_point: str) -> Context | None:
    """What defines `names` for a test of `entry_point`, whose own definition the test must not bring along."""
    try:
        unit = collect(tree, module, names, given=frozenset({entry_point}), annotated=False)
    except NotLiftable:
        return None
    statements = [statement for _, statement in unit.in_order(module.path)]
    # A class of the module would have to be the solution's own class, which a solution cannot know.
    if any(isinstance(statement, ast.ClassDef) for statement in statements):
        return None
    definitions = tuple(unparse([without_annotations(statement)]) for statement in statements)
    if sum(len(text.splitlines()) for text in definitions) > MAX_TEST_HELPER_LINES:
        return None
    return Context(imports=tuple(_import_lines(unit.imports.values())), definitions=definitions)


def _source(unit: Unit, module: Module, *, full: ast.stmt | None) -> str:
    """The unit as one program; only the definition `full` keeps the examples in its docstring."""
    future = ["from __future__ import annotations"] if unit.postpones_annotations else []
    parts = ["\n".join(part) for part in (future, _import_lines(unit.imports.values())) if part]
    program = "\n\n".join(parts)
    was_definition = True
    for owner, statement in unit.in_order(module.path):
        text = owner.text(statement)
        is_definition = isinstance(statement, Definition)
        gap = "\n\n\n" if is_definition or was_definition else "\n"
        program += (gap if program else "") + (text if statement is full else _without_examples(text))
        was_definition = is_definition
    return program + "\n"


def _import_lines(lines: Iterable[str]) -> list[str]:
    """The import lines in order, those from one module joined."""
    plain: set[str] = set()
    grouped: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        head, _, name = line.partition(" import ")
        if name:
            grouped[head].add(name)
        else:
            plain.add(line)
    return sorted(plain) + [f"{head} import {', '.join(sorted(names))}" for head, names in sorted(grouped.items())]


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    bare = copy.copy(node)
    bare.body, bare.decorator_list = [ast.Pass()], []
    return unparse([bare]).removesuffix(":\n    pass")


def _without_examples(text: str) -> str:
    """The definition with only the prose of its docstring; anything else as it is."""
    definition = ast.parse(text).body[0]
    if not isinstance(definition, Definition):
        return text
    docstring = ast.get_docstring(definition)
    if docstring is None or ">>>" not in docstring:
        return text
    shown = definition.body[0]
    assert shown.end_lineno is not None
    lines = text.splitlines()
    before, after = lines[: shown.lineno - 1], lines[shown.end_lineno :]
    indent = " " * shown.col_offset
    try:
        replacement = _quote(prose(docstring), indent)
    except ValueError:  # doctest cannot read a helper's docstring, which then stays whole
        return text
    if not replacement and len(definition.body) == 1:
        replacement = [indent + "pass"]
    changed = "\n".join([*before, *replacement, *after])
    return changed if _says_the_same(changed, definition) else text


def _quote(docstring: str, indent: str) -> list[str]:
    """The source lines of a docstring; none for an empty one."""
    if not docstring:
        return []
    if '"""' in docstring or docstring.endswith(('"', "\\")):
        return [indent + repr(docstring)]
    prefix = "r" if "\\" in docstring else ""
    first, *rest = docstring.split("\n")
    if not rest:
        return [f'{indent}{prefix}"""{first}"""']
    return [f'{indent}{prefix}"""{first}', *(indent + line if line else "" for line in rest), f'{indent}"""']


def _says_the_same(changed: str, definition: ast.stmt) -> bool:
    """Whether only the docstring was changed: a statement on the docstring's own line would be lost."""
    try:
        after = ast.parse(changed).body[0]
    except SyntaxError:
        return False
    return _dump_without_docstring(after) == _dump_without_docstring(definition)


def _dump_without_docstring(definition: ast.stmt) -> list[str]:
    assert isinstance(definition, Definition)
    body = definition.body
    if ast.get_docstring(definition) is not None:
        body = body[1:]
    return [ast.dump(statement) for statement in body if not isinstance(statement, ast.Pass)]
