"""A hundred thousand snippets: is anything left behind, does the rate fall, does the host grow, is any verdict wrong?

Most snippets are honest; every twentieth is wrong, and some of each thousand crash, exit early, leave files, leave a
process, or loop until their limit, so that containers are replaced all along. What each should come to is known.

    python benchmarks/sandbox_soak.py [--snippets 100000] [--workers 2]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path

sys.path = [path for path in sys.path if Path(path).resolve() != Path(__file__).parent]

from sandbox.image import connect, ensure_image  # noqa: E402
from sandbox.pool import SandboxPool  # noqa: E402
from sandbox.verdict import Job, Limits  # noqa: E402

TESTS = ("assert f(1) == 2", "assert f(5) == 6", "assert f(-1) == 0")
ODD = {
    "crashed": "1 / 0",
    "failed": "import os\nos._exit(0)",
    "passed": "import os\nopen('left', 'w').write('x')\nif os.fork() == 0:\n    import time\n    time.sleep(600)\n",
    "timeout": "while True: pass",
}
PARTS = 10
SNIPPET_UIDS = range(9_999, 60_000)
"""Those of snippets, and of the helper that kills them."""


def main() -> None:
    """Prints a line for each tenth, then what is left; exits with 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snippets", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    ensure_image()
    before = leftovers()
    rates, wrong, memory_mb, steps_s = [], 0, [], []
    with SandboxPool(workers=args.workers, rerun_timeouts="never") as pool:
        list(pool.run_all(job(number) for number in range(200)))  # containers, imports, allocator
        shown = time.perf_counter()
        expected = (status(number) for number in range(args.snippets))
        for number, verdict in enumerate(pool.run_all(job(number) for number in range(args.snippets)), 1):
            wanted = next(expected)
            if verdict.status != wanted:
                wrong += 1
                print(f"snippet {number - 1}: {verdict.status}, should be {wanted}: {verdict}")
            if number % max(1, args.snippets // PARTS) == 0:
                elapsed_s, shown = time.perf_counter() - shown, time.perf_counter()
                steps_s.append(elapsed_s)
                rates.append(max(1, args.snippets // PARTS) / elapsed_s)
                memory_mb.append(resident_mb())
                print(f"{number:>9,} snippets  {rates[-1]:7.1f}/s  host {memory_mb[-1]:.1f} MB", flush=True)
    after = leftovers()
    change = statistics.mean(rates[-2:]) / statistics.mean(rates[:2])
    print(
        f"\n{args.snippets:,} snippets in {sum(steps_s):.0f} s ({args.snippets / sum(steps_s):.0f}/s), {wrong} wrong\n"
        f"the last fifth ran at {change:.2f}x the rate of the first; "
        f"host memory {memory_mb[0]:.1f} -> {memory_mb[-1]:.1f} MB\n"
        f"left behind: {describe(before, after)}"
    )
    sys.exit(1 if wrong or before != after else 0)


def odd(number: int) -> str:
    """Which of the odd ones a snippet is, or nothing."""
    return {250: "crashed", 500: "failed", 750: "passed", 990: "timeout"}.get(number % 1000, "")


def job(number: int) -> Job:
    """The snippet of this number."""
    code = f"def f(x):\n    return x + {2 if number % 20 == 7 else 1} + {number} - {number}\n"
    return Job(code=ODD.get(odd(number), "") + "\n" + code, tests=TESTS, limits=Limits(timeout_s=0.5, memory_mb=256))


def status(number: int) -> str:
    """What the snippet comes to."""
    return odd(number) or ("failed" if number % 20 == 7 else "passed")


def resident_mb() -> float:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def leftovers() -> dict[str, object]:
    """What the engine and this machine hold that could be ours."""
    with closing(connect()) as engine:
        containers = {one["Id"] for one in engine.containers(all=True, filters={"label": "opencook"})}
        networks = {one["Id"] for one in engine.networks()}
        volumes = {one["Name"] for one in engine.volumes()["Volumes"] or ()}
    processes = sum(owner_of(entry) in SNIPPET_UIDS for entry in Path("/proc").glob("[0-9]*"))
    return {"containers": containers, "networks": networks, "volumes": volumes, "processes": processes}


def owner_of(process: Path) -> int:
    """The uid of a process, -1 when it has gone."""
    try:
        return process.stat().st_uid
    except OSError:
        return -1


def describe(before: dict[str, object], after: dict[str, object]) -> str:
    """What there is more than before."""
    more = []
    for name, held in after.items():
        had = before[name]
        grown = len(held - had) if isinstance(held, set) and isinstance(had, set) else int(str(held)) - int(str(had))
        more.append(f"{grown} {name}")
    return ", ".join(more)


if __name__ == "__main__":
    main()
