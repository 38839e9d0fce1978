"""What curation costs `synth generate`: CPU a row and memory, over 200,000 short rows, by `synth.curator`.

    python benchmarks/curate.py [--rows 200000] [--batches 1,32]

Rows are made up: a task of one sentence and a small function over it, 100 to 300 characters together. One in fifty
repeats an earlier row, one in fifty repeats one but for its numbers. Each batch size runs in a process of its own. CPU
is that of the whole process, the making of the rows, timed alone first, taken off; memory is the resident set at its
peak over what it was before the first row, and what the rows themselves take while they are in hand is in it.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parent]  # sandbox.py is here too

from synth.curator import Curator  # noqa: E402
from synth.sample import Sample  # noqa: E402

WORDS = """
account address amount array average balance batch binary bitmap block board bottom bound branch bucket budget buffer
byte cache cell center chain change character child chunk circle city class client clock cluster code color column
command common compare component config constant container content cost count counter country cursor cycle data date
decimal degree delay depth device diagonal digit direction distance document domain edge element employee encode entry
error event exponent expression factor feature field file filter first flag flight folder format fraction frequency
function game gap graph grid group hash header height hour index input integer interval inventory invoice item job key
label language last layer leaf length letter level limit line link list log map mark match matrix maximum mean median
member memory merge message meter middle minimum minute mode month name neighbor network node number object offset
order output owner pair palindrome parent part path pattern payment percent period phone pixel player point pointer
pool position power prefix price prime priority product profile project quantity query queue range rank rate ratio
record rectangle reference region remainder report request result root rotation route row rule salary sample scale
schedule score search seat second segment sensor sentence sequence server session shape shift side signal size slot
sort source space speed stack stage start state station status step stock store stream street string student subset
suffix sum surface symbol table tag target task team temperature tenant test text threshold ticket time title token
total tower track transaction tree trend triangle trip unique unit update user value vector vehicle version vertex
volume vowel wallet weather week weight width window word worker year zone
""".split()
"""Everyday words, some of which name a task of HumanEval too."""


def main() -> None:
    """Prints one line per batch size; as `--batch N --rows M` measures one and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--batch", type=int)
    options = parser.parse_args()
    if options.batch:
        print(*measure(options.rows, options.batch), sep="\t")
        return
    table = Table("rows at once", "CPU ms a row", "memory, MB", "bytes a row", "kept", title=f"{options.rows:,} rows")
    for batch in options.batches.split(","):
        command = [sys.executable, __file__, "--rows", str(options.rows), "--batch", batch]
        figures = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().split("\t")
        table.add_row(batch, *figures)
    Console().print(table)


def measure(num_rows: int, batch: int) -> tuple[str, str, str, str]:
    """CPU milliseconds a row, megabytes at the peak, bytes a row of these, rows kept."""
    begin = time.process_time()
    mean_chars = sum(len(row.instruction) + len(row.response) for row in rows(num_rows)) / num_rows
    assert 100 <= mean_chars <= 300, mean_chars
    making_s = time.process_time() - begin
    curator = Curator()
    curator.admit_many(list(rows(100)))  # tables and libraries are loaded once, not per row
    curator = Curator()
    before, begin = resident_bytes("VmRSS"), time.process_time()
    made = rows(num_rows)
    kept: Counter[str | None] = Counter()
    while some := list(islice(made, batch)):
        kept.update(sample.dropped for sample in curator.admit_many(some))
    spent_s = time.process_time() - begin - making_s
    used = resident_bytes("VmHWM") - before
    return f"{spent_s * 1000 / num_rows:.3f}", f"{used / 1e6:.0f}", f"{used / num_rows:.0f}", f"{kept[None]:,}"


def rows(count: int) -> Iterator[Sample]:
    """The rows, the same in each process."""
    rng = random.Random(7)
    recent: list[Sample] = []
    for number in range(count):
        chance = rng.random()
        if recent and chance < 0.02:
            yield rng.choice(recent)
            continue
        if recent and chance < 0.04:
            old = rng.choice(recent)
            yield Sample(
                recipe="made_up", seed_id=f"{number}", instruction=old.instruction, response=f"{old.response}  # 1"
            )
            continue
        row = made_up(number, rng)
        recent[number % 1000 : number % 1000 + 1] = [row]
        yield row


def made_up(number: int, rng: random.Random) -> Sample:
    """One task and its function."""
    a, b, c, d, e, f = rng.sample(WORDS, 6)
    limit = rng.randrange(1000)
    body = rng.choice(
        (
            f"    {e} = {limit}\n    for {f} in {c}:\n        {e} += {f} * {rng.randrange(100)}\n    return {e}",
            f"    return [{e} for {e} in {c} if {e} % {limit} == {rng.randrange(limit + 1)}]",
            f'    {e} = {{"{f}": {limit}}}\n    return {e}.get({c}, {rng.randrange(1000)})',
        )
    )
    return Sample(
        recipe="made_up",
        seed_id=f"{number}",
        instruction=f"Given the {c} of every {a}, compute its {b} {d} up to {limit}, counting each {e} once.",
        response=f"def {a}_{b}_{d}({c}):\n{body}",
    )


def resident_bytes(name: str) -> int:
    """This process's memory now (`VmRSS`) or at its largest (`VmHWM`)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
