"""What names and expressions of a program mean: `Names`, which `api_calls.py` leads through the statements.

An expression is the full names of what it may be: `numpy.clip` that object, `networkx.Graph()` an instance of that
class. Nothing is executed, and what cannot be told is nothing.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable

Paths = frozenset[str]
NOTHING: Paths = frozenset()
_BUILTINS = frozenset(dir(builtins))
_APPLIES = frozenset(
    "accumulate apply apply_along_axis dropwhile filter filterfalse groupby map partial partialmethod reduce starmap "
    "submit takewhile vectorize".split()
)
"""Calls that call what they are given."""
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class Names:
    """The names of a program at one point of its running, and what has been called until then."""

    def __init__(self) -> None:
        self.called: set[str] = set()
        self.names: dict[str, Paths] = {}
        """Also dotted: `self.graph` once it was assigned to. An absent name is a built-in, or from a star import."""
        self.stars: dict[str, None] = {}

    def set(self, name: str, paths: Paths) -> None:
        """Lets `name` mean `paths`; what was assigned to its attributes is forgotten."""
        for known in [known for known in self.names if known.startswith(f"{name}.")]:
            del self.names[known]
        self.names[name] = paths

    def bind(self, target: ast.expr, paths: Paths, value: ast.expr | None = None) -> None:
        """Lets `target` mean `paths`; where both sides are lists, their members in pairs."""
        match target, value:
            case ((ast.Tuple(elts=targets) | ast.List(elts=targets)), (ast.Tuple(elts=values) | ast.List(elts=values))):
                pairs = targets if len(targets) == len(values) else []
                given = [self._look(each) for each in values]
                for each, found in zip(pairs, given, strict=False):
                    self.bind(each, found)
            case ((ast.Tuple(elts=targets) | ast.List(elts=targets)), _):
                for each in targets:
                    self.bind(each, NOTHING)
            case ast.Starred(value=inner), _:
                self.bind(inner, NOTHING)
            case ast.Name(id=name), _:
                self.set(name, paths)
            case ast.Attribute(), _ if name := dotted(target):
                self.set(name, paths)
            case _:
                self.inner(target)

    def _look(self, node: ast.expr) -> Paths:
        """What an expression is, where its calls were counted before."""
        counted = set(self.called)
        found = self.value(node)
        self.called = counted
        return found

    def value(self, node: ast.expr) -> Paths:
        """What an expression may be; the calls in it are counted."""
        match node:
            case ast.Name(id=name):
                return self._name(name)
            case ast.Attribute(value=inner, attr=attribute):
                known = self.names.get(dotted(node))
                owners = self.value(inner)
                return known if known is not None else frozenset(f"{o.removesuffix('()')}.{attribute}" for o in owners)
            case ast.Call():
                return self._call(node)
            case ast.NamedExpr(target=target, value=inner):
                found = self.value(inner)
                self.bind(target, found)
                return found
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.value(test)
                return (NOTHING if is_false(test) else self.value(body)) | self.value(orelse)
            case ast.BoolOp(values=values):
                return NOTHING.union(*(self.value(each) for each in values))
            case ast.Await(value=inner):
                return self.value(inner)
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self._own_names(node)
                return NOTHING
        self.inner(node)
        return NOTHING

    def _name(self, name: str) -> Paths:
        if name in self.names:
            return self.names[name]
        from_stars = frozenset(f"{module}.{name}" for module in self.stars)
        return from_stars | {f"builtins.{name}"} if name in _BUILTINS else from_stars

    def _call(self, node: ast.Call) -> Paths:
        callee = self.value(node.func)
        self.called |= {f"{path.removesuffix('()')}.__call__" if path.endswith("()") else path for path in callee}
        applies = dotted(node.func).rpartition(".")[2] in _APPLIES
        for argument in node.args:
            given = self.value(argument)
            self.called |= given if applies else NOTHING
        for keyword in node.keywords:
            given = self.value(keyword.value)
            self.called |= given if applies or keyword.arg == "key" else NOTHING
        if callee == {"builtins.super"}:
            return self.names.get("super()", NOTHING)
        return instances(callee)

    def _own_names(self, node: ast.Lambda | _Comprehension) -> None:
        """An expression whose parameters or loop variables end with it."""
        around = self.names
        self.names = dict(around)
        if isinstance(node, ast.Lambda):
            self.parameters(node.args)
            self.value(node.body)
        else:
            for generator in node.generators:
                self.bind(generator.target, self.value(generator.iter) and NOTHING)
                for condition in generator.ifs:
                    self.value(condition)
            for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
                self.value(part)
        self.names = around

    def inner(self, node: ast.AST) -> None:
        """Counts the calls in the parts of a node."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
            else:
                self.inner(child)

    def annotated(self, node: ast.expr) -> Paths:
        """An instance of the class that an annotation names, alone or in a union."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                return NOTHING
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self.annotated(node.left) | self.annotated(node.right)
        return instances(self._look(node)) if isinstance(node, ast.Name | ast.Attribute) else NOTHING

    def parameters(self, given: ast.arguments) -> None:
        """Lets the parameters mean what their annotations say."""
        for parameter in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            self.set(parameter.arg, self.annotated(parameter.annotation) if parameter.annotation else NOTHING)
        for rest in filter(None, (given.vararg, given.kwarg)):
            self.set(rest.arg, NOTHING)


def instances(classes: Paths) -> Paths:
    """What calling `classes` gives, if they are classes."""
    return frozenset(f"{path}()" for path in classes if not path.endswith("()"))


def merged(ends: Iterable[dict[str, Paths]]) -> dict[str, Paths]:
    """What names may mean after several ways to the same point."""
    found: dict[str, Paths] = {}
    for names in ends:
        for name, paths in names.items():
            found[name] = found.get(name, NOTHING) | paths
    return found


def dotted(node: ast.expr) -> str:
    """`a.b.c` as text; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def is_false(test: ast.expr) -> bool:
    """Whether a block under this condition does not run when the program is imported."""
    match test:
        case ast.Constant(value=value):
            return not value
        case ast.Compare(left=ast.Name("__name__"), ops=[ast.Eq()], comparators=[ast.Constant("__main__")]):
            return True
    return False
