"""Whether the limits that were asked of the engine are in force: what was asked beside what `proof.py` found.

What was asked is read from the very request the engine got. The first limit that is not in force refuses the container:
untrusted code behind half its walls is an outage, not a warning. What only makes a wall thicker where the kernel has it
(Landlock, the accounting of swap, our filter on a machine without a table) is a fact that `sandbox doctor` shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.verdict import SandboxUnavailable

UNITS = {"k": 10, "m": 20, "g": 30}
OFF = ("ro", "noexec", "nosuid", "nodev")
NAMES_OF_ENGINES = ("HOSTNAME", "TERM", "container")
"""Environment variables that engines add on their own."""
FILTERED = {"ptrace": "EPERM", "shmget": "ENOSYS", "io_uring": "ENOSYS", "netlink": "EAFNOSUPPORT"}
ROOTLESS = (
    "an engine without root drops this limit on cgroup v1: use one with root, or cgroup v2 with {} delegated to it"
)
ADVICE = {
    "processes": ROOTLESS.format("the pids controller"),
    "memory": ROOTLESS.format("the memory controller"),
    "cpu": "the counters in /sys/fs/cgroup are not the container's: start the engine with private cgroup namespaces",
    "capabilities": "the engine adds or keeps others: look for default capabilities in its configuration",
    "privileges": "the engine ignores no-new-privileges: use Docker, or Podman 4 or newer",
    "seccomp": "the engine runs without seccomp: remove seccomp-profile=unconfined from its configuration",
    "filter": "the kernel must be built with CONFIG_SECCOMP_FILTER, and the engine's profile must allow `seccomp`",
    "root": "the engine's storage ignores read-only roots: use overlay2",
    "network": "the engine or a plugin adds a network to containers that ask for none",
    "tmpfs": "the engine ignores tmpfs options: use Docker, or Podman 4 or newer",
    "ulimits": "the engine's own default ulimits win: remove them from its configuration",
    "environment": "remove ENV from the image, and `env` and proxies from the engine's configuration",
    "run": "the engine's user namespace or an extra mount lets a run out of its box: look at its configuration",
    "landlock": "the rules are loaded and not obeyed: a kernel bug; boot with another kernel, or without Landlock",
}
"""What to do, by the first part of a limit's name."""


def check_limits(
    facts: Mapping[str, Any], asked: Mapping[str, Any], capabilities: Iterable[int], environment: Iterable[str]
) -> None:
    """Nothing; every limit is in force. Raises `SandboxUnavailable` naming the first that is not.

    `asked` is the engine's host configuration, `capabilities` the bits of those that are added.
    """
    for name, expected, found in broken_limits(facts, asked, capabilities, environment):
        raise SandboxUnavailable(
            f"engine: {name} is not in force in the container (asked {expected}, got {found}); "
            f"{ADVICE[name.partition('.')[0]]}"
        )


def broken_limits(
    facts: Mapping[str, Any], asked: Mapping[str, Any], capabilities: Iterable[int], environment: Iterable[str]
) -> list[tuple[str, Any, Any]]:
    """(name, what was asked, what was found) of each limit that is not in force."""
    expected = expectations(facts, asked, capabilities, environment)
    return [(name, value, facts.get(name)) for name, value in expected.items() if facts.get(name) != value]


def expectations(
    facts: Mapping[str, Any], asked: Mapping[str, Any], capabilities: Iterable[int], environment: Iterable[str]
) -> dict[str, Any]:
    """What the facts must be, most telling first; looked at for what a kernel may lack or an engine may add."""
    mask = sum(1 << bit for bit in capabilities)
    expected: dict[str, Any] = {
        "seccomp.engine": True,
        "privileges.no_new": True,
        "capabilities.effective": mask,
        "capabilities.permitted": mask,
        "capabilities.bounding": mask,
        "capabilities.ambient": 0,
        "processes.max": str(asked["PidsLimit"]),
        "processes.counted": True,
        "memory.max": str(asked["Memory"]),
        "memory.counted": True,
        "memory.swap": asked["MemorySwap"] - asked["Memory"],
        "cpu.counted": True,
        "network.interfaces": ["lo"],
        "network.outside": "ENETUNREACH",
        "root.write": "EROFS",
        **{f"ulimits.{limit['Name']}": [limit["Soft"], limit["Hard"]] for limit in asked["Ulimits"]},
        **expected_mounts(asked["Tmpfs"]),
        "environment": sorted({*environment, *(set(NAMES_OF_ENGINES) & set(facts.get("environment") or ()))}),
        "run.capabilities": 0,
        "run.become_root": "EPERM",
        "run.signal_supervisor": "EPERM",
        "run.read_supervisor": "EACCES",
        "run.writable": [],
        **{f"filter.{name}": answer for name, answer in FILTERED.items()},
        "landlock.write": ["ok", "EACCES"],
    }
    if "memory.swap" in facts and facts["memory.swap"] is None:
        del expected["memory.swap"]
    if str(facts.get("filter")).startswith("none: no table"):
        for name in FILTERED:
            del expected[f"filter.{name}"]
    if facts.get("landlock.abi") == 0:
        del expected["landlock.write"]
    return expected


def expected_mounts(tmpfs: Mapping[str, str]) -> dict[str, Any]:
    """Size, number of files and what is off, from `rw,noexec,size=64m,nr_inodes=4096` by folder."""
    expected: dict[str, Any] = {}
    for path, text in tmpfs.items():
        options = dict(option.partition("=")[::2] for option in text.split(","))
        expected[f"tmpfs.{path}.bytes"] = number(options["size"])
        expected[f"tmpfs.{path}.files"] = number(options["nr_inodes"])
        expected[f"tmpfs.{path}.off"] = sorted(set(OFF) & set(options))
        expected[f"tmpfs.{path}.run"] = "EACCES" if "noexec" in options else "ok"
    return expected


def number(text: str) -> int:
    """The kernel's own way to write sizes: 4096, 16k, 64m, 1g."""
    return int(text[:-1]) << UNITS[text[-1].lower()] if text[-1].lower() in UNITS else int(text)


def describe_limits(facts: Mapping[str, Any]) -> str:
    """One line for people: what was proven, and what this kernel has of the rest."""
    abi = facts["landlock.abi"]
    walls = [
        f"cgroup v{facts['cgroup']}",
        f"own seccomp filter {facts['filter']}",
        f"Landlock {f'ABI {abi}' if abi else 'none (it needs kernel 5.19, and to be switched on)'}",
        "swap not counted by this kernel" if facts["memory.swap"] is None else "no swap",
    ]
    return f"each was tried inside the container ({', '.join(walls)})"
