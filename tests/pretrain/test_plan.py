from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from pretrain.cli_plan import plan as command
from pretrain.config import load_preset
from pretrain.dial import preset_for_depth
from pretrain.errors import ConfigError
from pretrain.plan import (
    GPUS,
    OPENCODER_GPU_HOURS,
    PUBLISHED_MFU,
    activation_bytes_per_token,
    make_plan,
    memory_per_device,
    opencoder_mfu,
)
from pretrain.plan_show import short_bytes, short_count, short_hours

HARDWARE = {"1.5b": 32, "8b": 64}
TINY_PEAK = 230e9
"""FLOP/s of the two cores on which the preset's chain was timed."""


@pytest.mark.parametrize("name", ["1.5b", "8b"])
def test_the_stated_mfu_is_what_opencoders_hours_amount_to(name: str) -> None:
    assert PUBLISHED_MFU[name] == pytest.approx(opencoder_mfu(load_preset(name)), abs=0.005)


@pytest.mark.parametrize(("name", "wall_hours"), [("1.5b", 109.5), ("8b", 187.5)])
def test_the_plan_gives_opencoders_hours_on_its_hardware(name: str, wall_hours: float) -> None:
    hours, gpu, _ = OPENCODER_GPU_HOURS[name]
    plan = make_plan(load_preset(name), gpu=gpu, nodes=HARDWARE[name])
    assert plan.device_hours == pytest.approx(hours, rel=0.02)
    assert plan.as_json()["hours"] == pytest.approx(wall_hours, rel=0.02)
    assert plan.problems == []


def test_training_state_is_sixteen_bytes_a_parameter_over_the_devices() -> None:
    preset = load_preset("8b")
    memory = memory_per_device(preset, 64)
    state = memory["weights"] + memory["gradients"] + memory["optimizer"]
    assert state == pytest.approx(16 * preset.model.num_parameters() / 64)


