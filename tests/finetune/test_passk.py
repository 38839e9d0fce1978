from __future__ import annotations

import itertools

import pytest

from finetune.passk import mean_pass_at_k, pass_at_k


@pytest.mark.parametrize(("samples", "passed"), [(1, 0), (1, 1), (4, 1), (5, 3), (6, 0), (6, 6)])
def test_it_is_the_share_of_draws_that_hold_a_passing_sample(samples: int, passed: int) -> None:
    for k in range(1, samples + 1):
        draws = list(itertools.combinations(range(samples), k))
        hits = sum(min(draw) < passed for draw in draws)
        assert pass_at_k(samples, passed, k) == pytest.approx(hits / len(draws))


def test_large_counts_do_not_overflow() -> None:
    assert 0 < pass_at_k(100_000, 1, 100) < 0.01


@pytest.mark.parametrize(("samples", "passed", "k"), [(1, 0, 2), (1, 2, 1), (1, -1, 1), (0, 0, 1), (1, 1, 0)])
def test_counts_that_cannot_be_are_refused(samples: int, passed: int, k: int) -> None:
    with pytest.raises(ValueError, match="got k="):
        pass_at_k(samples, passed, k)


def test_problems_count_alike_however_many_samples_they_have() -> None:
    assert mean_pass_at_k([(1, 1), (10, 0)], 1) == 0.5
