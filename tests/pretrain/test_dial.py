from __future__ import annotations

from itertools import pairwise

import pytest

from pretrain.config import load_preset
from pretrain.dial import MAX_DEPTH, REFERENCE_LEARNING_RATE, REFERENCE_WIDTH, matmul_parameters, preset_for_depth
from pretrain.errors import ConfigError


def test_every_depth_is_a_valid_preset_and_deeper_is_more() -> None:
    presets = [preset_for_depth(depth) for depth in range(1, MAX_DEPTH + 1)]
    for less, more in pairwise(presets):
        assert less.model.num_parameters() < more.model.num_parameters()
        assert less.train.tokens < more.train.tokens
        assert less.step_tokens <= more.step_tokens
        assert less.optimizer.learning_rate > more.optimizer.learning_rate
        assert less.schedule.warmup_steps * less.step_tokens <= more.schedule.warmup_steps * more.step_tokens


def test_depth_three_has_the_shape_of_tiny() -> None:
    assert preset_for_depth(3).model == load_preset("tiny").model


def test_the_learning_rate_at_the_reference_width_is_the_reference_one() -> None:
    depth_four = preset_for_depth(4)
    assert depth_four.model.width == REFERENCE_WIDTH
    assert depth_four.optimizer.learning_rate == pytest.approx(REFERENCE_LEARNING_RATE)


def test_tokens_are_the_ratio_times_the_matmul_parameters() -> None:
    preset = preset_for_depth(6, vocab_size=1000, tokens_per_parameter=3)
    model = preset.model
    layer = 4 * model.width**2 + 3 * model.width * model.ffn
    assert matmul_parameters(model) == 6 * layer + 1000 * model.width
    assert preset.train.tokens == 3 * matmul_parameters(model)


def test_matmul_parameters_are_those_of_the_flops() -> None:
    model = load_preset("1.5b").model
    attention = 12 * model.layers * model.heads * model.head_dim * model.context
    assert model.flops_per_token() == 6 * matmul_parameters(model) + attention


@pytest.mark.parametrize("tokens_per_parameter", [0.01, 1, 20, 500])
def test_a_run_has_a_step_after_its_warm_up(tokens_per_parameter: float) -> None:
    for depth in (1, 8, 64):
        preset = preset_for_depth(depth, tokens_per_parameter=tokens_per_parameter)
        assert preset.schedule.warmup_steps < preset.stable_steps


@pytest.mark.parametrize("depth", [0, -3, 65])
def test_a_depth_outside_is_named_with_its_bounds(depth: int) -> None:
    with pytest.raises(ConfigError, match=rf"depth: must be in \[1, 64\], got {depth}"):
        preset_for_depth(depth)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_a_ratio_that_gives_no_tokens_is_refused(ratio: float) -> None:
    with pytest.raises(ConfigError, match="tokens per parameter: must be above 0"):
        preset_for_depth(2, tokens_per_parameter=ratio)


def test_a_vocabulary_that_is_too_small_is_named() -> None:
    with pytest.raises(ConfigError, match=r"vocab_size: .*got 10"):
        preset_for_depth(2, vocab_size=10)
