"""A base model loaded to be measured, and the Python it writes: the share of completions that parse.

The prompts are header and docstring of held-out functions, the rule is `syntax.py`'s. Both the model and the n-gram
complete each prompt twice: with the likeliest token every time, and drawn at temperature 1, which shows the model as
the distribution that bits per byte measures. Not covered: whether the code is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pretrain.attention import ATTENTION
from pretrain.errors import CheckpointError
from pretrain.heldout import first_documents
from pretrain.syntax import completion_is_valid, function_prompts
from pretrain.tokenizer import decode_bytes, load_tokenizer

if TYPE_CHECKING:
    from pretrain.ngram import NgramModel
    from pretrain.shards import Shard

NEW_TOKENS = 128
PROMPT_TEXT_TOKENS = 2_000_000
"""Held-out tokens in which functions are looked for, at most."""
TEMPERATURES = {"greedy": 0.0, "sampled": 1.0}

Continuation = tuple[str, bool]
"""A completion's text, and whether it ended by itself."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base model and its tokenizer."""

    model: Any
    tokenizer: Any

    @property
    def context(self) -> int:
        """Tokens per sequence."""
        return int(self.model.config.max_position_embeddings)

    def untrained(self) -> Any:
        """A model of the same shape with fresh weights."""
        torch.manual_seed(0)
        return type(self.model)(self.model.config).to(self.model.device).eval()

    def continuations(self, prompts: Sequence[list[int]], *, temperature: float, batch: int) -> Iterator[Continuation]:
        """One per prompt, drawn with a fixed seed."""
        torch.manual_seed(0)
        config = self.model.config
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
        for start in range(0, len(prompts), batch):
            part = prompts[start : start + batch]
            width = max(map(len, part))
            ids = torch.tensor([[config.pad_token_id] * (width - len(prompt)) + prompt for prompt in part])
            mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in part])
            with torch.no_grad():
                output = self.model.generate(
                    input_ids=ids.to(self.model.device),
                    attention_mask=mask.to(self.model.device),
                    max_new_tokens=NEW_TOKENS,
                    eos_token_id=config.eos_token_id,
                    pad_token_id=config.pad_token_id,
                    **sampling,
                )
            for row in output[:, width:].tolist():
                ended = config.eos_token_id in row
                yield self.decode(row[: row.index(config.eos_token_id)] if ended else row), ended

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these tokens; rows of the vocabulary that no token uses have none."""
        known = self.tokenizer.get_vocab_size()
        return decode_bytes(self.tokenizer, [number for number in ids if number < known]).decode(errors="replace")


def load_base(folder: Path) -> Base:
    """The exported model in `folder`, fp32, on the GPU where there is one. Raises: CheckpointError, TokenizerError."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as hf_logging

    quiet: Any = hf_logging
    quiet.disable_progress_bar()
    tokenizer = load_tokenizer(folder)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=ATTENTION)
    except (OSError, ValueError, KeyError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise CheckpointError(f"{folder}: cannot be loaded as a model, {reason}; export it again") from error
    return Base(model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer)


def valid_python(
    base: Base, shard: Shard, ngram: NgramModel | None, *, num_prompts: int, batch: int
) -> dict[str, dict[str, float] | int]:
    """Shares of valid completions by way of decoding, of the model and the n-gram, and the number of prompts."""
    texts = (base.decode(document[:-1].tolist()) for document in first_documents(shard, PROMPT_TEXT_TOKENS))
    prompts = function_prompts(texts, num_prompts, seed=0)
    encoded = [base.tokenizer.encode(prompt).ids for prompt in prompts]
    fitting = [
        (prompt, ids) for prompt, ids in zip(prompts, encoded, strict=True) if len(ids) + NEW_TOKENS <= base.context
    ]
    if not fitting:
        return {"prompts": 0}
    shares: dict[str, dict[str, float] | int] = {"prompts": len(fitting)}
    for name, temperature in TEMPERATURES.items():
        answers = {"model": base.continuations([ids for _, ids in fitting], temperature=temperature, batch=batch)}
        if ngram is not None:
            answers["ngram"] = _ngram_continuations(base, ngram, [ids for _, ids in fitting], temperature)
        shares[name] = {
            who: round(
                sum(
                    completion_is_valid(prompt, text, ended=ended)
                    for (prompt, _), (text, ended) in zip(fitting, continuations, strict=True)
                )
                / len(fitting),
                4,
            )
            for who, continuations in answers.items()
        }
    return shares


def _ngram_continuations(
    base: Base, ngram: NgramModel, prompts: Sequence[list[int]], temperature: float
) -> Iterator[Continuation]:
    rng = np.random.default_rng(0)
    for ids in prompts:
        drawn = ngram.generate(ids, max_tokens=NEW_TOKENS, rng=rng, temperature=temperature)
        yield base.decode(drawn), len(drawn) < NEW_TOKENS
