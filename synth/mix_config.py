"""What a mixture may say: YAML checked by pydantic, the bundled presets, and where the rows of each set come from.

Not covered: reading those rows (`mix_rows.py`), choosing among them (`mix.py`).
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from synth.errors import SynthError
from synth.sample import Evidence
from synth.schema import explain, near
from synth.splits import NOT_IN_NAMES
from synth.training_rows import Layout

PRESETS = ("stage1", "stage2", "annealing")
Compared = Literal["text", "instruction", "code"]


class MixError(SynthError):
    """A mixture that cannot be read, or cannot be made as asked."""


class MixSet(BaseModel):
    """One set of a mixture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: Annotated[int, Field(ge=1)] | None = None
    """Rows (or tokens, as `unit` says) at scale 1."""
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Share, in proportion to the weights of the other sets."""
    sources: tuple[str, ...] = ()
    """Run folders, exports, folders, files, `hf:OWNER/NAME`; none: the runs of this subset."""
    evidence: tuple[Evidence, ...] = ()
    """Only rows of these kinds; none: any."""
    min_scores: dict[str, float] = {}
    """Only rows that have each of these scores and reach it."""
    max_repeats: Annotated[int, Field(ge=1)] | None = None
    """How often a row may be there where there are too few; `None`: as the mixture says."""

    @field_validator("sources", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @property
    def share(self) -> float:
        """Count or weight, whichever is given."""
        return self.weight if self.weight is not None else float(self.count or 0)


class MixFile(BaseModel):
    """A mixture as it stands in its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = ""
    layout: Layout = "instructions"
    unit: Literal["rows", "tokens"] = "rows"
    """What counts count. Tokens are a row's `num_tokens`, or else a quarter of its UTF-8 bytes."""
    sets: Annotated[dict[str, MixSet], Field(min_length=1)]
    """Name -> set; of two twins in different sets the one in the earlier set stays."""
    total: Annotated[int, Field(ge=1)] | None = None
    """Rows or tokens in all; goes with weights."""
    short: Literal["keep", "refill", "fail"] = "keep"
    """Where a set has too few rows: make the mixture smaller, take the rest from the other sets, or stop."""
    max_repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """How often a training row may be there before its set counts as short."""
    validation: Annotated[float, Field(ge=0, le=0.5)] = 0.02
    """Share of the seeds whose rows are all for validation and none for training."""
    twins: Annotated[float, Field(gt=0, le=1)] | None = 0.7
    """Jaccard similarity from which two rows are twins; `null`: only equal ones are."""
    compare: Annotated[tuple[Compared, ...], Field(min_length=1)] = ("text",)
    """By what: the whole text, the instruction, the code; rows alike by any of them are twins."""
    decontaminate: tuple[str, ...] = ("humaneval",)
    """Benchmarks (`humaneval`, or JSONL files) whose tasks no row may hold."""
    seed: int = 0
    """Of the choice among rows, the split and the order."""

    @field_validator("compare", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _counts_or_weights(self) -> MixFile:
        for name, each in self.sets.items():
            if (each.count is None) == (each.weight is None):
                raise ValueError(f"sets.{name} needs one of count and weight, got {'both' if each.count else 'none'}")
            if name == "default" or NOT_IN_NAMES.search(name) or name.startswith("."):
                raise ValueError(f"sets.{name}: no name for a set; use letters, digits and _, not `default`")
        if len({each.weight is None for each in self.sets.values()}) > 1:
            raise ValueError("sets: some have a count and some a weight; give all of them the same")
        if self.total is not None and self.weights is None:
            raise ValueError("total goes with weights; with counts give --rows or --scale")
        return self

    @property
    def weights(self) -> list[float] | None:
        """The weights, `None` where the sets have counts."""
        return [s.share for s in self.sets.values()] if next(iter(self.sets.values())).weight is not None else None

    def wanted(self, *, scale: float | None, total: int | None) -> int:
        """Rows or tokens in all, at a scale or as given. Raises: `MixError`."""
        if total is not None:
            return total
        whole = self.total or (None if self.weights else sum(each.count or 0 for each in self.sets.values()))
        if whole is None:
            raise MixError("the sets have weights and nothing says how much; give `total` or --rows")
        return max(1, round(whole * (1 if scale is None else scale)))


def load_mix(name: str) -> MixFile:
    """The mixture in the file `name`, or the preset of that name (`stage2` or `stage2.yaml`).

    Sources in a file are relative to its folder. Raises: `MixError`.
    """
    path = Path(name)
    stem = name.removesuffix(".yaml")
    if not path.is_file() and stem in PRESETS:
        text = (importlib.resources.files("synth") / "presets" / f"{stem}.yaml").read_text(encoding="utf-8")
        return _parse(text, f"{stem}.yaml")
    try:
        mix = _parse(path.read_text(encoding="utf-8"), name)
    except FileNotFoundError:
        raise MixError(f"{name}: no such file or preset; {near(stem, PRESETS)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MixError(
            f"{name}: cannot be read, got {error}; give a YAML file or one of {', '.join(PRESETS)}"
        ) from None
    sets = {key: s.model_copy(update={"sources": _beside(s.sources, path)}) for key, s in mix.sets.items()}
    return mix.model_copy(update={"sets": sets})


def _parse(text: str, where: str) -> MixFile:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MixError(f"{where}: not YAML, got {' '.join(str(error).split())}; fix the file") from None
    if not isinstance(data, dict):
        raise MixError(f"{where}: needs a mapping with `sets`, got {type(data).__name__}")
    try:
        return MixFile.model_validate(data)
    except ValidationError as error:
        inside = any(fault["loc"][:1] == ("sets",) and len(fault["loc"]) > 2 for fault in error.errors())
        raise MixError(f"{where}: {explain(error, MixSet if inside else MixFile)}") from None


def _beside(sources: Sequence[str], file: Path) -> tuple[str, ...]:
    return tuple(s if s.startswith("hf:") else str(file.parent / Path(s).expanduser()) for s in sources)


def with_sources(mix: MixFile, given: Mapping[str, Sequence[str]], runs: Path) -> MixFile:
    """The mixture with the sources `given` on the command line, or, for sets without any, the runs of their name.

    Raises: `MixError` for a set that is not there, or where no set has a source.
    """
    for name in given:
        if name not in mix.sets:
            raise MixError(f"--set {name}: no such set; {near(name, mix.sets)}")
    found = find_runs(runs) if any(not given.get(n) and not s.sources for n, s in mix.sets.items()) else {}
    sets = {
        name: each.model_copy(update={"sources": tuple(given.get(name) or each.sources or found.get(name, ()))})
        for name, each in mix.sets.items()
    }
    if not any(each.sources for each in sets.values()):
        first = next(iter(sets))
        raise MixError(f"{runs}: no run of {', '.join(sets)} in it; give --set {first}=FOLDER, or make one")
    return mix.model_copy(update={"sets": sets})


def find_runs(runs: Path) -> dict[str, tuple[str, ...]]:
    """Subset -> the finished runs of it right under `runs`, by name; shards are no runs."""
    found: dict[str, tuple[str, ...]] = {}
    for manifest in sorted(runs.glob("*/manifest.json")):
        try:
            facts = json.loads(manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(facts, dict) and "recipe" in facts and "shard" not in facts:
            subset = str(facts.get("subset") or facts["recipe"])
            found[subset] = (*found.get(subset, ()), str(manifest.parent))
    return found
