"""One dial, `depth`, that decides a whole training run: shape, learning rate, batch and tokens.

Cheap experiments should differ in one number only. Depth 3 has the shape of the preset `tiny`, depth 24 has 0.7 billion
parameters. Not covered: grouped-query attention, and any tuning of these rules to a corpus.
"""

from __future__ import annotations

import math

from pydantic import ValidationError

from pretrain.config import ModelConfig, Preset, make_preset
from pretrain.errors import ConfigError

MAX_DEPTH = 64
HEAD_DIM = 64
ASPECT_RATIO = 64
"""Width over layers. Source: arXiv 2001.08361, section 3.1: a wide range of shapes loses less than 3 %."""
REFERENCE_WIDTH, REFERENCE_LEARNING_RATE = 256, 2e-3
"""Where the square-root rule is anchored; not tuned to a corpus."""
ANNEAL_SHARE = 0.1
"""Of the stable tokens. Source: arXiv 2404.06395, section 4: a decay over a tenth of the tokens is enough."""


def preset_for_depth(
    depth: int, *, vocab_size: int = 4096, context: int = 512, tokens_per_parameter: float = 20
) -> Preset:
    """The preset of that depth; deeper is wider, longer, with larger batches and a lower learning rate.

    `tokens_per_parameter` counts matmul parameters; 20 is compute-optimal. Source: arXiv 2203.15556, table 3.
    The learning rate falls with the square root of the width. Source: arXiv 1706.03762, section 5.3.
    Raises: ConfigError.
    """
    if not 1 <= depth <= MAX_DEPTH:
        raise ConfigError(f"depth: must be in [1, {MAX_DEPTH}], got {depth}; larger models are presets of their own")
    if not (math.isfinite(tokens_per_parameter) and tokens_per_parameter > 0):
        raise ConfigError(f"tokens per parameter: must be above 0, got {tokens_per_parameter}; 20 is compute-optimal")
    shape = model_for_depth(depth, vocab_size=vocab_size, context=context)
    tokens = round(tokens_per_parameter * matmul_parameters(shape))
    batch = batch_sequences(shape.flops_per_token() * tokens, context)
    steps = max(1, tokens // (batch * context))
    rate = REFERENCE_LEARNING_RATE * math.sqrt(REFERENCE_WIDTH / shape.width)
    fields = {
        "name": f"depth-{depth}",
        "model": shape.model_dump(),
        "optimizer": {"learning_rate": rate},
        # 2,000 warm-up steps are OpenCoder's; a short run takes a twentieth of its steps.
        "schedule": {"warmup_steps": min(2000, steps // 20), "final_learning_rate": rate / 30},
        "train": {
            "tokens": tokens,
            "batch_sequences": batch,
            "micro_batch": min(8, batch),
            "precision": "auto",
            "evaluate_every_steps": math.ceil(steps / 5),
            "evaluate_tokens": 65_536,
            "save_every_steps": math.ceil(steps / 5),
            "keep_checkpoints": 1,
        },
        "anneal": {"tokens": max(1, round(ANNEAL_SHARE * tokens)), "mixture": {"*": 1.0}},
    }
    return make_preset(fields, where=f"depth {depth}")


def model_for_depth(depth: int, *, vocab_size: int, context: int) -> ModelConfig:
    """The shape: `depth` layers of `depth` heads, SwiGLU at 8/3 of the width rounded up to 32.

    Raises: ConfigError.
    """
    width = ASPECT_RATIO * depth
    heads = width // HEAD_DIM
    fields = {
        "layers": depth,
        "width": width,
        "heads": heads,
        "kv_heads": heads,
        "head_dim": HEAD_DIM,
        "ffn": math.ceil(8 * width / 3 / 32) * 32,
        "vocab_size": vocab_size,
        "context": context,
    }
    try:
        return ModelConfig.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"depth {depth}: {first['loc'][0]}: {first['msg']}, got {first['input']}") from error


def matmul_parameters(model: ModelConfig) -> int:
    """The parameters that every token is multiplied with: all but the input table and the norms."""
    input_table = 0 if model.tied_embeddings else model.vocab_size * model.width
    return model.num_parameters() - input_table - (2 * model.layers + 1) * model.width


def batch_sequences(flops: float, context: int) -> int:
    """Sequences per optimizer step for a run of so many FLOPs: a power of two, so that any such micro-batch divides it.

    Source: arXiv 2401.02954, section 3.1: 0.2920 x compute^0.3271 tokens, fitted from 1e17 to 2e19 FLOPs and carried
    on below.
    """
    tokens = 0.2920 * flops**0.3271
    return int(2 ** max(0, round(math.log2(tokens / context))))
