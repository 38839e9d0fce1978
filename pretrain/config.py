"""A training run as data: `Preset`, read from `presets/*.yaml` or any YAML file, with flags laid over it.

Unknown keys are errors that name their near misses. Later wins: file, then `--set section.key=value`.
Not covered: the corpus and tokenizer commands' own options, which are flags.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pretrain.errors import ConfigError

Decay = Literal["geometric", "megatron", "linear", "sqrt"]


class Section(BaseModel):
    """Frozen fields, unknown keys refused, the string under a field as its description."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModelConfig(Section):
    """The shape of a `LlamaForCausalLM`."""

    layers: int = Field(ge=1)
    width: int = Field(ge=8)
    """Of the residual stream."""
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    head_dim: int = Field(ge=2)
    ffn: int = Field(ge=8)
    """Inner width of SwiGLU."""
    vocab_size: int = Field(ge=256)
    """Must be that of the tokenizer, or larger (rows beyond it are never used)."""
    context: int = Field(ge=16)
    """Tokens per sequence."""
    rope_theta: float = Field(default=10_000.0, gt=0)
    norm_eps: float = Field(default=1e-5, gt=0)
    tied_embeddings: bool = False
    """One table for input and output."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads must be a multiple of kv_heads, got {self.heads} and {self.kv_heads}")
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even for rotary positions, got {self.head_dim}")
        return self

    def num_parameters(self) -> int:
        """All of them, embeddings and norms included."""
        attention = self.width * self.head_dim * 2 * (self.heads + self.kv_heads)
        layer = attention + 3 * self.width * self.ffn + 2 * self.width
        tables = self.vocab_size * self.width * (1 if self.tied_embeddings else 2)
        return self.layers * layer + tables + self.width

    def flops_per_token(self) -> float:
        """Training FLOPs per token: 6 x matmul parameters (head, no input table) + 12 x layers x width x context.

        Source: arXiv 2204.02311 (PaLM), appendix B; the causal mask is not discounted.
        """
        attention = self.width * self.head_dim * 2 * (self.heads + self.kv_heads)
        matmul = self.layers * (attention + 3 * self.width * self.ffn) + self.vocab_size * self.width
        return 6.0 * matmul + 12.0 * self.layers * self.heads * self.head_dim * self.context


class OptimizerConfig(Section):
    """AdamW and what guards it. OpenCoder's betas and weight decay are not published; these are Llama's."""

    learning_rate: float = Field(default=3e-4, gt=0, lt=1)
    """The constant one of warm-up, stable, decay."""
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    """Of matrices; vectors have none."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are clipped to this norm."""
    spike_sigmas: float | None = Field(default=6.0, gt=0)
    """A step whose loss or gradient norm lies so many standard deviations above the recent mean, both of logarithms, is
    skipped."""


class ScheduleConfig(Section):
    """Warm-up, stable, decay."""

    warmup_steps: int = Field(default=2000, ge=0)
    decay: Decay = "geometric"
    """Of the annealing; OpenCoder says `exponential`, which may mean geometric or Megatron's form."""
    final_learning_rate: float = Field(default=1e-5, gt=0)


class AnnealConfig(Section):
    """The branch from a stable checkpoint."""

    tokens: int = Field(gt=0)
    mixture: dict[str, float] = {"synth*": 0.16, "*": 0.84}
    """As `data.mixture`; the default keeps OpenCoder's 84 % of the pretraining distribution."""


class DataConfig(Section):
    """What a sequence holds."""

    mixture: dict[str, float] = {"*": 1.0}
    """Shard name or pattern -> weight; a pattern's weight is divided over its shards by their tokens. A shard that is
    named takes its own weight, else that of the first pattern that fits."""
    isolate_documents: bool = True
    """Documents in one sequence cannot see each other: position ids restart and attention stops at each."""


class TrainConfig(Section):
    """The loop."""

    tokens: int = Field(gt=0)
    """Of the stable phase, warm-up included."""
    batch_sequences: int = Field(ge=1)
    """Sequences per optimizer step, over all processes."""
    micro_batch: int = Field(default=1, ge=1)
    """Sequences per forward pass and process."""
    precision: Literal["auto", "bf16", "fp32"] = "bf16"
    """Of the arithmetic; weights and optimizer state are fp32. `auto`: the faster of the two on this machine."""
    compile: bool = False
    """torch.compile each layer."""
    activation_checkpointing: bool = False
    """Recompute activations to save memory."""
    loss_chunk_tokens: int = Field(default=2048, ge=1)
    """Tokens whose logits exist at a time."""
    seed: int = 0
    """Of the initial weights and the sample order."""
    log_every_steps: int = Field(default=10, ge=1)
    evaluate_every_steps: int = Field(default=1000, ge=1)
    """Held-out bits per byte by language, and sample completions."""
    evaluate_tokens: int = Field(default=262_144, ge=1)
    """Held-out tokens per language and evaluation, at most."""
    save_every_steps: int = Field(default=1000, ge=1)
    keep_checkpoints: int = Field(default=3, ge=1)
    """Latest ones that stay."""


