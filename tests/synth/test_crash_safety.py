"""A run that is killed, starved of disk or handed a damaged ledger: the same dataset in the end, or one line.

A call is completed once its answer is committed to the ledger; what a killed process had in flight is asked again.
Not covered: a power cut, after which SQLite may lack the last commits (`PRAGMA synchronous=NORMAL`).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from faulty import Account, Faults, FaultServer, Reply, identity, serve_faults
from plain_run import PROGRAM, PlainRun, environment, one_line, teach

from synth.calls import Completion
from synth.errors import RunFolderError
from synth.export import read_samples
from synth.generate import ROWS_PER_CALL
from synth.ledger import Ledger

NUM_KILLS = 100
CONCURRENCY = 4
ROWS_AT_ONCE = ROWS_PER_CALL * CONCURRENCY
FLAGS = ("--concurrency", str(CONCURRENCY))
TWO_CALLS = """
about: A task, then its answer.
steps:
  - ask: {template: task.j2, as: task}
  - ask: {template: solve.j2, as: solution}
  - emit: {instruction: "{{ task }}", response: "{{ solution }}"}
"""
NURSERY = """
import gc, os, sys
import aiohttp, openai, pyarrow.parquet, rich.console
import synth.cli, synth.generate, synth.report, synth.show
pyarrow.Table.from_pylist([{"a": 1}])  # imports pandas where it is installed
synth.generate.Curator()  # compiles its patterns
gc.freeze()  # a collection in the copy would copy every page
for line in sys.stdin:
    child = os.fork()
    if not child:
        sys.argv = ["synth", *line.split()]
        synth.cli.main()
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Copies of a process that has imported everything run a command each: a life without the second before it."""


@dataclass(slots=True)
class Lives:
    """One run, lived through by many processes, each killed; and what must hold of all of them together."""

    run: PlainRun
    server: FaultServer
    nursery: subprocess.Popen[str]
    kills: int = 0
    committed: set[str] = field(default_factory=set)
    """The requests whose answers are in the ledger."""
    lost: int = 0
    """Answers delivered to a process that was killed before it committed them."""
    last_s: float = 0.0
    """What the last process took that came to its end."""

    def live(self, *, after_calls: int = 0, delay_s: float, cold: bool = False) -> None:
        """A process, killed so long after so many of its calls; one that ends before is no kill."""
        asked_before, delivered_before = len(self.server.arrived), self.server.delivered.copy()
        kill = self._start_cold() if cold else self._start_warm()
        self.server.wait_for_arrivals(asked_before + after_calls, 60)
        time.sleep(delay_s)
        was_killed = kill()
        self.kills += was_killed
        assert self.server.wait_until_idle(60)
        self._check(set(self.server.arrived[asked_before:]), self.server.delivered - delivered_before)

    def finish(self, out: str = "run") -> None:
        """A process that is left to come to its end."""
        begun = time.monotonic()
        assert not self._start_warm(out)(kill=False), "it was killed"
        self.last_s = time.monotonic() - begun

    def _check(self, asked: set[str], delivered: Counter[str]) -> None:
        assert not asked & self.committed, "a completed call was asked again"
        self.committed = committed(self.run.home / "run")
        lost = sum(name not in self.committed for name in delivered)
        assert lost <= ROWS_AT_ONCE, "more was lost than one call of each row under way"
        self.lost += lost

    def _start_cold(self) -> Callable[[], bool]:
        command = self.run.command(self.server.base_url, *FLAGS)
        process = subprocess.Popen(command, cwd=self.run.home, env=environment(), stderr=subprocess.DEVNULL)

        def kill() -> bool:
            process.kill()
            return ended_by_kill(process.wait())

        return kill

    def _start_warm(self, out: str = "run") -> Callable[..., bool]:
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        flags = self.run.command(self.server.base_url, *FLAGS, out=out)[len(PROGRAM) :]
        self.nursery.stdin.write(" ".join(flags) + "\n")
        self.nursery.stdin.flush()
        child = int(self.nursery.stdout.readline())

        def end(*, kill: bool = True) -> bool:
            if kill:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            assert self.nursery.stdout is not None
            return ended_by_kill(int(self.nursery.stdout.readline()))

        return end


def ended_by_kill(status: int) -> bool:
    """Whether a process was killed; it may have come to a good end before, and to no other."""
    assert status in (0, -signal.SIGKILL), f"it stopped by itself: {status}"
    return status != 0


def committed(folder: Path) -> set[str]:
    """The requests answered in the ledger of `folder`, from a copy: looking at it must not mend it."""
    with tempfile.TemporaryDirectory() as copy:
        for path in folder.glob("ledger.sqlite*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, copy)
        with closing(sqlite3.connect(Path(copy) / "ledger.sqlite")) as db:
            try:
                rows = db.execute("SELECT request FROM completions").fetchall()
            except sqlite3.OperationalError:  # killed before there was a table
                return set()
    return {asked(json.loads(request)) for (request,) in rows}


def tell(body: dict[str, Any]) -> str:
    """The first half of what `teach` says: plain text."""
    return teach(body).partition("</")[0].partition(">")[2]


def asked(request: dict[str, Any]) -> str:
    """The identity that the server gives to a request in the ledger."""
    return identity({"model": "scripted", "messages": request["messages"], **request["sampling"]})


@contextmanager
def nursery(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has imported everything, and whose copies run a command each."""
    command = [sys.executable, "-c", NURSERY]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=home, env=environment(), text=True, **pipes) as process:
        yield process
        process.stdin.close()


