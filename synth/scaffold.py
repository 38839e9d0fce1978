"""`synth recipes new`: a folder with a recipe that runs as it stands, or a copy of another recipe under a new name."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from synth.errors import RecipeError
from synth.recipe import open_recipe


def create(folder: Path, base: str | None = None) -> Path:
    """The new recipe folder, made from the recipe `base` or from the small one that ships for this.

    Raises:
        RecipeError: the folder is there already or cannot be written, or there is no recipe `base`.
    """
    if folder.exists():
        raise RecipeError(f"{folder}: is there already; choose another name or delete it")
    if not folder.name.replace("-", "_").isidentifier():
        raise RecipeError(f"{folder}: a recipe's name is letters, digits, - and _, got {folder.name!r}")
    try:
        if base is not None:
            shutil.copytree(open_recipe(base).folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
            return folder
        with resources.as_file(resources.files("synth") / "scaffold_files") as source:
            shutil.copytree(source, folder)
    except OSError as error:
        raise RecipeError(f"{folder}: cannot be written ({error.strerror}); choose another place") from None
    return folder