class Preset(Section):
    """Everything that decides one training run."""

    name: str
    model: ModelConfig
    data: DataConfig = DataConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    train: TrainConfig
    anneal: AnnealConfig

    @model_validator(mode="after")
    def _batch_divides(self) -> Self:
        if self.train.batch_sequences % self.train.micro_batch:
            raise ValueError(
                f"train.batch_sequences must be a multiple of train.micro_batch, got {self.train.batch_sequences} and "
                f"{self.train.micro_batch}"
            )
        return self

    @property
    def step_tokens(self) -> int:
        """Tokens per optimizer step."""
        return self.train.batch_sequences * self.model.context

    @property
    def stable_steps(self) -> int:
        """Optimizer steps of the stable phase, warm-up included."""
        return max(1, self.train.tokens // self.step_tokens)

    @property
    def anneal_steps(self) -> int:
        """Optimizer steps of the annealing."""
        return max(1, self.anneal.tokens // self.step_tokens)

    def identity(self) -> dict[str, Any]:
        """The fields that decide what is learned; a run folder belongs to one of them."""
        comfort: dict[str, Any] = {
            "train": {"log_every_steps", "evaluate_every_steps", "evaluate_tokens", "save_every_steps"}
            | {"keep_checkpoints", "activation_checkpointing", "micro_batch", "loss_chunk_tokens", "compile", "tokens"},
            "anneal": True,
            "name": True,
        }
        return self.model_dump(mode="json", exclude=comfort)


def preset_names() -> list[str]:
    """The bundled presets."""
    folder = files("pretrain").joinpath("presets")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_preset(name_or_path: str, *, overrides: Mapping[str, Any] | None = None) -> Preset:
    """The preset of that name, or in that YAML file, under `overrides` (`{"train.tokens": 1000}`; `None` is ignored).

    Raises: ConfigError.
    """
    where, text = _read(name_or_path)
    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{where}: must be a mapping of sections, got {type(fields).__name__}")
    for key, value in (overrides or {}).items():
        if value is not None:
            _override(fields, key, value)
    return make_preset(fields, where=where)


def make_preset(fields: Mapping[str, Any], *, where: str) -> Preset:
    """The preset of these fields; `where` names their origin in errors.

    Raises: ConfigError.
    """
    try:
        return Preset.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_explain(error)}") from error


def parse_settings(settings: tuple[str, ...]) -> dict[str, Any]:
    """`section.key=value` texts as overrides, the values read as YAML.

    Raises: ConfigError.
    """
    overrides = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting}: must be section.key=value, as in train.tokens=1000000")
        try:
            overrides[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {setting}: the value is not YAML; quote it") from error
    return overrides


def _override(fields: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        inner = fields.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{key}: {section} is no section; known: {', '.join(Preset.model_fields)}")
        fields = inner
    fields[last] = value


def _read(name_or_path: str) -> tuple[str, str]:
    source: Traversable = Path(name_or_path)
    if name_or_path in preset_names():
        source = files("pretrain").joinpath("presets", f"{name_or_path}.yaml")
    elif "/" not in name_or_path and not name_or_path.endswith((".yaml", ".yml")):
        raise ConfigError(f"{name_or_path}: no such preset; known: {', '.join(preset_names())}, or give a YAML file")
    try:
        return source.name, source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name_or_path}: cannot be read as a preset: {error}") from error


def _explain(error: ValidationError) -> str:
    """The first complaint in our own words."""
    complaint = error.errors()[0]
    key = ".".join(str(part) for part in complaint["loc"])
    if complaint["type"] == "extra_forbidden":
        known = _known_keys(complaint["loc"])
        close = difflib.get_close_matches(str(complaint["loc"][-1]), known, n=2)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
        return f"unknown key {key!r}; {hint}"
    if complaint["type"] == "missing":
        return f"{key} is missing; give it a value"
    message = complaint["msg"].removeprefix("Value error, ")
    message = f"{message[0].lower()}{message[1:]}"
    return f"{key}: {message}, got {complaint['input']!r}" if complaint["type"] != "value_error" else message


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    if len(place) == 1:
        return list(Preset.model_fields)
    section: Any = Preset.model_fields[str(place[0])].annotation
    return list(section.model_fields)
