"""What counts as a spike, against the definition, on both sides of the limit."""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Iterator

import pytest

from pretrain.spikes import MIN_SEEN, WINDOW, SpikeGuard


def steady(count: int) -> list[float]:
    return [2.0 + 0.1 * (-1) ** number for number in range(count)]


def warmed(sigmas: float | None = 6.0, count: int = WINDOW) -> SpikeGuard:
    guard = SpikeGuard(sigmas)
    for value in steady(count):
        assert not guard.is_spike(value, value)
    return guard


def test_a_value_just_under_the_limit_passes_and_one_just_over_does_not() -> None:
    logs = [math.log(value) for value in steady(WINDOW)]
    limit = math.exp(statistics.fmean(logs) + 6 * statistics.pstdev(logs))
    assert not warmed().is_spike(limit - 1e-6, 2.0)
    assert warmed().is_spike(limit + 1e-6, 2.0)


def gradient_norms(count: int, seed: int) -> Iterator[float]:
    """Log-normal, falling to a third on the way, and one in a hundred is three times as large: no step is a bad one."""
    draw = random.Random(seed)
    for number in range(count):
        tail = 3.0 if draw.random() < 0.01 else 1.0
        yield tail * math.exp(draw.gauss(0.0, 0.3) - 1.1 * number / count)


@pytest.mark.parametrize("seed", range(3))
def test_a_heavy_right_tail_is_hardly_ever_skipped_and_a_tenfold_norm_at_once(seed: int) -> None:
    guard = SpikeGuard(6.0)
    pairs = zip(steady(5000), gradient_norms(5000, seed), strict=True)
    skipped = sum(guard.is_spike(loss, norm) for loss, norm in pairs)
    assert skipped < 5  # 0.1 %
    assert guard.is_spike(2.0, 10 * math.exp(-1.1))


def test_a_zero_is_no_error() -> None:
    guard = warmed()
    assert not guard.is_spike(0.0, 0.0)
    assert not guard.is_spike(2.0, 2.0)


def test_a_gradient_norm_alone_is_enough() -> None:
    assert warmed().is_spike(2.0, 50.0)


def test_a_fall_is_no_spike() -> None:
    assert not warmed().is_spike(0.0, 0.0)


def test_nothing_is_judged_before_enough_was_seen() -> None:
    assert not warmed(count=MIN_SEEN - 1).is_spike(1e9, 1e9)
    assert warmed(count=MIN_SEEN).is_spike(1e9, 1e9)


def test_off_means_off() -> None:
    assert not warmed(sigmas=None).is_spike(1e9, 1e9)


def test_one_spike_does_not_hide_the_next() -> None:
    guard = warmed()
    assert guard.is_spike(1e9, 2.0)
    assert guard.is_spike(1e9, 2.0)


def test_a_lasting_change_is_let_through_in_the_end() -> None:
    guard = warmed()
    skipped = [guard.is_spike(4.0, 2.0) for _ in range(WINDOW)]
    assert skipped[0]
    assert not any(skipped[20:])


def test_restored_statistics_judge_alike() -> None:
    guard, again = warmed(), SpikeGuard(6.0)
    again.restore(json.loads(json.dumps(guard.state())))
    values = [2.5, 2.6, 2.7, 3.0, 2.0]
    assert [guard.is_spike(v, 2.0) for v in values] == [again.is_spike(v, 2.0) for v in values]
