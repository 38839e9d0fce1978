from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from finetune.errors import RunFolderError
from finetune.folder import OutFolder, hold_folder, need_disk, telling_disk_full


def checkpoint(folder: OutFolder, step: int, *, state: str | None = None) -> Path:
    path = folder.checkpoints / f"checkpoint-{step}"
    path.mkdir(parents=True)
    if state != "":
        (path / "trainer_state.json").write_text(state or json.dumps({"global_step": step}))
    return path


def test_the_newest_checkpoint_counts_by_number_not_by_name(tmp_path: Path) -> None:
    folder = OutFolder(tmp_path)
    checkpoint(folder, 9)
    assert folder.last_checkpoint() == folder.checkpoints / "checkpoint-9"
    newest = checkpoint(folder, 10)
    assert folder.last_checkpoint() == newest


@pytest.mark.parametrize("state", ["", "{", '{"global'], ids=["no state", "torn", "torn key"])
def test_an_interrupted_checkpoint_is_passed_over(tmp_path: Path, state: str) -> None:
    folder = OutFolder(tmp_path)
    good = checkpoint(folder, 2)
    checkpoint(folder, 4, state=state)
    assert folder.last_checkpoint() == good


def test_only_the_newest_checkpoints_stay(tmp_path: Path) -> None:
    folder = OutFolder(tmp_path)
    for step in (2, 4, 10):
        checkpoint(folder, step)
    folder.drop_checkpoints(1)
    assert [path.name for path in folder.checkpoints.iterdir()] == ["checkpoint-10"]
    folder.drop_checkpoints(0)
    assert not folder.checkpoints.exists()


def test_metrics_after_the_checkpoint_and_torn_lines_go(tmp_path: Path) -> None:
    folder = OutFolder(tmp_path)
    folder.metrics.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    assert folder.keep_metrics_to(2) == [{"step": 1}, {"step": 2}]
    assert folder.metrics.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_second_holder_is_refused(tmp_path: Path) -> None:
    with (
        hold_folder(tmp_path),
        pytest.raises(RunFolderError, match="another process works there"),
        hold_folder(tmp_path),
    ):
        pass


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match="holds something else"), hold_folder(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_file_in_the_way_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"), hold_folder(tmp_path / "file" / "out"):
        pass


def test_a_damaged_manifest_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RunFolderError, match="--restart begins anew"):
        OutFolder(tmp_path).read_manifest()


def test_restart_spares_foreign_files(tmp_path: Path) -> None:
    folder = OutFolder(tmp_path)
    checkpoint(folder, 2)
    for name in ("manifest.json", "config.json", "model.safetensors", "notes.txt"):
        (tmp_path / name).write_text("x")
    folder.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_publishing_ends_with_the_file_that_makes_it_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staged = tmp_path / ".staged"
    staged.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (staged / name).write_text("x")
    moved: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: (moved.append(self.name), replace(self, target))[1])
    OutFolder(tmp_path).publish(staged)
    assert moved[-1] == "config.json"
    assert not staged.exists()


def test_too_little_disk_is_an_error_before_any_work(tmp_path: Path) -> None:
    need_disk(tmp_path, 1)
    with pytest.raises(RunFolderError, match="GB needed for checkpoints"):
        need_disk(tmp_path, 10**18)


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="the disk is full"), telling_disk_full(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"), telling_disk_full(tmp_path):
        raise RuntimeError("shapes do not fit")
