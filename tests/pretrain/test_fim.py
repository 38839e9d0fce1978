"""Cuts lose nothing, come at the stated rates, and depend on the text alone."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from pretrain.fim import MIN_CHARACTERS, Sentinels, arrange, cut, restore

IDS = Sentinels(prefix=1, middle=2, suffix=3)
TEXTS = [f"def function_{i}(x):\n    return x + {i}  # 加{'é' * (i % 7)}\n" for i in range(4000)]


def as_tokens(text: str) -> np.ndarray:
    return np.array([ord(character) + 10 for character in text], np.int32)


def test_parts_join_to_the_document() -> None:
    for text in TEXTS[:500]:
        parts = cut(text, rate=1, spm_rate=0.5, seed=0)
        assert parts is not None
        assert parts.prefix + parts.middle + parts.suffix == text
        assert parts.middle


@pytest.mark.parametrize("spm", [False, True])
def test_arranged_tokens_are_restored(spm: bool) -> None:
    for prefix, middle, suffix in product(["", "abc"], ["x", "xyz"], ["", "de"]):
        tokens = arrange(*map(as_tokens, (prefix, middle, suffix)), spm=spm, ids=IDS)
        assert restore(tokens, IDS).tolist() == as_tokens(prefix + middle + suffix).tolist()


def test_an_uncut_document_is_restored_as_it_is() -> None:
    assert restore(as_tokens("abc"), IDS).tolist() == as_tokens("abc").tolist()
    assert restore(as_tokens(""), IDS).tolist() == []


def test_the_two_forms() -> None:
    parts = [np.array([token], np.int32) for token in (11, 12, 13)]  # prefix, middle, suffix
    assert arrange(*parts, spm=False, ids=IDS).tolist() == [1, 11, 3, 13, 2, 12]
    assert arrange(*parts, spm=True, ids=IDS).tolist() == [1, 3, 13, 2, 11, 12]


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_the_rate_holds(rate: float) -> None:
    found = sum(cut(text, rate=rate, spm_rate=0, seed=1) is not None for text in TEXTS) / len(TEXTS)
    assert abs(found - rate) <= 4 * (rate * (1 - rate) / len(TEXTS)) ** 0.5


def test_the_share_of_spm_holds() -> None:
    cuts = [cut(text, rate=1, spm_rate=0.3, seed=1) for text in TEXTS]
    assert abs(np.mean([part is not None and part.spm for part in cuts]) - 0.3) < 0.03


def test_cuts_are_uniform_over_the_places() -> None:
    counts = np.zeros(MIN_CHARACTERS + 1)
    for seed in range(6600):
        parts = cut("a" * MIN_CHARACTERS, rate=1, spm_rate=0, seed=seed)
        assert parts is not None
        counts[[len(parts.prefix), len(parts.prefix) + len(parts.middle)]] += 1
    expected = counts.sum() / len(counts)
    assert ((counts - expected) ** 2 / expected).sum() < 62.5  # chi-square, 32 degrees of freedom, p = 0.001


def test_seed_and_text_decide() -> None:
    draws = {seed: [cut(text, rate=0.5, spm_rate=0.5, seed=seed) for text in TEXTS[:50]] for seed in (0, 0, 1)}
    assert draws[0] == [cut(text, rate=0.5, spm_rate=0.5, seed=0) for text in TEXTS[:50]]
    assert draws[0] != draws[1]


@pytest.mark.parametrize(("length", "is_cut"), [(0, False), (MIN_CHARACTERS - 1, False), (MIN_CHARACTERS, True)])
def test_tiny_documents_stay_whole(length: int, is_cut: bool) -> None:
    assert (cut("x" * length, rate=1, spm_rate=0, seed=0) is not None) is is_cut
