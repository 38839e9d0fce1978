"""The small files of a run folder: whole or not there, and what is half removed counts as gone."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from oven import tiny

from pretrain.run_folder import RunFolder, whole_checkpoints
from synth.errors import RunFolderError

pytestmark = pytest.mark.train


@contextmanager
def no_room() -> Iterator[None]:
    """Files may not grow at all: writes fail as on a full disk. pytest's own output too, so only for a moment."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """With a manifest and a preset."""
    made = RunFolder(tmp_path)
    made.write_manifest({"status": "done"})
    made.write_config(tiny())
    return made


@pytest.mark.usefixtures("folder")
def test_without_room_for_a_manifest_or_preset_the_ones_before_stay(tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for write in (lambda: RunFolder(tmp_path).write_manifest({}), lambda: RunFolder(tmp_path).write_config(tiny(9))):
        failure = r"(manifest.json|config.yaml): cannot be written, got File too large"
        with pytest.raises(RunFolderError, match=failure), no_room():
            write()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_checkpoints_half_written_or_half_removed_are_cleared_away(folder: RunFolder) -> None:
    for name in (".step-00000003.partial", "step-00000001", "step-00000002"):
        (folder.checkpoints / name).mkdir(parents=True)
    (folder.checkpoints / "step-00000002" / "meta.json").write_text("{}")
    folder.drop_partial()
    assert list(folder.checkpoints.iterdir()) == whole_checkpoints(folder.checkpoints)
    assert len(whole_checkpoints(folder.checkpoints)) == 1
