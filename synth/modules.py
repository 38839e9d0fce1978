"""Python source files as tables of names, read and never imported: `SourceTree.load` gives a `Module`.

`Module.bindings` says what each module-level name is: a standard import, a name of a sibling module, something that
only an installed third-party package could give, or the statements that define it. Optional imports
(`try: import numpy ... except ImportError: ...`) are read as they run where nothing is installed, and a sibling's name
reached through its module (`import pydash as pyd`, `pyd.chunk`) becomes the bare name, bound to the sibling.
Not covered: star imports, `__getattr__`, and sibling modules used as values.
"""

from __future__ import annotations

import ast
import sys
import typing
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synth.doctests import names_in

NOT_PYTHON = (SyntaxError, ValueError, RecursionError)
"""What parsing raises for a template, a file for another Python, or a generated expression thousands deep."""
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class StandardImport:
    """A line that imports from the standard library."""

    line: str


@dataclass(frozen=True, slots=True)
class SiblingName:
    """A name of another module in the same tree."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class SiblingModule:
    """Another module of the same tree as a whole."""

    path: Path


@dataclass(frozen=True, slots=True)
class ForeignImport:
    """Something that is not in the tree nor in the standard library."""

    module: str


Binding = StandardImport | SiblingName | SiblingModule | ForeignImport | list[ast.stmt]


@dataclass(frozen=True, slots=True)
class Module:
    """One parsed file."""

    path: Path
    source: str
    bindings: dict[str, Binding]
    functions: tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]
    """Those at module level, in source order."""
    postpones_annotations: bool
    """Whether it has `from __future__ import annotations`."""

    def text(self, statement: ast.stmt) -> str:
        """The statement's own source with its decorators and inner comments, dedented."""
        decorators = statement.decorator_list if isinstance(statement, Definition) else []
        first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
        if statement.col_offset == 0 and isinstance(statement, Definition):
            assert statement.end_lineno is not None
            return "\n".join(self.source.splitlines()[first - 1 : statement.end_lineno])
        if statement.col_offset == 0:
            return ast.get_source_segment(self.source, statement) or ast.unparse(statement)
        return ast.unparse(statement)  # it was indented, inside an optional import

    def line_above(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        """The source line directly above the function and its decorators."""
        first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
        return self.source.splitlines()[first - 2].strip() if first > 1 else ""


class SourceTree:
    """The files under `root` whose top-level packages are `tops`, each parsed once."""

    def __init__(self, root: Path, tops: frozenset[str]) -> None:
        self.root = root
        self.tops = tops
        self._modules: dict[Path, Module] = {}

    def load(self, path: Path) -> Module:
        """The module at `path`. Raises one of `NOT_PYTHON`."""
        if path not in self._modules:
            with warnings.catch_warnings(action="ignore"):  # about other people's string escapes
                self._modules[path] = self._parse(path)
        return self._modules[path]

    def _parse(self, path: Path) -> Module:
        source = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n").replace("\f", " ")
        body, bindings = self._read(source, path)
        bare_source, bare_names = _bare_names(source, body, bindings)
        if bare_names:
            source = bare_source
            body, bindings = self._read(source, path)
        return Module(
            path=path,
            source=source,
            bindings=bare_names | bindings,
            functions=tuple(node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)),
            postpones_annotations=any(
                isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.names[0].name == "annotations"
                for node in body
            ),
        )

    def _read(self, source: str, path: Path) -> tuple[list[ast.stmt], dict[str, Binding]]:
        """The module-level statements that run, and what each name stands for after them."""
        body = list(self._flatten(ast.parse(source).body))
        bindings: dict[str, Binding] = {}
        for statement in body:
            self._bind(statement, path, bindings)
        return body, bindings

    def _flatten(self, body: list[ast.stmt]) -> Iterator[ast.stmt]:
        """The statements that run, with optional imports and `if TYPE_CHECKING` resolved."""
        for statement in body:
            if isinstance(statement, ast.Try) and (handler := _import_handler(statement)) is not None:
                available = all(self._is_available(part) for part in statement.body)
                yield from self._flatten([*statement.body, *statement.orelse] if available else handler.body)
            elif isinstance(statement, ast.If) and _is_type_checking(statement.test):
                yield from self._flatten(statement.orelse or statement.body)
            else:
                yield statement

    def _is_available(self, statement: ast.stmt) -> bool:
        bindings: dict[str, Binding] = {}
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self._bind(statement, self.root / "any.py", bindings)
        is_relative = isinstance(statement, ast.ImportFrom) and statement.level > 0
        return is_relative or not any(isinstance(binding, ForeignImport) for binding in bindings.values())

    def _bind(self, statement: ast.stmt, path: Path, bindings: dict[str, Binding]) -> None:
        match statement:
            case ast.Import():
                for alias in statement.names:
                    bindings[alias.asname or alias.name.partition(".")[0]] = self._plain_import(alias)
            case ast.ImportFrom():
                for alias in statement.names:
                    bindings[alias.asname or alias.name] = self._from_import(statement, alias, path)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if not any(ast.unparse(decorator).endswith("overload") for decorator in statement.decorator_list):
                    bindings[statement.name] = [statement]
            case ast.Delete():  # what was bound before still serves those that ran before
                pass
            case _:
                for name in sorted(names_in(ast.unparse(statement))[1]):
                    before = bindings.get(name)
                    bindings[name] = [*before, statement] if isinstance(before, list) else [statement]

    def _plain_import(self, alias: ast.alias) -> Binding:
        top = alias.name.partition(".")[0]
        if top in self.tops:
            found = _module_file(self.root.joinpath(*(alias.name if alias.asname else top).split(".")))
            return ForeignImport(alias.name) if found is None else SiblingModule(found)
        return _standard(alias.name, f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else ""))

    def _from_import(self, statement: ast.ImportFrom, alias: ast.alias, path: Path) -> Binding:
        module = statement.module or ""
        renamed = f" as {alias.asname}" if alias.asname else ""
        if module == "typing_extensions" and hasattr(typing, alias.name):
            module = "typing"
        if statement.level == 0 and module.partition(".")[0] not in self.tops:
            return _standard(module, f"from {module} import {alias.name}{renamed}")
        folder = self.root if statement.level == 0 else path.parents[statement.level - 1]
        found = _module_file(folder.joinpath(*module.split(".")) if module else folder)
        if found is None:
            return ForeignImport("." * statement.level + module)
        submodule = _module_file(found.parent / alias.name) if found.name == "__init__.py" else None
        return SiblingName(found, alias.name) if submodule is None else SiblingModule(submodule)


