"""What the host refuses to work with."""

from __future__ import annotations

import pytest

from sandbox.container import CAPABILITIES, MAX_TASKS, SUPERVISOR_MB, check_cgroups, check_limits, supervisor_version
from sandbox.verdict import SandboxUnavailable

IN_FORCE = {
    "max_tasks": str(MAX_TASKS),
    "max_memory": str((512 + SUPERVISOR_MB) << 20),
    "capabilities": sum(1 << bit for bit in CAPABILITIES.values()),
    "no_new_privileges": True,
    "seccomp": True,
    "read_only_root": True,
    "locked_work_dir": True,
    "interfaces": ["lo"],
}


def test_limits_in_force_are_accepted():
    check_limits(IN_FORCE, 512)


@pytest.mark.parametrize("name", IN_FORCE)
def test_a_limit_that_is_not_in_force_is_named(name):
    with pytest.raises(SandboxUnavailable, match=name):
        check_limits({**IN_FORCE, name: "max"}, 512)


def test_an_engine_without_cgroups_is_named():
    check_cgroups({"CgroupDriver": "systemd", "CgroupVersion": "2"})
    with pytest.raises(SandboxUnavailable, match=r"memory, max_tasks and CPU time have no limit .*rootless"):
        check_cgroups({"CgroupDriver": "none", "CgroupVersion": "1"})


def test_the_supervisor_version_is_stable_within_a_process():
    assert supervisor_version() == supervisor_version()
