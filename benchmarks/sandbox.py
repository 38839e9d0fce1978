"""Snippets a second: the pool, a hardened `docker run --rm` each, bare `subprocess`, `multiprocessing`, evalplus.

The same three-assert snippets, the same number at a time, the ways taken in turn in several short rounds, since a
machine's speed changes from one minute to the next; rates are medians over the rounds, ratios medians of each round's
ratio. Only the pool and docker run have walls. Times of one snippet are those of a caller who waits for each.

    python benchmarks/sandbox.py [--workers 2] [--snippets 1000]        (evalplus: pip install evalplus)
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import multiprocessing
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
from sandbox.verdict import Call, Job  # noqa: E402

ROUNDS = 9
CODE = "def add(a, b):\n    return a + b + {number} - {number}\n"
TESTS = ("assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add(2, 2) == 4")
CALLS = tuple(Call(entry_point="add", args=(a, b), expected=c) for a, b, c in ((1, 2, 3), (-1, 1, 0), (2, 2, 4)))
HARDENED = [
    *("docker", "run", "--rm", "-i", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "10000:10000"),
    *("--security-opt", "no-new-privileges", "--pids-limit", "64", "--memory", "512m", "--memory-swap", "512m"),
    *("--tmpfs", "/tmp:noexec,nosuid,nodev,size=64m", "--log-driver", "none", "--ipc", "none"),
]
Way = Callable[[int, int], tuple[float, list[float]]]
"""(snippets, workers) -> (snippets a second, milliseconds of each, as far as they are told)."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="snippets at a time (%(default)s)")
    parser.add_argument("--snippets", type=int, default=3600, help="for the pool; slow ways get fewer (%(default)s)")
    args = parser.parse_args()
    image = ensure_image()
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {args.workers} at a time, {ROUNDS} rounds\n")
    each = max(args.workers * 4, args.snippets // ROUNDS)
    slow = max(args.workers * 2, each // 30)
    with SandboxPool(workers=args.workers) as pool:
        ways: dict[str, tuple[Way, int]] = {
            "sandbox pool": (lambda n, _: in_pool(pool, n), each),
            "sandbox pool, one by one": (one_by_one(lambda number: run_pool(pool, number)), each),
            "sandbox pool, judged outside": (lambda n, _: in_pool(pool, n, outside=True), each),
            "docker run --rm, hardened": (one_by_one(lambda number: run_docker(image, number)), slow),
            "subprocess python3, no walls": (one_by_one(run_subprocess), max(slow, each // 4)),
            "multiprocessing fork, no walls": (one_by_one(run_fork), max(slow, each // 2)),
        }
        if importlib.util.find_spec("evalplus") is not None:
            ways["evalplus check_correctness"] = (one_by_one(run_evalplus), max(slow, each // 8))
        in_pool(pool, args.workers * 4)  # starts the containers
        rates: dict[str, list[float]] = {name: [] for name in ways}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, (way, snippets) in ways.items():
                rate, each = way(snippets, args.workers)
                rates[name].append(rate)
                times[name] += each
    show(rates, times, {name: snippets * ROUNDS for name, (_, snippets) in ways.items()})


def show(rates: dict[str, list[float]], times: dict[str, list[float]], snippets: dict[str, int]) -> None:
    """The table, and the ratios that matter."""
    print(f"{'way':<34}{'snippets':>9}{'per s':>9}{'ms each':>9}{'p50':>8}{'p99':>8}")
    for name, found in rates.items():
        rate = statistics.median(found)
        row = f"{name:<34}{snippets[name]:>9}{rate:>9.1f}{1000 / rate:>9.2f}"
        if times[name]:
            cuts = statistics.quantiles(times[name], n=100)
            row += f"{cuts[49]:>8.1f}{cuts[98]:>8.1f}"
        print(row)
    alone = statistics.quantiles(times["sandbox pool, one by one"], n=100)
    against = {
        "docker run's": "docker run --rm, hardened",
        "bare subprocess's": "subprocess python3, no walls",
        "a fork's": "multiprocessing fork, no walls",
        "evalplus's": "evalplus check_correctness",
    }
    ratios = [f"{ratio(rates, way):.3g}x {name}" for name, way in against.items() if way in rates]
    print(f"\nthe pool's rate is {', '.join(ratios)}; p99 is {alone[98] / alone[49]:.1f}x p50")


def ratio(rates: dict[str, list[float]], way: str) -> float:
    """How many times the rate of `way` the pool's is, in the median round."""
    return statistics.median(ours / theirs for ours, theirs in zip(rates["sandbox pool"], rates[way], strict=True))


def in_pool(pool: SandboxPool, snippets: int, *, outside: bool = False) -> tuple[float, list[float]]:
    """The pool as it is meant to be used for many: a stream of jobs in, a stream of verdicts out."""
    checks = {"calls": CALLS} if outside else {"tests": TESTS}
    started = time.perf_counter()
    jobs = (Job(code=CODE.format(number=number), **checks) for number in range(snippets))  # type: ignore[arg-type]
    for verdict in pool.run_all(jobs):
        if verdict.status != "passed":
            sys.exit(f"the snippet ended as {verdict}")
    return snippets / (time.perf_counter() - started), []


def one_by_one(run: Callable[[int], None]) -> Way:
    """A way whose callers, as many as there are workers, wait for each snippet."""

    def measure(snippets: int, workers: int) -> tuple[float, list[float]]:
        def timed(number: int) -> float:
            started = time.perf_counter()
            run(number)
            return 1000 * (time.perf_counter() - started)

        started = time.perf_counter()
        with ThreadPoolExecutor(workers) as threads:
            times_ms = list(threads.map(timed, range(snippets)))
        return snippets / (time.perf_counter() - started), times_ms

    return measure


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


def run_fork(number: int) -> None:
    """One snippet in a fork of this process, whose answer comes over a pipe: what many graders do."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=execute, args=(program(number), theirs))
    process.start()
    theirs.close()
    passed = ours.recv()
    process.join()
    ours.close()
    if not passed:
        sys.exit("the snippet failed")


def execute(code: str, pipe: object) -> None:
    """Runs the code and says how it went, in the child."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, {})
        pipe.send(True)  # type: ignore[attr-defined]
    except BaseException:
        pipe.send(False)  # type: ignore[attr-defined]


def run_evalplus(number: int) -> None:
    """One snippet by evalplus's own way: a process that computes outputs and compares them with the expected ones."""
    from evalplus.eval import untrusted_check

    status, _ = untrusted_check(
        "humaneval",
        CODE.format(number=number),
        [[1, 2], [-1, 1], [2, 2]],
        "add",
        expected=[3, 0, 4],
        atol=0,
        ref_time=[0.01] * 3,
        fast_check=True,
    )
    if status != "pass":
        sys.exit(f"evalplus says {status}")


if __name__ == "__main__":
    main()
