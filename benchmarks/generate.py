"""How near to an endpoint's limit `synth generate` comes, and what CPU a call costs it, beside others doing the same.

One prompt a row against a server with a fixed latency (`fixed_latency_server.py`, a process of its own on the same
cores). Ideal is `concurrency / latency` calls a second. The server measures everybody alike: the rate over the middle
80 % of the calls, cut to whole multiples of the concurrency, since a fixed latency makes calls come in waves; and the
client's CPU time, its child processes included, from its first call to its last answer. Start-up and what follows the
last answer (for `synth generate`: Parquet, card and report) stand in columns of their own. Rounds are interleaved,
since a machine's speed changes from one minute to the next; the ratio to bare aiohttp is the median of each round's.
The other ways run in the first round only, with a quarter of the calls. Progress is on standard error.

    python benchmarks/generate.py [--pairs 100x64,500x512] [--seconds 10] [--rounds 3]
        [--distilabel-python DIR/bin/python] [--curator-python DIR/bin/python] [--data-designer-python DIR/bin/python]

Each peer needs an environment of its own, and runs without a network:
    python -m venv DIR && DIR/bin/pip install 'distilabel[openai]==1.5.3' requests beautifulsoup4
    python -m venv DIR && DIR/bin/pip install bespokelabs-curator==0.1.31
    python -m venv DIR && DIR/bin/pip install data-designer==0.9.7

`synth generate` is the whole of it, from JSON Lines seeds over ledger, parsing and curation to the export; what a peer
keeps is up to the peer. Not covered: memory (`generate_memory.py`), programs that run in the sandbox.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fixed_latency_server import MODEL, Log, Served, serving
from peers.job import TEMPLATE

ROOT = Path(__file__).resolve().parent.parent
DRIVERS = ROOT / "benchmarks" / "peers"
OURS, REFERENCE = "opencook", "bare aiohttp"
PEERS = {
    "distilabel": "distilabel_pipeline.py",
    "bespokelabs-curator": "curator_job.py",
    "data-designer": "data_designer_job.py",
}
"""Distribution -> driver."""
MAX_SECONDS = 300
"""Of one run."""
WORDS = (
    "ascending balanced binary bounded cached cyclic decimal dense distinct empty even frozen greedy hashed inverse "
    "joined keyed lazy merged nested odd packed prime quoted ranked rotated signed sparse stable tagged unique valid "
    "weighted zipped bucket column digit edge factor graph heap interval ledger matrix node offset path queue record "
    "segment tuple user vector window"
).split()
RECIPE = """\
about: One prompt a row, as the peers are given it.
steps:
  - ask: {template: task.j2, as: solution, code: python, max_tokens: 256}
  - emit: {instruction: "{{ seed.text }}", response: "{{ solution.code }}"}
"""
TASK = TEMPLATE.replace("{{ text }}", "{{ seed.text }}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A program that asks the teacher once for every row."""

    name: str
    python: str
    driver: str | None = None
    """A file in `peers/`; `None` is `synth generate`."""
    share: float = 1.0
    """Of the calls that the fast ways make."""
    every_round: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the server makes possible."""

    latency_s: float
    concurrency: int

    @property
    def ideal(self) -> float:
        """Calls a second."""
        return self.concurrency / self.latency_s

    def __str__(self) -> str:
        return f"{1000 * self.latency_s:.0f} ms x {self.concurrency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One way, once."""

    rate: float
    """Calls a second over the middle of the run."""
    whole_rate: float
    """The same from the first call to the last answer."""
    calls: int
    cpu_start_s: float
    cpu_calls_s: float
    """From the first call to the last answer."""
    cpu_s: float
    """The whole process."""
    wall_s: float


class Unfit(Exception):
    """A way that did not do the job; the message says why."""


