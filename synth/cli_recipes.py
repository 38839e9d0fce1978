"""The commands `synth recipes ...`: which there are, what one does, whether it is sound, a new one to begin with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from synth.recipe import Recipe
    from synth.schema import AnyStep

MAX_CHARS = 60


@click.group()
def recipes() -> None:
    """The recipes that ship with the toolkit, and help with your own."""


@recipes.command("list")
def list_recipes() -> None:
    """Each bundled recipe: what it is for, and where its folder lies."""
    from synth.recipe import bundled_recipes, open_recipe

    for name, folder in bundled_recipes().items():
        click.echo(f"{name:<14} {open_recipe(name).file.about}\n{'':<14} {folder}")


@recipes.command("new")
@click.argument("name")
@click.option("--from", "base", help="A recipe to begin from.  [default: a small one of five steps]")
def new_recipe(name: str, base: str | None) -> None:
    """Write the folder NAME with a recipe that runs as it stands, to be changed."""
    from synth.scaffold import create

    folder = create(Path(name), base)
    click.echo(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    click.echo(f"next: synth recipes check {folder}; synth preview --recipe {folder}")


@recipes.command("check")
@click.argument("name")
@click.option("--strict", is_flag=True, help="Fail on doubts too.")
def check_recipe(name: str, strict: bool) -> int:
    """Load a recipe as generate would, and name what is hardly meant."""
    from synth.recipe import open_recipe
    from synth.recipe_check import doubts

    recipe = open_recipe(name)
    found = doubts(recipe)
    for doubt in found:
        click.echo(f"{recipe.name}/{doubt}")
    said = f"{len(found)} doubt{'s' if len(found) > 1 else ''}" if found else "sound"
    click.echo(
        f"{recipe.name}: {said}, {len(recipe.steps)} steps, {' and '.join(recipe.locales) or 'no language whole'}"
    )
    return 1 if found and strict else 0


@recipes.command("show")
@click.argument("name")
def show_recipe(name: str) -> None:
    """Draw the steps of a recipe: what each reads, what it sets, and where a row can end."""
    from rich.console import Console

    from synth.recipe import open_recipe

    recipe = open_recipe(name)
    console = Console()
    console.print(f"[bold]{recipe.name}[/bold]: {recipe.file.about}", highlight=False, soft_wrap=True)
    console.print(_drawing(recipe))


def _drawing(recipe: Recipe) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_row(Text("┌ seed", style="bold"), Text(recipe.file.seeds), "")
    for depth, step in _levels(recipe.steps):
        name, does, ends = _cells(step)
        rail = "│ " * depth
        table.add_row(Text(f"├ {rail}{name}"), Text(does), Text(ends))
    table.add_row(Text("└ row", style="bold"), Text(f"{recipe.subset}, {recipe.file.language or 'any language'}"), "")
    return table


def _levels(steps: Iterable[AnyStep], depth: int = 0) -> Iterator[tuple[int, AnyStep]]:
    """Every step with how many loops it is in."""
    from synth.schema import Repeat

    for step in steps:
        yield depth, step
        if isinstance(step, Repeat):
            yield from _levels(step.steps, depth + 1)


def _cells(step: AnyStep) -> tuple[str, str, str]:
    """The name of a step, what it does, and what of it a reader must know beside."""
    from synth.schema import Ask, Augment, Classify, Draw, Emit, Keep, Repeat, Rerun, Run, Write

    note = f"when {step.when}" if step.when else ""
    match step:
        case Ask():
            who = "judge" if step.role == "judge" else "teacher"
            times = f" x {step.candidates}" if step.candidates else ""
            return f"ask {who}", f"{step.template}{times} -> {', '.join(step.sets)}", note
        case Keep():
            return "keep", _short(step.condition), f"else ends as {step.drop}"
        case Draw():
            return "sample", ", ".join(f"{name} of {_choices(value)}" for name, value in step.choices.items()), note
        case Write():
            return "write", f"{step.template} -> {step.name}", note
        case Run():
            ran = " + ".join(filter(None, (step.code or "the seed's code", step.tests)))
            return "run", f"{ran} -> {', '.join(step.sets[:4])}", f"evidence {', '.join(step.evidence)}"
        case Rerun():
            return "rerun", f"{step.code} -> code", "else ends as rerun.failed" if step.otherwise == "drop" else note
        case Augment():
            return "augment", ", ".join(f"{form} {weight:g}" for form, weight in step.choices.items()), note
        case Classify():
            return "classify", f"by {step.examples} -> {step.name}", note
        case Repeat():
            return (
                "repeat",
                f"{step.rounds} rounds",
                "" if step.on_fail == "drop" else f"a round that fails: {step.on_fail}",
            )
        case Emit():
            scores = f"scores {', '.join(step.scores)}" if step.scores else ""
            return "emit", _short(f"{step.instruction} | {step.response}"), scores


def _choices(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{len(value)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_CHARS else line[: MAX_CHARS - 3] + "..."
