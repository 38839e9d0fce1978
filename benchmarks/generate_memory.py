"""What memory `synth generate` takes over many rows: its peak, and what it grows by after the first fifth of the calls.

The server answers at once, so that the client works as hard as it can. Every second the client's resident memory is
read from /proc beside the number of calls answered; the peak over the whole run, export included, is the kernel's own.

    python benchmarks/generate_memory.py [--rows 200000] [--concurrency 64]

Hold: a peak under 600 MB at 200,000 rows. Not covered: recipes that run code; memory of the sandbox.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fixed_latency_server import Served, serving
from generate import OURS, ROOT, Load, Way, command_of, end, environment, exit_on_sigterm, last_line, write_rows

EVERY_S = 1.0
SHOWN = 10
"""Lines of progress."""


def main() -> None:
    """Prints memory on the way, then the peak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000, help="(%(default)s)")
    parser.add_argument("--concurrency", type=int, default=64, help="calls at once (%(default)s)")
    args = parser.parse_args()
    exit_on_sigterm()
    load = Load(latency_s=0.0, concurrency=args.concurrency)
    with tempfile.TemporaryDirectory() as name, serving(latency_s=load.latency_s) as server:
        folder = Path(name)
        write_rows(folder / "rows.jsonl", args.rows)
        command = command_of(Way(name=OURS, python=sys.executable), load, server.base_url, folder)
        with (folder / "client.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment(folder), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        server.watch(process.pid, args.rows)
        try:
            seen, peak_mb = follow(process, server, args.rows)
        finally:
            end(process)
        if process.returncode:
            sys.exit(f"synth generate ended with {process.returncode}: {last_line(folder)}")
    show(seen, args.rows, peak_mb)


def follow(process: subprocess.Popen[bytes], server: Served, rows: int) -> tuple[list[tuple[int, float]], float]:
    """Calls answered and resident MB, second by second, to the process's end; and its peak in MB."""
    seen: list[tuple[int, float]] = []
    started = time.monotonic()
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return seen, usage.ru_maxrss / 1024
        answered, resident_mb = server.num_answered(), read_resident_mb(process.pid)
        before = seen[-1][0] if seen else 0
        seen.append((answered, resident_mb))
        if answered * SHOWN // rows > before * SHOWN // rows:
            print(f"{answered:>9,} calls{resident_mb:>8.0f} MB{time.monotonic() - started:>8.0f} s", flush=True)
        time.sleep(EVERY_S)


def read_resident_mb(pid: int) -> float:
    """Resident memory of a process, 0 where it has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def show(seen: list[tuple[int, float]], rows: int, peak_mb: float) -> None:
    """The peak and the growth."""
    early = next(resident_mb for answered, resident_mb in seen if answered >= 0.2 * rows)
    late = next(resident_mb for answered, resident_mb in seen if answered >= rows)
    each = (late - early) * 2**20 / (0.8 * rows)
    print(f"{rows:,} rows: peak {peak_mb:.0f} MB, the export included")
    print(f"from 20 % of the calls to the last: {early:.0f} -> {late:.0f} MB, {each:.0f} bytes a row")


if __name__ == "__main__":
    main()
