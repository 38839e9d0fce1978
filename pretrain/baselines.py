"""What an evaluation's model stands beside: an n-gram of the same training shards, and compressors of the same text.

Not covered: how they are computed (`ngram.py`), the untrained model (`continuations.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pretrain.ngram import NgramModel, compression_bits_per_byte
from pretrain.shards import Shard, open_shards
from pretrain.tokenizer import decode_bytes

NGRAM_TOKENS = 30_000_000
"""What an n-gram model of order 5 reads with 3 GB of memory."""


def train_ngram(shard_folders: Sequence[Path], *, vocab_size: int, tokens_seen: int | None) -> tuple[NgramModel, int]:
    """An n-gram model of the training shards, and how many tokens it read: whole documents, of each shard its share."""
    shards = open_shards(list(shard_folders), verify=False)  # the evaluation's hashes name them
    available = sum(shard.num_tokens for shard in shards.values())
    wanted = min(NGRAM_TOKENS, available if tokens_seen is None else tokens_seen)
    parts = [_first_tokens(shard, max(1, wanted * shard.num_tokens // available)) for shard in shards.values()]
    tokens = np.concatenate(parts)
    return NgramModel.train(tokens, vocab_size=vocab_size), len(tokens)


def compressors(documents: Mapping[str, Sequence[NDArray[np.int32]]], tokenizer: Any) -> dict[str, dict[str, float]]:
    """Bits per byte of zlib and xz by shard, all documents of a shard in one stream: the form that is best for them."""
    found: dict[str, dict[str, float]] = {}
    for name, listed in documents.items():
        texts = (decode_bytes(tokenizer, document[:-1]).decode(errors="replace") for document in listed)
        for compressor, figures in compression_bits_per_byte(texts).items():
            found.setdefault(compressor, {})[name] = figures.together
    return found


def _first_tokens(shard: Shard, wanted: int) -> NDArray[np.int32]:
    """The first whole documents of a shard, up to `wanted` tokens, one at least."""
    ends = np.cumsum(shard.sizes, dtype=np.int64)
    return shard.tokens[: int(ends[max(0, int(np.searchsorted(ends, wanted, side="right")) - 1)])]