def main() -> None:
    """Prints a table for each pair of latency and concurrency."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", default="100x64,500x512", help="MILLISECONDSxCONCURRENCY,... (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a run at the ideal rate (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    for name in PEERS:
        flag = f"--{name.removeprefix('bespokelabs-')}-python"
        parser.add_argument(flag, dest=name, type=interpreter, help=f"one that has {name}")
    args = parser.parse_args()
    exit_on_sigterm()
    ways = [
        Way(name=REFERENCE, python=sys.executable, driver="aiohttp_load.py", every_round=True),
        Way(name=OURS, python=sys.executable, every_round=True),
        Way(
            name=f"openai {version_of('openai', sys.executable)}",
            python=sys.executable,
            driver="openai_client.py",
            share=0.25,
        ),
    ]
    for name, driver in PEERS.items():
        if python := vars(args)[name]:
            ways.append(Way(name=f"{name} {version_of(name, python)}", python=python, driver=driver, share=0.25))
        else:
            print(f"{name}: skipped: no interpreter named")
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {args.rounds} rounds")
    for pair in args.pairs.split(","):
        latency_ms, concurrency = pair.split("x")
        load = Load(latency_s=float(latency_ms) / 1000, concurrency=int(concurrency))
        show(load, measure_all(ways, load, args.seconds, args.rounds), args.rounds)


def interpreter(path: str) -> str:
    """`path`, if something can be run there."""
    if not os.access(path, os.X_OK):
        raise argparse.ArgumentTypeError(f"must be a Python interpreter, got {path}")
    return path


def version_of(distribution: str, python: str) -> str:
    """Which version that interpreter has; empty where it has none, which its run will say."""
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def measure_all(ways: list[Way], load: Load, seconds: float, rounds: int) -> dict[str, list[Measure]]:
    """The measures of each way, one a round."""
    found: dict[str, list[Measure]] = {}
    for number in range(rounds):
        for way in ways:
            if number and not way.every_round:
                continue
            try:
                waves = max(4, round(way.share * seconds / load.latency_s))
                measured = measure(way, load, waves * load.concurrency)
            except Unfit as error:
                print(f"{load}: no figure for {way.name}: {error}", flush=True)
                continue
            found.setdefault(way.name, []).append(measured)
            print(f"{load}, round {number + 1}: {way.name} {measured.rate:.1f} calls/s", file=sys.stderr)
    return found


def measure(way: Way, load: Load, rows: int) -> Measure:
    """One way, once, over so many rows.

    Raises:
        Unfit: it failed, or left rows out.
    """
    with tempfile.TemporaryDirectory() as name, serving(latency_s=load.latency_s) as server:
        folder = Path(name)
        write_rows(folder / "rows.jsonl", rows)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        run(command_of(way, load, server.base_url, folder), way, server, folder, rows)
        wall_s = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)  # the server is a child that still runs
        log = server.log()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return weigh(log, load, rows, cpu_s=cpu_s, wall_s=wall_s)


def run(command: list[str], way: Way, server: Served, folder: Path, rows: int) -> None:
    """Runs a client to its end.

    Raises:
        Unfit: it failed or took too long.
    """
    with (folder / "client.log").open("wb") as log:
        # A session of its own is how the server finds the client's processes.
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(folder), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        server.watch(process.pid, rows)
        try:
            code = process.wait(MAX_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unfit(f"not done after {MAX_SECONDS} s, {server.num_answered():,} of {rows:,} calls") from None
        finally:
            end(process)
    if code:
        raise Unfit(f"{way.python} ended with {code}: {last_line(folder)}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a client and what it started, if it still runs: its session does not hear our terminal."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def exit_on_sigterm() -> None:
    """Lets SIGTERM unwind the stack, as Ctrl-C does, so that nothing we started stays behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def environment(folder: Path) -> dict[str, str]:
    """Ours, with a home that some peers may fill with caches."""
    return {**os.environ, "OPENAI_API_KEY": "none", "NO_PROXY": "127.0.0.1", "HOME": str(folder)}


def last_line(folder: Path) -> str:
    """What a client said last."""
    said = (folder / "client.log").read_text(errors="replace").strip().splitlines()
    return said[-1] if said else "nothing said"


