"""vLLM as a user has it: `synth generate --teacher vllm:DIR`, stopped, killed, and wrongly told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from children import alive, below, gone_within
from small_model import ON_A_SHARED_MACHINE, VLLM_ARGS, vllm_python

from synth.errors import RunFolderError
from synth.export import read_samples
from synth.ledger import Ledger

pytestmark = pytest.mark.vllm
SYNTH = [sys.executable, "-c", "from synth.cli import main; main()"]
RECIPE = """
about: Capitals, and whether they are far.
seeds: seeds.jsonl
steps:
  - ask: {template: capital.j2, as: capital, temperature: 0, max_tokens: 48}
  - ask: {template: far.j2, json: {far: boolean}, temperature: 0, max_tokens: 48}
  - emit: {instruction: "What is the capital of {{ seed.text }}?", response: "{{ capital }} (far: {{ far }})"}
"""
COUNTRIES = ("France", "Germany", "Spain", "Italy", "Poland", "Japan", "Egypt", "Peru")


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model, a recipe that needs no sandbox, and eight seeds."""
    vllm_python()  # or skip, before the model is written
    folder = tmp_path_factory.mktemp("place")
    (folder / "small").symlink_to(request.getfixturevalue("small_model"))
    (folder / "mine").mkdir()
    (folder / "mine" / "recipe.yaml").write_text(RECIPE)
    (folder / "mine" / "capital.j2").write_text("What is the capital of {{ seed.text }}? Answer in one word.")
    (folder / "mine" / "far.j2").write_text("Is {{ seed.text }} far away? Answer as JSON with the one field far.")
    (folder / "seeds.jsonl").write_text("".join(json.dumps({"text": name}) + "\n" for name in COUNTRIES))
    return folder


def command(place: Path, args: str = VLLM_ARGS) -> list[str]:
    python = vllm_python()
    named = ["--vllm-python", str(python)] if python else []
    teacher = ["--teacher", f"vllm:{place / 'small'}", *named, "--vllm-args", args]
    return [*SYNTH, "generate", "--recipe", "mine", *teacher, "--concurrency", "2", "--out", "run"]


def environment() -> dict[str, str]:
    return {**os.environ, **ON_A_SHARED_MACHINE}


@pytest.fixture
def shared_memory() -> Iterator[set[str]]:
    """The segments of this machine before the test; afterwards there are no more."""
    before = {path.name for path in Path("/dev/shm").iterdir()}
    yield before
    left = {path.name for path in Path("/dev/shm").glob("psm_*")} - before
    assert not left, "vLLM's shared memory was left behind"


def calls(run: Path) -> int:
    try:
        with Ledger(run, read_only=True) as ledger:
            return ledger.spent().calls
    except RunFolderError:  # not begun
        return 0


def wait_for_processes(run: subprocess.Popen[bytes], ready: str) -> dict[int, str]:
    """The processes below `run`, once one of them is called `ready`."""
    deadline = time.monotonic() + 600
    while True:
        processes = below(run.pid)
        if any(ready in name for name in processes.values()):
            return processes
        assert run.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.usefixtures("shared_memory")
def test_killed_run_leaves_no_process_and_goes_on_without_paying_twice(place: Path) -> None:
    with subprocess.Popen(command(place), cwd=place, env=environment(), stderr=subprocess.PIPE) as run:
        processes = wait_for_processes(run, "EngineCore")
        while not calls(place / "run"):
            assert run.poll() is None, run.stderr and run.stderr.read().decode()
            time.sleep(0.05)
        processes |= below(run.pid)
        run.send_signal(signal.SIGKILL)
    assert len(processes) >= 3, processes  # guard, server, engine
    assert gone_within(60, *processes), {pid: name for pid, name in processes.items() if alive(pid)}
    paid = calls(place / "run")
    assert paid < 2 * len(COUNTRIES)

    done = subprocess.run(command(place), cwd=place, env=environment(), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    samples = read_samples(place / "run" / "samples.parquet")
    assert [sample.dropped for sample in samples] == [None] * len(COUNTRIES)
    assert "Paris" in samples[0].response
    assert calls(place / "run") == 2 * len(COUNTRIES)
    assert "(5 s so far)" in done.stderr


@pytest.mark.usefixtures("shared_memory")
def test_run_that_is_interrupted_during_the_start_leaves_no_process(place: Path) -> None:
    with subprocess.Popen(command(place), cwd=place, env=environment(), stderr=subprocess.PIPE, text=True) as run:
        processes = wait_for_processes(run, "EngineCore")
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "interrupted; the same command again goes on from here" in said
    assert gone_within(30, *processes), {pid: name for pid, name in processes.items() if alive(pid)}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("--no-such-option", "unrecognized arguments: --no-such-option"),
        ("--max-model-len 999999", "max_model_len"),
    ],
)
def test_option_that_vllm_refuses_is_told_in_one_line(place: Path, args: str, said: str) -> None:
    done = subprocess.run(
        command(place, args), cwd=place, env=environment(), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"synth: {place / 'small'}: the server did not start (")
    assert said in last
