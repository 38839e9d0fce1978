"""What a data set of OpenCoder's size takes: calls, tokens, sandbox cores, disk and time, from constants measured here.

    synth generate --recipe educational --rows 100 --out runs/pilot   # with the teacher that will do the work
    python benchmarks/scale.py runs/pilot [--tokens-per-s 20000] [--answer-tokens 400] [--seeds 4000]

What depends on teacher, recipe and seeds (yield, calls, tokens, programs, bytes in the ledger) is read from a run that
is there: a pilot. What depends on this machine (CPU time of a call, of a row that comes from the ledger again, of a
merge) is measured on shards against a server that answers at once (`fixed_latency_server.py`), start-up taken off. The
teacher's speed is an assumption, and everything that is divided by it scales with it; so is the length of its answers
where `--answer-tokens` puts another in place of the pilot's.
Not covered: the network, disks that are slower than this one, a ledger's index beyond the page cache.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fixed_latency_server import MODEL, serving

ROOT = Path(__file__).resolve().parent.parent
STAGES = {"stage 1": 4_200_000, "stage 2": 375_000}
"""Rows of OpenCoder's two SFT stages, rounded. Source: arXiv 2411.04905, section 4, and its README."""
NUM_SHARDS = 2
FEW_SEEDS = 64
"""Of a run that is start-up and little else."""
PROGRAM_CPU_S = 2 / 426
"""Of a core, for a small program in the sandbox: two cores over the rate that benchmarks/sandbox.py prints."""
CURATED_BYTES = 550
"""Of memory for a row that curation has seen: benchmarks/curate.py."""
BYTES_PER_TOKEN = 4
BUSY = 0.7
"""Of a core that one client process should use at most."""
RECIPE = """\
about: One prompt a row.
steps:
  - ask: {template: task.j2, as: solution, code: python, max_tokens: 256}
  - emit: {instruction: "{{ seed.text }}", response: "{{ solution.code }}"}
"""
WORDS = (
    "ascending balanced binary bounded cached cyclic decimal dense distinct empty even frozen greedy hashed inverse "
    "joined keyed lazy merged nested odd packed prime quoted ranked rotated signed sparse stable tagged unique valid"
).split()
MERGE_LEDGER = """
import pathlib, sys, time
from synth.ledger import Ledger
from synth.merge import merge_ledger
Ledger(pathlib.Path(sys.argv[1])).close()
started = time.process_time()
for shard in sys.argv[2:]:
    merge_ledger(pathlib.Path(sys.argv[1], "ledger.sqlite"), pathlib.Path(shard, "ledger.sqlite"))
print(time.process_time() - started)
"""
DRAW = """
import collections, sys, time
from synth.seeds import open_seeds
from synth.shards import Draw, Shard
started = time.process_time()
collections.deque(Draw(open_seeds(sys.argv[1]), Shard(0, 100)), maxlen=0)
print(time.process_time() - started)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """What a run took with its teacher, recipe and seeds."""

    teacher: str
    recipe: str
    kept: int
    seeds: float
    """For each kept row, as all that follow down to the programs."""
    calls: float
    prompt_tokens: float
    completion_tokens: float
    programs: float
    call_bytes: float
    """In the ledger, its share of indexes and pages included."""
    program_bytes: float
    program_cpu_s: float

    def answering(self, tokens: float) -> Pilot:
        """The same with answers of so many tokens."""
        longer = tokens - self.completion_tokens / self.calls
        return dataclasses.replace(
            self,
            completion_tokens=self.calls * tokens,
            call_bytes=self.call_bytes + longer * BYTES_PER_TOKEN,
        )

    def sure(self, own_calls: float, own_programs: float) -> Pilot:
        """The same if every seed were kept, and took what a kept row took of its own."""
        share = own_calls / self.calls
        return dataclasses.replace(
            self,
            seeds=1.0,
            calls=own_calls,
            prompt_tokens=self.prompt_tokens * share,
            completion_tokens=self.completion_tokens * share,
            programs=own_programs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """CPU seconds here, of one thing each."""

    call: float
    again: float
    """A row of one call that is made from the ledger: what a resumed shard pays."""
    seed: float
    """A seed that is another shard's."""
    merged_row: float
    merged_fact: float
    """A call or a program in the ledger."""
    merge_peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a process took."""

    cpu_s: float
    peak_mb: float


def main() -> None:
    """Prints the constants, then the plan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run of synth generate")
    parser.add_argument(
        "--tokens-per-s", type=float, default=20_000, help="completion tokens of all endpoints together (%(default)s)"
    )
    parser.add_argument("--answer-tokens", type=float, help="completion tokens of a call  [default: as in the pilot]")
    parser.add_argument("--seeds", type=int, default=4_000, help="of the measurement on this machine (%(default)s)")
    args = parser.parse_args()
    pilot, sure = read_pilot(args.run)
    machine = measure(args.seeds)
    show_constants(pilot, machine, args.seeds)
    tokens = args.answer_tokens or pilot.completion_tokens / pilot.calls
    print(f"\nAt {args.tokens_per_s:,.0f} completion tokens a second, {tokens:,.0f} an answer:\n")
    profiles = [profile.answering(tokens) for profile in (pilot, sure)]
    columns = [(name, rows, profile) for name, rows in STAGES.items() for profile in profiles]
    titles = [f"{name}, {rows:,} rows, {yields(profile)}" for name, rows, profile in columns]
    plans = [dict(plan(rows, profile, machine, args.tokens_per_s)) for _, rows, profile in columns]
    print_table(["", *titles], [[line, *(each[line] for each in plans)] for line in plans[0]])


