"""Windows of tokens in training order: `SampleOrder.sample(step, index)` is a pure function of seed, step and index.

Every shard is one stream of tokens, cut into windows of `context` inputs and one more target; documents were shuffled
when they were packed. Which shard a sample comes from follows the mixture exactly (`interleave.Interleave`); which
window of it, a keyed permutation, another one each epoch. So a run resumes at once and the number of processes may
change. `to_batch` turns windows into model inputs, documents kept apart by position ids.
Not covered: windows that begin at documents, and padding.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from pretrain.errors import ShardError
from pretrain.interleave import Interleave, permute
from pretrain.shards import Shard, Tokens

IGNORED = -100
"""A label without loss."""


class Mixture:
    """Shards and what share of the samples each gives."""

    def __init__(self, shards: Mapping[str, Shard], weights: Mapping[str, float]) -> None:
        """`weights`: shard name or pattern -> weight; only their ratios count, and 0 leaves shards out.

        A shard that is named takes its own weight; of patterns the first that fits takes it.
        Raises: ShardError for a weight that is none, and for a source without any data.
        """
        self.shards = dict(shards)
        self.weights = dict(weights)
        for source, weight in weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ShardError(f"mixture: the weight of {source!r} must be 0 or more, got {weight}; change it")
        self._members: dict[str, list[str]] = {source: [] for source in weights}
        for name in sorted(shards):
            fitting = [name] if name in weights else [source for source in weights if fnmatchcase(name, source)]
            if fitting:
                self._members[fitting[0]].append(name)
        self.resolve(min_tokens=1)

    def resolve(self, *, min_tokens: int) -> dict[str, float]:
        """Shard -> share of the samples; the shares add up to 1.

        A pattern's weight is divided by tokens over its shards of at least `min_tokens`.
        Raises: ShardError where a source with a weight has no such shard.
        """
        total = sum(self.weights.values())
        if total <= 0:
            raise ShardError("mixture: no source has a weight; give one more than 0")
        shares: dict[str, float] = {}
        for source, weight in self.weights.items():
            if weight == 0:
                continue
            members = [n for n in self._members[source] if self.shards[n].num_tokens >= min_tokens]
            if not members:
                raise ShardError(self._explain(source, min_tokens))
            tokens = sum(self.shards[name].num_tokens for name in members)
            shares |= {name: weight / total * self.shards[name].num_tokens / tokens for name in members}
        return shares

    def _explain(self, source: str, min_tokens: int) -> str:
        if not self._members[source]:
            known = ", ".join(sorted(self.shards)) or "none"
            return f"mixture: no data for mixture source {source!r}; shards here: {known}"
        largest = max(self.shards[name].num_tokens for name in self._members[source])
        return (
            f"mixture: no data for mixture source {source!r}: its largest shard has {largest} tokens, one window needs "
            f"{min_tokens}; leave it out or pack more text"
        )


class SampleOrder:
    """The windows of a run, in order."""

    def __init__(self, mixture: Mixture, *, context: int, batch_sequences: int, seed: int) -> None:
        """`context` inputs per window, `batch_sequences` windows per step.

        Raises: ShardError where a source has no shard of one window. Smaller shards under a pattern are in `left_out`.
        """
        self.context, self.batch_sequences, self.seed = context, batch_sequences, seed
        self._interleave = Interleave(mixture.resolve(min_tokens=context + 1))
        self._shards = {name: mixture.shards[name] for name in self._interleave.parts}
        self._windows = {name: (shard.num_tokens - 1) // context for name, shard in self._shards.items()}
        self._keys = {name: _key(f"{seed}:{name}") for name in self._shards}
        self.left_out = sorted(set(mixture.resolve(min_tokens=1)) - set(self._shards))
        """Shards too small for one window."""

    @property
    def bound(self) -> float:
        """How far the count of a source may be from samples x weight, at any moment."""
        return self._interleave.bound

    @property
    def weights(self) -> dict[str, float]:
        """Shard -> exact share of the samples."""
        total = sum(self._interleave.parts.values())
        return {name: parts / total for name, parts in self._interleave.parts.items()}

    def sample(self, step: int, index: int) -> Tokens:
        """Window `index` of step `step`, `(context + 1,)`, a copy; about 10 microseconds beyond the read."""
        name, k = self._interleave.source(step * self.batch_sequences + index)
        epoch, turn = divmod(k, self._windows[name])
        window = permute(turn, self._windows[name], self._keys[name] + (epoch << 8))
        start = window * self.context
        return np.array(self._shards[name].tokens[start : start + self.context + 1], np.int32)

    def source_counts(self, steps: int) -> dict[str, int]:
        """Shard -> samples from it in the first so many steps."""
        return self._interleave.counts(steps * self.batch_sequences)

    def epochs(self, steps: int) -> dict[str, float]:
        """Shard -> how often its windows are seen in the first so many steps."""
        return {name: count / self._windows[name] for name, count in self.source_counts(steps).items()}

    def fingerprint(self) -> str:
        """SHA-256 over all that decides the samples: tokens, weights, context, batch, seed."""
        identity = {
            "order": 1,
            "shards": {name: [self._shards[name].facts["sha256_bin"], parts] for name, parts in self._parts()},
            "context": self.context,
            "batch_sequences": self.batch_sequences,
            "seed": self.seed,
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def _parts(self) -> list[tuple[str, int]]:
        return list(self._interleave.parts.items())


def to_batch(windows: Tokens, *, end_of_text: int, isolate: bool) -> dict[str, NDArray[np.int64]]:
    """`input_ids`, `labels`, `position_ids`, each `(B, T)`, of windows `(B, T + 1)`.

    Labels are shifted: `labels[:, t]` is what follows input t. With `isolate`, positions restart behind each
    end-of-text, and an end-of-text input has no label: what comes next is another document's.
    """
    inputs = windows[:, :-1].astype(np.int64)
    labels = windows[:, 1:].astype(np.int64)
    places = np.broadcast_to(np.arange(inputs.shape[1]), inputs.shape)
    if not isolate:
        return {"input_ids": inputs, "labels": labels, "position_ids": places.copy()}
    ends = inputs == end_of_text
    starts = np.zeros_like(inputs)
    starts[:, 1:] = np.where(ends[:, :-1], places[:, 1:], 0)
    labels[ends] = IGNORED
    return {"input_ids": inputs, "labels": labels, "position_ids": places - np.maximum.accumulate(starts, axis=1)}


def _key(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
