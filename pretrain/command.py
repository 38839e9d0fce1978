"""The command line as manifests and reports show it."""

from __future__ import annotations

import shlex
import sys
from pathlib import PurePath


def command_line() -> str:
    """This process's command, to paste: `pretrain pack --data corpus --out shards`, without interpreter and path."""
    program, *arguments = sys.argv
    path = PurePath(program)
    name = path.parent.name if path.name == "cli.py" else path.name  # `python -m pretrain.cli`, as torchrun starts it
    return shlex.join([name, *arguments])
