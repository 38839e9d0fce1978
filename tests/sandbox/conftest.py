"""The engine's own client, and the short way to run a program in the session's pool."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.image import connect
from sandbox.pool import SandboxPool
from sandbox.verdict import Job, Limits, Verdict

Run = Callable[..., Verdict]


@pytest.fixture
def engine() -> Iterator[Any]:
    """A client of the engine itself."""
    with contextlib.closing(connect()) as client:
        yield client


@pytest.fixture
def run(pool: SandboxPool) -> Run:
    """`run(code, *tests, timeout_s=..., memory_mb=..., output_kb=..., stdin=..., files=...)` -> Verdict."""

    def run_one(
        code: str, *tests: str, stdin: str = "", files: dict[str, str] | None = None, **limits: float
    ) -> Verdict:
        chosen = Limits(**{"timeout_s": 5.0, "memory_mb": 256, "output_kb": 64, **limits})  # type: ignore[arg-type]
        code = textwrap.dedent(code).lstrip("\n")
        return pool.run(Job(code=code, tests=tests, stdin=stdin, files=files or {}, limits=chosen))

    return run_one
