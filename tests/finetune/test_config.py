from __future__ import annotations

from pathlib import Path

import pytest

from finetune.config import STAGES, load_stage
from finetune.errors import ConfigError


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


MINIMAL = "name: mine\nmax_length: 64\nbatch_examples: 2\nlearning_rate: 1e-4\n"


@pytest.mark.parametrize(
    ("stage", "epochs", "batch", "rate", "length"), [("stage1", 1, 4096, 2e-5, 1216), ("stage2", 3, 512, 5e-5, 1500)]
)
def test_stages_carry_opencoder_s_hyperparameters(
    stage: str, epochs: int, batch: int, rate: float, length: int
) -> None:
    config = load_stage(stage, preset="full")
    assert (config.epochs, config.batch_examples, config.learning_rate, config.max_length) == (
        epochs,
        batch,
        rate,
        length,
    )
    assert (config.warmup_steps, config.schedule, config.precision) == (100, "cosine", "bf16")


@pytest.mark.parametrize("stage", STAGES)
def test_full_is_the_file_itself(stage: str) -> None:
    assert load_stage(stage) == load_stage(stage, preset="full")


@pytest.mark.parametrize("stage", STAGES)
def test_tiny_keeps_what_is_learned_from_and_shrinks_the_batch(stage: str) -> None:
    full, tiny = load_stage(stage), load_stage(stage, preset="tiny")
    assert (full.name, full.epochs, full.schedule) == (tiny.name, tiny.epochs, tiny.schedule)
    assert tiny.batch_examples * tiny.max_length < full.batch_examples * full.max_length


def test_flags_win_over_presets_and_none_is_no_flag() -> None:
    config = load_stage("stage2", preset="tiny", overrides={"max_length": 99, "model": None})
    assert (config.max_length, config.model) == (99, "smollm2-135m-instruct")


def test_scientific_notation_without_a_dot_is_a_number(tmp_path: Path) -> None:
    assert load_stage(write(tmp_path / "mine.yaml", MINIMAL)).learning_rate == 1e-4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "learning_rte: 1e-5\n", "mine.yaml: unknown key 'learning_rte'; did you mean learning_rate?"),
        (MINIMAL + "zzz: 1\n", "mine.yaml: unknown key 'zzz'; known: name, model"),
        ("name: mine\n", "mine.yaml: max_length is missing"),
        (MINIMAL + "epochs: 0\n", "mine.yaml: epochs: input should be greater than 0, got 0"),
        (MINIMAL + "schedule: wavy\n", "mine.yaml: schedule: input should be 'cosine', "),
        ("- a list\n", "mine.yaml: must be a mapping of fields, got list"),
        ("name: [\n", "mine.yaml: not YAML: "),
    ],
)
def test_bad_files_are_explained_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_stage(write(tmp_path / "mine.yaml", text))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_unknown_preset_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no preset 'huge'; it has: full, tiny"):
        load_stage("stage2", preset="huge")
    with pytest.raises(ConfigError, match="no preset 'tiny'; it has: none"):
        load_stage(write(tmp_path / "mine.yaml", MINIMAL), preset="tiny")


def test_a_bad_key_inside_a_preset_is_found(tmp_path: Path) -> None:
    text = MINIMAL + "presets:\n  tiny:\n    bach_examples: 1\n"
    with pytest.raises(ConfigError, match="unknown key 'bach_examples'; did you mean batch_examples"):
        load_stage(write(tmp_path / "mine.yaml", text), preset="tiny")


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read as a stage file"):
        load_stage("nowhere.yaml")


def test_comfort_settings_do_not_change_the_identity() -> None:
    plain = load_stage("stage2")
    assert plain.identity() == load_stage("stage2", overrides={"save_every_steps": 7}).identity()
    assert plain.identity() != load_stage("stage2", overrides={"seed": 7}).identity()
