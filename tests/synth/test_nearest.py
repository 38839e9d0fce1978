"""The nearest kept row: near the true similarity, never the row itself, never a dropped one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from synth.curate.shingles import jaccard, shingle_set
from synth.nearest import SKETCH, Near, NearestKept, estimate


def found(*rows: tuple[str, bool]) -> list[Near | None]:
    nearest = NearestKept()
    for text, is_kept in rows:
        nearest.add(text, is_kept=is_kept)
    return nearest.find()


def words(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return [f"w{draw.getrandbits(30)}" for _ in range(count)]


def test_a_short_text_has_its_true_similarity_to_the_nearest() -> None:
    base = words(1, 100)
    near, far = [*base[:90], *words(2, 10)], [*base[:60], *words(3, 40)]
    texts = [" ".join(text) for text in (far, base, near)]
    _, (second, third) = found(*((text, True) for text in texts))[0], found(*((text, True) for text in texts))[1:]
    assert second == Near(2, jaccard(shingle_set(texts[1]), shingle_set(texts[2])))
    assert third == Near(1, jaccard(shingle_set(texts[1]), shingle_set(texts[2])))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_long_texts_are_estimated(share: float) -> None:
    draw = np.random.default_rng(0)
    both, one, other = (draw.integers(1 << 32, size=5_000, dtype=np.uint32) for _ in range(3))
    size = int(5_000 * share)
    left, right = (np.unique(np.concatenate([both[:size], rest[: 5_000 - size]])) for rest in (one, other))
    assert estimate(left[:SKETCH], right[:SKETCH]) == pytest.approx(jaccard(left, right), abs=0.09)


def test_only_kept_rows_are_near_and_no_row_is_near_itself() -> None:
    text = " ".join(words(1, 50))
    assert found((text, True), (text, False), (text, False)) == [None, Near(0, 1.0), Near(0, 1.0)]


def test_unlike_and_empty_rows_have_none() -> None:
    assert found((" ".join(words(1, 50)), True), (" ".join(words(2, 50)), True), ("", True), ("", True)) == [None] * 4
    assert found() == []


def test_a_text_that_very_many_share_still_has_a_neighbour() -> None:
    text = " ".join(words(1, 50))
    assert found(*[(text, True)] * 500).count(None) == 0
