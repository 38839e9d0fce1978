from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from pretrain.cli_sweep import sweep as command
from pretrain.config import Preset
from pretrain.errors import ConfigError, PretrainError, RunFolderError
from pretrain.shards import write_shard
from pretrain.sweep import (
    heldout_identity,
    plan_sweep,
    read_point,
    read_sweep,
    run_folder,
    run_sweep,
    summarize,
    train_one,
)
from pretrain.sweep_show import sweep_text

DEPTHS = (1, 2, 3, 4)


def presets() -> dict[int, Preset]:
    return plan_sweep(DEPTHS, vocab_size=512)


def write_runs(out: Path, *, worth: float = 1.0) -> dict[str, Any]:
    """A finished sweep whose losses are 0.8 + 60 (worth x C)^-0.15, written as the trainings would."""
    points = []
    for depth, preset in presets().items():
        tokens = preset.train.tokens
        loss = 0.8 + 60 * (worth * preset.model.flops_per_token() * tokens) ** -0.15
        folder = run_folder(out, depth)
        folder.mkdir(parents=True)
        manifest = {"tokens": tokens, "seconds": 60.0, "heldout_bits_per_byte": {"last": {"all": loss, "c": 2 * loss}}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        points.append(read_point(depth, preset, folder))
    record = {"stage": "sweep", "status": "done", "heldout": {"c": [3, 900, 3]}} | summarize(points)
    (out / "sweep.json").write_text(json.dumps(record))
    return record


def test_settings_lie_over_every_preset() -> None:
    planned = plan_sweep([2, 1], vocab_size=512, settings={"train.seed": 7})
    assert [(depth, preset.train.seed) for depth, preset in planned.items()] == [(1, 7), (2, 7)]


@pytest.mark.parametrize("depths", [(), (1, 1, 2)])
def test_depths_that_repeat_or_are_none_are_refused(depths: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="must be different whole numbers"):
        plan_sweep(depths, vocab_size=512)


@pytest.mark.parametrize("key", ["seed", "train", "trian.seed"])
def test_a_setting_of_no_section_is_named(key: str) -> None:
    with pytest.raises(ConfigError, match=f"--set {key}"):
        plan_sweep([1], vocab_size=512, settings={key: 1})


def test_a_misspelt_setting_is_named_with_its_near_miss() -> None:
    with pytest.raises(ConfigError, match=r"tokenz.*did you mean tokens"):
        plan_sweep([1], vocab_size=512, settings={"train.tokenz": 1})


def test_a_sweep_recovers_the_curve_of_its_runs(tmp_path: Path) -> None:
    record = write_runs(tmp_path)
    assert record["curve"]["alpha"] == pytest.approx(0.15, rel=1e-2)
    ahead = record["prediction"]
    assert ahead["value"] == pytest.approx(0.8 + 60 * ahead["compute"] ** -0.15, rel=1e-4)
    assert ahead["low"] <= ahead["value"] <= ahead["high"]


def test_two_runs_have_no_curve(tmp_path: Path) -> None:
    write_runs(tmp_path)
    points = [read_point(depth, presets()[depth], run_folder(tmp_path, depth)) for depth in (1, 2)]
    found = summarize(points)
    assert found["curve"] is None
    assert "at least 3 runs" in found["no_curve"]


def test_runs_that_no_curve_fits_keep_their_figures(tmp_path: Path) -> None:
    write_runs(tmp_path)
    points = [read_point(depth, presets()[depth], run_folder(tmp_path, depth)) for depth in (1, 2, 3)]
    close = [replace(point, compute=1e13 * 1.1**n) for n, point in enumerate(points)]
    jumping = [
        replace(point, bits_per_byte={"all": loss}) for point, loss in zip(close, (3.0, 2.0, 1.99999), strict=True)
    ]
    found = summarize(jumping)
    assert [point["bits_per_byte"]["all"] for point in found["points"]] == [3.0, 2.0, 1.99999]
    assert "does not fall as a power law" in found["no_curve"]
    assert "no curve: the loss does not fall as a power law" in sweep_text(found)


def test_missing_held_out_text_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    with pytest.raises(RunFolderError, match="shards: no heldout folder in it"):
        run_sweep(presets(), [tmp_path / "shards"], tmp_path / "tokenizer", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("max_tokens", "scored"), [(1, 1), (5, 1), (6, 2), (1000, 3)])
def test_held_out_identity_is_the_text_that_is_measured(tmp_path: Path, max_tokens: int, scored: int) -> None:
    facts = {"bytes": 40, "vocab_size": 10, "tokenizer": "x", "end_of_text": 0}
    documents = [(np.array([1, 2, 0], np.int32), np.array([3], np.int32))] * 3
    (tmp_path / "heldout").mkdir()
    write_shard(tmp_path / "heldout" / "python", documents, facts)
    assert heldout_identity([tmp_path], max_tokens) == {"python": [3, 40, scored]}


@pytest.mark.parametrize("text", ["{}", '{"tokens": 1, "seconds": 1, "heldout_bits_per_byte": {"last": {}}}'])
def test_a_run_without_held_out_figures_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(RunFolderError, match=r"manifest\.json: "):
        read_point(1, presets()[1], tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stage": "pretrain"}'])
def test_a_folder_that_is_no_sweep_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(RunFolderError):
        read_sweep(tmp_path)


def test_a_training_that_fails_stops_the_sweep_with_its_code() -> None:
    with pytest.raises(PretrainError, match=r"depth 3: the training ended with exit code 3"):
        train_one([sys.executable, "-c", "raise SystemExit(3)"], where="depth 3")


def test_a_training_that_was_interrupted_interrupts_the_sweep() -> None:
    with pytest.raises(KeyboardInterrupt):
        train_one([sys.executable, "-c", "raise SystemExit(130)"], where="depth 1")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_training_which_ends_by_itself(tmp_path: Path, number: signal.Signals) -> None:
    saving = f"import os, signal, sys, time; from pathlib import Path; saved = Path({str(tmp_path / 'saved')!r})"
    saving += f"\nsignal.signal({number}, lambda *_: (saved.write_text('all'), sys.exit(130)))"
    saving += f"\ntime.sleep(0.3); os.kill(os.getppid(), {number}); time.sleep(20)"
    with pytest.raises(KeyboardInterrupt):
        train_one([sys.executable, "-c", saving], where="depth 1")
    assert (tmp_path / "saved").read_text() == "all"


def test_the_command_shows_a_finished_sweep_beside_another(tmp_path: Path) -> None:
    write_runs(tmp_path / "new", worth=1.13)
    write_runs(tmp_path / "old")
    done = CliRunner().invoke(command, ["--out", str(tmp_path / "new"), "--compare", str(tmp_path / "old")])
    assert done.exit_code == 0, done.output
    assert "all: better data: " in done.output
    assert "worth 1.13x" in done.output
    kept = json.loads((tmp_path / "new" / "comparison.json").read_text())["comparison"]["all"]
    assert kept["verdict"] == "better"
    assert kept["worth"]["value"] == pytest.approx(1.13, rel=1e-3)
    width, height = struct.unpack(">II", (tmp_path / "new" / "sweep.png").read_bytes()[16:24])
    assert width > height > 300


def test_a_sweep_that_ended_early_says_which_depths_are_there(tmp_path: Path) -> None:
    record = write_runs(tmp_path) | {"status": "failed", "depths": [1, 2, 3, 4, 5]}
    assert "failed: these are the finished ones of depths 1, 2, 3, 4, 5" in sweep_text(record)


def test_depths_that_are_no_numbers_are_bad_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--out", str(tmp_path), "--depths", "one,two"])
    assert done.exit_code == 2


@pytest.mark.train
def test_what_cannot_be_compared_is_told_before_anything_is_trained(tmp_path: Path, oven: Any) -> None:
    write_runs(tmp_path / "old")
    arguments = ["--depths", "1,2", "--shards", str(oven.shards), "--tokenizer", str(oven.tokenizer)]
    done = CliRunner().invoke(command, [*arguments, "--out", str(tmp_path / "new"), "--compare", str(tmp_path / "old")])
    assert done.exit_code == 1
    assert "different depths, [1, 2] and [1, 2, 3, 4]" in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.train
def test_a_real_sweep_trains_each_depth_once_though_one_fails_at_first(tmp_path: Path, oven: Any) -> None:
    """Two real trainings of a few steps, as processes."""
    arguments = ["--depths", "1,2", "--shards", str(oven.shards), "--tokenizer", str(oven.tokenizer)]
    arguments += ["--out", str(tmp_path), "--context", "32", "--tokens-per-parameter", "0.01", "--json"]
    arguments += ["--set", "train.evaluate_tokens=512", "--set", "train.precision=fp32"]
    (tmp_path / "depth-02").write_text("in the way of the second run's folder")
    failed = run_command("sweep", *arguments)
    assert failed.returncode == 1
    assert "depth 2: the training ended with exit code 1" in failed.stderr
    kept = read_sweep(tmp_path)
    assert (kept["status"], [point["depth"] for point in kept["points"]]) == ("failed", [1])
    (tmp_path / "depth-02").unlink()
    first = run_command("sweep", *arguments)
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("already finished") == 1
    record = json.loads(first.stdout)
    assert record["command"].startswith("pretrain sweep --depths 1,2 ")
    sizes = [point["compute"] for point in record["points"]]
    assert sizes == sorted(sizes)
    assert all(0 < point["bits_per_byte"]["all"] < 9 for point in record["points"])
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    again = run_command("sweep", *arguments)
    assert again.stderr.count("already finished") == 2
    assert json.loads(again.stdout)["points"] == record["points"]


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "pretrain.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False)