def test_hundred_kills_leave_the_same_bytes_and_repeat_no_completed_call(tmp_path: Path) -> None:
    run = PlainRun(home=tmp_path, num_seeds=240, recipe=TWO_CALLS)
    (run.home / "plain" / "solve.j2").write_text("Do this: {{ task }}")
    generator = random.Random(1)
    with serve_faults(FaultServer(tell, latency_s=0.05)) as server, nursery(tmp_path) as warm:
        lives = Lives(run, server, warm)
        while lives.kills < 4:
            lives.live(delay_s=generator.uniform(0, 1.5), cold=True)
        while lives.kills < 88:
            lives.live(after_calls=generator.randrange(11), delay_s=generator.uniform(0, 0.03))
        assert not (tmp_path / "run" / "manifest.json").exists(), "it was to be killed before its end"
        lives.finish()
        while lives.kills < NUM_KILLS:  # with nothing left to ask: at the start, between rows, in the final writing
            lives.live(delay_s=generator.uniform(0, lives.last_s))
        lives.finish()
        assert len(server.delivered) == 480
        assert server.delivered.total() - 480 == lives.lost
        lives.finish(out="whole")
    assert run.dataset("run") == run.dataset("whole")


def test_second_process_on_a_run_folder_is_turned_away_in_one_line(tmp_path: Path) -> None:
    run = PlainRun(home=tmp_path)
    with serve_faults(FaultServer(lambda _: Reply(ending="hang"))) as server:
        first = subprocess.Popen(
            run.command(server.base_url), cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL
        )
        try:
            assert server.wait_for_arrivals(1, 60)
            with pytest.raises(RunFolderError, match=rf"another process \(pid {first.pid}\) is working here"):
                run.cook(server.base_url)
        finally:
            first.kill()
            first.wait()
        server.answer = teach
        assert run.cook(server.base_url).batch.funnel.kept == 20


def wordy(body: dict[str, Any]) -> str:
    """What `teach` says, longer than a page of the ledger."""
    return teach(body).replace("</response>", " and so on" * 1000 + "</response>")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> PlainRun:
    """A finished run of twenty wordy answers."""
    run = PlainRun(home=tmp_path_factory.mktemp("whole"))
    with serve_faults(FaultServer(wordy)) as server:
        run.cook(server.base_url)
    return run


