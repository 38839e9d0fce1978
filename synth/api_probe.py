"""Imports packages and writes down their public API, one JSON line each: run by `api.py` in a process of its own.

    python -P api_probe.py OUT.jsonl ROOT TOP [TOP ...]

Importing a library runs its code, so nothing here is imported by the toolkit, and this file imports nothing of it. An
object is listed once, under its shortest public path; what is private, a test, deprecated or not documented is not
listed but counted.
Not covered: properties, constants, exceptions, and names that a module makes up when asked for them.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import pkgutil
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PRIVATE = re.compile(
    r"_.*|tests?|testing|test_.*|.*_tests?|testutils|conftest|benchmarks?|examples?|sandbox|setup|distutils|f2py"
    r"|vendor(ed)?|mypy|plugins?|deprecated|v1"
)
"""Modules that are no API: tests, build tools, vendored copies, and `pydantic.v1`, a whole old version."""
ADDRESS = re.compile(r"<[^<>]*(?:<[^<>]*>[^<>]*)*>")
"""A default value that has no source form: `<no value>`, `<object object at 0x7f...>`."""
PYTHON_CLASS = 1 << 9
"""The flag of classes that a `class` statement made."""
DEPRECATED = re.compile(r"(?im)^(?:\.\. deprecated::|:?\W{0,2}deprecated\b)")


def main(out: str, root: str, tops: list[str]) -> None:
    """Writes the lines of all `tops`, which lie in the folder `root`, and as the last one what was counted."""
    if root not in sys.path:
        sys.path.append(root)
    skipped: Counter[str] = Counter()
    with Path(out).open("w", encoding="utf-8") as file:
        for top in tops:
            for fact in Probe(top, skipped).facts():
                file.write(json.dumps(fact) + "\n")
        file.write(json.dumps({"skipped": skipped}) + "\n")


class Probe:
    """One import package."""

    def __init__(self, top: str, skipped: Counter[str]) -> None:
        self._top = top
        self._skipped = skipped
        self._seen: set[object] = set()

    def facts(self) -> Iterator[dict[str, Any]]:
        """The API, the shortest paths first."""
        for module in self._modules():
            for name, value, is_deprecated in self._members(module):
                yield from self._member(f"{module.__name__}.{name}", module, value, is_deprecated)

    def _modules(self) -> Iterator[ModuleType]:
        """The package and its public modules, level by level. A module that cannot be imported is counted."""
        level = [self._top]
        while level:
            below = []
            for name in level:
                module = self._import(name)
                if module is None:
                    continue
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    folders = getattr(module, "__path__", None)
                    getattr(module, "__all__", None)
                if any(issubclass(one.category, DeprecationWarning) for one in caught):  # such as numpy.core.numeric
                    self._skipped["api.deprecated"] += 1
                    continue
                yield module
                inner = sorted(found.name for found in pkgutil.iter_modules(folders)) if folders else []
                below += [f"{name}.{part}" for part in inner if not PRIVATE.fullmatch(part)]
            level = below

    def _import(self, name: str) -> ModuleType | None:
        try:
            return importlib.import_module(name)
        except BaseException as error:  # whatever a library does: SystemExit, its own BaseException
            if name == self._top or isinstance(error, KeyboardInterrupt):
                raise
            self._skipped["api.not_importable"] += 1
            return None

    def _members(self, module: ModuleType) -> Iterator[tuple[str, object, bool]]:
        """The public names of a module, their values, and whether getting one warns of its end."""
        listed = getattr(module, "__all__", None)
        names = listed if isinstance(listed, (list, tuple)) else vars(module)
        for name in sorted({str(name) for name in names}):
            if name.startswith("_") or not name.isidentifier():
                continue
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    value = getattr(module, name)
                except Exception:
                    continue
            if not isinstance(value, ModuleType):
                yield name, value, any(issubclass(one.category, DeprecationWarning) for one in caught)

    def _member(self, path: str, module: ModuleType, value: object, is_deprecated: bool) -> Iterator[dict[str, Any]]:
        if not callable(value) or not self._is_own(value) or self._is_known(value):
            return
        is_class = inspect.isclass(value)
        if is_class and issubclass(value, BaseException):  # type: ignore[arg-type]
            return
        fact = self._fact(path, "class" if is_class else "function", value, is_deprecated)
        if fact is None:
            return
        yield fact | {"module_doc": text_of(module)}
        if is_class:
            yield from self._methods(path, value)

    def _methods(self, path: str, owner: Any) -> Iterator[dict[str, Any]]:
        """The public methods of a class, those that it inherits from a class listed before left out.

        Objects of a class in C, such as `numpy.ndarray`, mostly come from a function: who made one, no syntax tells.
        """
        if not owner.__flags__ & PYTHON_CLASS:
            self._skipped["api.c_class"] += 1
            return
        for name in sorted(dir(owner)):
            if name.startswith("_"):
                continue
            with contextlib.suppress(Exception):
                static = inspect.getattr_static(owner, name)
                value = getattr(owner, name)
                is_method = inspect.isroutine(value) and not isinstance(static, property)
                definer = next(base for base in owner.__mro__ if name in vars(base))
                if not is_method or not self._is_own(definer) or self._is_known(value):
                    continue
                fact = self._fact(f"{path}.{name}", "method", value, False)
                if fact is not None:
                    yield fact | {"module_doc": ""}

    def _is_own(self, value: object) -> bool:
        """Whether the package itself defines it, not one that it imports."""
        home = getattr(value, "__module__", None) or type(value).__module__
        return isinstance(home, str) and home.partition(".")[0] == self._top.partition(".")[0]

    def _is_known(self, value: object) -> bool:
        """Whether it was met before, under another name or wrapped anew (`toolz.curried.map`)."""
        where = (getattr(value, "__module__", None), getattr(value, "__qualname__", None))
        keys = {id(getattr(value, "__func__", value)), where if all(isinstance(part, str) for part in where) else None}
        is_known = bool(keys - {None} & self._seen)
        self._seen |= keys - {None}
        return is_known

    def _fact(self, path: str, kind: str, value: Any, is_deprecated: bool) -> dict[str, Any] | None:
        doc = text_of(value)
        if doc is None or not isinstance(getattr(value, "__name__", None), str):
            self._skipped["api.undocumented"] += 1
            return None
        if is_deprecated or getattr(value, "__deprecated__", None) or DEPRECATED.search(doc):
            self._skipped["api.deprecated"] += 1
            return None
        signature = signature_of(value, doc)
        if signature is None:
            self._skipped["api.no_signature"] += 1
            return None
        return {"name": path, "kind": kind, "signature": signature, "doc": doc}


def text_of(value: object) -> str | None:
    """The docstring, its indent removed; `None` where there is none of its own."""
    doc = getattr(value, "__doc__", None)
    if not isinstance(doc, str) or not doc.strip():
        return None
    return inspect.cleandoc(doc.encode("utf-8", "replace").decode())


def signature_of(value: Any, doc: str) -> str | None:
    """Such as `(iterable, n, strict=False)`; from the docstring's first line where C code does not tell."""
    try:
        with warnings.catch_warnings(action="ignore"):
            found = str(inspect.signature(value))
    except Exception:  # ValueError by contract, anything from a `__signature__` of their own
        name = re.escape(value.__name__)
        stated = re.match(rf"(?:\w+\.)*{name}(\(.*?\)(?:\s*->\s*[^\n]+)?)\s*(?:\n|$)", doc, re.DOTALL)
        return " ".join(stated[1].split()) if stated else None
    return ADDRESS.sub("...", re.sub(r"->\s", "\x00", found)).replace("\x00", "-> ")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