def read_pilot(run: Path) -> tuple[Pilot, Pilot]:
    """What the run took, and what it would have taken with every seed kept."""
    manifest = json.loads((run / "manifest.json").read_text())
    kept = manifest["funnel"]["kept"]
    if not kept:
        sys.exit(f"{run}: no row was kept there; make a longer pilot")
    path = run / "ledger.sqlite"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        calls, call_text = db.execute(
            "SELECT count(*), total(length(CAST(request AS BLOB)) + length(CAST(text AS BLOB)) + 140) FROM completions"
        ).fetchone()
        programs, program_text, program_cpu_s = db.execute(
            "SELECT count(*), total(length(CAST(job AS BLOB)) + length(CAST(verdict AS BLOB)) + 130), "
            "avg(json_extract(verdict, '$.cpu_s')) FROM verdicts"
        ).fetchone()
    pages = path.stat().st_size / max(call_text + program_text, 1)
    pilot = Pilot(
        teacher=manifest["teacher"],
        recipe=manifest["recipe"],
        kept=kept,
        seeds=(manifest["funnel"]["seeds"] - manifest["funnel"]["unfinished"]) / kept,
        calls=calls / kept,
        prompt_tokens=manifest["prompt_tokens"] / kept,
        completion_tokens=manifest["completion_tokens"] / kept,
        programs=programs / kept,
        call_bytes=pages * call_text / max(calls, 1),
        program_bytes=pages * program_text / max(programs, 1),
        program_cpu_s=program_cpu_s or 0.0,
    )
    own = list(own_facts(run / "samples.parquet"))
    return pilot, pilot.sure(*(sum(each) / len(own) for each in zip(*own, strict=True)))


def own_facts(samples: Path) -> Iterator[tuple[int, int]]:
    """Calls and programs of each kept row."""
    import pyarrow.parquet

    for row in pyarrow.parquet.read_table(samples, columns=["dropped", "provenance"]).to_pylist():
        if row["dropped"] is None:
            yield row["provenance"]["calls"], len(row["provenance"]["verdicts"])


def measure(num_seeds: int) -> Machine:
    """The constants of this machine, over so many seeds in two shards."""
    with tempfile.TemporaryDirectory() as scratch, serving(latency_s=0.0) as server:
        home = Path(scratch)
        (home / "plain").mkdir()
        (home / "plain" / "recipe.yaml").write_text(RECIPE)
        (home / "plain" / "task.j2").write_text("Write a function for this.\n\n{{ seed.text }}")
        many, few = write_seeds(home / "many.jsonl", num_seeds), write_seeds(home / "few.jsonl", FEW_SEEDS)

        def cook(seeds: Path, index: int) -> Used:
            flags = ["--seeds", str(seeds), "--teacher", f"openai:{MODEL}", "--base-url", server.base_url]
            flags += ["--shard", f"{index}/{NUM_SHARDS}", "--out", seeds.stem]
            return synth(home, "generate", "--recipe", "plain", *flags)

        def shards(seeds: Path) -> list[str]:
            return [str(home / seeds.stem / "shards" / f"{index}-of-{NUM_SHARDS}") for index in range(NUM_SHARDS)]

        start = [cook(few, index).cpu_s for index in range(NUM_SHARDS)]
        cooked = [cook(many, index).cpu_s for index in range(NUM_SHARDS)]
        again = cook(many, 0).cpu_s - cook(few, 0).cpu_s
        merges = [synth(home, "merge", *shards(seeds), "--out", seeds.stem) for seeds in (few, many)]
        more = num_seeds - FEW_SEEDS
        merged_fact = seconds_of(MERGE_LEDGER, str(home / "facts"), *shards(many)) / num_seeds
        return Machine(
            call=(sum(cooked) - sum(start)) / more,
            again=again * NUM_SHARDS / more,
            seed=seconds_of(DRAW, str(many)) / num_seeds,
            merged_row=(merges[1].cpu_s - merges[0].cpu_s) / more - merged_fact,
            merged_fact=merged_fact,
            merge_peak_mb=merges[1].peak_mb,
        )