@contextmanager
def disk(folder: Path, size_kb: int) -> Iterator[Callable[[str], None]]:
    """A disk so large mounted on `folder`, and what mounts it anew with other options; skips where one may not."""
    folder.mkdir()

    def mount(options: str) -> None:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small disk needs the right to mount one: {done.stderr.strip()}")

    mount(f"size={size_kb}k")
    try:
        yield lambda options: mount(f"remount,{options}")
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_disk_that_is_full_at_any_stage_stops_the_run_and_a_larger_one_takes_it_further(
    tmp_path: Path, whole: PlainRun
) -> None:
    run = PlainRun(home=tmp_path)
    stops = []
    with serve_faults(FaultServer(wordy)) as server, disk(tmp_path / "run", size_kb=16) as remount:
        for size_kb in (16, 40, 64, 128, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 1536, 2048, 8192):
            remount(f"size={size_kb}k")
            try:
                run.cook(server.base_url, concurrency=CONCURRENCY)
                break
            except RunFolderError as error:
                stops.append(str(error))
        assert run.dataset() == whole.dataset()
    assert len(stops) >= 3
    for stop in stops:
        assert "disk is full" in stop
        assert "\n" not in stop
    assert server.delivered.total() - 20 <= ROWS_AT_ONCE * len(stops), "more was lost than one call of each row"


def test_full_disk_is_one_line_on_the_terminal(tmp_path: Path) -> None:
    run = PlainRun(home=tmp_path)
    with serve_faults(FaultServer(wordy)) as server, disk(tmp_path / "run", size_kb=200):
        said = one_line(run.run(server.base_url))
    assert "disk is full; free some space" in said


@pytest.mark.parametrize("begun", [False, True])
def test_read_only_run_folder_is_refused_before_anything_is_asked(tmp_path: Path, begun: bool, whole: PlainRun) -> None:
    run = PlainRun(home=tmp_path)
    with serve_faults(FaultServer(wordy)) as server, disk(tmp_path / "run", size_kb=8192) as remount:
        if begun:
            shutil.copytree(whole.home / "run", tmp_path / "run", dirs_exist_ok=True)
        remount("ro")
        with pytest.raises(RunFolderError, match=r"check the (permissions|disk)") as stopped:
            run.cook(server.base_url)
        assert "\n" not in str(stopped.value)
    assert server.arrived == []


PAGE = 4096
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "garbage in the last page": lambda data: data[:-PAGE] + random.Random(1).randbytes(PAGE),
    "zeros in the last page": lambda data: data[:-PAGE] + bytes(PAGE),
    "garbage in the second page": lambda data: data[:PAGE] + random.Random(1).randbytes(PAGE) + data[2 * PAGE :],
    "without the last page": lambda data: data[:-PAGE],
    "without its second half": lambda data: data[: len(data) // 2],
    "cut within a page": lambda data: data[: len(data) - PAGE // 2],
    "zeros in the header": lambda data: bytes(100) + data[100:],
    "garbage in the first page": lambda data: random.Random(1).randbytes(PAGE) + data[PAGE:],
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_ledger_is_refused_with_what_to_do_and_left_as_it_is(
    tmp_path: Path, damage: str, whole: PlainRun
) -> None:
    run = PlainRun(home=tmp_path)
    shutil.copytree(whole.home / "run", tmp_path / "run")
    ledger = tmp_path / "run" / "ledger.sqlite"
    ledger.write_bytes(DAMAGES[damage](ledger.read_bytes()))
    before = ledger.read_bytes()
    with serve_faults(FaultServer(wordy)) as server, pytest.raises(RunFolderError) as stopped:
        run.cook(server.base_url)
    assert "ledger.sqlite" in str(stopped.value)
    assert "\n" not in str(stopped.value)
    assert ledger.read_bytes() == before
    assert server.arrived == []


def answers(folder: Path, keys: list[str]) -> list[Completion | None]:
    """What a run in `folder` would find under `keys`."""
    with Ledger(folder) as ledger:
        return [ledger.completion(key) for key in keys]


@pytest.mark.parametrize("spoil", [lambda page: bytes(len(page)), lambda page: random.Random(1).randbytes(len(page))])
def test_no_damaged_page_passes_for_an_answer(tmp_path: Path, spoil: Callable[[bytes], bytes], whole: PlainRun) -> None:
    data = (whole.home / "run" / "ledger.sqlite").read_bytes()
    samples = read_samples(whole.home / "run" / "samples.parquet")
    keys = [key for sample in samples for key in sample.provenance.completions]
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "ledger.sqlite").write_bytes(data)
    paid, refused = answers(tmp_path / "whole", keys), 0
    assert None not in paid
    for start in range(0, len(data), PAGE):
        folder = tmp_path / str(start)
        folder.mkdir()
        end = start + PAGE
        (folder / "ledger.sqlite").write_bytes(data[:start] + spoil(data[start:end]) + data[end:])
        try:
            assert answers(folder, keys) == paid, f"the page at {start} was taken for what it is not"
        except RunFolderError:
            refused += 1
    assert refused > 0


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> PlainRun:
    """A run that was killed after twelve of its twenty calls, all of them in the write-ahead log."""
    run = PlainRun(home=tmp_path_factory.mktemp("killed"))
    with serve_faults(FaultServer(wordy, accounts={"good": Account(12, Reply(ending="hang"))})) as server:
        process = subprocess.Popen(
            run.command(server.base_url, *FLAGS), cwd=run.home, env=environment(), stderr=subprocess.DEVNULL
        )
        has_hung = server.wait_for_arrivals(12 + CONCURRENCY, 60)
        time.sleep(0.2)
        process.kill()
        process.wait()
    assert has_hung
    assert len(committed(run.home / "run")) == 12
    return run


TEARS: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "whole": (lambda log: log, 0),
    "cut within its last frame": (lambda log: log[:-100], 1),
    "garbage in its last frame": (lambda log: log[:-PAGE] + random.Random(1).randbytes(PAGE), 1),
    "zeros after its end": (lambda log: log + bytes(3 * PAGE), 0),
}
"""What becomes of the write-ahead log, and how many commits lie in what was torn."""


