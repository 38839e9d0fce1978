"""A training stage as data: `StageConfig`, read from YAML, with its presets and flags laid over it.

A stage file is a mapping of `StageConfig` fields plus `presets`, each a mapping of fields to override. Unknown keys are
errors that name their near misses. Later wins: file, preset, flags.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finetune.errors import ConfigError

STAGES = ("stage1", "stage2")


class StageConfig(BaseModel):
    """Everything that decides what one training run learns, and a few settings of comfort."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    """Names the default output folder, `runs/<name of the data's run>/<name>`."""
    model: str = "smollm2-135m-instruct"
    """A checkpoint folder, a hub id, or `smollm2-135m-instruct`, the embedded one."""
    after: str | None = None
    """A finished folder of this name beside the output folder, where there is one, takes the place of `model`."""
    data: tuple[str, ...] = ()
    """Exports, Parquet or JSONL files, or hub data sets (`owner/name` or `owner/name:config`); joined in this order."""
    system: str | None = None
    """System text of conversations that bring none. It becomes part of the model's chat template."""
    max_length: int = Field(gt=8)
    """Tokens; longer rows are dropped and counted, never cut."""
    packing: bool = True
    """Several rows share one sequence and cannot see each other; otherwise rows are padded."""
    epochs: float = Field(default=1, gt=0)
    """Passes over the data."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimizer steps; takes the place of `epochs`."""
    batch_examples: int = Field(ge=1)
    """Examples (not packed sequences) per optimizer step, over all processes."""
    micro_batch: int = Field(default=1, ge=1)
    """Sequences per forward pass. Packed ones are laid end to end, so more than 1 pays only with flash attention."""
    learning_rate: float = Field(gt=0, lt=1)
    """Peak learning rate."""
    warmup_steps: int = Field(default=0, ge=0)
    """Linear warm-up; a run too short for it spends at most an eighth of its steps on it, and says so."""
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    """What the learning rate does after the warm-up."""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are clipped to this norm."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Of the arithmetic; weights and optimizer state are fp32 while training."""
    export_precision: Literal["bf16", "fp32"] = "bf16"
    """Of the saved model."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    """The attention kernel; all three keep packed rows apart."""
    activation_checkpointing: bool = False
    """Recompute activations to save memory."""
    held_out_examples: int = Field(default=32, ge=0)
    """Rows kept out of training, at most a tenth, on which the loss before and after is measured."""
    seed: int = 0
    """Of the shuffling."""
    log_every_steps: int = Field(default=10, ge=1)
    """Steps per line of `metrics.jsonl`."""
    save_every_steps: int = Field(default=200, ge=1)
    """Steps between checkpoints."""
    keep_checkpoints: int = Field(default=2, ge=0)
    """Latest checkpoints that stay after the run; while it runs there is always one to resume from."""
    report_to: tuple[str, ...] = ("tensorboard",)
    """Trackers that transformers knows."""

    def identity(self) -> dict[str, Any]:
        """The fields that decide what is learned, but for data and model, which count by content (`train.py`)."""
        comfort = {"log_every_steps", "save_every_steps", "keep_checkpoints", "report_to", "export_precision"}
        return self.model_dump(mode="json", exclude=comfort | {"name", "data", "model", "after"})


def load_stage(
    name_or_path: str, *, preset: str | None = None, overrides: Mapping[str, Any] | None = None
) -> StageConfig:
    """The stage of that name, or in that YAML file, under `preset` and `overrides` (`None` values are ignored).

    Raises: ConfigError.
    """
    where, text = _read(name_or_path)
    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{where}: must be a mapping of fields, got {type(fields).__name__}")
    presets = fields.pop("presets", None) or {}
    if preset is not None:
        if preset not in presets:
            raise ConfigError(f"{where}: no preset {preset!r}; it has: {', '.join(presets) or 'none'}")
        fields |= presets[preset] or {}
    fields |= {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        return StageConfig.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_explain(error)}") from error


def _read(name_or_path: str) -> tuple[str, str]:
    source: Traversable = Path(name_or_path)
    if name_or_path in STAGES:
        source = files("finetune").joinpath("stages", f"{name_or_path}.yaml")
    try:
        return source.name, source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name_or_path}: cannot be read as a stage file: {error}") from error


def _explain(error: ValidationError) -> str:
    """The first complaint in our own words."""
    complaint = error.errors()[0]
    key = ".".join(str(part) for part in complaint["loc"])
    if complaint["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, StageConfig.model_fields, n=2)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(StageConfig.model_fields)}"
        return f"unknown key {key!r}; {hint}"
    if complaint["type"] == "missing":
        return f"{key} is missing; give it a value"
    return f"{key}: {complaint['msg'][0].lower()}{complaint['msg'][1:]}, got {complaint['input']!r}"
