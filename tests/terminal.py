"""A pseudo-terminal of a given size with a program in it, and what is to be seen there: the little of a VT100 that
`rich` uses, and an error for anything else."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x00-\x1f]+)")
DRAWN_OVER = re.compile(r"(?=\r\x1b\[2K)")
# The program gets the terminal as its own, so that Ctrl-C reaches it.
STARTER = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Screen:
    """The lines of a terminal, those that scrolled away too."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.is_cursor_shown = True
        self._rest = ""

    def feed(self, text: str) -> None:
        """Shows `text`; a sequence that is not whole yet waits for the rest of it."""
        text, at = self._rest + text, 0
        while at < len(text):
            token = TOKEN.match(text, at)
            if token is None:
                assert len(text) - at < 20, f"unknown control sequence {text[at : at + 20]!r}"
                break
            self._take(token)
            at = token.end()
        self._rest = text[at:]

    def _take(self, token: re.Match[str]) -> None:
        arguments, letter, control, printed = token.groups()
        if printed:
            for character in printed:
                self._put(character)
        elif control == "\r":
            self.column = 0
        elif control == "\n":
            self._down()
        elif letter == "A":
            self.row = max(self.row - int(arguments or 1), 0)
        elif letter == "K":
            assert arguments == "2", "only whole lines are erased"
            self.lines[self.row] = ""
        elif arguments == "?25":
            self.is_cursor_shown = letter == "h"
        else:
            assert letter == "m", f"unknown control sequence {token.group()!r}"

    def _put(self, character: str) -> None:
        if self.column == self.columns:  # the line is full and another character comes: only now it wraps
            self.column = 0
            self._down()
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
        self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)


class Terminal:
    """A program in a terminal."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes], columns: int) -> None:
        self.screen = Screen(columns)
        self.process = process
        self.raw = ""
        self._descriptor = descriptor

    def press(self, keys: bytes) -> None:
        """Types."""
        os.write(self._descriptor, keys)

    def frames(self) -> Iterator[str]:
        """The screen each time before something is drawn over, and at the end, when the program closed the terminal."""
        while True:
            try:
                piece = os.read(self._descriptor, 65536)
            except OSError:  # how Linux says that the other side is closed
                return
            if not piece:
                return
            text = piece.decode("utf-8", "surrogateescape")
            self.raw += text
            for part in DRAWN_OVER.split(text):
                self.screen.feed(part)
                yield str(self.screen)


@contextmanager
def terminal(command: list[str | Path], *, cwd: Path, columns: int, term: str = "xterm-256color") -> Iterator[Terminal]:
    """`command` in a terminal of 24 lines, ended with the block."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    unset = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    clean = {name: value for name, value in os.environ.items() if name not in unset and not name.startswith("OPENAI_")}
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, *command],
        cwd=cwd,
        env={**clean, "TERM": term},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process, columns)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
