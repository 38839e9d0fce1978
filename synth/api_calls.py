"""Which APIs of which packages a program really calls, by its syntax tree: `missing_calls`.

Names are followed in the order in which the program runs: imports under any alias, attribute chains, aliases by
assignment, and the methods of an object built from a class, annotated with one, or of a class derived from one. An
assignment, a parameter or a loop variable of the same name ends what the name meant; after a branch it means what any
branch made it. A call counts, and so do a decorator, a base class, and a function handed to `map`, `partial`, `key=`
and the like; a mention (an unused import, a comment, `print(np.clip)`) does not, nor does code that cannot run.

Not covered, and so not counted: the methods of what a function or method returned (`np.array(x).mean()` is not
`numpy.ndarray.mean`), another path to the same object than the one asked for, and names made at run time (`getattr`).
"""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Callable, Iterable, Sequence

Paths = frozenset[str]
"""What an expression may be: `numpy.clip` is that object, `networkx.Graph()` an instance of that class."""

NOTHING: Paths = frozenset()
_BUILTINS = frozenset(dir(builtins))
_APPLIES = frozenset(
    "accumulate apply apply_along_axis dropwhile filter filterfalse groupby map partial partialmethod reduce starmap "
    "submit takewhile vectorize".split()
)
"""Calls that call what they are given."""
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def missing_calls(code: str, required: Sequence[str]) -> list[str]:
    """Those of `required`, such as `numpy.clip` or `networkx.Graph.add_edge`, that `code` never calls, in order."""
    called = calls_in(code)
    return [name for name in dict.fromkeys(required) if name not in called]


