"""What the host knows of its own processes and of the code it sends inside."""

from __future__ import annotations

import pytest

from sandbox.container import check_cgroups, supervisor_version
from sandbox.verdict import SandboxUnavailable


def test_an_engine_without_cgroups_is_named():
    check_cgroups({"CgroupDriver": "systemd", "CgroupVersion": "2"})
    with pytest.raises(SandboxUnavailable, match=r"memory, max_tasks and CPU time have no limit .*rootless"):
        check_cgroups({"CgroupDriver": "none", "CgroupVersion": "1"})


def test_the_supervisor_version_is_stable_within_a_process():
    assert supervisor_version() == supervisor_version()
