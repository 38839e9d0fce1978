from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pretrain.cli_sweep import sweep as command
from pretrain.config import Preset
from pretrain.errors import ConfigError, PretrainError, RunFolderError
from pretrain.sweep import (
    compare,
    heldout_identity,
    plan_sweep,
    read_point,
    read_sweep,
    run_folder,
    summarize,
    train_one,
)

DEPTHS = (1, 2, 3, 4)


def presets() -> dict[int, Preset]:
    return plan_sweep(DEPTHS, vocab_size=512)


def write_runs(out: Path, *, worth: float = 1.0, heldout: tuple[int, int] = (3, 900)) -> dict[str, Any]:
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
    record = {"stage": "sweep", "heldout": {"c": list(heldout)}} | summarize(points)
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


def test_a_language_whose_loss_does_not_fall_is_left_out_of_the_comparison(tmp_path: Path) -> None:
    new, old = write_runs(tmp_path / "new"), write_runs(tmp_path / "old")
    for record in (new, old):
        for point in record["points"]:
            point["bits_per_byte"]["c"] = 2.0
    assert list(compare(new, old)) == ["all"]


def test_better_data_is_worth_its_compute_in_every_language(tmp_path: Path) -> None:
    worth = compare(write_runs(tmp_path / "new", worth=1.13), write_runs(tmp_path / "old"))
    assert {name: round(estimate.value, 3) for name, estimate in worth.items()} == {"all": 1.13, "c": 1.13}


def test_sweeps_with_other_held_out_text_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="different held-out text"):
        compare(write_runs(tmp_path / "new", heldout=(3, 901)), write_runs(tmp_path / "old"))


def test_sweeps_of_other_depths_are_not_compared(tmp_path: Path) -> None:
    record = write_runs(tmp_path)
    with pytest.raises(ConfigError, match="different depths"):
        compare(record, record | {"points": record["points"][:3]})


def test_held_out_identity_is_the_text_not_the_tokens(tmp_path: Path) -> None:
    folder = tmp_path / "shards" / "heldout"
    folder.mkdir(parents=True)
    (folder / "python.json").write_text(json.dumps({"documents": 5, "bytes": 1000, "tokens": 300}))
    assert heldout_identity([tmp_path / "shards"]) == {"python": [5, 1000]}


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
    assert "worth 1.13x" in done.output
    width, height = struct.unpack(">II", (tmp_path / "new" / "sweep.png").read_bytes()[16:24])
    assert width > height > 300


def test_depths_that_are_no_numbers_are_bad_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--out", str(tmp_path), "--depths", "one,two"])
    assert done.exit_code == 2


@pytest.mark.train
def test_a_real_sweep_trains_each_depth_once(tmp_path: Path, oven: Any) -> None:
    """Two real trainings of a few steps, as processes."""
    arguments = ["--depths", "1,2", "--shards", str(oven.shards), "--tokenizer", str(oven.tokenizer)]
    arguments += ["--out", str(tmp_path), "--context", "32", "--tokens-per-parameter", "0.01", "--json"]
    arguments += ["--set", "train.evaluate_tokens=512", "--set", "train.precision=fp32"]
    first = run_command("sweep", *arguments)
    assert first.returncode == 0, first.stderr
    record = json.loads(first.stdout)
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
