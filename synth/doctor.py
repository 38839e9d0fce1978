"""`synth doctor`: whether everything a run needs is there, looked at for real and before anything is spent.

Each check says what it saw or, in one line, what to do. None of them asks the teacher for a completion.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.doctor import diagnose
from synth.endpoints import Spec, open_teacher
from synth.errors import RunFolderError, SynthError
from synth.recipe import open_recipe
from synth.seeds import open_seeds
from synth.teacher import Limits

MIN_FREE_GB = 2.0
"""A run of 10,000 rows takes about 0.2 GB; the rest is for the engine's own needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    name: str
    ok: bool
    said: str


async def examine(*, recipe: str, seeds: str | None, spec: Spec, out: Path) -> AsyncIterator[Finding]:
    """The findings as they are made; a fault in one does not stop the rest."""
    looks: dict[str, Callable[[], str]] = {
        "recipe": lambda: _recipe(recipe),
        "seeds": lambda: _seeds(recipe, seeds),
        "disk": lambda: _disk(out),
    }
    for name, look in looks.items():
        try:
            yield Finding(name=name, ok=True, said=look())
        except (SynthError, OSError) as fault:
            yield Finding(name=name, ok=False, said=str(fault))
    for name, ok, said in diagnose():
        yield Finding(name=f"sandbox {name}", ok=ok, said=said)
    try:
        yield Finding(name="teacher", ok=True, said=await _teacher(spec))
    except SynthError as fault:
        yield Finding(name="teacher", ok=False, said=str(fault))


def _recipe(name: str) -> str:
    recipe = open_recipe(name)
    return f"{recipe.folder}, {len(recipe.steps)} steps"


def _seeds(recipe: str, seeds: str | None) -> str:
    source = seeds or open_recipe(recipe).seeds
    return f"{source}, beginning with {next(open_seeds(source)).source}"


def _disk(out: Path) -> str:
    folder = next(parent for parent in [out.absolute(), *out.absolute().parents] if parent.exists())
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < MIN_FREE_GB:
        raise RunFolderError(f"{folder}: {free_gb:.1f} GB free; make it {MIN_FREE_GB:.0f} GB or choose another --out")
    return f"{folder}, {free_gb:.0f} GB free"


async def _teacher(spec: Spec) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "teacher.log"
        said: list[str] = []
        async with open_teacher(spec, limits=Limits(concurrency=1), price=None, log=log, say=said.append) as teacher:
            passed_over = [line for line in said if line.endswith("the others are asked meanwhile")]
            return "; ".join([f"{teacher.base_url} answers and has {teacher.model}", *passed_over])
