"""What the model writes after a few Python prompts: the quickest look at whether it learns.

Greedy, so it needs no random numbers and is the same on every process. The prompts share one batch of fixed shape,
padded on the right, where a causal model does not see it: no cache, no second compilation, nothing to unshard twice.
Not covered: fast generation, which is for exported models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from pretrain.model import END_OF_TEXT_ID

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PROMPTS = ("def add(a, b):\n", "import os\n\n", "class Stack:\n    def __init__(self):\n")


@torch.no_grad()
def complete(
    model: Any,
    tokenizer: Tokenizer,
    *,
    device: torch.device,
    context: int,
    prompts: Sequence[str] = PROMPTS,
    max_tokens: int = 40,
) -> list[dict[str, str]]:
    """`prompt` and greedy `completion` of each, cut at the end of text."""
    encoded = [tokenizer.encode(prompt).ids[: context - 1] for prompt in prompts]
    width = min(context, max(len(ids) for ids in encoded) + max_tokens)
    tokens = torch.full((len(prompts), width), END_OF_TEXT_ID, dtype=torch.int64)  # (B, T)
    for row, ids in enumerate(encoded):
        tokens[row, : len(ids)] = torch.tensor(ids)
    tokens = tokens.to(device)
    ends = torch.tensor([len(ids) for ids in encoded], device=device)  # (B,) first free column
    rows, columns = torch.arange(len(prompts), device=device), torch.arange(width, device=device)
    was_training = model.training
    model.eval()
    for _ in range(width - int(ends.min())):
        positions = columns.expand(len(prompts), width)
        logits = model(input_ids=tokens, position_ids=positions, use_cache=False).logits  # (B, T, V)
        free = ends < width
        chosen = logits[rows, ends - 1].argmax(dim=-1)
        tokens[rows[free], ends[free]] = chosen[free]
        ends = ends + free
    model.train(was_training)
    return [
        {"prompt": prompt, "completion": _text(tokenizer, row[len(ids) :].tolist())}
        for prompt, ids, row in zip(prompts, encoded, tokens, strict=True)
    ]


def _text(tokenizer: Tokenizer, ids: list[int]) -> str:
    known = ids[: ids.index(END_OF_TEXT_ID)] if END_OF_TEXT_ID in ids else ids
    vocabulary = tokenizer.get_vocab_size()
    return str(tokenizer.decode([number for number in known if number < vocabulary], skip_special_tokens=False))
