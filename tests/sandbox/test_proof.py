"""That a wall which is not there is noticed: doctored facts, and real containers with one wall taken away at a time."""

from __future__ import annotations

from typing import Any

import pytest
from docker.errors import APIError

from sandbox.cgroup import V1, V2, field, parse_cpu_s
from sandbox.container import CAPABILITIES, ENVIRONMENT, Container
from sandbox.image import default_tag
from sandbox.limits import ADVICE, broken_limits, check_limits, describe_limits, expectations, number
from sandbox.proof import Facts, mounts, parse_mounts, parse_status, swap_bytes
from sandbox.verdict import SandboxUnavailable

ASKED: dict[str, Any] = {
    "PidsLimit": 128,
    "Memory": 576 << 20,
    "MemorySwap": 576 << 20,
    "Ulimits": [{"Name": "nofile", "Soft": 256, "Hard": 256}, {"Name": "core", "Soft": 0, "Hard": 0}],
    "Tmpfs": {
        "/tmp": "rw,noexec,nosuid,nodev,size=64m,nr_inodes=4096,mode=755",
        "/build": "rw,exec,nosuid,nodev,size=1g,nr_inodes=4k,mode=755",
    },
}
BITS = (0, 6, 7)
IN_FORCE: Facts = {
    "cgroup": 1,
    "python": "3.11.2",
    "filter": "x86_64",
    "filter.ptrace": "EPERM",
    "filter.shmget": "ENOSYS",
    "filter.io_uring": "ENOSYS",
    "filter.netlink": "EAFNOSUPPORT",
    "landlock.abi": 7,
    "landlock.write": ["ok", "EACCES"],
    "run.capabilities": 0,
    "run.become_root": "EPERM",
    "run.signal_supervisor": "EPERM",
    "run.read_supervisor": "EACCES",
    "run.writable": [],
    "network.outside": "ENETUNREACH",
    "network.interfaces": ["lo"],
    "processes.max": "128",
    "processes.counted": True,
    "memory.max": str(576 << 20),
    "memory.swap": 0,
    "memory.counted": True,
    "cpu.counted": True,
    "capabilities.effective": 193,
    "capabilities.permitted": 193,
    "capabilities.bounding": 193,
    "capabilities.ambient": 0,
    "privileges.no_new": True,
    "seccomp.engine": True,
    "root.write": "EROFS",
    "ulimits.nofile": [256, 256],
    "ulimits.core": [0, 0],
    "environment": ["HOME", "HOSTNAME", "PATH"],
    "tmpfs./tmp.bytes": 64 << 20,
    "tmpfs./tmp.files": 4096,
    "tmpfs./tmp.off": ["nodev", "noexec", "nosuid"],
    "tmpfs./tmp.run": "EACCES",
    "tmpfs./build.bytes": 1 << 30,
    "tmpfs./build.files": 4096,
    "tmpfs./build.off": ["nodev", "nosuid"],
    "tmpfs./build.run": "ok",
}
FACTS_ONLY = {"cgroup", "python", "filter", "landlock.abi"}
"""Not limits by themselves."""


def check(**changes: Any) -> None:
    """Raises for `IN_FORCE` with these changes (`__` for a dot)."""
    check_limits(IN_FORCE | {k.replace("__", "."): v for k, v in changes.items()}, ASKED, BITS, ("HOME", "PATH"))


def test_limits_in_force_are_accepted():
    check()


