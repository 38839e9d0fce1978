"""The sample order is exact in its mixture, complete in each epoch, and a function of step and index alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pretrain.errors import ShardError
from pretrain.packing import IGNORED, Mixture, SampleOrder, to_batch
from pretrain.shards import Shard

CONTEXT = 8


def shard(name: str, windows: int) -> Shard:
    """A shard whose window w holds w * CONTEXT, w * CONTEXT + 1, ..."""
    tokens = np.arange(windows * CONTEXT + 1, dtype=np.int32)
    facts = {"tokens": len(tokens), "documents": 1, "sha256_bin": f"{name}{windows}"}
    return Shard(Path(name), tokens, np.zeros(1, np.int64), np.array([len(tokens)], np.int32), facts)


def order(sizes: dict[str, int], weights: dict[str, float], **options: Any) -> SampleOrder:
    mixture = Mixture({name: shard(name, windows) for name, windows in sizes.items()}, weights)
    return SampleOrder(mixture, **{"context": CONTEXT, "batch_sequences": 4, "seed": 0} | options)


def test_an_epoch_shows_each_window_once() -> None:
    one = order({"a": 37}, {"a": 1.0}, batch_sequences=37)
    epochs = [[int(one.sample(step, i)[0]) // CONTEXT for i in range(37)] for step in range(3)]
    assert all(sorted(epoch) == list(range(37)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_a_window_is_contiguous_and_has_one_more_target() -> None:
    window = order({"a": 5}, {"a": 1.0}).sample(1, 2)
    assert window.dtype == np.int32
    assert window.tolist() == list(range(window[0], window[0] + CONTEXT + 1))


def test_any_step_can_be_asked_first() -> None:
    sizes, weights = {"a": 50, "b": 20}, {"a": 0.7, "b": 0.3}
    straight = order(sizes, weights)
    wanted = {(step, i): straight.sample(step, i).tolist() for step in range(30) for i in range(4)}
    places = list(wanted)
    random.Random(0).shuffle(places)
    fresh = order(sizes, weights)
    assert all(fresh.sample(*place).tolist() == wanted[place] for place in places)


def test_a_far_step_is_as_near_as_the_first() -> None:
    assert len(order({"a": 50, "b": 20}, {"a": 0.7, "b": 0.3}).sample(10**12, 3)) == CONTEXT + 1


def test_the_seed_changes_the_order() -> None:
    windows = [[int(order({"a": 99}, {"a": 1.0}, seed=seed).sample(0, i)[0]) for i in range(4)] for seed in (0, 1)]
    assert windows[0] != windows[1]


def test_counts_and_epochs_are_those_of_the_samples() -> None:
    sizes = {"a": 10, "b": 1000}
    one = order(sizes, {"a": 0.25, "b": 0.75})
    assert one.source_counts(100) == {"a": 100, "b": 300}
    assert one.epochs(100) == {"a": 10.0, "b": 0.3}


def test_a_pattern_is_divided_by_tokens() -> None:
    weights = Mixture(
        {name: shard(name, n) for name, n in (("a", 10), ("b", 30), ("synth", 5))}, {"*": 0.8, "synth": 0.2}
    )
    shares = weights.resolve(min_tokens=1)
    assert shares["synth"] == pytest.approx(0.2)  # its own name goes before the pattern
    assert shares["b"] / shares["a"] == pytest.approx(241 / 81)
    assert sum(shares.values()) == pytest.approx(1)


def test_the_first_pattern_that_fits_takes_a_shard() -> None:
    mixture = Mixture({name: shard(name, 10) for name in ("cpp", "css", "go")}, {"c*": 1, "*": 3})
    assert mixture.resolve(min_tokens=1) == pytest.approx({"cpp": 0.125, "css": 0.125, "go": 0.75})


def test_a_weight_of_zero_leaves_a_shard_out() -> None:
    mixture = Mixture({name: shard(name, 10) for name in ("a", "b")}, {"a": 0, "*": 1})
    assert mixture.resolve(min_tokens=1) == {"b": 1.0}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"*": 1, "synth": 1}, "no data for mixture source 'synth'; shards here: a"),
        ({"x*": 1}, "no data for mixture source 'x"),
        ({"a": -1}, "weight of 'a' must be 0 or more, got -1"),
        ({"a": float("nan")}, "got nan"),
        ({"a": 0}, "no source has a weight"),
        ({}, "no source has a weight"),
    ],
)
def test_a_mixture_that_cannot_be_is_named(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ShardError, match=message):
        Mixture({"a": shard("a", 10)}, weights)


def test_a_source_smaller_than_a_window_is_no_data() -> None:
    with pytest.raises(ShardError, match="'b': its largest shard has 1 tokens, one window needs 9"):
        order({"a": 10, "b": 0}, {"a": 1, "b": 1})


def test_a_tiny_shard_under_a_pattern_is_left_out_and_named() -> None:
    one = order({"a": 10, "b": 0}, {"*": 1})
    assert (one.left_out, one.weights) == (["b"], {"a": 1.0})


def test_the_fingerprint_changes_with_all_that_decides() -> None:
    base: dict[str, Any] = {"sizes": {"a": 10, "b": 10}, "weights": {"a": 1, "b": 1}}
    changes = [{}, {"seed": 1}, {"context": 7}, {"batch_sequences": 3}, {"weights": {"a": 1, "b": 2}}]
    changes += [{"sizes": {"a": 10, "b": 11}}]
    prints = [order(**base | change).fingerprint() for change in changes]
    assert len(set(prints)) == len(changes)
    assert order(**base).fingerprint() == prints[0]


def test_labels_and_positions_token_by_token() -> None:
    batch = to_batch(np.array([[5, 0, 6, 7, 0, 0, 8], [0, 1, 2, 3, 4, 5, 0]], np.int32), end_of_text=0, isolate=True)
    assert batch["input_ids"].tolist() == [[5, 0, 6, 7, 0, 0], [0, 1, 2, 3, 4, 5]]
    assert batch["labels"].tolist() == [[0, IGNORED, 7, 0, IGNORED, IGNORED], [IGNORED, 2, 3, 4, 5, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 0, 1, 2, 0], [0, 0, 1, 2, 3, 4]]
    assert {array.dtype for array in batch.values()} == {np.dtype(np.int64)}


def test_without_isolation_every_token_counts() -> None:
    batch = to_batch(np.array([[5, 0, 6, 7]], np.int32), end_of_text=0, isolate=False)
    assert (batch["labels"].tolist(), batch["position_ids"].tolist()) == ([[0, 6, 7]], [[0, 1, 2]])
