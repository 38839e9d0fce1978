"""What all commands share: errors become one line on stderr and an exit code, and manifests show the command line."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Callable
from pathlib import PurePath

DONE, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130


def exit_code(command: Callable[[], int | None], *, name: str, known: tuple[type[Exception], ...]) -> int:
    """The exit code of `command`: 0 done, 1 failed, 130 interrupted.

    Errors of a `known` kind become the one line `name: message` on stderr; with `--debug` on the command line they
    keep their traceback. Anything else is a defect of ours and keeps its traceback always.
    """
    try:
        return command() or DONE
    except known as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        print(f"{name}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"{name}: interrupted; the same command again goes on from here", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our stdout left, as in `synth ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def command_line() -> str:
    """This process's command, to paste: `pretrain pack --data corpus --out shards`, without interpreter and path.

    A file name need not be UTF-8; what is shown of it is.
    """
    program, *arguments = sys.argv
    path = PurePath(program)
    name = path.parent.name if path.name == "cli.py" else path.name  # `python -m pretrain.cli`, as torchrun starts it
    return shlex.join([name, *arguments]).encode("utf-8", "backslashreplace").decode()
