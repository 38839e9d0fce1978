"""Milliseconds per snippet: the pool, a hardened `docker run --rm` each, and bare `subprocess` python3 without walls.

The same three-assert snippets, the same number at a time, one after the other in one run.

    python benchmarks/sandbox.py [--workers 2] [--snippets 1000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path = [path for path in sys.path if Path(path).resolve() != Path(__file__).parent]  # this file hides the package

from sandbox.image import ensure_image  # noqa: E402
from sandbox.pool import SandboxPool  # noqa: E402
from sandbox.verdict import Job  # noqa: E402

CODE = "def add(a, b):\n    return a + b + {number} - {number}\n"
TESTS = ("assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add(2, 2) == 4")
HARDENED = [
    *("docker", "run", "--rm", "-i", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "10000:10000"),
    *("--security-opt", "no-new-privileges", "--pids-limit", "64", "--memory", "512m", "--memory-swap", "512m"),
    *("--tmpfs", "/tmp:noexec,nosuid,nodev,size=64m", "--log-driver", "none", "--ipc", "none"),
]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="snippets at a time (%(default)s)")
    parser.add_argument("--snippets", type=int, default=1000, help="for the pool; slow ways get fewer (%(default)s)")
    args = parser.parse_args()
    image = ensure_image()
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {args.workers} at a time\n")
    print(f"{'way':<34}{'snippets':>9}{'per s':>9}{'ms each':>9}{'p50':>8}{'p99':>8}")
    with SandboxPool(workers=args.workers) as pool:
        measure(lambda number: run_pool(pool, number), args.workers * 4, args.workers)  # starts the containers
        ours = show("sandbox pool", lambda number: run_pool(pool, number), args.snippets, args.workers)
    slow = max(args.workers * 4, args.snippets // 40)
    docker = show("docker run --rm, hardened", lambda number: run_docker(image, number), slow, args.workers)
    bare = show("subprocess python3, no isolation", run_subprocess, max(slow, args.snippets // 4), args.workers)
    print(f"\nthe pool's rate is {ours / docker:.0f}x docker run's and {ours / bare:.1f}x bare subprocess's")


def show(name: str, run: Callable[[int], None], snippets: int, workers: int) -> float:
    """Snippets a second; printed as a row of the table."""
    rate, times_ms = measure(run, snippets, workers)
    cuts = statistics.quantiles(times_ms, n=100)
    print(f"{name:<34}{snippets:>9}{rate:>9.1f}{1000 / rate:>9.2f}{cuts[49]:>8.1f}{cuts[98]:>8.1f}", flush=True)
    return rate


def measure(run: Callable[[int], None], snippets: int, workers: int) -> tuple[float, list[float]]:
    """Snippets a second, and each one's milliseconds."""

    def timed(number: int) -> float:
        started = time.perf_counter()
        run(number)
        return 1000 * (time.perf_counter() - started)

    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as threads:
        times_ms = list(threads.map(timed, range(snippets)))
    return snippets / (time.perf_counter() - started), times_ms


def program(number: int) -> str:
    """Code and tests as one file."""
    return "\n".join([CODE.format(number=number), *TESTS])


def run_pool(pool: SandboxPool, number: int) -> None:
    """One snippet in the pool."""
    verdict = pool.run(Job(code=CODE.format(number=number), tests=TESTS))
    if verdict.status != "passed":
        sys.exit(f"the snippet ended as {verdict}")


def run_docker(image: str, number: int) -> None:
    """One snippet in a container of its own."""
    command = [*HARDENED, image, "python3", "-"]
    subprocess.run(command, input=program(number), text=True, check=True, capture_output=True)


def run_subprocess(number: int) -> None:
    """One snippet in a bare interpreter."""
    subprocess.run([sys.executable, "-"], input=program(number), text=True, check=True, capture_output=True)


if __name__ == "__main__":
    main()
