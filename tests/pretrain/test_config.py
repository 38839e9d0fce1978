"""Presets against OpenCoder's tables, and every kind of bad setting by its message."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pretrain.config import load_preset, make_preset, parse_settings, preset_names
from pretrain.errors import ConfigError


@pytest.mark.parametrize("name", preset_names())
def test_every_bundled_preset_loads(name: str) -> None:
    assert load_preset(name).name == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("1.5b", (24, 2240, 14, 14, 160, 6144, 4096, 10_000)), ("8b", (32, 4096, 32, 8, 128, 14336, 8192, 500_000))],
)
def test_big_presets_have_opencoders_shapes(name: str, expected: tuple[int, ...]) -> None:
    m = load_preset(name).model  # source: arXiv 2411.04905, table 4, and the released config.json
    assert (m.layers, m.width, m.heads, m.kv_heads, m.head_dim, m.ffn, m.context, m.rope_theta) == expected
    assert (m.vocab_size, m.tied_embeddings) == (96_640, False)


@pytest.mark.parametrize(("name", "billions"), [("1.5b", 1.91), ("8b", 7.77)])
def test_parameter_counts_are_the_released_models(name: str, billions: float) -> None:
    assert load_preset(name).model.num_parameters() / 1e9 == pytest.approx(billions, abs=0.005)


@pytest.mark.train
@pytest.mark.parametrize("tied", [False, True])
def test_the_parameter_count_is_that_of_the_built_model(tied: bool) -> None:
    pytest.importorskip("torch")
    from pretrain.model import build_model

    config = load_preset("smoke").model.model_copy(update={"tied_embeddings": tied})
    assert config.num_parameters() == sum(p.numel() for p in build_model(config, seed=0).parameters())


def test_flops_are_palms_formula_on_the_8b_shape() -> None:
    matmul = 32 * (4096 * (4096 + 1024 + 1024 + 4096) + 3 * 4096 * 14336) + 96_640 * 4096
    assert load_preset("8b").model.flops_per_token() == 6 * matmul + 12 * 32 * 4096 * 8192


def test_settings_are_laid_over_the_file() -> None:
    preset = load_preset("tiny", overrides=parse_settings(("train.seed=7", "data.mixture={python: 1.0}")))
    assert (preset.train.seed, preset.data.mixture) == (7, {"python": 1.0})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("train.tokenz=1", r"unknown key 'train.tokenz'; did you mean tokens\?"),
        ("train.precision=fp16", "train.precision: .*'bf16' or 'fp32'.* got 'fp16'"),
        ("train.batch_sequences=0", "train.batch_sequences: .* greater than or equal to 1, got 0"),
        ("train.micro_batch=3", "must be a multiple of train.micro_batch, got 4 and 3"),
        ("model.heads=5", "heads must be a multiple of kv_heads, got 5 and 3"),
        ("model.head_dim=7", "head_dim must be even for rotary positions, got 7"),
        ("name.x=1", "name is no section; known: "),
    ],
)
def test_a_bad_setting_is_named(setting: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_preset("tiny", overrides=parse_settings((setting,)))


def test_a_setting_without_a_value_is_named() -> None:
    with pytest.raises(ConfigError, match=r"--set train.seed: must be section.key=value"):
        parse_settings(("train.seed",))


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no such preset; known: 1.5b, 8b, smoke, tiny"):
        load_preset("tinny")


@pytest.mark.parametrize(
    ("text", "said"), [("- a\n", "must be a mapping"), ("a: [", "not YAML"), ("name: x\n", "missing")]
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"p.yaml: .*{said}"):
        load_preset(str(path))


def test_identity_changes_with_what_is_learned_and_not_with_comfort() -> None:
    fields = load_preset("tiny").model_dump(mode="json")
    same, other = yaml.safe_load(yaml.safe_dump(fields)), yaml.safe_load(yaml.safe_dump(fields))
    same["train"] |= {"log_every_steps": 1, "micro_batch": 4, "compile": True, "tokens": 10**9}
    other["optimizer"]["learning_rate"] = 1e-3
    identity = make_preset(fields, where="").identity()
    assert make_preset(same, where="").identity() == identity
    assert make_preset(other, where="").identity() != identity
