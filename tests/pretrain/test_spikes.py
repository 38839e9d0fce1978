"""What counts as a spike, against the definition, on both sides of the limit."""

from __future__ import annotations

import json
import statistics

from pretrain.spikes import MIN_SEEN, WINDOW, SpikeGuard


def steady(count: int) -> list[float]:
    return [2.0 + 0.1 * (-1) ** number for number in range(count)]


def warmed(sigmas: float | None = 6.0, count: int = WINDOW) -> SpikeGuard:
    guard = SpikeGuard(sigmas)
    for value in steady(count):
        assert not guard.is_spike(value, value)
    return guard


def test_a_value_just_under_the_limit_passes_and_one_just_over_does_not() -> None:
    limit = statistics.fmean(steady(WINDOW)) + 6 * statistics.pstdev(steady(WINDOW))
    assert not warmed().is_spike(limit - 1e-6, 2.0)
    assert warmed().is_spike(limit + 1e-6, 2.0)


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
    values = [2.5, 2.59, 2.7, 3.0, 2.0]
    assert [guard.is_spike(v, 2.0) for v in values] == [again.is_spike(v, 2.0) for v in values]
