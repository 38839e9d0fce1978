"""Processes that a test watches die, and the async contexts that own them, opened from plain code."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def opened(context: AbstractAsyncContextManager[T], runner: asyncio.Runner | None = None) -> Iterator[T]:
    """What `context` yields, on the loop of `runner` or one of its own; it closes with whatever the block raised."""
    with contextlib.ExitStack() as stack:
        loop = runner or stack.enter_context(asyncio.Runner())
        entered = loop.run(_enter(context))
        stack.push(lambda *raised: bool(loop.run(_leave(context, raised[1]))))
        yield entered


async def _enter(context: AbstractAsyncContextManager[T]) -> T:
    return await context.__aenter__()


async def _leave(context: AbstractAsyncContextManager[T], error: BaseException | None) -> bool | None:
    return await context.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)


def alive(pid: int) -> bool:
    """Whether the process runs: one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_within(seconds: float, *processes: int) -> bool:
    """Whether all `processes` end in that time."""
    deadline = time.monotonic() + seconds
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, processes))


def below(pid: int) -> dict[int, str]:
    """Every process below `pid`, with its command line or else its name."""
    parents: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (entry / "stat").read_text().partition(" (")[2].rpartition(")")
            command = (entry / "cmdline").read_text().replace("\0", " ").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(entry.name)] = int(rest.split()[1]), command or name
    found, generation = {}, {pid}
    while generation := {child for child, (parent, _) in parents.items() if parent in generation}:
        found.update({child: parents[child][1] for child in generation})
    return found
