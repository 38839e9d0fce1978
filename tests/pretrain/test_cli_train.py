"""The commands as people run them: killed, interrupted, run again, run wrongly."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from oven import Oven, Trainer, environment, pack, read_steps, training_command

from pretrain.cli_train import anneal, train
from pretrain.interrupt import heeding_signals
from pretrain.run_folder import hold_folder

pytestmark = pytest.mark.train

PhaseMaker = Callable[..., Any]
LONG = 60
"""Steps: more than a run takes before a signal reaches it."""


@contextmanager
def training(command: list[str], out: Path, *, until_step: int) -> Iterator[subprocess.Popen[str]]:
    """The process, once it has logged that step; it is gone when the block ends."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        deadline = time.monotonic() + 60
        while not (out / "metrics.jsonl").is_file() or len(read_whole_steps(out)) < until_step:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def read_whole_steps(out: Path) -> list[str]:
    text = (out / "metrics.jsonl").read_text()
    return [line for line in text.splitlines() if '"loss"' in line]


def long_options() -> list[str]:
    return ["--max-steps", str(LONG), "--set", "train.save_every_steps=4"]


def test_killed_at_a_random_step_a_run_repeats_itself_bit_for_bit(
    oven: Oven, tiny_preset: Path, make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    out, step = tmp_path / "killed", random.randrange(5, 20)
    with training(training_command(oven, tiny_preset, out, *long_options()), out, until_step=step) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    assert not (out / "manifest.json").exists()
    phase = make_phase(steps=LONG, train__save_every_steps=50)
    assert train_here(phase, out) == train_here(phase, tmp_path / "whole"), f"killed at step {step}"


def test_a_signal_saves_says_how_to_go_on_and_exits_130(oven: Oven, tiny_preset: Path, tmp_path: Path) -> None:
    with training(training_command(oven, tiny_preset, tmp_path, *long_options()), tmp_path, until_step=3) as process:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 130
    saved = sorted(path.name for path in (tmp_path / "checkpoints").glob("step-*"))[-1]
    assert int(saved.removeprefix("step-")) == read_steps(tmp_path)[-1]["step"]
    assert f"stopped by a signal; {saved} is whole" in said
    assert "the same command again goes on from here" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_is_a_wish_to_stop_and_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with heeding_signals(once=False) as wish:
        signal.raise_signal(number)
        signal.raise_signal(number)  # one Ctrl-C under torchrun
    assert wish.seen
    assert signal.getsignal(number) == before


def test_a_second_interrupt_stops_at_once_where_nobody_launched_us() -> None:
    with heeding_signals(once=True):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_second_termination_does_what_it_did_before() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with heeding_signals(once=True) as wish:
            signal.raise_signal(signal.SIGTERM)
            assert (wish.seen, seen) == (True, [])
            signal.raise_signal(signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def invoke(command: Any, *options: Any) -> Any:
    return CliRunner().invoke(command, [str(option) for option in options])


@pytest.fixture
def finished(make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path) -> Path:
    """A run of two steps."""
    train_here(make_phase(steps=2), tmp_path / "run")
    return tmp_path / "run"


def arguments(oven: Oven, preset: Path, out: Path) -> list[Any]:
    return ["--preset", preset, "--shards", oven.shards, "--tokenizer", oven.tokenizer, "--out", out]


def test_a_finished_run_says_so_without_loading_torch(oven: Oven, tiny_preset: Path, finished: Path) -> None:
    program = (
        "import sys\nfrom pretrain.cli_train import train\n"
        "try:\n    train()\nfinally:\n    assert 'torch' not in sys.modules"
    )
    options = [*arguments(oven, tiny_preset, finished), "--max-steps", 2, "--json"]
    started = time.monotonic()
    command = [sys.executable, "-c", program, *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert "already finished" in done.stderr
    assert json.loads(done.stdout)["status"] == "done"
    assert time.monotonic() - started < 5  # 0.5 s on a quiet machine


def test_the_manifest_has_the_figures_of_the_run(finished: Path) -> None:
    manifest = json.loads((finished / "manifest.json").read_text())
    assert (manifest["stage"], manifest["status"], manifest["steps"], manifest["tokens"]) == (
        "pretrain",
        "done",
        2,
        256,
    )
    assert manifest["first_loss"] == read_steps(finished)[0]["loss"]
    assert manifest["heldout_bits_per_byte"]["last"]["python"] < manifest["heldout_bits_per_byte"]["first"]["python"]
    assert 0 < manifest["mfu"] < 1
    assert len(manifest["samples"]) == 3


def test_other_settings_in_a_finished_folder_are_an_error(oven: Oven, tiny_preset: Path, finished: Path) -> None:
    done = invoke(train, *arguments(oven, tiny_preset, finished), "--set", "train.seed=5")
    assert done.exit_code == 1
    assert "holds a run with other settings: train.seed 0 -> 5; --restart begins anew" in done.stderr


def test_a_finished_run_names_the_settings_that_come_too_late(oven: Oven, tiny_preset: Path, finished: Path) -> None:
    changed = ["--max-steps", 1, "--set", "train.keep_checkpoints=9"]
    done = invoke(train, *arguments(oven, tiny_preset, finished), *changed)
    assert done.exit_code == 0
    assert done.stderr == (
        f"{finished}: already finished, so train.tokens 256 -> 128, train.keep_checkpoints 2 -> 9 has no effect; "
        "--restart begins anew\n"
    )


def test_the_manifest_holds_a_command_that_a_shell_takes(oven: Oven, tiny_preset: Path, tmp_path: Path) -> None:
    command = training_command(oven, tiny_preset, tmp_path, "--max-steps", "1")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment())
    told = json.loads((tmp_path / "manifest.json").read_text())["command"]
    assert told.endswith(f" {shlex.join(command[3:])}")
    assert "Warning" not in done.stderr


def test_annealing_writes_a_manifest_of_its_own(oven: Oven, finished: Path, tmp_path: Path) -> None:
    shards = ["--shards", oven.shards, "--shards", oven.synth]
    done = invoke(anneal, "--from", finished, *shards, "--out", tmp_path / "anneal", "--max-steps", 2, "--json")
    assert done.exit_code == 0, done.output
    manifest = json.loads(done.stdout)
    assert (manifest["stage"], manifest["steps"], manifest["first_step"]) == ("anneal", 2, 2)
    assert manifest["from"].endswith("run/checkpoints/step-00000002")


def test_annealing_without_its_synthetic_shards_names_the_source(oven: Oven, finished: Path, tmp_path: Path) -> None:
    done = invoke(anneal, "--from", finished, "--shards", oven.shards, "--out", tmp_path / "anneal")
    assert done.exit_code == 1
    assert "no data for mixture source 'synth'" in done.stderr


def test_a_damaged_shard_is_named_before_training(oven: Oven, tiny_preset: Path, tmp_path: Path) -> None:
    pack(oven.tokenizer, tmp_path / "shards/python", ["def f():\n    return 1\n" * 50])
    path = tmp_path / "shards/python.bin"
    path.write_bytes(path.read_bytes()[:-4] + b"\7\0\0\0")
    given = ["--preset", tiny_preset, "--shards", tmp_path / "shards", "--tokenizer", oven.tokenizer]
    done = invoke(train, *given, "--out", tmp_path / "run")
    assert done.exit_code == 1
    assert "python.bin" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("options", [[], ["--preset", "tiny", "--depth", "2"]])
def test_exactly_one_of_preset_and_depth_is_needed(oven: Oven, tmp_path: Path, options: list[str]) -> None:
    done = invoke(train, *options, "--shards", oven.shards, "--tokenizer", oven.tokenizer, "--out", tmp_path)
    assert done.exit_code == 2
    assert "give either --preset or --depth" in done.stderr


def test_a_folder_in_use_is_named(oven: Oven, tiny_preset: Path, tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        done = invoke(train, *arguments(oven, tiny_preset, tmp_path))
    assert done.exit_code == 1
    assert "another process works there" in done.stderr


def test_help_loads_nothing_heavy() -> None:
    program = "import sys, pretrain.cli_train; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert not {"torch", "numpy", "pydantic", "yaml"} & {name.split(".")[0] for name in done.stdout.split()}
