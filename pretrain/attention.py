"""Attention over packed documents, each by itself, and without a mask: under one, all T x T scores would be computed.

On a GPU one call takes the documents of a whole micro-batch (torch's varlen_attn: flash attention in bf16); elsewhere
a causal kernel takes one document after the other: torch's, and on a CPU ours, which is faster. Registered with
transformers under `ATTENTION`, so that the model stays a `LlamaForCausalLM`; calls without `documents` (generation,
evaluation by others) get transformers' own sdpa path and masks.
Not covered: fp32 on a GPU, which goes document by document and keeps it waiting; attention to padding.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from pretrain.cpu_attention import attend_causally

ATTENTION = "packed_documents"


@dataclass(frozen=True, slots=True)
class Documents:
    """Where documents lie in a micro-batch."""

    pieces: tuple[tuple[int, int, int], ...] | None
    """(row, start, stop) of each; `None`: every row is one document."""
    bounds: Tensor
    """Where they begin in the micro-batch as one row of B * T tokens, and its end: int32, on its device."""


def find_documents(position_ids: Tensor) -> Documents:
    """The documents of a micro-batch: one starts at column 0 of each row and wherever `position_ids` (B, T) is 0."""
    starts = position_ids == 0
    starts[:, 0] = True
    begins = starts.flatten().nonzero()[:, 0]
    bounds = torch.nn.functional.pad(begins, (0, 1), value=starts.numel())
    if len(begins) == len(position_ids):
        return Documents(None, bounds.to(torch.int32))
    width = position_ids.shape[1]
    pieces = tuple(
        (begin // width, begin % width, end - begin // width * width)  # none goes on in the next row
        for begin, end in itertools.pairwise(bounds.tolist())
    )
    return Documents(pieces, bounds.to(torch.int32))


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """The attention output (B, T, H, D) and no weights; query, key and value are (B, H, T, D)."""
    documents: Documents | None = options.pop("documents", None)
    if documents is None:
        plain: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return plain
    return _attend_within(documents, query, key, value, options["scaling"]), None


# torch.compile would make a new program for every cut of a micro-batch
@torch.compiler.disable  # type: ignore[untyped-decorator]
def _attend_within(documents: Documents, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    kind = query.device.type
    if torch.is_autocast_enabled(kind):  # rotary embedding left queries and keys in fp32
        query, key, value = (states.to(torch.get_autocast_dtype(kind)) for states in (query, key, value))
    together = packed_kernel() if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16) else None
    if together is not None and documents.pieces is not None:
        return attend_at_once(together, documents, query, key, value, scaling)
    return _attend_by_document(documents, query, key, value, scaling)


@cache
def packed_kernel() -> Callable[..., Any] | None:
    """torch's `varlen_attn`; `None` where torch has none, or an early one with other arguments."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    wanted = {"scale", "window_size", "enable_gqa"}
    return varlen_attn if wanted <= set(inspect.signature(varlen_attn).parameters) else None


def attend_at_once(
    kernel: Callable[..., Any], documents: Documents, query: Tensor, key: Tensor, value: Tensor, scaling: float
) -> Tensor:
    """The attention output (B, T, H, D) by one call of `kernel`, which is `varlen_attn` or takes what that takes."""
    batch, _, length, _ = query.shape
    rows = [states.transpose(1, 2).flatten(0, 1) for states in (query, key, value)]  # (B * T, H, D) each
    bounds = documents.bounds
    output: Tensor = kernel(
        *rows,
        bounds,
        bounds,
        length,  # no document is longer
        length,
        scale=scaling,
        window_size=(-1, 0),  # causal
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return output.view(batch, length, *output.shape[1:])


def _attend_by_document(documents: Documents, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    one = _attend_on_cpu if query.device.type == "cpu" else _attend_by_torch
    if documents.pieces is None:
        return one(query, key, value, scaling).transpose(1, 2)
    outputs = []
    for row, start, stop in documents.pieces:
        piece = (slice(row, row + 1), slice(None), slice(start, stop))
        outputs.append(one(query[piece], key[piece], value[piece], scaling)[0])
    batch, heads, length, width = query.shape
    joined = torch.cat(outputs, dim=1)  # (H, B * T, D)
    return joined.view(heads, batch, length, width).permute(1, 2, 0, 3)


def _attend_by_torch(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    grouped = query.shape[1] != key.shape[1]
    return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling, enable_gqa=grouped)


def _attend_on_cpu(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    query_rows, key_rows, value_rows = (states.flatten(0, 1) for states in (query, key, value))  # (B * H, T, D)
    return attend_causally(query_rows, key_rows, value_rows, scaling).view(query.shape)


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
