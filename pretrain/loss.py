"""Summed cross-entropy of a Llama on packed documents, without the logits ever being whole.

Three things make it fast and right:
- documents are isolated by cutting attention at each of them (`pretrain/attention.py`), never by a mask;
- logits exist for `chunk_tokens` tokens at a time, and their gradient is taken in the forward pass while they are
  there, so nothing is kept and nothing is computed twice (the idea of Liger's fused linear cross-entropy,
  arXiv 2410.10989, section 3.2);
- all of it runs inside the model's own `forward`, so that FSDP2 has gathered the root's weights when they are read.

Not covered: label smoothing, z-loss, logit soft-capping.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pretrain.attention import find_documents

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

IGNORED = -100
"""A label that is not scored."""

TILE_ELEMENTS = 2**19
"""Of logits that are worked on at a time on a CPU: 2 MB in fp32, a core's second-level cache."""


def loss_sum(model: LlamaForCausalLM, batch: Mapping[str, Tensor], *, chunk_tokens: int) -> Tensor:
    """The fp32 sum over scored labels of -ln p(label): a scalar to divide by the global number of scored labels.

    `batch`: `input_ids`, `labels` (already shifted; -100 is not scored) and `position_ids` (restarting at each
    document), all (B, T). `model` may be sharded by `fully_shard` (root and layers) and its layers compiled.
    """
    model.forward = partial(_forward, model, chunk_tokens=chunk_tokens)  # called by __call__, between FSDP2's hooks
    try:
        loss: Tensor = model(batch["input_ids"], batch["labels"], batch["position_ids"])
    finally:
        del model.forward
    return loss


def _forward(
    model: LlamaForCausalLM, input_ids: Tensor, labels: Tensor, position_ids: Tensor, *, chunk_tokens: int
) -> Tensor:
    hidden = hidden_states(model, input_ids, position_ids)  # (B, T, C)
    weight = model.lm_head.weight  # (V, C)
    if torch.is_autocast_enabled(hidden.device.type):
        dtype = torch.get_autocast_dtype(hidden.device.type)
        hidden, weight = hidden.to(dtype), weight.to(dtype)
    return cross_entropy_sum(hidden.flatten(0, 1), weight, labels.flatten(), chunk_tokens)


def hidden_states(model: LlamaForCausalLM, input_ids: Tensor, position_ids: Tensor) -> Tensor:
    """What the head reads, (B, T, C): the model's body, documents isolated where `position_ids` restart at 0."""
    body = model.model
    documents = find_documents(position_ids)
    hidden = body.embed_tokens(input_ids)
    rotary = body.rotary_emb(hidden, position_ids=position_ids)
    for layer in body.layers:
        hidden = layer(hidden, position_embeddings=rotary, documents=documents)
    normed: Tensor = body.norm(hidden)
    return normed


def cross_entropy_sum(hidden: Tensor, weight: Tensor, labels: Tensor, chunk_tokens: int) -> Tensor:
    """The fp32 sum of cross-entropies of `hidden @ weight.T` (N, V) against `labels` (N,), by chunks of rows."""
    with torch.autocast(hidden.device.type, enabled=False):
        if torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad):
            total: Tensor = _FusedCrossEntropy.apply(hidden, weight, labels, chunk_tokens)  # type: ignore[no-untyped-call]
            return total
        losses = [
            torch.nn.functional.cross_entropy((rows @ weight.T).float(), targets, ignore_index=IGNORED, reduction="sum")
            for rows, targets in zip(torch.split(hidden, chunk_tokens), torch.split(labels, chunk_tokens), strict=True)
        ]
        return torch.stack(losses).sum()


class _FusedCrossEntropy(torch.autograd.Function):
    """Loss and both gradients in one pass: backward only scales them."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, chunk_tokens: int) -> Tensor:
        grad_hidden = torch.empty_like(hidden)
        grad_weight: Tensor | None = None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        # on a CPU the passes over the logits read a tile that stays in cache; on a GPU each would be a launch
        tile_rows = max(8, TILE_ELEMENTS // len(weight)) if hidden.device.type == "cpu" else chunk_tokens
        for start in range(0, len(hidden), chunk_tokens):
            rows, targets = hidden[start : start + chunk_tokens], labels[start : start + chunk_tokens]
            logits = rows @ weight.T  # (n, V)
            for tile, wanted in zip(torch.split(logits, tile_rows), torch.split(targets, tile_rows), strict=True):
                total += _replace_by_gradient(tile, wanted)
            torch.mm(logits, weight, out=grad_hidden[start : start + chunk_tokens])
            if grad_weight is None:
                only = len(rows) == len(hidden)
                grad_weight = logits.T @ rows if only else (logits.T @ rows).float()  # a sum in bf16 would lose bits
            elif grad_weight.dtype == logits.dtype:
                grad_weight.addmm_(logits.T, rows)
            else:
                grad_weight += logits.T @ rows
        grad_weight = torch.zeros_like(weight) if grad_weight is None else grad_weight.to(weight.dtype)
        ctx.save_for_backward(grad_hidden, grad_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        scale = gradients[0]
        return grad_hidden * scale, grad_weight * scale, None, None


def _replace_by_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    """The summed loss of some rows; their logits (n, V) become the gradient in place: softmax less 1 at the label."""
    scored = labels != IGNORED
    targets = labels.where(scored, 0)[:, None]
    wide = logits.float()  # the same memory if it is fp32 already
    wide -= wide.amax(dim=-1, keepdim=True)
    picked = wide.gather(1, targets)[:, 0]
    normaliser = wide.exp_().sum(dim=-1)
    wide *= (scored / normaliser)[:, None]
    wide.scatter_add_(1, targets, -scored.to(wide.dtype)[:, None])
    if wide is not logits:
        logits.copy_(wide)
    return ((normaliser.log() - picked) * scored).sum()