@pytest.mark.parametrize("name", sorted(set(IN_FORCE) - FACTS_ONLY))
@pytest.mark.parametrize("wrong", ["max", None])
def test_a_limit_that_is_not_in_force_is_named_with_what_to_do(name, wrong):
    if (name, wrong) == ("memory.swap", None):
        pytest.skip("a kernel that does not count swap is a fact, see below")
    with pytest.raises(SandboxUnavailable) as refusal:
        check_limits(IN_FORCE | {name: wrong}, ASKED, BITS, ("HOME", "PATH"))
    assert str(refusal.value).startswith(f"engine: {name} is not in force in the container (asked ")
    assert f"got {wrong}); {ADVICE[name.split('.')[0]]}" in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("processes__max", "128", "129"),
        ("memory__max", str(576 << 20), str((576 << 20) + 4096)),
        ("memory__swap", 0, 4096),
        ("capabilities__bounding", 193, 193 | 1 << 21),
        ("capabilities__effective", 193, 192),
        ("ulimits__core", [0, 0], [0, -1]),
        ("network__interfaces", ["lo"], ["eth0", "lo"]),
        ("network__outside", "ENETUNREACH", "EINPROGRESS"),
        ("root__write", "EROFS", "ok"),
        ("tmpfs./tmp.bytes", 64 << 20, 65 << 20),
        ("tmpfs./tmp.off", ["nodev", "noexec", "nosuid"], ["nodev", "nosuid"]),
        ("tmpfs./build.run", "ok", "EACCES"),
        ("run__writable", [], ["/var/tmp"]),
        ("environment", ["HOME", "PATH"], ["AWS_SECRET_ACCESS_KEY", "HOME", "PATH"]),
        ("landlock__write", ["ok", "EACCES"], ["ok", "ok"]),
    ],
)
def test_both_sides_of_a_limit(name, good, bad):
    check(**{name: good})
    with pytest.raises(SandboxUnavailable, match="is not in force"):
        check(**{name: bad})


def test_a_container_that_says_nothing_is_refused():
    assert len(broken_limits({}, ASKED, BITS, ("HOME",))) == len(expectations({}, ASKED, BITS, ("HOME",)))


def test_a_kernel_without_landlock_is_a_fact_not_a_refusal():
    check(landlock__abi=0, landlock__write=["ok", "ok"])
    assert "Landlock none" in describe_limits(IN_FORCE | {"landlock.abi": 0})
    assert "Landlock ABI 7" in describe_limits(IN_FORCE)


def test_a_kernel_that_does_not_count_swap_is_a_fact_not_a_refusal():
    check(memory__swap=None)
    assert "swap not counted" in describe_limits(IN_FORCE | {"memory.swap": None})


def test_a_machine_without_a_table_is_a_fact_but_a_filter_that_fails_is_refused():
    bare = {name: value for name, value in IN_FORCE.items() if not name.startswith("filter.")}
    check_limits(bare | {"filter": "none: no table for riscv64"}, ASKED, BITS, ("HOME", "PATH"))
    with pytest.raises(SandboxUnavailable, match=r"filter\.ptrace"):
        check_limits(bare | {"filter": "none: Invalid argument"}, ASKED, BITS, ("HOME", "PATH"))


def test_engines_may_add_their_own_names_to_the_environment():
    check(environment=["HOME", "HOSTNAME", "PATH", "TERM", "container"])


def test_sizes_are_read_as_the_kernel_reads_them():
    assert [number(text) for text in ("4096", "16k", "64m", "1G")] == [4096, 16 << 10, 64 << 20, 1 << 30]


# Recorded from a container of each kind.
CPU_STAT = b"usage_usec 41583\nuser_usec 31187\nsystem_usec 10396\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"
MEMORY_EVENTS = b"low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n"
OOM_CONTROL = b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"


def test_cpu_time_is_read_from_both_versions():
    assert parse_cpu_s(CPU_STAT) == pytest.approx(0.041583)
    assert parse_cpu_s(b"41583377\n") == pytest.approx(0.041583377)


def test_memory_kills_are_read_from_both_versions():
    assert field(MEMORY_EVENTS, b"oom_kill") == 1
    assert field(OOM_CONTROL, b"oom_kill") == 3


def test_swap_is_what_is_left_above_memory_on_v1_and_a_limit_of_its_own_on_v2():
    assert swap_bytes("603979776", "603979776", is_v2=False) == 0
    assert swap_bytes("603979776", "1207959552", is_v2=False) == 603979776
    assert swap_bytes("603979776", "0", is_v2=True) == 0
    assert swap_bytes("603979776", "max", is_v2=True) == "max"
    assert swap_bytes("603979776", None, is_v2=True) is None


