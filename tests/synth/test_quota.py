"""Whole parts in proportion: exact sums, the largest remainders, capacities."""

from __future__ import annotations

import random

import pytest

from synth.quota import apportion, refill


def test_parts_add_up_and_are_the_exact_share_rounded_up_or_down() -> None:
    rng = random.Random(1)
    for _ in range(500):
        total, shares = (
            rng.randrange(5000),
            [rng.choice([1, 0.1, rng.random() * 100]) for _ in range(rng.randint(1, 9))],
        )
        parts = apportion(total, shares)
        assert sum(parts) == total
        assert all(abs(part - total * share / sum(shares)) < 1 for part, share in zip(parts, shares, strict=True))


def test_the_largest_remainders_get_the_rest() -> None:
    assert apportion(10, [1.5, 4.4, 4.1]) == [2, 4, 4]


def test_of_equal_remainders_the_first_gets_it() -> None:
    assert apportion(1, [1, 1, 1]) == [1, 0, 0]


def test_a_share_that_is_no_binary_fraction_costs_no_row() -> None:
    assert apportion(10**9, [0.1] * 10) == [10**8] * 10


@pytest.mark.parametrize("seed", range(3))
def test_refilled_parts_add_up_wherever_there_is_room(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        capacities = [rng.randrange(50) for _ in range(rng.randint(1, 8))]
        total, shares = rng.randrange(200), [rng.random() + 0.01 for _ in capacities]
        parts = refill(total, shares, capacities)
        assert sum(parts) == min(total, sum(capacities))
        assert all(part <= capacity for part, capacity in zip(parts, capacities, strict=True))


def test_what_one_cannot_take_goes_to_the_others_in_proportion() -> None:
    assert refill(100, [2, 1, 1], [10, 100, 100]) == [10, 45, 45]
