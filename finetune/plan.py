"""How a data set becomes optimizer steps: accumulation, warm-up, and what a step holds."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from finetune.config import StageConfig
from finetune.progress import say


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a packed data set becomes optimizer steps."""

    sequences: int
    accumulation: int
    """Forward passes per step and process."""
    steps: int
    warmup_steps: int
    examples_per_step: float
    tokens_per_step: float


def make_plan(config: StageConfig, *, examples: int, tokens: int, sequences: int) -> Plan:
    """The steps of a run: accumulation such that a step holds about `batch_examples` examples over all processes."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    per_pass = examples / sequences * config.micro_batch * processes
    accumulation = max(1, round(config.batch_examples / per_pass))
    accumulation = min(accumulation, math.ceil(sequences / (config.micro_batch * processes)))
    per_epoch = math.ceil(sequences / (accumulation * config.micro_batch * processes))
    steps = config.max_steps or math.ceil(per_epoch * config.epochs)
    return Plan(
        sequences=sequences,
        accumulation=accumulation,
        steps=steps,
        warmup_steps=min(config.warmup_steps, steps // 8),
        examples_per_step=round(examples / per_epoch, 1),
        tokens_per_step=round(tokens / per_epoch, 1),
    )


def tell_plan(config: StageConfig, plan: Plan) -> None:
    """Nothing; the plan is on stderr, and where it departs from the stage file."""
    say(
        f"{plan.steps} steps of {plan.examples_per_step:g} examples ({plan.tokens_per_step:,.0f} tokens) "
        f"in {plan.sequences:,} sequences of up to {config.max_length} tokens"
    )
    if plan.warmup_steps < config.warmup_steps:
        say(f"warm-up {config.warmup_steps} -> {plan.warmup_steps} steps: at most an eighth of the run")
