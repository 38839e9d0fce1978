"""Functions lifted out of small packages written on the spot; what is lifted must run alone and pass its own tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from synth.functions import MAX_CODE_LINES, Function, lift_functions
from synth.modules import SourceTree

EXAMPLES = ">>> f(1)\n    2\n    >>> f(2)\n    3"
PLAIN = f'def f(n):\n    """Add.\n\n    {EXAMPLES}\n    """\n    return n + 1\n'


def lift(folder: Path, files: dict[str, str], name: str = "mod.py") -> tuple[list[Function], Counter[str]]:
    for path, source in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(source, encoding="utf-8")
    skipped: Counter[str] = Counter()
    tree = SourceTree(folder, frozenset(path.partition("/")[0].removesuffix(".py") for path in files))
    return list(lift_functions(tree, folder / name, skipped)), skipped


def lift_one(folder: Path, source: str, **others: str) -> Function:
    functions, skipped = lift(folder, {"mod.py": source} | {f"{name}.py": text for name, text in others.items()})
    assert len(functions) == 1, skipped
    return functions[0]


def assert_runs_alone(function: Function) -> None:
    program = function.code + "\n" + "\n".join(function.tests)
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_code_has_the_prose_and_text_has_the_examples(tmp_path: Path) -> None:
    function = lift_one(tmp_path, "# level 2\n" + PLAIN)
    assert function.code == 'def f(n):\n    """Add."""\n    return n + 1\n'
    assert function.text == PLAIN
    assert (function.summary, function.signature, function.line_above) == ("Add.", "def f(n)", "# level 2")
    assert [example.call for example in function.examples] == ["f(1)", "f(2)"]


def test_helpers_constants_classes_and_imports_come_along_in_source_order(tmp_path: Path) -> None:
    head = "import math, os\nfrom itertools import chain, count\nSTEP = math.floor(1.5)\nUNUSED = os\n"
    helper = "class Adder:\n    step = STEP\n\ndef _add(n):\n    return n + Adder.step\n\n"
    function = lift_one(tmp_path, head + helper + PLAIN.replace("n + 1", "next(chain([_add(n)]))"))
    assert function.code.startswith("import math\nfrom itertools import chain\n\n\nSTEP = ")
    assert "UNUSED" not in function.code
    assert_runs_alone(function)


def test_siblings_come_first_through_reexports_and_module_attributes(tmp_path: Path) -> None:
    source = "import pkg as p\nfrom .low import base\n" + PLAIN.replace("n + 1", "base(n) + p.one()")
    low = "ZERO = 0\ndef base(n):\n    return n + ZERO\n"
    files = {"pkg/__init__.py": "from .ones import one\n", "pkg/ones.py": "def one():\n    return 1\n"}
    functions, _ = lift(tmp_path, files | {"pkg/low.py": low, "pkg/mod.py": source}, "pkg/mod.py")
    assert "p.one" not in functions[0].code
    assert_runs_alone(functions[0])


def test_name_that_a_parameter_shadows_is_not_made_bare(tmp_path: Path) -> None:
    source = "import pkg as p\n" + PLAIN.replace("def f(n):", "def f(n, one=None):").replace("n + 1", "n + p.one()")
    functions, skipped = lift(
        tmp_path, {"pkg/__init__.py": "def one(): return 1\n", "pkg/mod.py": source}, "pkg/mod.py"
    )
    assert (functions, skipped) == ([], {"function.third_party": 1})


def test_modules_that_import_each_other_are_followed_once(tmp_path: Path) -> None:
    source = "from .other import g\nONE = 1\n" + PLAIN.replace("n + 1", "g(n)")
    other = "from .mod import ONE, f\ndef g(n):\n    return n + ONE if n else f(n)\n"
    functions, _ = lift(tmp_path, {"pkg/mod.py": source, "pkg/other.py": other}, "pkg/mod.py")
    assert_runs_alone(functions[0])


def test_optional_import_is_read_as_if_absent(tmp_path: Path) -> None:
    head = "try:\n    import numpy as np\n    ONE = np.int8(1)\nexcept ImportError:\n    ONE = 1\n"
    function = lift_one(tmp_path, head + PLAIN.replace("n + 1", "n + ONE"))
    assert "numpy" not in function.code
    assert_runs_alone(function)


def test_overloads_and_earlier_definitions_are_not_the_function(tmp_path: Path) -> None:
    head = "from typing import overload\n@overload\ndef f(n: int) -> int: ...\n@overload\ndef f(n: str) -> str: ...\n"
    function = lift_one(tmp_path, head + PLAIN)
    assert "overload" not in function.code


def test_annotations_that_cannot_be_had_are_left_unevaluated(tmp_path: Path) -> None:
    head = "from typing import TYPE_CHECKING, TypeVar\nif TYPE_CHECKING:\n    from numpy import ndarray\n"
    function = lift_one(tmp_path, head + "T = TypeVar('T')\n" + PLAIN.replace("def f(n):", "def f(n: T) -> ndarray:"))
    assert function.code.startswith("from __future__ import annotations\n\nfrom typing import TypeVar\n\n\nT = ")
    assert_runs_alone(function)


def test_helpers_of_examples_go_into_the_tests_without_the_function(tmp_path: Path) -> None:
    helper = "from itertools import islice\ndef take(n, items):\n    return list(islice(items, n))\n"
    examples = ">>> from pkg import take\n    >>> take(1, f(1))\n    [2]\n    >>> take(2, f(1))\n    [2, 2]"
    source = helper + PLAIN.replace(EXAMPLES, examples).replace("return n + 1", "while True:\n        yield n + 1")
    function = lift_one(tmp_path, source)
    assert "take" not in function.code
    assert all("def f" not in test and "def take" in test for test in function.tests)
    assert_runs_alone(function)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import numpy\n" + PLAIN.replace("n + 1", "numpy.add(n, 1)"), "function.third_party"),
        (PLAIN.replace("return", "import numpy\n    return"), "function.third_party"),
        (PLAIN.replace("return", "from . import x\n    return"), "function.third_party"),
        ("from random import random\n" + PLAIN.replace("n + 1", "n + random()"), "function.not_repeatable"),
        (PLAIN.replace("n + 1", "n + missing"), "function.undefined_name"),
        ("from gone import *\n" + PLAIN.replace("n + 1", "n + missing"), "function.undefined_name"),
        (PLAIN.replace(">>> f(2)\n    3", ""), "function.few_examples"),
        (PLAIN.replace(">>> f(2)", ">>>f(2)"), "function.malformed_docstring"),
        (PLAIN.replace("    return", "    n = n\n" * MAX_CODE_LINES + "    return"), "function.long"),
        ("\n".join(f"x{i} = x{i + 1}" for i in range(5000)) + "\n" + PLAIN.replace("+ 1", "+ x0"), "function.long"),
    ],
)
def test_function_that_cannot_stand_alone_is_counted(tmp_path: Path, source: str, reason: str) -> None:
    functions, skipped = lift(tmp_path, {"mod.py": source})
    assert (functions, skipped) == ([], {reason: 1})


def test_warnings_about_other_peoples_code_stay_away(tmp_path: Path) -> None:
    lift_one(tmp_path, PLAIN.replace("Add.", "Add \\d.").replace("n + 1", "n + len('\\d') - 1"))


def test_one_name_with_two_meanings_is_refused(tmp_path: Path) -> None:
    source = "from .low import g\nSTEP = 1\n" + PLAIN.replace("n + 1", "g(n) + STEP")
    files = {"pkg/mod.py": source, "pkg/low.py": "STEP = 2\ndef g(n):\n    return n + STEP\n"}
    assert lift(tmp_path, files, "pkg/mod.py")[1] == {"function.name_clash": 1}


@pytest.mark.parametrize(
    "docstring",
    [
        f'"""{EXAMPLES}\n    """',
        f'"""Says "hi"\n\n    {EXAMPLES}\n    """',
        f'r"""A \\d pattern.\n\n    {EXAMPLES}\n    """',
        f'"""Ünïcode "quoted"\n\n    {EXAMPLES}\n    """; m = 1',
    ],
)
def test_taking_examples_out_changes_nothing_else(tmp_path: Path, docstring: str) -> None:
    source = f"def f(n):\n    {docstring}\n    return n + 1\n"
    function = lift_one(tmp_path, source)
    before, after = ast.parse(source).body[0], ast.parse(function.code).body[0]
    assert isinstance(before, ast.FunctionDef)
    assert isinstance(after, ast.FunctionDef)
    kept = after.body[1:] if ast.get_docstring(after) else after.body
    assert [ast.dump(node) for node in kept] == [ast.dump(node) for node in before.body[1:]]
    assert_runs_alone(function)


def test_methods_and_nested_functions_are_left_alone(tmp_path: Path) -> None:
    indented = "\n".join("    " + line for line in PLAIN.splitlines())
    assert lift(tmp_path, {"mod.py": "class C:\n" + indented})[0] == []


def test_standard_library_functions_pass_their_own_examples() -> None:
    import statistics

    folder = Path(statistics.__file__).parent
    names = ["bisect", "collections/__init__", "difflib", "fractions", "heapq", "ipaddress", "statistics", "textwrap"]
    tree = SourceTree(folder, frozenset({name.partition("/")[0] for name in names}))
    skipped: Counter[str] = Counter()
    functions = [function for name in names for function in lift_functions(tree, folder / f"{name}.py", skipped)]
    assert len(functions) >= 4
    for function in functions:
        assert_runs_alone(function)