def command_of(way: Way, load: Load, base_url: str, folder: Path) -> list[str]:
    """The command line of a client."""
    rows = folder / "rows.jsonl"
    if way.driver is not None:
        job = {"--rows": rows, "--base-url": base_url, "--model": MODEL, "--concurrency": load.concurrency}
        job["--folder"] = folder / "out"
        return [way.python, str(DRIVERS / way.driver), *(str(part) for pair in job.items() for part in pair)]
    (folder / "recipe").mkdir()
    (folder / "recipe" / "recipe.yaml").write_text(RECIPE)
    (folder / "recipe" / "task.j2").write_text(TASK)
    flags = {"--recipe": folder / "recipe", "--seeds": rows, "--teacher": f"openai:{MODEL}", "--base-url": base_url}
    flags |= {"--concurrency": load.concurrency, "--out": folder / "out"}
    synth = [way.python, "-c", "from synth.cli import main; main()", "generate"]
    return [*synth, *(str(part) for pair in flags.items() for part in pair)]


def write_rows(path: Path, rows: int) -> None:
    """Seeds of some 100 characters, no two near duplicates."""
    chance = random.Random(0)
    with path.open("w") as file:
        for number in range(rows):
            words = " ".join(chance.choices(WORDS, k=12))
            file.write(json.dumps({"text": f"Write a function number {number} for {words}."}) + "\n")


def weigh(log: Log, load: Load, rows: int, *, cpu_s: float, wall_s: float) -> Measure:
    """What the server's log says.

    Raises:
        Unfit: calls are missing.
    """
    if log.cpu_first_s is None or log.cpu_last_s is None:
        raise Unfit(f"made {len(log.arrivals):,} of {rows:,} calls")
    arrivals = log.arrivals[:rows]
    waves = max(1, int(0.8 * rows / load.concurrency))
    begin = (rows - waves * load.concurrency - 1) // 2
    end = begin + waves * load.concurrency
    return Measure(
        rate=(end - begin) / (arrivals[end] - arrivals[begin]),
        whole_rate=rows / (log.last_answer - arrivals[0]),
        calls=rows,
        cpu_start_s=log.cpu_first_s,
        cpu_calls_s=log.cpu_last_s - log.cpu_first_s,
        cpu_s=cpu_s,
        wall_s=wall_s,
    )


def show(load: Load, found: dict[str, list[Measure]], rounds: int) -> None:
    """The table of a pair, medians over the rounds, and the ratio that matters."""
    print(f"\n{load}: ideal {load.ideal:,.0f} calls/s")
    print(f"{'way':<28}{'calls':>8}{'calls/s':>9}{'of ideal':>10}{'whole run':>11}", end="")
    print(f"{'CPU ms/call':>13}{'to the end':>12}{'start-up s':>12}{'all CPU s':>11}{'wall s':>8}")
    for name, measures in found.items():
        columns = zip(*(figures(measure, load) for measure in measures), strict=True)
        rate, part, whole, each_ms, end_ms, start_s, cpu_s, wall_s = map(statistics.median, columns)
        print(f"{name:<28}{measures[0].calls:>8,}{rate:>9.1f}{part:>10.1%}{whole:>11.1%}", end="")
        print(f"{each_ms:>13.2f}{end_ms:>12.2f}{start_s:>12.2f}{cpu_s:>11.2f}{wall_s:>8.1f}")
    if len(found.get(OURS, [])) == len(found.get(REFERENCE, [])) == rounds:
        ratios = [ours.rate / bare.rate for ours, bare in zip(found[OURS], found[REFERENCE], strict=True)]
        listed = ", ".join(f"{ratio:.1%}" for ratio in ratios)
        print(f"{OURS} gets {statistics.median(ratios):.1%} of {REFERENCE}'s rate (rounds: {listed})")


def figures(measure: Measure, load: Load) -> tuple[float, ...]:
    """A line of the table."""
    each_ms = 1000 * measure.cpu_calls_s / measure.calls
    end_ms = 1000 * (measure.cpu_s - measure.cpu_start_s) / measure.calls
    part, whole = measure.rate / load.ideal, measure.whole_rate / load.ideal
    return measure.rate, part, whole, each_ms, end_ms, measure.cpu_start_s, measure.cpu_s, measure.wall_s


if __name__ == "__main__":
    main()