def calls_in(code: str) -> Paths:
    """The full name of everything that `code` calls and that can be told; nothing for what is no Python."""
    try:
        with warnings.catch_warnings(action="ignore"):  # invalid escapes in a model's code are its own affair
            tree = ast.parse(code)
        reader = _Reader()
        reader.scope(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nesting made to hurt
        return NOTHING
    return frozenset(reader.called)


class _Reader:
    """Walks one program in the order of its running, with what each name means at that point."""

    def __init__(self) -> None:
        self.called: set[str] = set()
        self._names: dict[str, Paths] = {}
        """Also dotted: `self.graph` once it was assigned to. An absent name is a built-in, or from a star import."""
        self._stars: dict[str, None] = {}
        self._later: list[Callable[[], None]] = []
        """Function bodies of the scope: they run once all of the scope is known."""
        self._in_loop = False

    def scope(self, body: Sequence[ast.stmt]) -> None:
        """Reads the body of a module or function, then the functions in it."""
        outer, self._later = self._later, []
        was_in_loop, self._in_loop = self._in_loop, False
        self._block(body)
        later, self._later = self._later, outer
        self._in_loop = was_in_loop
        final = self._names
        for read in later:
            self._names = dict(final)
            read()
        self._names = final

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)
            if isinstance(statement, _ENDS):
                return

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._define(node)
                self._later.append(lambda: self._function(node))
            case ast.ClassDef():
                self._class(node)
            case ast.Assign(targets=targets, value=value):
                given = self._value(value)
                for target in targets:
                    self._bind(target, given, value)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                given = self._value(value) if value else NOTHING
                self._bind(target, given or self._annotated(annotation))
            case ast.AugAssign(target=target, value=value):
                self._value(value)
                self._bind(target, NOTHING)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._bind(target, NOTHING)
            case ast.For() | ast.AsyncFor() | ast.While():
                self._loop(node)
            case ast.If(test=test, body=body, orelse=orelse):
                self._value(test)
                self._branches([] if _is_false(test) else body, orelse)
            case ast.Try() | ast.TryStar():
                self._try(node)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    given = self._value(item.context_expr)
                    if item.optional_vars:
                        self._bind(item.optional_vars, given)
                self._block(body)
            case ast.Match(subject=subject, cases=cases):
                self._value(subject)
                self._cases(cases)
            case _:
                self._inner(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                self._set(alias.asname or top, frozenset({alias.name if alias.asname else top}))
            return
        for alias in node.names:
            if alias.name == "*":
                self._stars[node.module or ""] = None
            else:
                found = frozenset({f"{node.module}.{alias.name}"}) if node.level == 0 else NOTHING
                self._set(alias.asname or alias.name, found)

    def _define(self, node: _Function) -> None:
        """What runs where a function is defined."""
        for decorator in node.decorator_list:
            self.called |= self._value(decorator)
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self._value(default)
        self._set(node.name, NOTHING)

    def _function(self, node: _Function) -> None:
        self._parameters(node.args)
        self.scope(node.body)

    def _parameters(self, given: ast.arguments) -> None:
        for parameter in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            self._set(parameter.arg, self._annotated(parameter.annotation) if parameter.annotation else NOTHING)
        for rest in filter(None, (given.vararg, given.kwarg)):
            self._set(rest.arg, NOTHING)

    def _class(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.called |= self._value(decorator)
        bases = NOTHING.union(*(self._value(base) for base in node.bases))
        for keyword in node.keywords:
            self._value(keyword.value)
        self.called |= bases
        methods = [inner for inner in node.body if isinstance(inner, _Function)]
        outside = dict(self._names)
        for inner in node.body:
            if isinstance(inner, _Function):
                self._define(inner)
            else:
                self._statement(inner)
        self._names = outside
        self._set(node.name, bases)
        for method in methods:  # what the class itself defines is not the base's
            self._set(f"{node.name}.{method.name}", NOTHING)
        self._later.append(lambda: self._methods(methods, bases))

    def _methods(self, methods: list[_Function], bases: Paths) -> None:
        """The bodies of a class's methods, `__init__` first: what it assigns to `self` the others know."""
        around = self._names
        attributes: dict[str, Paths] = {}
        for method in sorted(methods, key=lambda method: method.name != "__init__"):
            self._names = dict(around)
            self._parameters(method.args)
            self._names["super()"] = _instances(bases)
            if method.args.args:
                me = method.args.args[0].arg
                is_class_method = any(isinstance(d, ast.Name) and d.id == "classmethod" for d in method.decorator_list)
                self._set(me, bases if is_class_method else _instances(bases))
                self._names |= {f"{me}.{other.name}": NOTHING for other in methods}
                self._names |= {f"{me}.{name}": paths for name, paths in attributes.items()}
                self.scope(method.body)
                own = {name.removeprefix(f"{me}.") for name in self._names if name.startswith(f"{me}.")}
                attributes |= {name: self._names[f"{me}.{name}"] for name in own}
            else:
                self.scope(method.body)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        is_outermost, self._in_loop = not self._in_loop, True
        before = self._names
        self._names = dict(before)
        # A second time round sees what the first assigned; inner loops go round with the outermost.
        for _ in range(2 if is_outermost else 1):
            if isinstance(node, ast.While):
                self._value(node.test)
            else:
                self._bind(node.target, self._value(node.iter) and NOTHING)
            if not (isinstance(node, ast.While) and _is_false(node.test)):
                self._block(node.body)
        self._names = _merged([before, self._names])
        self._in_loop = not is_outermost
        self._block(node.orelse)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        before = dict(self._names)
        self._block(node.body)
        started = _merged([before, self._names])
        self._block(node.orelse)
        ends = [self._names]
        for handler in node.handlers:
            self._names = dict(started)
            if handler.name:
                self._set(handler.name, NOTHING)
            self._block(handler.body)
            ends.append(self._names)
        self._names = _merged(ends)
        self._block(node.finalbody)

    def _cases(self, cases: list[ast.match_case]) -> None:
        before, ends = self._names, [self._names]
        for case in cases:
            self._names = dict(before)
            for part in ast.walk(case.pattern):
                captured = getattr(part, "rest" if isinstance(part, ast.MatchMapping) else "name", None)
                if captured:
                    self._set(captured, NOTHING)
            if case.guard:
                self._value(case.guard)
            self._block(case.body)
            ends.append(self._names)
        self._names = _merged(ends)

    def _branches(self, *blocks: Sequence[ast.stmt]) -> None:
        before, ends = self._names, []
        for block in blocks:
            self._names = dict(before)
            self._block(block)
            ends.append(self._names)
        self._names = _merged(ends)

    def _set(self, name: str, paths: Paths) -> None:
        for known in [known for known in self._names if known.startswith(f"{name}.")]:
            del self._names[known]
        self._names[name] = paths

    def _bind(self, target: ast.expr, paths: Paths, value: ast.expr | None = None) -> None:
        """Lets `target` mean `paths`; where both sides are lists, their members in pairs."""
        match target, value:
            case ((ast.Tuple(elts=targets) | ast.List(elts=targets)), (ast.Tuple(elts=values) | ast.List(elts=values))):
                pairs = targets if len(targets) == len(values) else []
                given = [self._look(each) for each in values]
                for each, found in zip(pairs, given, strict=False):
                    self._bind(each, found)
            case ((ast.Tuple(elts=targets) | ast.List(elts=targets)), _):
                for each in targets:
                    self._bind(each, NOTHING)
            case ast.Starred(value=inner), _:
                self._bind(inner, NOTHING)
            case ast.Name(id=name), _:
                self._set(name, paths)
            case ast.Attribute(), _ if dotted := _dotted(target):
                self._set(dotted, paths)
            case _:
                self._inner(target)

    def _look(self, node: ast.expr) -> Paths:
        """What an expression is, where its calls were counted before."""
        counted = set(self.called)
        found = self._value(node)
        self.called = counted
        return found

    def _value(self, node: ast.expr) -> Paths:
        """What an expression may be; the calls in it are counted."""
        match node:
            case ast.Name(id=name):
                return self._name(name)
            case ast.Attribute(value=inner, attr=attribute):
                known = self._names.get(_dotted(node))
                owners = self._value(inner)
                return known if known is not None else frozenset(f"{o.removesuffix('()')}.{attribute}" for o in owners)
            case ast.Call():
                return self._call(node)
            case ast.NamedExpr(target=target, value=inner):
                found = self._value(inner)
                self._bind(target, found)
                return found
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._value(test)
                return (NOTHING if _is_false(test) else self._value(body)) | self._value(orelse)
            case ast.BoolOp(values=values):
                return NOTHING.union(*(self._value(each) for each in values))
            case ast.Await(value=inner):
                return self._value(inner)
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self._own_names(node)
                return NOTHING
        self._inner(node)
        return NOTHING

    def _name(self, name: str) -> Paths:
        if name in self._names:
            return self._names[name]
        from_stars = frozenset(f"{module}.{name}" for module in self._stars)
        return from_stars | {f"builtins.{name}"} if name in _BUILTINS else from_stars

    def _call(self, node: ast.Call) -> Paths:
        callee = self._value(node.func)
        self.called |= {f"{path.removesuffix('()')}.__call__" if path.endswith("()") else path for path in callee}
        applies = _dotted(node.func).rpartition(".")[2] in _APPLIES
        for argument in node.args:
            given = self._value(argument)
            self.called |= given if applies else NOTHING
        for keyword in node.keywords:
            given = self._value(keyword.value)
            self.called |= given if applies or keyword.arg == "key" else NOTHING
        if callee == {"builtins.super"}:
            return self._names.get("super()", NOTHING)
        return _instances(callee)

    def _own_names(self, node: ast.Lambda | _Comprehension) -> None:
        """An expression whose parameters or loop variables end with it."""
        around = self._names
        self._names = dict(around)
        if isinstance(node, ast.Lambda):
            self._parameters(node.args)
            self._value(node.body)
        else:
            for generator in node.generators:
                self._bind(generator.target, self._value(generator.iter) and NOTHING)
                for condition in generator.ifs:
                    self._value(condition)
            for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
                self._value(part)
        self._names = around

    def _inner(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._value(child)
            else:
                self._inner(child)

    def _annotated(self, node: ast.expr) -> Paths:
        """An instance of the class that an annotation names, alone or in a union."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                return NOTHING
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._annotated(node.left) | self._annotated(node.right)
        return _instances(self._look(node)) if isinstance(node, ast.Name | ast.Attribute) else NOTHING


def _instances(classes: Paths) -> Paths:
    return frozenset(f"{path}()" for path in classes if not path.endswith("()"))


def _merged(ends: Iterable[dict[str, Paths]]) -> dict[str, Paths]:
    merged: dict[str, Paths] = {}
    for names in ends:
        for name, paths in names.items():
            merged[name] = merged.get(name, NOTHING) | paths
    return merged


def _dotted(node: ast.expr) -> str:
    """`a.b.c` as text; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _is_false(test: ast.expr) -> bool:
    """Whether a block under this condition does not run when the program is imported."""
    match test:
        case ast.Constant(value=value):
            return not value
        case ast.Compare(left=ast.Name("__name__"), ops=[ast.Eq()], comparators=[ast.Constant("__main__")]):
            return True
    return False
