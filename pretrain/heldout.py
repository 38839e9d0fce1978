"""Held-out bits per byte: what a model pays for text it never saw, comparable across tokenizers.

Rule: whole documents from the start of a shard, as many as fit into `max_tokens` (one at least). A document's first
token is given, not scored, as in training, where documents are isolated; everything after it is scored, its closing
`<|endoftext|>` too: the price of a document includes where it ends. Documents longer than the context are cut into
windows that see nothing of each other. The bits are divided by the UTF-8 bytes of the scored text; `all` divides the
sum of bits by the sum of bytes.
Not covered: overlapping windows, which would flatter a short context.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pretrain.errors import ShardError, TokenizerError
from pretrain.loss import IGNORED, loss_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pretrain.shards import Shard

CHUNK_TOKENS = 2048
"""Tokens whose logits exist at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a model paid for some documents."""

    bits: float
    text_bytes: int
    tokens: int
    """Scored ones."""
    documents: int

    @property
    def bits_per_byte(self) -> float:
        """8 is what raw bytes cost."""
        return self.bits / self.text_bytes


def bits_per_byte(
    model: Any,
    shards: Mapping[str, Shard],
    *,
    token_bytes: NDArray[np.int64],
    context: int,
    batch: int,
    max_tokens: int,
    device: torch.device | str,
) -> dict[str, float]:
    """Bits per byte by shard, and under `all` those of all scored documents; the same on every process.

    `max_tokens` is per shard, `batch` in rows of `context` tokens, `token_bytes` from the function of that name.
    """
    scores = {
        name: score_shard(
            model, shard, token_bytes=token_bytes, context=context, batch=batch, max_tokens=max_tokens, device=device
        )
        for name, shard in shards.items()
    }
    return {name: score.bits_per_byte for name, score in scores.items()} | {"all": total(scores.values()).bits_per_byte}


def score_shard(
    model: Any,
    shard: Shard,
    *,
    token_bytes: NDArray[np.int64],
    context: int,
    batch: int,
    max_tokens: int,
    device: torch.device | str,
) -> Score:
    """What `model` pays for the first documents of `shard`. Raises: ShardError where they hold nothing to score."""
    documents = first_documents(shard, max_tokens)
    text_bytes = sum(int(token_bytes[document[1:]].sum()) for document in documents)
    if not text_bytes:
        raise ShardError(f"{shard.name}: no held-out text of two tokens or more; hold out more of the corpus")
    rows = fill_rows(windows(documents, context), context, end_of_text=int(documents[0][-1]))
    was_training = model.training
    model.eval()
    nats = 0.0
    with torch.no_grad():
        for start in range(0, len(rows["labels"]), batch):
            part = {key: torch.from_numpy(value[start : start + batch]).to(device) for key, value in rows.items()}
            nats += float(loss_sum(model, part, chunk_tokens=CHUNK_TOKENS))
    model.train(was_training)
    return Score(
        bits=nats / math.log(2),
        text_bytes=text_bytes,
        tokens=sum(len(document) - 1 for document in documents),
        documents=len(documents),
    )


def total(scores: Iterable[Score]) -> Score:
    """All scores as one."""
    listed = list(scores)
    return Score(
        bits=math.fsum(score.bits for score in listed),
        text_bytes=sum(score.text_bytes for score in listed),
        tokens=sum(score.tokens for score in listed),
        documents=sum(score.documents for score in listed),
    )


def first_documents(shard: Shard, max_tokens: int) -> list[NDArray[np.int32]]:
    """The documents that are scored: whole ones from the start, at most `max_tokens` tokens, but one at least.

    Raises: ShardError where there is none.
    """
    if not shard.num_documents:
        raise ShardError(f"{shard.name}: no held-out document in it; hold out more of the corpus or leave it away")
    documents: list[NDArray[np.int32]] = []
    left = max_tokens
    for number in range(shard.num_documents):
        document = shard.document(number)
        left -= len(document)
        if left < 0 and documents:
            break
        documents.append(document)
    return documents


def windows(documents: Iterable[NDArray[np.int32]], context: int) -> Iterator[tuple[NDArray[np.int32], ...]]:
    """(inputs, labels) of each window, both of one length of at most `context`: labels are what follows the inputs."""
    for document in documents:
        inputs, labels = document[:-1], document[1:]
        for start in range(0, len(labels), context):
            yield inputs[start : start + context], labels[start : start + context]


def fill_rows(
    pieces: Iterable[tuple[NDArray[np.int32], ...]], context: int, *, end_of_text: int
) -> dict[str, NDArray[np.int64]]:
    """The windows side by side in rows (N, context), longest first, each into the row with the most room.

    Position ids restart at each window, so that none sees another; unused places are not scored.
    """
    rows: list[list[tuple[NDArray[np.int32], ...]]] = []
    roomiest: list[tuple[int, int]] = []  # (-room, row)
    for piece in sorted(pieces, key=lambda piece: -len(piece[0])):
        fits = bool(roomiest) and -roomiest[0][0] >= len(piece[0])
        room, number = heapq.heappop(roomiest) if fits else (-context, len(rows))
        if number == len(rows):
            rows.append([])
        rows[number].append(piece)
        heapq.heappush(roomiest, (room + len(piece[0]), number))
    return {
        "input_ids": _stack([[inputs for inputs, _ in row] for row in rows], context, filler=end_of_text),
        "labels": _stack([[labels for _, labels in row] for row in rows], context, filler=IGNORED),
        "position_ids": _stack([[np.arange(len(inputs)) for inputs, _ in row] for row in rows], context, filler=0),
    }


def token_bytes(tokenizer: Path) -> NDArray[np.int64]:
    """UTF-8 bytes that each token of a byte-level tokenizer folder stands for, by id; 0 for special tokens.

    Raises: TokenizerError.
    """
    path = tokenizer / "tokenizer.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        vocabulary, added = content["model"]["vocab"], content["added_tokens"]
        size = 1 + max([*vocabulary.values(), *(token["id"] for token in added)])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TokenizerError(f"{path}: cannot be read as a BPE tokenizer ({error}); give its folder") from error
    if "ByteLevel" not in json.dumps(content.get("decoder")):
        raise TokenizerError(f"{path}: not a byte-level tokenizer; bytes per token are known for those only")
    sizes = np.zeros(size, dtype=np.int64)
    for token, number in vocabulary.items():
        sizes[number] = len(token)  # the byte-level alphabet has one character per byte
    for token in added:
        sizes[token["id"]] = 0 if token["special"] else len(token["content"].encode())
    return sizes


def _stack(rows: list[list[NDArray[Any]]], context: int, *, filler: int) -> NDArray[np.int64]:
    """The arrays of each row joined and filled up, (N, context)."""
    stacked = np.full((len(rows), context), filler, dtype=np.int64)
    for number, row in enumerate(rows):
        joined = np.concatenate(row)
        stacked[number, : len(joined)] = joined
    return stacked
