"""Mutated inputs: same type, near the examples, never one that is there already, the same every time."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from synth.mutate import mutated_calls, neighbours

TESTS = ("assert f('ab1', 3) is True", "assert f('xyz', 0) is False")


def test_calls_are_new_few_and_the_same_every_time() -> None:
    calls = mutated_calls(TESTS, 8)
    assert len(calls) == len(set(calls)) == 8
    assert calls == mutated_calls(TESTS, 8)
    assert not {"f('ab1', 3)", "f('xyz', 0)"} & set(calls)


def test_arguments_of_other_examples_are_mixed_in() -> None:
    assert {"f('ab1', 0)", "f('xyz', 3)"} <= set(mutated_calls(TESTS, 100))


@pytest.mark.parametrize("value", [True, 0, 1, -1, 2.5, "ab", b"xy", [1, 2], (1, 2), {"a": 1}, {}, {3, 4}, None])
def test_neighbours_keep_the_type_and_differ(value: Any) -> None:
    found = list(neighbours(value))
    assert all(type(other) is type(value) for other in found)
    assert all(other != value for other in found)


@pytest.mark.parametrize("value", [0, 1, 5])
def test_numbers_stay_on_their_side_of_zero(value: int) -> None:
    assert all(other >= 0 for other in neighbours(value))
    assert all(other < 0 for other in neighbours(-value - 1))


def test_call_that_is_no_plain_literal_is_left_alone() -> None:
    assert mutated_calls(("assert f(x) == 1", "assert f(n=1) == 1", "assert g(f)(1) == 2", "assert f(1) > 0"), 5) == []


def test_long_calls_are_left_out() -> None:
    assert mutated_calls((f"assert f({'a' * 1000!r}, {'b' * 1000!r}) == 1",), 50) == []


@pytest.mark.parametrize(
    ("shown", "allowed"),
    [(("0", "7"), "f(0)"), (("-2", "7"), "f(-7)"), (("None", "7"), "f(None)"), (("''", "'ab'"), "f('')")],
)
def test_edge_is_tried_where_an_example_shows_its_like(shown: tuple[str, ...], allowed: str) -> None:
    tests = [f"assert f({argument}) == 1" for argument in shown]
    assert allowed in {*mutated_calls(tests, 100), *(f"f({argument})" for argument in shown)}
    assert allowed not in mutated_calls(tests[1:], 100)


def test_records_and_tables_keep_their_shape() -> None:
    pairs = mutated_calls(("assert f([(1, 'a'), (2, 'b')]) == 1",), 100)
    assert all(len(pair) == 2 for call in pairs for pair in ast.literal_eval(call[2:-1]))
    rows = mutated_calls(("assert f([[1, 2], [3, 4]]) == 1",), 100)
    assert {len(row) for call in rows for row in ast.literal_eval(call[2:-1])} == {2}


def test_items_deep_inside_are_varied() -> None:
    assert "f([{'a': [1, 3]}])" in mutated_calls(("assert f([{'a': [1, 2]}]) == 1",), 100)


def test_arguments_of_one_type_change_places() -> None:
    assert "f(2, 1)" in mutated_calls(("assert f(1, 2) == 1",), 100)


def test_ways_to_vary_take_turns() -> None:
    tests = ("assert f([1, 2, 3, 4, 5], 0) == 1", "assert f([9], 4) == 1")
    assert {"f([1, 2, 3, 4, 5], 4)", "f([9], 0)"} & set(mutated_calls(tests, 6))
