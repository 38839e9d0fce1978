"""What all commands share: errors become one line on stderr and an exit code, manifests show the command line, and long
work says how far it is."""

from __future__ import annotations

import os
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TextIO

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


class Progress:
    """How far a stream of work is, on stderr: one line that is redrawn on a terminal, a line now and then elsewhere."""

    def __init__(
        self,
        what: str,
        total: int | None,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`total` is the size of the work in the unit that `show` counts in, `None` where nobody knows it."""
        self.what = what
        self.total = total
        self.stream = stream or sys.stderr
        self.clock = clock
        self.redraw = self.stream.isatty()
        self.every_s = 0.5 if self.redraw else 30.0
        self.started = self.shown = clock()

    def show(self, done: int, counts: Mapping[str, int]) -> None:
        """Nothing; the line was written if it is time for one."""
        now = self.clock()
        if now - self.shown < self.every_s:
            return
        self.shown = now
        line = summary(self.what, counts, now - self.started)
        if self.total and done:
            left_s = (now - self.started) * max(0, self.total - done) / done
            line += f"; {100 * done // self.total} %, {duration(left_s)} left"
        self.write(line, last=False)

    def finish(self, counts: Mapping[str, int]) -> None:
        """Nothing; the last line stands."""
        self.write(summary(self.what, counts, self.clock() - self.started), last=True)

    def write(self, line: str, *, last: bool) -> None:
        """Nothing; the line replaces the one before it where that can be."""
        before, after = ("\r\x1b[K", "\n" if last else "") if self.redraw else ("", "\n")
        self.stream.write(f"{before}{line}{after}")
        self.stream.flush()


def summary(what: str, counts: Mapping[str, int], elapsed_s: float) -> str:
    """`3 jobs, 120/s: 2 passed, 1 failed`."""
    total = sum(counts.values())
    each = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
    return f"{total:,} {what}, {total / max(elapsed_s, 1e-9):,.0f}/s" + (f": {each}" if each else "")


def duration(seconds: float) -> str:
    """`7 s`, `2 min 5 s`, `3 h 4 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
