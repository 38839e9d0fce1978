"""The learning rate against the formulas it names."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from pretrain.config import Decay
from pretrain.schedule import Schedule, decayed

STABLE = Schedule(peak=3e-4, warmup_steps=2000)


def annealing(decay: Decay) -> Schedule:
    return Schedule(peak=3e-4, warmup_steps=10, decay=decay, decay_start=100, decay_steps=50, final=1e-5)


def test_warm_up_rises_by_equal_parts_to_the_peak() -> None:
    assert STABLE.learning_rate(0) == pytest.approx(3e-4 / 2000)
    assert STABLE.learning_rate(999) == pytest.approx(1.5e-4)
    assert STABLE.learning_rate(1999) == 3e-4


def test_stable_means_constant_for_ever() -> None:
    assert {STABLE.learning_rate(step) for step in (2000, 10**6, 10**9)} == {3e-4}


def test_no_warm_up_begins_at_the_peak() -> None:
    assert Schedule(peak=1e-3, warmup_steps=0).learning_rate(0) == 1e-3


@pytest.mark.parametrize("decay", get_args(Decay))
def test_every_decay_falls_from_peak_to_final_and_stays_there(decay: Decay) -> None:
    rates = [annealing(decay).learning_rate(step) for step in range(99, 152)]
    assert rates[0] == 3e-4
    assert rates[50] == pytest.approx(1e-5)
    assert rates[-1] == pytest.approx(1e-5)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[:51]))


def test_a_decay_that_begins_within_the_warm_up_falls_from_where_that_stood() -> None:
    schedule = Schedule(peak=3e-4, warmup_steps=100, decay_start=9, decay_steps=10, final=1e-5)
    assert schedule.learning_rate(8) == pytest.approx(2.7e-5)
    rates = [schedule.learning_rate(step) for step in range(9, 19)]
    assert rates[0] < 3e-5
    assert all(later < earlier for earlier, later in itertools.pairwise(rates))
    assert rates[-1] == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("decay", "half_way"),
    [("geometric", (3e-4 * 1e-5) ** 0.5), ("megatron", 1.3012e-4), ("linear", 1.55e-4), ("sqrt", 9.4939e-5)],
)
def test_half_way_is_what_the_published_formula_gives(decay: Decay, half_way: float) -> None:
    assert decayed(decay, 3e-4, 1e-5, 0.5) == pytest.approx(half_way, rel=1e-4)


def test_geometric_takes_the_same_factor_off_at_each_step() -> None:
    rates = [annealing("geometric").learning_rate(step) for step in range(100, 150)]
    factors = [later / earlier for earlier, later in itertools.pairwise(rates)]
    assert max(factors) == pytest.approx(min(factors))
