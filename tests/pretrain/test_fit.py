from __future__ import annotations

import numpy as np
import pytest

from pretrain.errors import ConfigError
from pretrain.fit import compute_worth, fit_curve, predict

COMPUTE = np.geomspace(1e13, 1e16, 5)


def losses(compute: np.ndarray, *, floor: float = 1.2, scale: float = 800.0, alpha: float = 0.2) -> list[float]:
    return [float(value) for value in floor + scale * compute**-alpha]


@pytest.mark.parametrize(("floor", "alpha"), [(1.2, 0.2), (0.4, 0.05), (0.0, 0.1)])
def test_an_exact_curve_is_recovered(floor: float, alpha: float) -> None:
    curve = fit_curve(COMPUTE.tolist(), losses(COMPUTE, floor=floor, alpha=alpha))
    assert curve.alpha == pytest.approx(alpha, rel=1e-3)
    assert curve.floor == pytest.approx(floor, abs=1e-3)
    assert curve.error < 1e-6


def test_alpha_survives_noise() -> None:
    rng = np.random.default_rng(0)
    compute = np.geomspace(1e12, 1e17, 8)
    noisy = np.array(losses(compute)) * np.exp(rng.normal(0, 0.002, len(compute)))
    assert fit_curve(compute.tolist(), noisy.tolist()).alpha == pytest.approx(0.2, rel=0.1)


def test_the_range_of_a_prediction_holds_the_truth_more_often_than_not() -> None:
    rng = np.random.default_rng(0)
    compute = np.geomspace(1e13, 1e15, 4)
    truth = losses(np.array([1e16]))[0]
    held = 0
    for _ in range(20):
        noisy = np.array(losses(compute)) * np.exp(rng.normal(0, 0.003, 4))
        found = predict(compute.tolist(), noisy.tolist(), 1e16)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert held > 10


def test_a_prediction_from_three_runs_has_no_range() -> None:
    compute = COMPUTE[:3]
    found = predict(compute.tolist(), losses(compute), 1e17)
    assert (found.low, found.high) == (None, None)


def test_the_worth_of_data_is_the_compute_it_saves() -> None:
    found = compute_worth((COMPUTE.tolist(), losses(COMPUTE)), (COMPUTE.tolist(), losses(1.13 * COMPUTE)))
    assert found.value == pytest.approx(1.13, rel=1e-4)


def test_worse_data_is_worth_less_than_one() -> None:
    found = compute_worth((COMPUTE.tolist(), losses(COMPUTE)), (COMPUTE.tolist(), losses(0.7 * COMPUTE)))
    assert found.value == pytest.approx(0.7, rel=1e-4)


def test_losses_that_rise_are_no_curve() -> None:
    with pytest.raises(ConfigError, match="does not fall with compute"):
        fit_curve(COMPUTE.tolist(), losses(COMPUTE)[::-1])


@pytest.mark.parametrize("ratio", [1.1, 1 + 1e-9])
def test_a_jump_between_runs_of_nearly_one_size_is_no_curve(ratio: float) -> None:
    with pytest.raises(ConfigError, match="does not fall as a power law"):
        fit_curve([1e13, 1e13 * ratio, 1e13 * ratio**2], [3.0, 2.0, 1.99999])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_loss_that_is_no_loss_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="finite and above 0"):
        fit_curve(COMPUTE.tolist(), [value, *losses(COMPUTE)[1:]])


def test_runs_of_one_size_are_no_curve() -> None:
    with pytest.raises(ConfigError, match="at least 3 runs of different size, got 1"):
        fit_curve([1e13] * 4, [2.0, 1.9, 1.8, 1.7])
