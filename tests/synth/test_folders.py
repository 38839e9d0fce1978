"""Which files of a folder are read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from synth.folders import MAX_FILE_BYTES, files_in, license_tag, read_source


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_in(folder)]


def test_code_and_prose_are_read_and_what_was_built_or_installed_is_not(tmp_path: Path) -> None:
    make(tmp_path, "b.py", "a/c.RS", "README.md", "logo.png", ".git/x.py", "node_modules/m.js", "a/__pycache__/c.py")
    assert names(tmp_path) == ["README.md", "a/c.RS", "b.py"]


def test_folder_without_code_is_a_dataset(tmp_path: Path) -> None:
    make(tmp_path, "README.md", "data/train-00001.parquet", "data/train-00000.parquet", "dataset_info.json")
    assert names(tmp_path) == ["data/train-00000.parquet", "data/train-00001.parquet"]


def test_held_out_splits_of_a_dataset_are_not_seeds(tmp_path: Path) -> None:
    make(tmp_path, "test/data-0.arrow", "train/data-0.arrow", "validation.jsonl", "testimony.jsonl")
    assert names(tmp_path) == ["testimony.jsonl", "train/data-0.arrow"]


def test_link_that_leads_back_up_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "a/b.py")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert names(tmp_path) == ["a/b.py"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00", "file.not_text"),
        (b"a\0b", "file.not_text"),
        (b" \n", "file.empty"),
        (b"#" * (MAX_FILE_BYTES + 1), "file.long"),
    ],
)
def test_file_that_makes_no_prompt_is_counted(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.py").write_bytes(content)
    skipped: Counter[str] = Counter()
    assert read_source(tmp_path / "a.py", skipped) is None
    assert skipped == {reason: 1}


def test_file_of_just_the_size_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"#" * MAX_FILE_BYTES)
    assert read_source(tmp_path / "a.py", Counter()) == "#" * MAX_FILE_BYTES


def test_licence_tag_is_read_from_any_comment() -> None:
    assert license_tag("/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n") == "MIT OR Apache-2.0"
    assert license_tag("no tag") == ""
