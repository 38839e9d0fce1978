"""A phase as data: the stable one, or an annealing that branches off it. All is decided before torch is imported.

Not covered: what happens in it (`train.py`).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pretrain.config import Preset, load_preset, make_preset
from pretrain.errors import CheckpointError, ConfigError
from pretrain.run_folder import differences, find_checkpoint, read_inputs, read_meta
from pretrain.schedule import Schedule

Stage = Literal["pretrain", "anneal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What one run reads, from where it starts, and how far it goes."""

    stage: Stage
    preset: Preset
    shards: tuple[Path, ...]
    tokenizer: Path
    inputs: dict[str, str]
    """Hashes of tokenizer and shards."""
    mixture: dict[str, float]
    seed: int
    """Of the sample order: an annealing has another one than the phase it branches from."""
    steps: int
    first_step: int = 0
    """Steps count on from the checkpoint that an annealing starts from."""
    first_tokens: int = 0
    source: Path | None = None
    """That checkpoint."""
    source_sha256: str | None = None
    """Of what decided its weights; two runs may stand at the same step."""
    precision: Literal["bf16", "fp32"] | None = None
    """Its precision, which stays where the preset says `auto`."""

    @property
    def last_step(self) -> int:
        """The step count at the end."""
        return self.first_step + self.steps

    @property
    def identity(self) -> dict[str, Any]:
        """What decides what is learned; a run folder and its checkpoints belong to one."""
        identity = self.preset.identity()
        if self.stage == "anneal":
            identity |= {"anneal": self.preset.anneal.model_dump(mode="json")}
            identity |= {"from_step": self.first_step, "from_run": self.source_sha256}
        return identity

    @property
    def identity_sha256(self) -> str:
        """The identity as one hash."""
        return _sha256(self.identity)

    def tokens(self, step: int) -> int:
        """Tokens read when the step count is `step`, those before the phase included."""
        return self.first_tokens + (step - self.first_step) * self.preset.step_tokens

    def schedule(self) -> Schedule:
        """The learning rate: constant after warm-up, falling over the whole of an annealing."""
        anneal = self.stage == "anneal"
        return Schedule(
            peak=self.preset.optimizer.learning_rate,
            warmup_steps=self.preset.schedule.warmup_steps,
            decay=self.preset.schedule.decay,
            decay_start=self.first_step if anneal else None,
            decay_steps=self.steps if anneal else 0,
            final=self.preset.schedule.final_learning_rate,
        )


def stable_phase(preset: Preset, *, shards: Sequence[Path], tokenizer: Path) -> Phase:
    """The phase from fresh weights at the stable learning rate. Raises: ShardError, TokenizerError."""
    return Phase(
        stage="pretrain",
        preset=preset,
        shards=tuple(shards),
        tokenizer=tokenizer,
        inputs=read_inputs(shards, tokenizer),
        mixture=dict(preset.data.mixture),
        seed=preset.train.seed,
        steps=preset.stable_steps,
    )


def anneal_phase(
    start: Path,
    *,
    shards: Sequence[Path],
    tokenizer: Path | None = None,
    preset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    max_steps: int | None = None,
) -> Phase:
    """The annealing that branches from the newest checkpoint `start` means; its preset unless another is named.

    Raises: CheckpointError, ConfigError, ShardError, TokenizerError.
    """
    source = find_checkpoint(start)
    meta = read_meta(source)
    if meta["phase"] == "anneal":
        raise CheckpointError(
            f"{source}: already annealed, its learning rate is spent; give a run or checkpoint of `pretrain train`"
        )
    chosen = load_preset(preset, overrides=overrides) if preset else _again(meta["preset"], overrides or {})
    if max_steps is not None:
        chosen = with_steps(chosen, max_steps, stage="anneal")
    changed = differences(meta["preset"]["model"], chosen.model.model_dump(mode="json"), "model.")
    if changed:
        raise CheckpointError(f"{source}: a checkpoint of another config: {', '.join(changed)}; give its own preset")
    folder = tokenizer or Path(meta["tokenizer_path"])
    inputs = read_inputs(shards, folder)
    if inputs["tokenizer"] != meta["tokenizer"]:
        raise CheckpointError(f"{source}: trained with another tokenizer than {folder}; give its own with --tokenizer")
    return Phase(
        stage="anneal",
        preset=chosen,
        shards=tuple(shards),
        tokenizer=folder,
        inputs=inputs,
        mixture=dict(chosen.anneal.mixture),
        seed=chosen.train.seed + 1,
        steps=chosen.anneal_steps,
        first_step=int(meta["step"]),
        first_tokens=int(meta["tokens"]),
        source=source,
        source_sha256=_sha256([meta["identity"], meta["inputs"], meta["order"]]),
        precision=meta["precision"],
    )


def with_steps(preset: Preset, steps: int, *, stage: Stage) -> Preset:
    """The preset with as many tokens in that phase as `steps` optimizer steps take."""
    section = "train" if stage == "pretrain" else "anneal"
    fields = preset.model_dump(mode="json")
    fields[section]["tokens"] = steps * preset.step_tokens
    return make_preset(fields, where=preset.name)


def overridden(preset: Preset, overrides: Mapping[str, Any]) -> Preset:
    """The preset with `section.key` values laid over it. Raises: ConfigError."""
    return _again(preset.model_dump(mode="json"), overrides)


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _again(fields: dict[str, Any], overrides: Mapping[str, Any]) -> Preset:
    fields = copy.deepcopy(fields)
    for key, value in overrides.items():
        section, dot, name = key.partition(".")
        if not dot or not isinstance(fields.get(section), dict):
            raise ConfigError(f"--set {key}: must be section.key=value, as in train.tokens=1000000")
        fields[section][name] = value
    return make_preset(fields, where=str(fields["name"]))
