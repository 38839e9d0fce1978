"""Every error a user can meet in `finetune`, each one line that says where, what, and what to do.

    FinetuneError           the command stops; training, if it had begun, resumes with the same command
    |- ConfigError          a stage file or flag: unknown key, value out of range, unknown preset
    |- DataError            the training data: not found, wrong columns, no row left
    |- ModelError           the starting model: not found, no ChatML tokens, not convertible
    |- RunFolderError       the output folder: in use, of another run, not enough disk
    `- MissingExtra         torch, transformers, trl, datasets or accelerate is not installed

A bad row is none of these: it is counted under its `stage.rule` reason and left out (`data.py`).
"""

from __future__ import annotations

from importlib.util import find_spec

TRAIN_PACKAGES = ("torch", "transformers", "trl", "datasets", "accelerate")


class FinetuneError(Exception):
    """The root; the command line prints it as one line and exits with 1."""


class ConfigError(FinetuneError):
    """Something in a stage file or flag."""


class DataError(FinetuneError):
    """Something about the training data as a whole."""


class ModelError(FinetuneError):
    """Something about the starting model."""


class RunFolderError(FinetuneError):
    """Something about the output folder or the disk under it."""


class MissingExtra(FinetuneError):
    """A package of the `train` extra is missing."""


def require_train_extra() -> None:
    """Nothing, if the packages that training needs are there (found, not imported).

    Raises: MissingExtra.
    """
    missing = [name for name in TRAIN_PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"not installed: {', '.join(missing)}; run: pip install 'opencook[train]'")


def first_line(error: BaseException) -> str:
    """The first non-empty line of `error`, or its type where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
