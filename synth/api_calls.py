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
import warnings
from collections.abc import Callable, Sequence

from synth.api_names import NOTHING, Names, Paths, instances, is_false, merged

_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


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


class _Reader(Names):
    """Walks the statements of one program in the order of its running."""

    def __init__(self) -> None:
        super().__init__()
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
        final = self.names
        for read in later:
            self.names = dict(final)
            read()
        self.names = final

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
                given = self.value(value)
                for target in targets:
                    self.bind(target, given, value)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                given = self.value(value) if value else NOTHING
                self.bind(target, given or self.annotated(annotation))
            case ast.AugAssign(target=target, value=value):
                self.value(value)
                self.bind(target, NOTHING)
            case ast.Delete(targets=targets):
                for target in targets:
                    self.bind(target, NOTHING)
            case ast.For() | ast.AsyncFor() | ast.While():
                self._loop(node)
            case ast.If(test=test, body=body, orelse=orelse):
                self.value(test)
                self._branches([] if is_false(test) else body, orelse)
            case ast.Try() | ast.TryStar():
                self._try(node)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    given = self.value(item.context_expr)
                    if item.optional_vars:
                        self.bind(item.optional_vars, given)
                self._block(body)
            case ast.Match(subject=subject, cases=cases):
                self.value(subject)
                self._cases(cases)
            case _:
                self.inner(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                self.set(alias.asname or top, frozenset({alias.name if alias.asname else top}))
            return
        for alias in node.names:
            if alias.name == "*":
                self.stars[node.module or ""] = None
            else:
                found = frozenset({f"{node.module}.{alias.name}"}) if node.level == 0 else NOTHING
                self.set(alias.asname or alias.name, found)

    def _define(self, node: _Function) -> None:
        """What runs where a function is defined."""
        for decorator in node.decorator_list:
            self.called |= self.value(decorator)
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.value(default)
        self.set(node.name, NOTHING)

    def _function(self, node: _Function) -> None:
        self.parameters(node.args)
        self.scope(node.body)

    def _class(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.called |= self.value(decorator)
        bases = NOTHING.union(*(self.value(base) for base in node.bases))
        for keyword in node.keywords:
            self.value(keyword.value)
        self.called |= bases
        methods = [inner for inner in node.body if isinstance(inner, _Function)]
        outside = dict(self.names)
        for inner in node.body:
            if isinstance(inner, _Function):
                self._define(inner)
            else:
                self._statement(inner)
        self.names = outside
        self.set(node.name, bases)
        for method in methods:  # what the class itself defines is not the base's
            self.set(f"{node.name}.{method.name}", NOTHING)
        self._later.append(lambda: self._methods(methods, bases))

    def _methods(self, methods: list[_Function], bases: Paths) -> None:
        """The bodies of a class's methods, `__init__` first: what it assigns to `self` the others know."""
        around = self.names
        attributes: dict[str, Paths] = {}
        for method in sorted(methods, key=lambda method: method.name != "__init__"):
            self.names = dict(around)
            self.parameters(method.args)
            self.names["super()"] = instances(bases)
            if method.args.args:
                me = method.args.args[0].arg
                is_class_method = any(isinstance(d, ast.Name) and d.id == "classmethod" for d in method.decorator_list)
                self.set(me, bases if is_class_method else instances(bases))
                self.names |= {f"{me}.{other.name}": NOTHING for other in methods}
                self.names |= {f"{me}.{name}": paths for name, paths in attributes.items()}
                self.scope(method.body)
                own = {name.removeprefix(f"{me}.") for name in self.names if name.startswith(f"{me}.")}
                attributes |= {name: self.names[f"{me}.{name}"] for name in own}
            else:
                self.scope(method.body)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        is_outermost, self._in_loop = not self._in_loop, True
        before = self.names
        self.names = dict(before)
        # A second time round sees what the first assigned; inner loops go round with the outermost.
        for _ in range(2 if is_outermost else 1):
            if isinstance(node, ast.While):
                self.value(node.test)
            else:
                self.bind(node.target, self.value(node.iter) and NOTHING)
            if not (isinstance(node, ast.While) and is_false(node.test)):
                self._block(node.body)
        self.names = merged([before, self.names])
        self._in_loop = not is_outermost
        self._block(node.orelse)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        before = dict(self.names)
        self._block(node.body)
        started = merged([before, self.names])
        self._block(node.orelse)
        ends = [self.names]
        for handler in node.handlers:
            self.names = dict(started)
            if handler.name:
                self.set(handler.name, NOTHING)
            self._block(handler.body)
            ends.append(self.names)
        self.names = merged(ends)
        self._block(node.finalbody)

    def _cases(self, cases: list[ast.match_case]) -> None:
        before, ends = self.names, [self.names]
        for case in cases:
            self.names = dict(before)
            for part in ast.walk(case.pattern):
                captured = getattr(part, "rest" if isinstance(part, ast.MatchMapping) else "name", None)
                if captured:
                    self.set(captured, NOTHING)
            if case.guard:
                self.value(case.guard)
            self._block(case.body)
            ends.append(self.names)
        self.names = merged(ends)

    def _branches(self, *blocks: Sequence[ast.stmt]) -> None:
        before, ends = self.names, []
        for block in blocks:
            self.names = dict(before)
            self._block(block)
            ends.append(self.names)
        self.names = merged(ends)
