"""What is doubtful about a recipe that loads: `doubts`, one line each, without asking anybody.

What cannot work at all is an error when the recipe is loaded (`recipe.py`). Here is what works and is hardly meant:
variables that nothing reads, steps that nothing reaches, templates that no step names or that differ between languages,
attributes that no seed has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import jinja2.nodes

from synth.recipe import BUILT_IN, Recipe, bare, flat, texts_of
from synth.schema import RUN_SETS, AnyStep, Ask, Augment, Draw, Emit, Keep, Repeat, Rerun, Run, near
from synth.seeds import Seed
from synth.templates import localized

IMPLIED = frozenset({*RUN_SETS, *BUILT_IN, "rounds", "rewritten", "format", "instruction"})
"""Variables that may go unread: a step sets them by itself, or what it works on is the row."""
SEED_FIELDS = frozenset(field.name for field in dataclasses.fields(Seed))


def doubts(recipe: Recipe) -> list[str]:
    """Every doubt, in the order of the file; none for a recipe that says what it means."""
    found = [*_unreachable(recipe, recipe.steps), *_unread(recipe), *_unknown_seed_fields(recipe), *_files(recipe)]
    return list(dict.fromkeys(found))


def _unreachable(recipe: Recipe, steps: Iterable[AnyStep]) -> Iterator[str]:
    """Steps that no row takes, because a condition that reads nothing is false."""
    for number, step in enumerate(steps, start=1):
        name = type(step).__name__.lower()
        if step.when is not None and _never(recipe, step.when):
            yield f"recipe.yaml: step {number} ({name}): `when: {step.when}` never holds; remove the step"
        if isinstance(step, Keep) and _never(recipe, step.condition):
            yield f"recipe.yaml: step {number} (keep): `if: {step.condition}` never holds; no step after it is reached"
        if isinstance(step, Repeat):
            yield from _unreachable(recipe, step.steps)


def _never(recipe: Recipe, condition: str) -> bool:
    return not recipe.variables_of_text("{{ " + condition + " }}") and not recipe.holds(condition, {})


def _unread(recipe: Recipe) -> Iterator[str]:
    read = set().union(*(reads(recipe, step) for step in flat(recipe.steps)))
    for step in flat(recipe.steps):
        # Of an answer with several fields one may be there to make the teacher think: a reason before a score.
        if isinstance(step, Repeat) or (isinstance(step, Ask) and read & set(step.sets)):
            continue
        for name in step.sets:
            if name not in read | IMPLIED:
                kind = type(step).__name__.lower().replace("draw", "sample")
                yield f"recipe.yaml: {kind} sets `{name}`, which nothing reads; use it or leave it out"


def reads(recipe: Recipe, step: AnyStep) -> set[str]:
    """The variables that a step reads, in templates of any language, conditions and settings."""
    found: set[str] = set()
    for condition in (step.when, step.condition if isinstance(step, Keep) else None):
        found |= recipe.variables_of_text("{{ " + condition + " }}") if condition else set()
    for text in texts_of(step):
        names = [localized(text, locale) for locale in ("en", "zh")] if text.endswith(".j2") else []
        for name in names:
            found |= recipe.variables_of(name) if (recipe.folder / name).exists() else set()
        found |= set() if names else recipe.variables_of_text(text)
    match step:
        case Run():
            found |= {name for name in (step.code, step.tests) if name}
            found |= recipe.variables_of_text("{{ " + bare(step.required) + " }}") if step.required else set()
        case Rerun():
            found |= {step.code, "kept_tests"}
        case Augment():
            found |= {"instruction", "code", "kept_tests"}
        case Draw():
            found |= step.reads
        case Emit():
            found |= set(step.scores)
    return found


def _unknown_seed_fields(recipe: Recipe) -> Iterator[str]:
    for path in sorted(recipe.folder.glob("*.j2")):
        tree = recipe.environment.parse(path.read_text(encoding="utf-8"))
        for node in tree.find_all(jinja2.nodes.Getattr):
            of_seed = isinstance(node.node, jinja2.nodes.Name) and node.node.name == "seed"
            if of_seed and node.attr not in SEED_FIELDS:
                yield f"{path.name}:{node.lineno}: no seed has `{node.attr}`; {near(node.attr, SEED_FIELDS)}"


def _files(recipe: Recipe) -> Iterator[str]:
    """Templates that no step names, and those that differ between languages."""
    named = set(recipe.templates)
    for name in sorted(named):
        twin = localized(name, "zh")
        if not (recipe.folder / twin).exists():
            yield f"{name}: no {twin} beside it; without it --locale zh and mix are refused"
        elif differ := sorted((recipe.variables_of(name) ^ recipe.variables_of(twin)) - BUILT_IN):
            yield f"{twin}: reads other variables than {name}: `{differ[0]}` is in one of them alone"
    known = {file for name in named for file in (name, localized(name, "zh"))}
    included = {name for file in known if (recipe.folder / file).exists() for name in recipe.included_by(file)}
    for path in sorted(recipe.folder.glob("*.j2")):
        if path.name not in known | included:
            yield f"{path.name}: no step names it; use it or delete it"
