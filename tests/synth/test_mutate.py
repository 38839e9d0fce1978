"""Mutated inputs: same type, near the examples, never one that is there already, the same every time."""

from __future__ import annotations

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
    assert mutated_calls((f"assert f({'a' * 1000!r}) == 1",), 50) == []