def _standard(module: str, line: str) -> Binding:
    is_standard = module.partition(".")[0] in sys.stdlib_module_names
    return StandardImport(line) if is_standard else ForeignImport(module)


def _module_file(place: Path) -> Path | None:
    """The file of the module that would be imported from `place`."""
    candidates = (place.with_name(place.name + ".py"), place / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _import_handler(statement: ast.Try) -> ast.ExceptHandler | None:
    """The handler for a missing import, where the statement is about one."""
    for handler in statement.handlers:
        caught = ast.unparse(handler.type) if handler.type is not None else ""
        if "ImportError" in caught or "ModuleNotFoundError" in caught:
            return handler
    return None


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING"


def _bare_names(source: str, body: list[ast.stmt], bindings: dict[str, Binding]) -> tuple[str, dict[str, Binding]]:
    """`source` with `pyd.chunk` as `chunk` where `pyd` is a sibling module, and what each such name stands for.

    A name that means something else in the module, or in the statement around it, is left as it was.
    """
    lines = [line.encode() for line in source.split("\n")]
    names: dict[str, Binding] = {}
    found: list[tuple[int, int, int, str]] = []
    for statement in body:
        nodes = list(ast.walk(statement))
        local = {node.arg for node in nodes if isinstance(node, ast.arg)}
        local |= {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        for node in nodes:
            match node:
                case ast.Attribute(value=ast.Name(id=alias, lineno=line, col_offset=start), attr=name):
                    module = bindings.get(alias)
                    if not isinstance(module, SiblingModule) or name in bindings or {name, alias} & local:
                        continue
                    if names.setdefault(name, SiblingName(module.path, name)) == SiblingName(module.path, name):
                        found.append((line, start, node.end_col_offset or 0, name))
    for line, start, end, name in sorted(found, reverse=True):
        if lines[line - 1][start:end].endswith(name.encode()):  # else it goes on over lines
            lines[line - 1] = lines[line - 1][:start] + name.encode() + lines[line - 1][end:]
    return b"\n".join(lines).decode(), names
