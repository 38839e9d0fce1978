"""Controls: a corrupted test must be another test, a reworded program the same program."""

from __future__ import annotations

import pytest

from synth.controls import assertion, called, corrupted, entry_point, is_literal, is_tidy, parameters, structure, stub


@pytest.mark.parametrize(
    ("test", "twin"),
    [
        ("assert f(1) == 2", "assert f(1) == 3"),
        ("assert f() == 'a'", "assert f() == 'a_'"),
        ("assert f() is True", "assert f() is False"),
        ("assert f() is None", "assert f() == 0"),
        ("assert f() == [1, (2,)]", "assert f() == [1, (2,), 0]"),
        ("assert f() == {}", "assert f() == {'_': 0}"),
        ("x = 3\nassert f(x) == -1.5", "x = 3\nassert f(x) == -0.5"),
        ("def t():\n    assert f() == 1\nt()", "def t():\n    assert f() == 2\nt()"),
    ],
)
def test_corrupted_test_expects_another_value_of_the_same_type(test: str, twin: str) -> None:
    assert corrupted(test) == twin


@pytest.mark.parametrize("test", ["assert f(1)", "assert f(1) == g(2)", "assert f(1) < 2", "print(1)", "assert (", ""])
def test_nothing_to_corrupt_is_said(test: str) -> None:
    assert corrupted(test) is None


def test_assertion_compares_singletons_by_identity_and_the_rest_by_value() -> None:
    assert assertion("f(1)", "True") == "assert f(1) is True"
    assert assertion("f(1)", "1") == "assert f(1) == 1"


def test_call_is_found_only_where_its_value_is_compared() -> None:
    call = called("assert f(1, [2]) == 3")
    assert call is not None
    assert call.args
    assert called("assert 3 == f(1)") is None
    assert called("assert obj.f(1) == 3") is None


def test_entry_point_is_the_defined_function_called_most() -> None:
    tests = ["assert len(f(1)) == 2", "assert g(1) == 2", "assert g(2) == 3", "assert f(1) == [1]"]
    assert entry_point(tests, ["f", "g"]) == "g"
    assert entry_point(tests, ["other"]) == ""


def test_structure_ignores_names_docstrings_and_annotations() -> None:
    one = 'def f(a: int) -> int:\n    """Doc."""\n    b = a + 1\n    return b'
    two = "def g(x):\n\n    y = x + 1  # note\n    return y"
    assert structure(one) == structure(two)
    assert structure(one) != structure("def f(a):\n    return a + 1")


def test_structure_keeps_what_the_program_calls() -> None:
    assert structure("def f(a):\n    return sum(a)") != structure("def f(a):\n    return max(a)")


@pytest.mark.parametrize("hostile", ["(" * 100_000, "\x00", "-" * 100_000 + "1", "[" * 5_000 + "]" * 5_000])
def test_hostile_source_is_read_without_harm(hostile: str) -> None:
    assert structure(hostile) is not None
    assert corrupted(f"assert f() == {hostile}") is None
    assert isinstance(is_literal(hostile), bool)


def test_stub_takes_anything_and_gives_nothing() -> None:
    namespace: dict[str, object] = {}
    exec(stub("f") or "", namespace)
    assert namespace["f"](1, *[2], k=3) is None  # type: ignore[operator]


@pytest.mark.parametrize(
    "code",
    [
        "def f(): return 1",
        "import re\nLIMIT = 3\ndef helper(): return LIMIT\ndef f(): return helper()",
        '"""Doc."""\nclass Node: pass\ndef f(): return Node()',
    ],
)
def test_function_with_all_it_needs_and_nothing_else_is_tidy(code: str) -> None:
    assert is_tidy(code, "f")


@pytest.mark.parametrize(
    "code",
    [
        "def f(): return 1\nprint(f())",
        "def f(): return 1\ndef main(): f()",
        "def f(): return 1\nif __name__ == '__main__':\n    f()",
        "def f(): return 1\nassert f() == 1",
        "def f(:",
    ],
)
def test_example_calls_and_unused_definitions_are_untidy(code: str) -> None:
    assert not is_tidy(code, "f")


def test_parameters_are_named_in_order() -> None:
    assert parameters("def g(): pass\ndef f(a, /, b, *c, d=1, **e): pass", "f") == ["a", "b", "c", "d", "e"]
    assert parameters("f = lambda a: a", "f") is None
    assert parameters("def f(:", "f") is None
