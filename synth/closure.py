"""All that one function needs to run alone: `collect` follows its names to imports, helpers, classes and constants.

Names are followed through sibling modules too. What cannot be had (third-party imports, names of unknown origin, one
name with two meanings) raises `NotLiftable`. Names that only annotations mention are brought along where that is
possible; otherwise the unit postpones the evaluation of its annotations.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from synth.doctests import BUILTINS, names_in, unparse
from synth.modules import NOT_PYTHON, ForeignImport, Module, SiblingModule, SiblingName, SourceTree, StandardImport

NOT_REPEATABLE = frozenset(
    {"asyncio", "http", "multiprocessing", "random", "secrets", "select", "socket", "subprocess", "tempfile"}
    | {"threading", "time", "urllib.request", "uuid"}
)
"""Modules whose users answer differently from run to run, or need more than a sandbox gives."""
MAX_STATEMENTS = 60
"""More than this is not one task any more; it also bounds how deep names are followed."""
_MODULE_NAMES = frozenset({"__name__", "__doc__"})


class NotLiftable(Exception):
    """This function cannot run alone; the argument is the `function.rule` reason."""


@dataclass(slots=True)
class Unit:
    """What has been collected."""

    imports: dict[str, str] = field(default_factory=dict)
    """Name -> the line that imports it from the standard library."""
    statements: dict[tuple[Path, int, int], tuple[Module, ast.stmt]] = field(default_factory=dict)
    """By file, line and column."""
    origins: dict[str, str] = field(default_factory=dict)
    """Name -> where it comes from, so that a second meaning is noticed."""
    siblings: dict[Path, list[Path]] = field(default_factory=dict)
    """Module -> the modules it takes names from."""
    postpones_annotations: bool = False

    def in_order(self, start: Path) -> list[tuple[Module, ast.stmt]]:
        """The statements in an order in which they run: source order, and siblings before those that import them."""
        ranks: dict[Path, int] = {}
        self._rank(start, ranks, set())
        keys = sorted(self.statements, key=lambda key: (ranks[key[0]], *key[1:]))
        return [self.statements[key] for key in keys]

    def _rank(self, path: Path, ranks: dict[Path, int], seen: set[Path]) -> None:
        seen.add(path)
        for sibling in self.siblings.get(path, []):
            if sibling not in seen:
                self._rank(sibling, ranks, seen)
        ranks[path] = len(ranks)


def collect(
    tree: SourceTree,
    module: Module,
    names: Iterable[str],
    *,
    given: frozenset[str] = frozenset(),
    annotated: bool = True,
) -> Unit:
    """What defines `names` of `module`, with all that reads. Names in `given` are there already.

    Without `annotated`, names in annotations do not count. Raises `NotLiftable`.
    """
    collector = _Collector(tree, given, annotated)
    for name in sorted(names):
        collector.add(module, name)
    return collector.unit


class _Collector:
    def __init__(self, tree: SourceTree, given: frozenset[str], annotated: bool) -> None:
        self.unit = Unit()
        self._tree = tree
        self._given = given
        self._annotated = annotated
        self._following: set[tuple[Path, str]] = set()

    def add(self, module: Module, name: str) -> None:
        """Adds `name` of `module` and all that it reads. Raises `NotLiftable`."""
        if name in self._given:
            return
        match module.bindings.get(name):
            case None:
                if name not in BUILTINS | _MODULE_NAMES:
                    raise NotLiftable("function.undefined_name")
            case ForeignImport() | SiblingModule():
                raise NotLiftable("function.third_party")
            case StandardImport(line):
                self._claim(name, line)
                self._add_import(name, line)
            case SiblingName(path, original):
                self._add_sibling(module, name, path, original)
            case list(statements):
                self._claim(name, str(module.path))
                for statement in statements:
                    self._add_statement(module, statement)

    def _claim(self, name: str, origin: str) -> None:
        if self.unit.origins.setdefault(name, origin) != origin:
            raise NotLiftable("function.name_clash")

    def _add_import(self, name: str, line: str) -> None:
        statement = ast.parse(line).body[0]
        assert isinstance(statement, ast.Import | ast.ImportFrom)
        _require_standard(statement)
        self.unit.imports[name] = line

    def _add_sibling(self, module: Module, name: str, path: Path, original: str) -> None:
        try:
            sibling = self._tree.load(path)
        except NOT_PYTHON:
            raise NotLiftable("function.undefined_name") from None
        if original not in sibling.bindings or sibling is module:
            raise NotLiftable("function.undefined_name")
        if name != original:  # `from .x import f as g` would need a second name for one definition
            raise NotLiftable("function.name_clash")
        self.unit.siblings.setdefault(module.path, []).append(path)
        if (path, original) in self._following:  # two modules that import one name from each other
            return
        self._following.add((path, original))
        try:
            self.add(sibling, original)
        finally:
            self._following.remove((path, original))

    def _add_statement(self, module: Module, statement: ast.stmt) -> None:
        key = (module.path, statement.lineno, statement.col_offset)
        if key in self.unit.statements:
            return
        if len(self.unit.statements) == MAX_STATEMENTS:
            raise NotLiftable("function.long")
        self.unit.statements[key] = (module, statement)
        needed, in_annotations = _reads(statement)
        for name in sorted(needed):
            self.add(module, name)
        if self._annotated:
            self.unit.postpones_annotations |= module.postpones_annotations and bool(in_annotations)
            for name in sorted(in_annotations - needed):
                self._add_for_annotation(module, name)

    def _add_for_annotation(self, module: Module, name: str) -> None:
        before = copy.copy(self.unit)
        before.imports, before.statements = dict(self.unit.imports), dict(self.unit.statements)
        before.origins = dict(self.unit.origins)
        before.siblings = {path: list(siblings) for path, siblings in self.unit.siblings.items()}
        try:
            self.add(module, name)
        except NotLiftable:
            self.unit = before
            self.unit.postpones_annotations = True


def without_annotations(statement: ast.stmt) -> ast.stmt:
    """A copy of the statement that evaluates no annotation."""
    copied: ast.stmt = _AnnotationRemover().visit(copy.deepcopy(statement))
    return copied


class _AnnotationRemover(ast.NodeTransformer):
    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if node.value is None:
            node.annotation = ast.Constant(None)
            return node
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)


def _reads(statement: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    """The names that running the statement needs, and those that its annotations mention."""
    bare = without_annotations(statement)
    for node in ast.walk(bare):
        if isinstance(node, ast.Import | ast.ImportFrom):
            _require_standard(node)
    annotations = [
        annotation
        for node in ast.walk(statement)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if isinstance(annotation, ast.expr)
    ]
    mentioned = {part.id for node in annotations for part in ast.walk(node) if isinstance(part, ast.Name)}
    return names_in(unparse([bare]))[0], frozenset(mentioned)


def _require_standard(statement: ast.Import | ast.ImportFrom) -> None:
    """Raises `NotLiftable` for an import that would not work, or not repeat, elsewhere."""
    if isinstance(statement, ast.ImportFrom):
        modules = ["." if statement.level else statement.module or ""]
    else:
        modules = [alias.name for alias in statement.names]
    if any(module.partition(".")[0] not in sys.stdlib_module_names for module in modules):
        raise NotLiftable("function.third_party")
    if any(f"{module}.".startswith(f"{bad}.") for module in modules for bad in NOT_REPEATABLE):
        raise NotLiftable("function.not_repeatable")
