"""Samples are dealt in exact proportion, and windows in an order that is complete and looks random."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from pretrain.interleave import UNIT, Interleave, largest_remainder, permute

OPENCODER = {"code": 0.84, "algorithmic": 0.12, "snippets": 0.03, "textbook": 0.01}


def random_weights(sources: int, rng: random.Random) -> dict[str, float]:
    return {f"s{i}": rng.random() ** 4 + 1e-4 for i in range(sources)}


def worst_error(dealer: Interleave, weights: dict[str, float], samples: int) -> float:
    """The largest distance between a count and samples x weight, over every prefix of the sequence."""
    total = sum(weights.values())
    counts, worst = Counter[str](), 0.0
    for n in range(samples):
        name, k = dealer.source(n)
        assert k == counts[name]
        counts[name] += 1
        worst = max(worst, *(abs(counts[s] - (n + 1) * w / total) for s, w in weights.items()))
    assert dealer.counts(samples) == {name: counts[name] for name in dealer.parts}
    return worst


@pytest.mark.parametrize("sources", [2, 3, 5, 9, 20])
def test_counts_stay_within_the_stated_bound(sources: int) -> None:
    rng = random.Random(sources)
    for _ in range(4):
        weights = random_weights(sources, rng)
        dealer = Interleave(weights)
        assert worst_error(dealer, weights, 1500) <= dealer.bound + 1e-9


def test_the_bound_is_one_half_for_two_sources_and_one_for_three() -> None:
    rng = random.Random(0)
    assert all(Interleave(random_weights(2, rng)).bound == 0.5 for _ in range(50))
    assert all(Interleave(random_weights(3, rng)).bound <= 1 for _ in range(50))


def test_opencoders_annealing_mixture_stays_within_one() -> None:
    assert worst_error(Interleave(OPENCODER), OPENCODER, 5000) < 1


def test_counts_far_out_are_still_exact() -> None:
    dealer, n = Interleave(OPENCODER), 10**10
    counts = dealer.counts(n)
    assert sum(counts.values()) == n
    assert all(abs(counts[name] - n * weight) < 1 for name, weight in OPENCODER.items())


def test_a_single_source_takes_all() -> None:
    assert Interleave({"a": 0.3}).source(12) == ("a", 12)


@pytest.mark.parametrize(
    ("weights", "total", "shares"),
    [
        ({"a": 1, "b": 1, "c": 1}, 10, {"a": 4, "b": 3, "c": 3}),
        ({"a": 0.5, "b": 0.3, "c": 0.2}, 7, {"a": 4, "b": 2, "c": 1}),  # 3.5, 2.1, 1.4
        ({"a": 2, "b": 0}, 5, {"a": 5, "b": 0}),
    ],
)
def test_largest_remainder(weights: dict[str, float], total: int, shares: dict[str, int]) -> None:
    assert largest_remainder(weights, total) == shares


def test_weights_become_parts_that_add_up() -> None:
    assert sum(Interleave(random_weights(17, random.Random(1))).parts.values()) == UNIT


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 10, 16, 17, 99, 100, 101, 1024, 5003])
def test_permute_is_a_permutation(n: int) -> None:
    assert sorted(permute(i, n, key=n) for i in range(n)) == list(range(n))


def test_permute_puts_an_index_anywhere_alike() -> None:
    counts = np.bincount([permute(3, 20, key) for key in range(0, 8000 << 8, 256)], minlength=20)
    assert ((counts - 400) ** 2 / 400).sum() < 43.8  # chi-square, 19 degrees of freedom, p = 0.001


def test_permute_leaves_no_neighbours() -> None:
    images = np.array([permute(i, 10_007, key=5) for i in range(10_007)])
    assert abs(np.corrcoef(images[:-1], images[1:])[0, 1]) < 0.04
    assert abs(np.corrcoef(np.arange(len(images)), images)[0, 1]) < 0.04
    assert (np.abs(np.diff(images)) == 1).sum() < 12  # 2 expected
