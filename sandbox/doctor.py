"""Looking after the engine: `diagnose` what `sandbox doctor` prints, `prune` what killed processes may have left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

from sandbox.image import BOOTSTRAPPED_BASE, REPOSITORY, connect, default_tag, engine_version
from sandbox.pool import SandboxPool
from sandbox.reaper import Removal, reap
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
            limits = "network, root, capabilities, seccomp, processes and memory were checked inside the container"
            yield "limits", True, limits
            started = time.monotonic()
            status = pool.run(HONEST).status
            warm_s = time.monotonic() - started
            yield "run", status == "passed", f"{status}; {1000 * cold_s:.0f} ms cold, {1000 * warm_s:.1f} ms warm"
            status = pool.run(EARLY_EXIT).status
            yield "proof", status == "failed", f"an early exit is {status}"
    except SandboxError as error:
        yield "problem", False, str(error)


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
