"""Wiping a directory that was made to be hard to wipe, without a container."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def wipe(path: Path) -> list[Path]:
    """What is left; in a process of its own, because `empty` changes directory."""
    subprocess.run([sys.executable, "-c", f"from sandbox.leftovers import empty; empty({str(path)!r})"], check=True)
    return list(path.iterdir())


def test_a_tree_deeper_than_any_path_or_stack(tmp_path):
    program = "import os\nfor _ in range(1500):\n    os.mkdir('d'); os.chdir('d'); open('f', 'w').close()"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert wipe(tmp_path) == []


def test_links_are_removed_not_followed(tmp_path):
    kept = tmp_path / "kept" / "file"
    kept.parent.mkdir()
    kept.write_text("here")
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (inside / "link").symlink_to(kept.parent)
    (inside / "sub" / "link").symlink_to(kept.parent)
    os.mkfifo(inside / "pipe")
    assert wipe(inside) == []
    assert kept.read_text() == "here"


def test_a_wide_tree(tmp_path):
    for i in range(300):
        (tmp_path / f"{i % 7}" / f"{i % 11}" / f"{i}").mkdir(parents=True)
    assert wipe(tmp_path) == []