@pytest.mark.parametrize("tear", TEARS)
def test_torn_write_ahead_log_costs_what_was_torn_and_nothing_else(
    tmp_path: Path, tear: str, killed: PlainRun, whole: PlainRun
) -> None:
    run = PlainRun(home=tmp_path)
    shutil.copytree(killed.home / "run", tmp_path / "run")
    log = tmp_path / "run" / "ledger.sqlite-wal"
    spoil, commits_torn = TEARS[tear]
    log.write_bytes(spoil(log.read_bytes()))
    with serve_faults(FaultServer(wordy)) as server:
        run.cook(server.base_url)
    assert 8 <= len(server.arrived) <= 8 + commits_torn * ROWS_AT_ONCE
    assert run.dataset() == whole.dataset()


def test_ledger_that_lost_its_file_but_not_its_log_is_refused(tmp_path: Path, killed: PlainRun) -> None:
    run = PlainRun(home=tmp_path)
    shutil.copytree(killed.home / "run", tmp_path / "run")
    (tmp_path / "run" / "ledger.sqlite").write_bytes(b"")
    log = (tmp_path / "run" / "ledger.sqlite-wal").read_bytes()
    with serve_faults(FaultServer(wordy)) as server, pytest.raises(RunFolderError, match=r"ledger\.sqlite"):
        run.cook(server.base_url)
    assert server.arrived == []
    assert (tmp_path / "run" / "ledger.sqlite-wal").read_bytes() == log


JUMPING = """
import itertools, time
true, jumps = time.time, itertools.cycle([0, 86400, -86400, 3600, -1e9])
time.time = lambda: true() + next(jumps)
from synth.cli import main
main()
"""


def test_clock_that_jumps_by_days_changes_neither_waits_nor_totals(tmp_path: Path, whole: PlainRun) -> None:
    run = PlainRun(home=tmp_path)
    faults = Faults(share=1.0, kinds={"429": 1.0, "429_date": 1.0, "503": 1.0}, most_in_a_row=1)
    with serve_faults(FaultServer(wordy, faults)) as server:
        flags = run.command(server.base_url, "--stall-after", "100")[len(PROGRAM) :]
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", JUMPING, *flags], cwd=tmp_path, env=environment(), capture_output=True, timeout=120
        )
        took_s = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    assert run.dataset() == whole.dataset()
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert 0 < ledger.spent().seconds < took_s
