"""What all tests share: the sandbox pool of the session, and the reasons to skip."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_model import write_small_model

from sandbox.pool import SandboxPool
from sandbox.verdict import SandboxError


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What one of several processes runs (`pytest -n 2`): all that needs the engine, or a module at a time.

    Two processes on one engine would count and remove each other's containers. (pytest 9.2 keeps the ids of tests where
    pytest-xdist 3.8 cannot put the group, and says nothing; hence the pin.)
    """
    for item in items:
        group = "engine" if item.get_closest_marker("engine") else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell has its background jobs, and what they start, ignore Ctrl-C; the tests send it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def pool() -> Iterator[SandboxPool]:
    """Two warm containers; without an engine or the image the test skips with what is missing."""
    try:
        opened = SandboxPool(workers=2, rerun_timeouts="never")  # hundreds of programs here loop on purpose
    except SandboxError as missing:
        pytest.skip(str(missing))
    with opened:
        yield opened


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model as safetensors, in a folder for all who need it; written in a minute."""
    return write_small_model(tmp_path_factory.mktemp("model") / "small")
