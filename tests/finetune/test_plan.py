from __future__ import annotations

import pytest

from finetune.config import StageConfig
from finetune.plan import make_plan


@pytest.mark.parametrize(
    ("examples", "sequences", "batch", "accumulation", "steps"),
    [
        (
            1000,
            250,
            512,
            128,
            6,
        ),  # four examples a sequence: 128 sequences make a batch; two steps a pass, three passes
        (1000, 1000, 512, 512, 6),
        (64, 10, 512, 10, 3),  # fewer examples than the batch: one step a pass
        (100, 10, 1, 1, 30),  # a batch smaller than one sequence cannot be had
    ],
)
def test_a_batch_counts_examples_not_sequences(
    examples: int, sequences: int, batch: int, accumulation: int, steps: int
) -> None:
    config = StageConfig(name="s", max_length=64, batch_examples=batch, learning_rate=1e-4, epochs=3)
    plan = make_plan(config, examples=examples, tokens=1, sequences=sequences)
    assert (plan.accumulation, plan.steps) == (accumulation, steps)


@pytest.mark.parametrize(("steps", "warmup"), [(5, 0), (79, 9), (800, 100), (10_000, 100)])
def test_warm_up_takes_at_most_an_eighth_of_the_run(steps: int, warmup: int) -> None:
    config = StageConfig(
        name="s", max_length=64, batch_examples=1, learning_rate=1e-4, max_steps=steps, warmup_steps=100
    )
    assert make_plan(config, examples=10, tokens=1, sequences=10).warmup_steps == warmup