def seconds_of(program: str, *arguments: str) -> float:
    """What a program prints."""
    command = [sys.executable, "-c", program, *arguments]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600).stdout)


def write_seeds(path: Path, count: int) -> Path:
    """So many texts, none like another."""
    chance = random.Random(0)
    texts = (f"{number}: {' '.join(chance.choices(WORDS, k=40))}" for number in range(count))
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    return path


def synth(home: Path, *words: str) -> Used:
    """What a command took; it ends this script where it fails."""
    command = [sys.executable, "-c", "from synth.cli import main; main()", *words]
    with tempfile.TemporaryFile("w+") as errors:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode:
            sys.exit(f"synth {' '.join(words)}: ended with {process.returncode}\n{errors.read()}")
    return Used(cpu_s=usage.ru_utime + usage.ru_stime, peak_mb=usage.ru_maxrss / 1024)


def show_constants(pilot: Pilot, machine: Machine, num_seeds: int) -> None:
    """Prints what was measured and what it depends on."""
    of_pilot = f"{pilot.recipe} with {pilot.teacher}, {pilot.kept} kept rows"
    here = f"this machine, {num_seeds:,} seeds, {time.strftime('%Y-%m-%d')}"
    tokens = f"{pilot.prompt_tokens:,.0f}, {pilot.completion_tokens:,.0f}"
    rows = [
        ["seeds for a kept row", f"{pilot.seeds:.2f}", of_pilot],
        ["calls for a kept row", f"{pilot.calls:.1f}", of_pilot],
        ["tokens for a kept row, prompts and completions", tokens, of_pilot],
        ["programs for a kept row", f"{pilot.programs:.1f}", of_pilot],
        ["ledger, bytes a call, a program", f"{pilot.call_bytes:,.0f}, {pilot.program_bytes:,.0f}", of_pilot],
        ["CPU of a program by itself", f"{1000 * pilot.program_cpu_s:.1f} ms", of_pilot],
        ["CPU of the sandbox around it", f"{1000 * PROGRAM_CPU_S:.1f} ms", "benchmarks/sandbox.py"],
        ["client CPU of a call", f"{1000 * machine.call:.2f} ms", here],
        ["client CPU of a row from the ledger", f"{1000 * machine.again:.2f} ms", here],
        ["CPU to pass over another shard's seed", us(machine.seed), here],
        ["CPU to merge a row; a call or program", f"{us(machine.merged_row)}; {us(machine.merged_fact)}", here],
        ["memory of that merge", f"{machine.merge_peak_mb:,.0f} MB", here],
    ]
    print_table(["", "", "measured on"], rows)


def us(seconds: float) -> str:
    """In microseconds."""
    return f"{1e6 * seconds:,.0f} us"


def yields(pilot: Pilot) -> str:
    """How many seeds are kept."""
    return f"yield {100 / pilot.seeds:.0f} %"


def plan(rows: int, pilot: Pilot, machine: Machine, tokens_per_s: float) -> Iterator[tuple[str, str]]:
    """What so many kept rows take."""
    calls, programs, seeds = rows * pilot.calls, rows * pilot.programs, rows * pilot.seeds
    wall_s = rows * pilot.completion_tokens / tokens_per_s
    cores = calls * machine.call / wall_s
    yield "seeds", f"{seeds / 1e6:,.2f}M"
    yield "calls", f"{calls / 1e6:,.1f}M, {calls / wall_s:,.0f} a second"
    yield "prompt tokens", f"{rows * pilot.prompt_tokens / 1e9:,.2f}G"
    yield "completion tokens", f"{rows * pilot.completion_tokens / 1e9:,.2f}G"
    yield "wall time", f"{wall_s / 86_400:,.1f} days"
    passed = seeds * machine.seed / 3600
    yield "passing over others' seeds", f"{passed:,.2f} hours in each shard"
    yield "cores for clients", f"{cores:.2f}, in {max(1, -(-cores // BUSY)):.0f} shards or more"
    sandbox = programs * (PROGRAM_CPU_S + pilot.program_cpu_s) / wall_s
    yield "cores for the sandbox", f"{sandbox:.2f} ({programs / 1e6:,.1f}M programs)"
    yield "ledger", f"{(calls * pilot.call_bytes + programs * pilot.program_bytes) / 1e9:,.0f} GB"
    merge_s = seeds * machine.merged_row + (calls + programs) * machine.merged_fact
    yield "merge", f"{merge_s / 3600:,.1f} hours of a core, {rows * CURATED_BYTES / 1e9:,.1f} GB of memory"
    yield "resume of all from the ledger", f"{calls * machine.again / 3600:,.1f} hours of a core"


def print_table(titles: list[str], rows: list[list[str]]) -> None:
    """A Markdown table."""
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
