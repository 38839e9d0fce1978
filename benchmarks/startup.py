"""Seconds until `--help` answers, per command, beside a bare interpreter: median and minimum of ten runs each.

Usage: python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 10
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    **{
        f"{name} --help": [str(Path(sys.executable).with_name(name)), "--help"]
        for name in ("synth", "sandbox", "finetune")
    },
}


def measure(command: list[str]) -> float:
    """Wall seconds of one run."""
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Prints the table; the commands take turns, so that a busy machine slows them all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            seconds[name].append(measure(command))
    print(f"{'command':<18}{'median s':>10}{'min s':>10}")
    for name, runs in seconds.items():
        print(f"{name:<18}{statistics.median(runs):>10.3f}{min(runs):>10.3f}")


if __name__ == "__main__":
    main()
