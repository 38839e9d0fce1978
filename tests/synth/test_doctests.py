"""Docstrings as examples and tests: each test is run against code that holds the entry point alone."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from synth.doctests import Context, Example, names_in, prose, read_docstring


def nothing(names: frozenset[str]) -> Context | None:
    return None if names else Context()


def read(docstring: str, skipped: Counter[str] | None = None) -> list[tuple[Example, str]]:
    return read_docstring(docstring, "f", nothing, skipped=skipped)


def checks_in(docstring: str) -> list[str]:
    return [test for _, test in read(docstring)]


def passes(code: str, test: str) -> bool:
    return subprocess.run([sys.executable, "-I", "-c", f"{code}\n{test}"], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("shown", "test"),
    [
        (">>> f([1,2])\n[3, 4]", "assert f([1, 2]) == [3, 4]"),
        (">>> f(1) or 2\n'a...'", "assert (f(1) or 2) == 'a...'"),
        (">>> f(1)\nTrue", "assert f(1) is True"),
        (">>> f(1) == 2\nTrue", "assert f(1) == 2"),
        (">>> f(1) == 2\nFalse", "assert not f(1) == 2"),
        (">>> f(1)\n1", "assert f(1) == 1"),
        (">>> f(1)\n0", "assert f(1) == 0"),
        (">>> f(1)\nnan", "assert repr(f(1)) == 'nan'"),
        (">>> f(1)\n<class 'int'>", "assert repr(f(1)) == \"<class 'int'>\""),
        (">>> f(1)\nrange(0, 3)", "assert f(1) == range(0, 3)"),
        (">>> f(1)\ndatetime.date(2020, 1, 2)", "assert repr(f(1)) == 'datetime.date(2020, 1, 2)'"),
        (">>> print(f(1))\na b\nc", "assert str(f(1)) == 'a b\\nc'"),
        (
            ">>> f(1)\nOrderedDict([('a', 1)])",
            "from collections import OrderedDict\nassert f(1) == OrderedDict([('a', 1)])",
        ),
        (">>> f(  # doctest: +NORMALIZE_WHITESPACE\n...   1)\n[1,\n 2]", "assert f(1) == [1, 2]"),
    ],
)
def test_shown_value_becomes_the_plainest_check(shown: str, test: str) -> None:
    assert checks_in(shown) == [test]


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (">>> f(1)\n<object at 0x7f01>", "example.not_a_value"),
        (">>> f(1)\nhello", "example.not_a_value"),
        (">>> f(1)\nPoint(x=1)", "example.not_a_value"),
        (">>> f(1)\n[1, ...]", "example.wildcard"),
        (">>> f(1)  # doctest: +ELLIPSIS\n'a...'", "example.wildcard"),
        (">>> print(f(1), 2)\n1 2", "example.prints"),
        (">>> print(f(1))\na\n<BLANKLINE>", "example.prints"),
        (">>> for x in f(1): x\n1", "example.prints"),
        (">>> f(1)  # doctest: +SKIP\n1", "example.skipped"),
        (">>> len('abc')\n3", "example.other_function"),
        (">>> f(helper)\n3", "example.undefined_name"),
        (">>> f(_)\n3", "example.undefined_name"),
        (">>> f = 1\n>>> f\n1", "example.other_function"),
        (">>> f(0)\nTraceback (most recent call last):\n  ...\nOwnError: bad", "example.own_class"),
    ],
)
def test_example_that_proves_nothing_is_counted_and_left_out(shown: str, reason: str) -> None:
    skipped: Counter[str] = Counter()
    assert read(shown, skipped=skipped) == []
    assert skipped == {reason: 1}


def test_exception_passes_only_on_its_type() -> None:
    (example, test), *_ = read(">>> f(-1)\nTraceback (most recent call last):\n  ...\nValueError: negative")
    assert (example.call, example.expected) == ("f(-1)", "ValueError: negative")
    assert passes("def f(n): raise ValueError('other words')", test)
    assert not passes("def f(n): raise KeyError(n)", test)
    assert not passes("def f(n): return n", test)


def test_test_carries_the_lines_it_depends_on_and_no_others() -> None:
    unrelated, test = checks_in(
        ">>> other = 1\n>>> f(0)\n0\n>>> xs = [1]\n>>> ys = xs\n>>> ys.append(2)\n>>> f(xs)\n[1, 2]"
    )
    assert unrelated == "assert f(0) == 0"
    assert test == "xs = [1]\nys = xs\nys.append(2)\nassert f(xs) == [1, 2]"
    assert passes("def f(x): return x", test)


def test_state_left_by_earlier_examples_is_replayed() -> None:
    tests = checks_in(">>> it = f('ab')\n>>> next(it)\n'a'\n>>> next(it)\n'b'")
    assert all(passes("f = iter", test) for test in tests)
    assert tests[1].count("next(it)") == 2


def test_replayed_line_that_raises_does_not_stop_the_test() -> None:
    raised = ">>> it = f([])\n>>> next(it)\nTraceback (most recent call last):\n  ...\nStopIteration\n"
    *_, test = checks_in(raised + ">>> list(it)\n[]")
    assert passes("f = iter", test)


def test_helper_copies_cannot_replace_the_solutions_own() -> None:
    def provide(names: frozenset[str]) -> Context | None:
        assert names == {"take"}
        return Context(definitions=("def take(n, items):\n    'Doc.'\n    return list(items)[:n]",))

    ((_, test),) = read_docstring(">>> take(2, f())\n[1, 2]", "f", provide)
    assert passes("def take(a): return a\ndef f(): return take([1, 2, 3])", test)
    assert "Doc." not in test


def test_only_standard_imports_go_into_a_test() -> None:
    docstring = ">>> from pkg.mod import f\n>>> from math import pi\n>>> f(pi) > 3\nTrue"
    assert checks_in(docstring) == ["from math import pi\nassert f(pi) > 3"]
    skipped: Counter[str] = Counter()
    assert read(">>> import numpy as np\n>>> f(np.pi)\n3", skipped=skipped) == []
    assert skipped == {"example.undefined_name": 1}


def test_line_that_is_not_python_spoils_only_what_needs_it() -> None:
    assert checks_in(">>> x = = 1\n>>> f(x)\n1\n>>> f(2)\n2") == ["assert f(2) == 2"]


def test_same_example_twice_is_one_test() -> None:
    assert len(checks_in(">>> f(1)\n2\n\nAgain:\n\n>>> f( 1 )\n2")) == 1


def test_docstring_that_doctest_refuses_raises() -> None:
    with pytest.raises(ValueError, match="blank"):
        read(">>>f(1)\n2")


def test_prose_drops_examples_headings_and_history() -> None:
    docstring = """Sum two.

    Args:
        x: One.

    Examples
    --------
    >>> f(1)
    2

    .. versionchanged:: 2.0
        Faster.

    Tail.
    """
    assert prose(docstring) == "Sum two.\n\nArgs:\n    x: One.\n\nTail."


def test_names_follow_pythons_scoping() -> None:
    reads, binds = names_in(
        "def g(a, b=c):\n    d = a + e\n    return [h for h in i if (lambda j: j + k)(h)]\nm: n = 1"
    )
    assert reads >= {"c", "e", "i", "k"}
    assert not reads & {"a", "d", "h", "j"}
    assert binds == {"g", "m"}