@pytest.mark.train
def test_activations_are_what_autograd_keeps() -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    shape = preset_for_depth(2).model
    sizes = {"num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim}
    layers = {"hidden_size": shape.width, "intermediate_size": shape.ffn, "num_hidden_layers": 1, "vocab_size": 256}
    model = transformers.LlamaModel(transformers.LlamaConfig(**sizes, **layers, attn_implementation="sdpa"))
    model = model.to(torch.bfloat16)
    own = {parameter.data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if tensor.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    tokens = 256
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(torch.arange(tokens)[None], use_cache=False).last_hidden_state
    assert output.shape == (1, tokens, shape.width)
    assert activation_bytes_per_token(shape) == pytest.approx(sum(kept.values()) / tokens, rel=0.25)


def test_a_plan_that_does_not_fit_names_a_change_that_does() -> None:
    (problem,) = make_plan(load_preset("1.5b", overrides={"train.micro_batch": 8}), gpu="h100").problems
    assert problem.startswith("memory: needs ")
    assert problem.endswith("fits with --set train.micro_batch=4")


def test_the_change_that_a_plan_names_fits() -> None:
    fields = {"train.activation_checkpointing": False, "train.micro_batch": 8}
    for _ in range(3):
        preset = load_preset("8b", overrides=fields)
        problems = make_plan(preset, gpu="h100", nodes=1).problems
        for word in problems[0].split() if problems else ():
            key, equals, value = word.partition("=")
            if equals:
                fields[key] = json.loads(value)
    assert problems == []


def test_a_model_too_large_for_its_gpus_asks_for_more() -> None:
    preset = load_preset("8b", overrides={"model.layers": 256, "train.batch_sequences": 1024})
    (problem,) = make_plan(preset, gpu="a100", nodes=1, gpus_per_node=1).problems
    assert "GPUs, micro_batch 1 and activation_checkpointing" in problem


def test_a_batch_that_does_not_divide_is_a_problem() -> None:
    (problem,) = make_plan(load_preset("1.5b"), gpu="h100", nodes=3).problems
    assert "1024 does not divide by 24 devices x micro_batch 4" in problem


def test_twice_the_gpus_take_half_the_time_and_as_many_hours() -> None:
    one, two = (make_plan(load_preset("8b"), gpu="h100", nodes=nodes) for nodes in (32, 64))
    assert one.device_hours == two.device_hours
    assert one.as_json()["hours"] == pytest.approx(2 * two.as_json()["hours"])


def test_disk_counts_shards_and_every_checkpoint() -> None:
    preset = load_preset("1.5b")
    stages = {stage.name: stage for stage in make_plan(preset, gpu="h100").stages}
    assert stages["shards"].disk_bytes == 4 * preset.train.tokens / 4
    assert stages["pretrain"].disk_bytes == 12 * preset.model.num_parameters() * (preset.train.keep_checkpoints + 1)


def test_a_cpu_plan_takes_the_measured_peak() -> None:
    preset = preset_for_depth(2)
    plan = make_plan(preset, gpu=None, measure=lambda: 200e9)
    tokens = preset.train.tokens + preset.anneal.tokens
    assert plan.device_hours == pytest.approx(preset.model.flops_per_token() * tokens / 200e9 / 0.6 / 3600)


def test_an_unknown_gpu_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"--gpu h1000: .*h100"):
        make_plan(load_preset("8b"), gpu="h1000")


def test_the_command_prints_json_and_fails_where_the_plan_cannot_run() -> None:
    arguments = ["--preset", "8b", "--gpu", "h100", "--gpus-per-node", "1", "--json"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["memory_limit"] == 0.9 * GPUS["h100"].memory
    assert CliRunner().invoke(command, [*arguments, "--dry-run"]).exit_code == 0


def test_the_command_needs_one_of_preset_and_depth() -> None:
    assert "give one of them" in CliRunner().invoke(command, []).stderr
    assert "give one of them" in CliRunner().invoke(command, ["--preset", "tiny", "--depth", "3"]).stderr


def test_tiny_on_two_cores_is_what_a_run_took() -> None:
    plan = make_plan(load_preset("tiny"), gpu=None, measure=lambda: TINY_PEAK)
    hours = {stage.name: stage.hours for stage in plan.stages}
    assert sum(60 * (hours[name] or 0) for name in ("corpus", "tokenizer", "shards", "synth", "sft", "eval")) < 14.5
    assert 60 * (hours["pretrain"] or 0) == pytest.approx(13.1, rel=0.1)
    assert 60 * (hours["anneal"] or 0) == pytest.approx(3.0, rel=0.1)
    assert {stage.name: stage.disk_bytes for stage in plan.stages}["shards"] == 500e6


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        *((0, "0"), (999, "999"), (999.5, "1k"), (1000, "1k"), (999_950, "1M"), (999.4e6, "999M"), (999.9e6, "1B")),
        *((999_999_999, "1B"), (999.9e9, "1T"), (999.9e12, "1,000T"), (2.5e15, "2,500T")),
    ],
)
def test_counts_carry_into_the_next_letter(amount: float, shown: str) -> None:
    assert short_count(amount) == shown


@pytest.mark.parametrize(("amount", "shown"), [(999_900, "1 MB"), (999.9e12, "1 PB"), (3e18, "3,000 PB"), (0, "0 kB")])
def test_bytes_carry_into_the_next_unit(amount: float, shown: str) -> None:
    assert short_bytes(amount) == shown


@pytest.mark.parametrize(
    ("hours", "shown"), [(0.9999, "1.0 h"), (47.94, "47.9 h"), (47.99, "2.0 days"), (0, "0.0 min")]
)
def test_times_carry_into_the_next_unit(hours: float, shown: str) -> None:
    assert short_hours(hours) == shown


def test_amounts_are_readable() -> None:
    assert [short_count(value) for value in (None, 12, 2.1e12)] == ["", "12", "2.1T"]
    assert [short_bytes(value) for value in (None, 500.0, 1.2e12)] == ["", "0.5 kB", "1.2 TB"]
    assert [short_hours(value) for value in (None, 0.5, 3.0, 109.5)] == ["", "30.0 min", "3.0 h", "4.6 days"]
