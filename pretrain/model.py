"""The model: a plain `LlamaForCausalLM`, whose weights OpenCoder's layout and every Llama loader read.

Not covered: the compute (`pretrain/loss.py`) and sharding (`pretrain/distributed.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pretrain.config import ModelConfig

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import LlamaConfig, LlamaForCausalLM

END_OF_TEXT_ID = 0
PAD_ID = 4
"""`<|endoftext|>` and `<|fim_pad|>` of every tokenizer made here; `pretrain/tokenizer.py` gives them these places."""

INIT_STD = 0.02


def llama_config(config: ModelConfig, *, vocab_size: int | None = None) -> LlamaConfig:
    """The transformers configuration of this shape; `vocab_size` replaces the preset's."""
    from transformers import LlamaConfig

    from pretrain.attention import ATTENTION

    made: LlamaConfig = LlamaConfig(
        num_hidden_layers=config.layers,
        hidden_size=config.width,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        head_dim=config.head_dim,
        intermediate_size=config.ffn,
        vocab_size=vocab_size or config.vocab_size,
        max_position_embeddings=config.context,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        rms_norm_eps=config.norm_eps,
        tie_word_embeddings=config.tied_embeddings,
        bos_token_id=END_OF_TEXT_ID,
        eos_token_id=END_OF_TEXT_ID,
        pad_token_id=PAD_ID,
        attention_bias=False,
        mlp_bias=False,
    )
    made._attn_implementation = ATTENTION  # not saved: whoever loads the model gets their own default
    return made


def build_model(
    config: ModelConfig,
    *,
    seed: int,
    vocab_size: int | None = None,
    on_layer: Callable[[nn.Module], object] | None = None,
) -> LlamaForCausalLM:
    """A fresh fp32 model on the CPU, the same for the same seed whatever was drawn before.

    `on_layer` gets each decoder layer as soon as it has its weights, while those after it have none: where it shards
    them, no process ever holds more than one whole layer and the tables (8b: 4 GB of 31).

    Weights are normal(0, 0.02); those that write to the residual stream are divided by sqrt(2 x layers), so that its
    variance does not grow with depth. Source: Megatron-LM's defaults (arXiv 1909.08053, appendix), with which OpenCoder
    was trained, after GPT-2, section 2.3.
    """
    import torch
    from transformers import LlamaForCausalLM

    with torch.device("meta"):
        model: LlamaForCausalLM = LlamaForCausalLM(llama_config(config, vocab_size=vocab_size))
    body = model.model
    body.rotary_emb = type(body.rotary_emb)(model.config)  # its frequencies are computed, not learned
    generator = torch.Generator().manual_seed(seed)
    residual_std = INIT_STD / math.sqrt(2 * config.layers)
    _draw(body.embed_tokens, generator, residual_std)
    for layer in body.layers:
        _draw(layer, generator, residual_std)
        if on_layer is not None:
            on_layer(layer)
    _draw(body.norm, generator, residual_std)
    if config.tied_embeddings:
        model.tie_weights()
    else:
        _draw(model.lm_head, generator, residual_std)
    return model


def _draw(module: nn.Module, generator: torch.Generator, residual_std: float) -> None:
    """Nothing; a module without weights has fresh ones, on the CPU."""
    import torch

    module.to_empty(device="cpu")
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(1.0)  # the norms
            else:
                writes_residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                parameter.normal_(0.0, residual_std if writes_residual else INIT_STD, generator=generator)
