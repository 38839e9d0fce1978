"""What `doctor` and `prune` say."""

from __future__ import annotations

import pytest

from sandbox import cli
from sandbox.doctor import ATTACKS, describe_engine
from sandbox.reaper import Removal


@pytest.mark.parametrize(
    ("found", "code", "says"),
    [
        ([], 0, "nothing to remove\n"),
        ([Removal(name="a"), Removal(name="b")], 0, "a\nb\n"),
        ([Removal(name="a", problem="busy")], 1, "a: cannot be removed (busy)\n"),
    ],
)
def test_prune_says_what_went_and_what_did_not(found, code, says, capsys):
    assert (cli.report_removals(found), capsys.readouterr().out) == (code, says)


def test_the_engine_is_described_by_what_limits_it():
    docker = {"Version": "20.10.24", "Components": [{"Name": "Engine"}]}
    info = {
        "CgroupVersion": "2",
        "CgroupDriver": "systemd",
        "DefaultRuntime": "runc",
        "NCPU": 8,
        "KernelVersion": "6.1",
    }
    info["SecurityOptions"] = ["name=seccomp,profile=default", "name=rootless", "name=cgroupns"]
    said = "Docker 20.10.24, cgroup v2 (systemd), runc, rootless, seccomp, Linux 6.1, 8 CPUs"
    assert describe_engine(docker, info) == said
    podman = {"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}
    assert describe_engine(podman, {}).startswith("Podman 4.3.1, cgroup v1 (unknown), unknown runtime, rootful")


@pytest.mark.engine
@pytest.mark.parametrize("name", ATTACKS)
def test_what_the_doctor_tries_fails(pool, name):
    assert pool.run(ATTACKS[name]).status != "passed"
