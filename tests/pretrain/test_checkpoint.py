"""Checkpoints: whole or not there, copied before the next step, loadable after the disk was full."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from pretrain.checkpoint import Saver, find, load, load_weights, read_meta  # noqa: E402
from pretrain.distributed import World  # noqa: E402
from pretrain.errors import CheckpointError  # noqa: E402
from pretrain.model import build_model  # noqa: E402
from pretrain.run import meta_of, start_run  # noqa: E402
from pretrain.train import take_step  # noqa: E402

pytestmark = pytest.mark.train

WORLD = World(rank=0, size=1, device=torch.device("cpu"))


@pytest.fixture
def run(make_phase: Callable[..., Any]) -> Any:
    """A run one step in."""
    run = start_run(make_phase(), WORLD, None, time.monotonic())
    advance(run)
    return run


def advance(run: Any) -> None:
    batch = run.reader.read(run.step)
    take_step(run, batch, batch.num_targets)


@contextmanager
def saver(run: Any, folder: Path, keep: int = 2) -> Iterator[Saver]:
    saver = Saver(folder, run.model, run.optimizer, WORLD, keep=keep)
    try:
        yield saver
    finally:
        saver.close()


def save(run: Any, folder: Path, **options: Any) -> None:
    with saver(run, folder, **options) as opened:
        opened.save(run.step, meta_of(run))
        opened.wait()


def weights_of(run: Any) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in run.model.state_dict().items()}


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_loaded_weights_have_hugging_face_names_and_every_bit(run: Any, tmp_path: Path) -> None:
    save(run, tmp_path)
    assert same(load_weights(find(tmp_path)), weights_of(run))


def test_tied_tables_come_back_as_one(tmp_path: Path, make_phase: Callable[..., Any]) -> None:
    phase = make_phase(model__tied_embeddings=True)
    run = start_run(phase, WORLD, None, time.monotonic())
    advance(run)
    save(run, tmp_path)
    again = build_model(phase.preset.model, seed=9)
    again.load_state_dict(load_weights(find(tmp_path)))
    assert torch.equal(again.lm_head.weight, run.model.model.embed_tokens.weight)


def test_the_state_is_copied_before_the_next_step(run: Any, tmp_path: Path) -> None:
    before = weights_of(run)
    with saver(run, tmp_path) as opened:
        opened.save(run.step, meta_of(run))
        advance(run)
        opened.wait()
    assert not same(before, weights_of(run))
    assert same(load_weights(find(tmp_path)), before)


def test_optimizer_state_comes_back_but_not_its_settings(run: Any, tmp_path: Path, make_phase: Any) -> None:
    save(run, tmp_path)
    other = start_run(make_phase(optimizer__weight_decay=0.3), WORLD, None, time.monotonic())
    load(find(tmp_path), other.model, other.optimizer)
    for mine, theirs in zip(run.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(run.optimizer.state[mine]["exp_avg_sq"], other.optimizer.state[theirs]["exp_avg_sq"])
    assert other.optimizer.param_groups[0]["weight_decay"] == 0.3


def test_only_the_newest_stay(run: Any, tmp_path: Path) -> None:
    for _ in range(3):
        save(run, tmp_path, keep=2)
        advance(run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]


def test_a_checkpoint_without_its_end_does_not_exist(run: Any, tmp_path: Path) -> None:
    save(run, tmp_path / "checkpoints")
    (tmp_path / "checkpoints/step-00000009").mkdir()
    (tmp_path / "checkpoints/.step-00000010.partial").mkdir()
    for place in (tmp_path, tmp_path / "checkpoints", tmp_path / "checkpoints/step-00000001"):
        assert find(place).name == "step-00000001"


def test_no_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no whole checkpoint in it; give a run folder"):
        find(tmp_path)


def test_meta_says_where_the_run_stands(run: Any, tmp_path: Path) -> None:
    save(run, tmp_path)
    meta = read_meta(find(tmp_path))
    assert (meta["step"], meta["tokens"], meta["phase"], meta["decay_start"]) == (1, 128, "stable", None)
    assert meta["spike"]["loss"] == list(run.guard.state()["loss"])


@pytest.mark.parametrize(("text", "said"), [("{", "cannot be read"), (json.dumps({"format": 2}), "format must be 1")])
def test_a_damaged_meta_is_named(run: Any, tmp_path: Path, text: str, said: str) -> None:
    save(run, tmp_path)
    (find(tmp_path) / "meta.json").write_text(text)
    with pytest.raises(CheckpointError, match=said):
        read_meta(find(tmp_path))


@pytest.mark.parametrize("name", ["__0_0.distcp", ".metadata"])
def test_a_file_cut_short_is_named(run: Any, tmp_path: Path, name: str) -> None:
    save(run, tmp_path)
    path = find(tmp_path) / name
    os.truncate(path, path.stat().st_size // 10)
    with pytest.raises(CheckpointError, match="step-00000001: cannot be loaded"):
        load_weights(path.parent)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: writes fail as on a disk without room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failed_write_is_one_line_and_the_last_checkpoint_stays(run: Any, tmp_path: Path) -> None:
    save(run, tmp_path)
    kept = weights_of(run)
    advance(run)
    with files_limited_to(50_000), pytest.raises(CheckpointError) as caught:
        save(run, tmp_path)
    assert "step 2 cannot be saved, file too large; step-00000001 stays" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert same(load_weights(find(tmp_path)), kept)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 800 kB: one checkpoint fits, two do not."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=800k", "none", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("mounting a file system needs root")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True, timeout=10)


def test_a_full_disk_is_named_and_the_last_checkpoint_stays(run: Any, small_disk: Path) -> None:
    save(run, small_disk)
    kept = weights_of(run)
    advance(run)
    with pytest.raises(CheckpointError, match="step 2 cannot be saved, the disk is full; step-00000001 stays"):
        save(run, small_disk)
    assert same(load_weights(find(small_disk)), kept)
