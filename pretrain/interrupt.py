"""SIGINT and SIGTERM as a wish that the loop reads between two steps."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class StopWish:
    """Whether a signal asked to stop."""

    seen: bool = False


@contextmanager
def heeding_signals(*, once: bool) -> Iterator[StopWish]:
    """A wish that SIGINT or SIGTERM sets. With `once`, a second signal acts as it did before the block.

    Under `torchrun` one Ctrl-C arrives twice, from the terminal and from the launcher: there, `once` must be false.
    """
    wish = StopWish()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(_number: int, _frame: FrameType | None) -> None:
        wish.seen = True
        if once:
            restore()

    for number in before:
        signal.signal(number, note)
    try:
        yield wish
    finally:
        restore()
