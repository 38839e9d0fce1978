"""The educational recipe with the embedded teacher from nothing: yield, tokens and seconds per kept row, and every row.

A figure without the rows says little, so each kept row's instruction and code are printed for reading.

Usage: python benchmarks/educational.py [ROWS] [SEED]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

sys.path[:] = [
    entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parent
]  # sandbox.py lies here too

from synth.generate import Order, generate  # noqa: E402
from synth.show import print_funnel  # noqa: E402


def main(rows: int = 10, seed: int = 0) -> None:
    """Prints the rows, then the figures; `seed` 0 takes the easy seeds first, any other a mix of levels."""
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        order = Order(recipe="educational", rows=rows, seed=seed, out=Path(scratch) / "run")
        result = asyncio.run(generate(order, write=False))
    for sample in result.samples:
        if sample.dropped is not None:
            continue
        task = sample.instruction.split("\n\nThe function must have this signature")[0]
        console.print(f"\n{task}\n{sample.code}", highlight=False, markup=False)
    console.print()
    print_funnel(console, result.batch.funnel, result.facts, result.stats)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
