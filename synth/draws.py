"""Weighted draws for a row: from lists in the recipe, from files beside it, from what an earlier step found.

A draw depends on the run's seed, the row's seed, the variable's name and, inside `repeat`, the round: neither on other
rows nor on other draws. Not covered: which languages the sandbox has (`steps.py` restricts those).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from synth.errors import RecipeError

Weighted = dict[Any, float]


def draw(weights: Weighted, *, key: str) -> Any:
    """One of the values, the same for the same `key`."""
    return random.Random(key).choices(list(weights), list(weights.values()))[0]


def weighted(choices: Mapping[Any, float] | Sequence[Any], *, where: str) -> Weighted:
    """Choices with their weights; those of a list are equal.

    Raises:
        RecipeError: none, a weight that is none, or a value that is no text, number or truth value.
    """
    pairs = list(choices.items()) if isinstance(choices, Mapping) else [(value, 1.0) for value in choices]
    if not pairs:
        raise RecipeError(f"{where}: has no choices; give some")
    for value, weight in pairs:
        if not isinstance(value, str | int | float | bool):
            raise RecipeError(f"{where}: a choice must be text or a number, got {value!r}; write it as text")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= 1e9:
            raise RecipeError(f"{where}: the weight of {value!r} must be above 0, got {weight!r}; correct it")
    return {value: float(weight) for value, weight in pairs}


def read_choices(path: Path) -> Weighted:
    """The choices in a file: lines of text, or in YAML a list or a mapping to weights.

    Raises:
        RecipeError: it is not there or holds something else.
    """
    where = f"{path.parent.name}/{path.name}"
    try:
        text = path.read_text(encoding="utf-8")
        found = text.split("\n") if path.suffix == ".txt" else yaml.safe_load(text)
    except FileNotFoundError:
        raise RecipeError(f"{where}: is not there; write it beside recipe.yaml") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{where}: cannot be read ({' '.join(str(error).split())}); fix the file") from None
    if path.suffix == ".txt":
        found = [line.strip() for line in found if line.strip()]
    if not isinstance(found, list | dict):
        raise RecipeError(f"{where}: must be a list or a mapping of choices to weights, got {type(found).__name__}")
    return weighted(found, where=where)
