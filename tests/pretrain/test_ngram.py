"""The n-gram baseline: real probabilities, documents kept apart, and figures that agree with their definition."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest

from pretrain.ngram import NgramModel, compression_bits_per_byte, context_depths, document_chunks, with_start

VOCAB = 40


def corpus(seed: int, num_documents: int = 200) -> np.ndarray:
    """Documents in which token t is mostly followed by 3t + 1 and sometimes by anything; each ends with 0."""
    rng = np.random.default_rng(seed)
    tokens: list[int] = []
    for _ in range(num_documents):
        token = int(rng.integers(1, VOCAB))
        for _ in range(int(rng.integers(1, 40))):
            tokens.append(token)
            token = (3 * token + 1) % (VOCAB - 1) + 1 if rng.random() < 0.8 else int(rng.integers(1, VOCAB))
        tokens.append(0)
    return np.array(tokens, dtype=np.int32)


@pytest.fixture(scope="module")
def model() -> NgramModel:
    return NgramModel.train(corpus(0), vocab_size=VOCAB)


@pytest.mark.parametrize("context", [[], [0], [5], [5, 16], [39, 39, 39, 39], [7, 22, 28, 7, 1, 2, 0], [3, 0, 12, 37]])
def test_probabilities_sum_to_one_in_every_context(model: NgramModel, context: list[int]) -> None:
    likely = model.distribution(context)
    assert likely.sum() == pytest.approx(1, abs=1e-6)
    assert likely.min() > 0


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_scores_are_those_of_the_distribution(order: int) -> None:
    model = NgramModel.train(corpus(0), vocab_size=VOCAB, order=order)
    tokens = corpus(1, num_documents=10)
    slowly = [model.distribution(tokens[:place].tolist())[token] for place, token in enumerate(tokens)]
    assert model.probabilities(tokens) == pytest.approx(slowly, rel=1e-5)


def test_bigram_shares_are_discounted_counts_plus_the_back_off() -> None:
    tokens = np.array([1, 2, 1, 2, 1, 3, 0], dtype=np.int32)
    model = NgramModel.train(tokens, vocab_size=4, order=2)
    # Too little text to estimate discounts: 0.5, 0.75, 1. Each of 1 (after 0, 2), 2, 3 and 0 follows so many contexts:
    unigram = {word: (count - cut) / 5 + (0.75 + 3 * 0.5) / 5 / 4 for word, count, cut in
               [(1, 2, 0.75), (2, 1, 0.5), (3, 1, 0.5), (0, 1, 0.5)]}  # fmt: skip
    freed = (0.75 + 0.5) / 3  # context 1: twice 2, once 3
    assert model.distribution([1])[2] == pytest.approx((2 - 0.75) / 3 + freed * unigram[2], rel=1e-6)
    assert model.distribution([1])[0] == pytest.approx(freed * unigram[0], rel=1e-6)


def test_a_document_is_blind_to_the_one_before(model: NgramModel) -> None:
    first, second = corpus(2, 1), corpus(3, 1)
    together = model.probabilities(np.concatenate([first, second]))
    assert together[len(first) :].tolist() == model.probabilities(second).tolist()


def test_longer_contexts_and_more_text_help() -> None:
    held_out, one_byte_each = corpus(9), np.array([0] + [1] * (VOCAB - 1))
    scores = [
        NgramModel.train(corpus(0, size), vocab_size=VOCAB, order=order).bits_per_byte(
            held_out, token_bytes=one_byte_each
        )
        for order, size in ((1, 2000), (2, 2000), (2, 20))
    ]
    assert scores[1] < scores[0] - 1
    assert scores[1] < scores[2]
    assert scores[0] < math.log2(VOCAB) * 1.2


def test_bits_per_byte_follows_the_rule_for_held_out_text(model: NgramModel) -> None:
    tokens = np.array([4, 13, 0, 7, 22, 28, 0, 5, 0], dtype=np.int32)
    lengths = np.arange(VOCAB)
    likely = model.probabilities(tokens)
    scored = [1, 2, 4, 5, 6]  # of the first two documents all but their first tokens
    expected = -np.log2(likely[scored]).sum() / lengths[tokens[scored]].sum()
    assert model.bits_per_byte(tokens, token_bytes=lengths, max_tokens=8) == pytest.approx(expected)


def test_the_first_document_counts_even_where_it_is_too_long(model: NgramModel) -> None:
    tokens = corpus(4, 3)
    first = tokens[: int(np.flatnonzero(tokens == 0)[0]) + 1]
    lengths = np.ones(VOCAB)
    cut = model.bits_per_byte(tokens, token_bytes=lengths, max_tokens=1)
    assert cut == model.bits_per_byte(first, token_bytes=lengths)


def test_chunks_hold_every_token_once_and_end_with_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pretrain.ngram.CHUNK_TOKENS", 50)
    tokens = corpus(5)
    chunks = list(document_chunks(tokens, 0))
    assert np.concatenate(chunks).tolist() == tokens.tolist()
    assert len(chunks) > 10
    assert all(chunk[-1] == 0 for chunk in chunks)


def test_context_depth_counts_from_the_last_end_of_text() -> None:
    words = with_start(np.array([5, 6, 0, 0, 7], dtype=np.int32), 0)
    assert context_depths(words, 0).tolist() == [0, 1, 2, 3, 1, 1]


def test_generation_is_seeded_and_stops_at_the_end_of_text(model: NgramModel) -> None:
    drawn = [model.generate([5, 16], max_tokens=500, rng=np.random.default_rng(7)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert 0 not in drawn[0]
    assert len(drawn[0]) < 500


def test_temperature_zero_takes_the_likeliest(model: NgramModel) -> None:
    drawn = model.generate([5, 16], max_tokens=1, rng=np.random.default_rng(0), temperature=0)
    assert drawn in ([int(model.distribution([5, 16]).argmax())], [])
    assert drawn == [(3 * 16 + 1) % (VOCAB - 1) + 1]


@pytest.mark.parametrize("tokens", [[], [VOCAB], [-1]])
def test_tokens_outside_the_vocabulary_are_refused(tokens: list[int]) -> None:
    with pytest.raises(ValueError, match=r"all in \[0, 40\)"):
        NgramModel.train(np.array(tokens, dtype=np.int32), vocab_size=VOCAB)


def test_nothing_to_score_is_an_error(model: NgramModel) -> None:
    with pytest.raises(ValueError, match="two tokens or more"):
        model.bits_per_byte(np.array([0, 0], dtype=np.int32), token_bytes=np.ones(VOCAB))


def test_compression_counts_the_bytes_of_both_ways() -> None:
    texts = ["def f():\n    return 1\n" * 20, "中文" * 50]
    whole = "".join(texts).encode()
    figures = compression_bits_per_byte(texts)
    assert figures["zlib"].together == 8 * len(zlib.compress(whole, 9)) / len(whole)
    alone = sum(len(zlib.compress(text.encode(), 9)) for text in texts)
    assert figures["zlib"].one_by_one == pytest.approx(8 * alone / len(whole))
    assert figures["xz"].together < 8
    with pytest.raises(ValueError, match="nothing to compress"):
        compression_bits_per_byte(["", ""])


def test_documents_shorter_than_the_order_still_give_a_distribution() -> None:
    model = NgramModel.train(np.array([5, 0, 6, 0], dtype=np.int32), vocab_size=8)
    assert model.distribution(np.array([0])).sum() == pytest.approx(1.0)
