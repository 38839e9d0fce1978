"""Looking after the engine: `diagnose` what `sandbox doctor` prints, `prune` what killed processes may have left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from sandbox.image import BOOTSTRAPPED_BASE, REPOSITORY, connect
from sandbox.limits import describe_limits
from sandbox.pool import SandboxPool
from sandbox.reaper import Removal, reap
from sandbox.verdict import Job, Limits, SandboxError

Check = tuple[str, bool, str]
HONEST = Job(code="def double(x):\n    return 2 * x\n", tests=("assert double(2) == 4",))
ATTACKS = {
    "an early exit": Job(code="import os\nos._exit(0)\n", tests=("assert False",)),
    "a connection": Job(code="import socket\nsocket.create_connection(('192.0.2.1', 80), 1)\n"),
    "a write to /etc": Job(code="open('/etc/passwd', 'a').write('x')\n"),
    "a look into the supervisor": Job(code="open('/proc/1/environ').read()\n"),
    "a fork bomb": Job(code="import os\nwhile True: os.fork()\n", limits=Limits(timeout_s=1.0)),
}
"""What must not pass."""


def diagnose() -> Iterator[Check]:
    """(name, whether it is good, detail) of each check; ends at the first that makes the next ones pointless."""
    try:
        with closing(connect()) as engine:
            yield "engine", True, describe_engine(engine.version(), engine.info())
        with SandboxPool(workers=1) as pool:
            languages = ", ".join(pool.languages)
            yield "image", True, f"{pool.image_digest[7:19]} with {languages}, supervisor {pool.supervisor_version}"
            status, cold_s = timed(pool)
            facts = pool.facts
            yield "limits", bool(facts), describe_limits(facts) if facts else "the container ended with its first run"
            status, warm_s = timed(pool)
            yield "run", status == "passed", f"{status}; {1000 * cold_s:.0f} ms cold, {1000 * warm_s:.1f} ms warm"
            said = {name: pool.run(job).status for name, job in ATTACKS.items()}
            yield "attacks", "passed" not in said.values(), ", ".join(f"{name} {how}" for name, how in said.items())
    except SandboxError as error:
        yield "problem", False, str(error)


def timed(pool: SandboxPool) -> tuple[str, float]:
    """The status of an honest run, and its seconds."""
    started = time.monotonic()
    status = pool.run(HONEST).status
    return status, time.monotonic() - started


def describe_engine(version: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """`Docker 20.10.24, cgroup v2 (systemd), runc, rootful, apparmor, seccomp, Linux 6.1.0, 8 CPUs`."""
    podman = any(part["Name"].startswith("Podman") for part in version.get("Components") or ())
    # An option is `name=seccomp,profile=default`.
    options = {option.split(",")[0].removeprefix("name=") for option in info.get("SecurityOptions") or ()}
    facts = [
        f"{'Podman' if podman else 'Docker'} {version['Version']}",
        f"cgroup v{info.get('CgroupVersion', 1)} ({info.get('CgroupDriver', 'unknown')})",
        info.get("DefaultRuntime", "unknown runtime"),
        "rootless" if "rootless" in options else "rootful",
        *sorted(options & {"apparmor", "seccomp", "selinux", "userns"}),
        f"Linux {info.get('KernelVersion', 'unknown')}",
        f"{info.get('NCPU', '?')} CPUs",
    ]
    return ", ".join(facts)


def prune(*, everything: bool = False) -> Iterator[Removal]:
    """Each container (and with `everything` each image) of ours that was to go. Raises `SandboxUnavailable`."""
    from docker.errors import APIError

    with closing(connect()) as engine:
        yield from reap(engine, everything=everything)
        for image in engine.images() if everything else ():
            for tag in image["RepoTags"] or ():
                if tag.startswith(f"{REPOSITORY}:") or tag == BOOTSTRAPPED_BASE:
                    try:
                        engine.remove_image(tag, force=True)
                    except APIError as error:
                        yield Removal(name=tag, problem=str(error.explanation))
                    else:
                        yield Removal(name=tag)
