"""Attention over packed documents, each by itself: torch's causal kernel on every document's slice.

No mask: on a CPU a masked call reads all T x T scores where a causal one stops at the diagonal, and cutting makes short
documents cheaper still. Registered with transformers under `ATTENTION`, so that the model stays a `LlamaForCausalLM`;
calls without `documents` (generation, evaluation by others) get transformers' own sdpa path and masks.
Not covered: one call for all documents of a GPU's micro-batch (torch's varlen_attn), which the loop here does without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION = "packed_documents"


@dataclass(frozen=True, slots=True)
class Documents:
    """Where documents lie in a micro-batch."""

    pieces: tuple[tuple[int, int, int], ...] | None
    """(row, start, stop) of each; `None`: every row is one document."""


def find_documents(position_ids: Tensor) -> Documents:
    """The documents of a micro-batch: one starts at column 0 of each row and wherever `position_ids` (B, T) is 0."""
    starts = position_ids == 0
    starts[:, 0] = True
    rows, columns = (found.tolist() for found in starts.nonzero(as_tuple=True))
    if len(rows) == len(position_ids):
        return Documents(None)
    width = position_ids.shape[1]
    following = [*zip(rows[1:], columns[1:], strict=True), (-1, 0)]
    stops = [column if next_row == row else width for row, (next_row, column) in zip(rows, following, strict=True)]
    return Documents(tuple(zip(rows, columns, stops, strict=True)))


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """The attention output (B, T, H, D) and no weights; query, key and value are (B, H, T, D)."""
    documents: Documents | None = options.pop("documents", None)
    if documents is None:
        plain: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return plain
    return _attend_by_document(documents, query, key, value, options["scaling"]), None


# torch.compile would make a new program for every cut of a micro-batch
@torch.compiler.disable  # type: ignore[untyped-decorator]
def _attend_by_document(documents: Documents, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    shared: dict[str, Any] = {"is_causal": True, "scale": scaling, "enable_gqa": query.shape[1] != key.shape[1]}
    given = query.dtype
    if query.device.type == "cpu":
        # torch's CPU kernel takes 59 ms a layer for the backward pass in bf16, 22 in fp32 (4 x 512 tokens, 6 heads)
        query, key, value = query.float(), key.float(), value.float()
    if documents.pieces is None:
        return scaled_dot_product_attention(query, key, value, **shared).transpose(1, 2).to(given)
    outputs = []
    for row, start, stop in documents.pieces:
        piece = (row, slice(None), slice(start, stop))
        outputs.append(
            scaled_dot_product_attention(query[piece][None], key[piece][None], value[piece][None], **shared)[0]
        )
    batch, heads, length, width = query.shape
    joined = torch.cat(outputs, dim=1)  # (H, B * T, D)
    return joined.view(heads, batch, length, width).permute(1, 2, 0, 3).to(given)


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
