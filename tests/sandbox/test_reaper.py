"""Which containers go: those whose owner is dead, in any state, and never one whose owner lives."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.image import default_tag
from sandbox.pool import SandboxPool
from sandbox.reaper import (
    EXPIRES_LABEL,
    LABEL,
    OWNER_LABEL,
    is_alive,
    is_orphan,
    labels,
    owner,
    place,
    reap,
    start_time,
)
from sandbox.verdict import Job

NOBODY = 2**22 + 1
DEAD = f"{place()}:{NOBODY}:5"
ELSEWHERE = "elsewhere/1/2:1:1"


def test_a_living_owner_is_seen_and_a_dead_one_is_not():
    _, pid, started = owner().split(":")
    assert is_alive(owner()) is True
    assert is_alive(f"{place()}:{pid}:1") is False  # the pid was given to another process
    assert is_alive(f"{place()}:{NOBODY}:{started}") is False


def test_without_a_readable_proc_the_process_itself_is_asked():
    assert is_alive(f"{place()}:{os.getpid()}:") is True
    assert is_alive(f"{place()}:{NOBODY}:") is False
    assert start_time(NOBODY) == ""


@pytest.mark.parametrize(
    "label",
    [ELSEWHERE, "", "garbage", f"{place()}:x:y", f"{place()}:", f"other{owner()}"],
    ids=["elsewhere", "empty", "garbage", "no number", "no start", "another machine"],
)
def test_an_owner_that_cannot_be_seen_is_neither(label):
    assert is_alive(label) is None


@pytest.mark.parametrize(
    ("owner_label", "expires", "goes"),
    [
        (owner(), "1", False),  # it lives: its time does not matter
        (DEAD, "99999999999", True),
        (ELSEWHERE, "999", True),
        (ELSEWHERE, "1001", False),
        (ELSEWHERE, "soon", False),
        (ELSEWHERE, "", False),
    ],
    ids=["alive", "dead", "past its time", "within its time", "no number", "no time"],
)
def test_who_goes(owner_label, expires, goes):
    assert is_orphan({OWNER_LABEL: owner_label, EXPIRES_LABEL: expires}, now=1000) is goes


def test_a_container_that_is_made_now_has_hours_and_a_living_owner():
    assert int(labels()[EXPIRES_LABEL]) > time.time() + 5 * 3600
    assert not is_orphan(labels(), time.time())


Make = Callable[..., str]


@pytest.fixture
def make(engine: Any, pool: SandboxPool) -> Iterator[Make]:
    """`make(owner, state=..., expires=...)` -> the name of a container; all are gone at the end."""
    made = []

    def create(owner_label: str, state: str = "created", expires: str = "99999999999") -> str:
        name = f"opencook-test-{secrets.token_hex(6)}"
        command = ["sleep", "99"] if state == "running" else ["true"]
        own = {LABEL: "1", OWNER_LABEL: owner_label, EXPIRES_LABEL: expires}
        # Podman's own limits may be more than it may give.
        limits = [{"Name": name, "Soft": 4096, "Hard": 4096} for name in ("nproc", "nofile")]
        host_config = engine.create_host_config(network_mode="none", ulimits=limits)
        engine.create_container(default_tag(), command, name=name, labels=own, host_config=host_config)
        made.append(name)
        if state != "created":
            engine.start(name)
        if state == "exited":
            engine.wait(name)
        return name

    assert pool.image_digest
    yield create
    for name in made:
        with contextlib.suppress(Exception):  # most are gone
            engine.remove_container(name, force=True)


def there(engine: Any) -> set[str]:
    """The names of our containers, in any state."""
    return {one["Names"][0].lstrip("/") for one in engine.containers(all=True, filters={"label": LABEL})}


@pytest.mark.engine
@pytest.mark.parametrize("state", ["created", "running", "exited"])
def test_opening_a_pool_removes_what_a_dead_owner_left(engine, make, state):
    name = make(DEAD, state)
    with SandboxPool(workers=1):
        assert name not in there(engine)


@pytest.mark.engine
def test_reaping_leaves_the_living_and_those_out_of_sight(engine, make):
    kept = {make(owner(), "running", expires="1"), make(ELSEWHERE), make(ELSEWHERE, expires="unknown")}
    expired = make(ELSEWHERE, "running", expires="1")
    gone = {removal.name for removal in reap(engine)}
    assert expired in gone
    assert kept <= there(engine) - gone


class Late:
    """An engine whose list is older than another reaper's work."""

    def __init__(self, engine: Any) -> None:
        self.listed = engine.containers(all=True, filters={"label": LABEL})
        self.remove_container = engine.remove_container

    def containers(self, **_: Any) -> Any:
        return self.listed


@pytest.mark.engine
def test_two_reapers_at_once_are_no_error(engine, make):
    name = make(DEAD)
    late = Late(engine)
    assert name in [removal.name for removal in reap(engine)]
    assert name not in [removal.name for removal in reap(late)]


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_an_owner_killed_before_its_container_started_leaves_it_to_the_next_pool(engine):
    program = (
        "from sandbox import container\nfrom sandbox.image import connect, find_image\nimport sys, time\n"
        "made = container.Container.__new__(container.Container)\n"
        "made.engine, made.memory_mb, made.name, made.runtime, made.preload = connect(), 64, sys.argv[1], None, ()\n"
        "made.create(find_image(), made.host_config())\nprint('made', flush=True)\ntime.sleep(60)"
    )
    name = f"opencook-test-{secrets.token_hex(6)}"
    with subprocess.Popen([sys.executable, "-c", program, name], stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == b"made\n"
        host.send_signal(signal.SIGKILL)
    assert name in there(engine)
    with SandboxPool(workers=1):
        assert name not in there(engine)


@pytest.mark.engine
def test_a_working_pool_makes_no_network(engine):
    before = {network["Id"] for network in engine.networks()}
    with SandboxPool(workers=1) as pool:
        pool.run(Job(code="pass"))
        attached = engine.inspect_container(pool._slots[0].container.name)["NetworkSettings"]["Networks"]
        assert set(attached) <= {"none"}
        assert {network["Id"] for network in engine.networks()} <= before
    assert {network["Id"] for network in engine.networks()} <= before


class AnswersLate:
    """An engine that makes the container, and whose answer is lost."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def create_container(self, *args: Any, **kwargs: Any) -> Any:
        from requests.exceptions import ReadTimeout

        self.asked.append(kwargs["name"])
        made = self._engine.create_container(*args, **kwargs)
        if len(self.asked) == 1:
            raise ReadTimeout
        return made


@pytest.mark.engine
def test_a_create_whose_answer_was_lost_makes_one_container(engine, pool):
    from sandbox.container import Container

    slow = AnswersLate(engine)
    container = Container(slow, pool.image_digest, 64)
    try:
        assert slow.asked == [container.name] * 2
        assert container.name in there(engine)
    finally:
        container.remove()
