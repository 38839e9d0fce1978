"""Which containers `prune` may take."""

from __future__ import annotations

import os

import pytest

from sandbox.container import OWNER_LABEL, owner
from sandbox.doctor import may_be_in_use, prune
from sandbox.image import default_tag


def test_a_living_owner_is_in_use_and_a_dead_one_is_not():
    host, pid, started = owner().split(":")
    assert may_be_in_use(f"{host}:{pid}:{started}")
    assert not may_be_in_use(f"{host}:{pid}:1")  # the pid was given to another process
    assert not may_be_in_use(f"{host}:{2**22 + 1}:{started}")
    assert not may_be_in_use("")


def test_an_owner_on_another_host_may_live():
    assert may_be_in_use("elsewhere:1:1")


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_prune_takes_what_a_dead_owner_left_and_nothing_else(engine):
    labels = {"opencook": "1", OWNER_LABEL: f"{owner().split(':')[0]}:{2**22 + 1}:5"}
    dead = engine.create_container(default_tag(), ["true"], labels=labels, name=f"opencook-test-dead-{os.getpid()}")
    mine = engine.create_container(default_tag(), ["true"], labels={**labels, OWNER_LABEL: owner()})
    try:
        assert f"opencook-test-dead-{os.getpid()}" in list(prune())
        left = [one["Id"] for one in engine.containers(all=True, filters={"label": "opencook"})]
        assert dead["Id"] not in left
        assert mine["Id"] in left
    finally:
        engine.remove_container(mine["Id"], force=True)
