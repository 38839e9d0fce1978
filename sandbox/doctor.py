"""Looking after the engine: `diagnose` what `sandbox doctor` prints, `prune` what killed processes may have left."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing

from sandbox.container import LABEL, OWNER_LABEL, start_time
from sandbox.image import BOOTSTRAPPED_BASE, REPOSITORY, connect, default_tag, engine_version
from sandbox.limits import describe_limits
from sandbox.pool import SandboxPool
from sandbox.verdict import Job, SandboxError

Check = tuple[str, bool, str]
HONEST = Job(code="def double(x):\n    return 2 * x\n", tests=("assert double(2) == 4",))
EARLY_EXIT = Job(code="import os\nos._exit(0)\n", tests=("assert False",))


def diagnose() -> Iterator[Check]:
    """(name, whether it is good, detail) of each check; ends at the first that makes the next ones pointless."""
    try:
        yield "engine", True, engine_version()
        with SandboxPool(workers=1) as pool:
            yield "image", True, f"{default_tag()} ({pool.image_digest[7:19]}), supervisor {pool.supervisor_version}"
            started = time.monotonic()
            status = pool.run(HONEST).status
            cold_s = time.monotonic() - started
            facts = pool.facts
            yield "limits", bool(facts), describe_limits(facts) if facts else "the container ended with its first run"
            started = time.monotonic()
            status = pool.run(HONEST).status
            warm_s = time.monotonic() - started
            yield "run", status == "passed", f"{status}; {1000 * cold_s:.0f} ms cold, {1000 * warm_s:.1f} ms warm"
            status = pool.run(EARLY_EXIT).status
            yield "proof", status == "failed", f"an early exit is {status}"
    except SandboxError as error:
        yield "problem", False, str(error)


def prune(*, everything: bool = False) -> Iterator[str]:
    """The name of each container (and with `everything` each image) of ours as it is removed.

    A container whose owner lives is in use. One whose owner is on another host is left alone too: whether that
    process lives cannot be seen from here.
    """
    with closing(connect()) as engine:
        for container in engine.containers(all=True, filters={"label": LABEL}):
            if everything or not may_be_in_use(container["Labels"].get(OWNER_LABEL, "")):
                engine.remove_container(container["Id"], force=True)
                yield container["Names"][0].lstrip("/")
        for image in engine.images() if everything else ():
            for tag in image["RepoTags"] or ():
                if tag.startswith(f"{REPOSITORY}:") or tag == BOOTSTRAPPED_BASE:
                    engine.remove_image(tag, force=True)
                    yield tag


def may_be_in_use(owner: str) -> bool:
    """Whether the process `host:pid:start time` lives, as far as can be told."""
    host, _, process = owner.partition(":")
    pid, _, started = process.partition(":")
    if host != socket.gethostname():
        return bool(host)
    return pid.isdigit() and bool(started) and start_time(int(pid)) == started