def test_both_versions_name_the_same_counters():
    assert V1.keys() == V2.keys()


def test_mounts_are_read_with_their_odd_characters():
    text = "overlay / overlay ro,relatime,lowerdir=/a:/b 0 0\ntmpfs /a\\040b tmpfs rw,nosuid 0 0\n"
    assert parse_mounts(text) == [("/", "overlay", False), ("/a b", "tmpfs", True)]
    assert mounts()


def test_status_is_read_by_name():
    assert parse_status("Name:\tx: y\nCapEff:\t00000000000000c1\n") == {"Name": "x: y", "CapEff": "00000000000000c1"}


class OneWallLess:
    """The engine, but each container lacks a wall that was asked for."""

    def __init__(self, engine: Any, **changes: Any) -> None:
        self.engine = engine
        self.changes = changes

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def create_container(self, *args: Any, host_config: dict[str, Any], **options: Any) -> Any:
        options = {key: self.changes.get(key, value) for key, value in options.items()}
        changes = {key: value for key, value in self.changes.items() if key not in options}
        return self.engine.create_container(*args, host_config={**host_config, **changes}, **options)


SMALL_TMP = "rw,noexec,nosuid,nodev,size=64m,nr_inodes=4096,mode=755"
WALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "a network": ("network", {"NetworkMode": "bridge"}),
    "the host's network": ("network", {"NetworkMode": "host"}),
    "no limit of processes": ("processes", {"PidsLimit": -1}),
    "more memory": ("memory", {"Memory": 700 << 20, "MemorySwap": 700 << 20}),
    "swap": ("memory", {"MemorySwap": 700 << 20}),
    "one more capability": ("capabilities", {"CapAdd": ["CHOWN", "SETGID", "SETUID", "NET_RAW"]}),
    "all capabilities": ("capabilities", {"CapDrop": []}),
    "new privileges": ("privileges", {"SecurityOpt": []}),
    "no seccomp": ("seccomp", {"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]}),
    "a writable root": ("root", {"ReadonlyRootfs": False}),
    "programs in /tmp": ("tmpfs", {"Tmpfs": {"/tmp": SMALL_TMP.replace("noexec", "exec")}}),
    "a larger /tmp": ("tmpfs", {"Tmpfs": {"/tmp": SMALL_TMP.replace("size=64m", "size=65m")}}),
    "devices in /tmp": ("tmpfs", {"Tmpfs": {"/tmp": SMALL_TMP.replace("nodev", "dev")}}),
    "more open files": ("ulimits", {"Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}]}),
    "a folder that is never wiped": ("run", {"Tmpfs": {"/var/tmp": "rw,noexec,nosuid,nodev,size=1m,mode=1777"}}),
    "a secret": ("environment", {"environment": {**ENVIRONMENT, "API_KEY": "x"}}),
}


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("missing", WALLS)
def test_a_container_with_one_wall_less_is_refused_for_just_that(engine, missing):
    name, changes = WALLS[missing]
    container = Container.__new__(Container)  # to look at it after it was refused
    container.engine, container.memory_mb, container.runtime, container.preload = engine, 512, None, ()
    asked = container.host_config()
    if "Tmpfs" in changes:  # the other folders stay as they are
        changes = {"Tmpfs": {**asked["Tmpfs"], **changes["Tmpfs"]}}
    try:
        with pytest.raises(SandboxUnavailable, match=rf"engine: {name}"):
            container.__init__(OneWallLess(engine, **changes), default_tag(), 512)  # type: ignore[misc]
    except APIError as error:
        if changes.get("NetworkMode") != "bridge":
            raise
        pytest.skip(f"this engine has no bridge to offer: {error.explanation}")
    broken = broken_limits(container.facts, asked, CAPABILITIES.values(), ENVIRONMENT)
    assert {limit.partition(".")[0] for limit, _, _ in broken} == {name}
