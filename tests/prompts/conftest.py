"""A sandbox with every language that any image here has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.image import best_image, connect
from sandbox.pool import SandboxPool
from sandbox.verdict import SandboxError


@pytest.fixture(scope="module")
def wide_pool() -> Iterator[SandboxPool]:
    """Two containers of the image with most languages; skips with what is missing."""
    try:
        engine = connect()
        try:
            image = best_image(engine)
        finally:
            engine.close()
        opened = SandboxPool(workers=2, image=image, rerun_timeouts="never")
    except SandboxError as missing:
        pytest.skip(str(missing))
    with opened:
        yield opened
