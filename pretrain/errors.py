"""Every error a user can meet in `pretrain`, each one line that says where, what, and what to do.

    PretrainError           the command stops; run again, it goes on from what is on disk
    |- ConfigError          a preset or flag: unknown key, value out of range, sizes that do not divide
    |- SourceError          a source of raw code: not found, not reachable, digest differs
    |- CorpusError          a corpus folder: not one, empty, no text for a language
    |- TokenizerError       a tokenizer folder: not one, not ours, other vocabulary
    |- ShardError           a packed shard: damaged, cut short, of another tokenizer, missing from the mixture
    |- CheckpointError      a checkpoint: of another config, incomplete, cannot be saved
    |- DivergenceError      the loss or the gradient is not finite; the last checkpoint stays
    |- RunFolderError       the output folder: in use, of another run, not enough disk
    `- MissingExtra         torch, transformers or tokenizers is not installed

A bad file is none of these: it is counted under its `stage.rule` reason and left out.
"""

from __future__ import annotations

from importlib.util import find_spec

TRAIN_PACKAGES = ("torch", "transformers", "tokenizers")


class PretrainError(Exception):
    """The root; the command line prints it as one line and exits with 1."""


class ConfigError(PretrainError):
    """Something in a preset or flag."""


class SourceError(PretrainError):
    """Something about a source of raw code."""


class CorpusError(PretrainError):
    """Something about a corpus folder."""


class TokenizerError(PretrainError):
    """Something about a tokenizer folder."""


class ShardError(PretrainError):
    """Something about packed shards or their mixture."""


class CheckpointError(PretrainError):
    """Something about a checkpoint."""


class DivergenceError(PretrainError):
    """The training itself went wrong."""


class RunFolderError(PretrainError):
    """Something about the output folder or the disk under it."""


class MissingExtra(PretrainError):
    """A package of the `train` extra is missing."""


def require_train_extra() -> None:
    """Nothing, if the packages that training needs are there (found, not imported).

    Raises: MissingExtra.
    """
    missing = [name for name in TRAIN_PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"not installed: {', '.join(missing)}; run: pip install 'opencook[train]'")
