"""Folders and files of code or prose: which are read, as what language, under what licence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from synth.files import training_files
from synth.tables import ROW_SUFFIXES

LANGUAGES = {
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".go": "go",
    ".h": "c",
    ".hpp": "cpp",
    ".java": "java",
    ".js": "javascript",
    ".kt": "kotlin",
    ".lua": "lua",
    ".php": "php",
    ".pl": "perl",
    ".py": "python",
    ".r": "r",
    ".rb": "ruby",
    ".rs": "rust",
    ".scala": "scala",
    ".sh": "bash",
    ".sql": "sql",
    ".swift": "swift",
    ".ts": "typescript",
}
PROSE_SUFFIXES = frozenset({".adoc", ".md", ".rst", ".txt"})
MAX_FILE_BYTES = 64 * 1024
"""A longer file does not fit into a prompt, and cutting it would be silent."""
_NOT_SOURCES = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"})
_HELD_OUT = re.compile(r"(dev|eval|test|val|valid|validation)([-_.]|$)")
_LICENSE_TAG = re.compile(r"SPDX-License-Identifier:[ \t]*([\w.+ ()-]*[\w.+)])")


def files_in(folder: Path) -> list[Path]:
    """The files to read in `folder`, sorted: code and prose, or where there is no code but a dataset, its row files.

    Of a dataset with splits, test and validation are left out: they are for measuring. Of an export, what is there
    twice.
    """
    if exported := training_files(folder):
        return exported
    files = sorted(_walk(folder))
    rows = [file for file in files if file.suffix in ROW_SUFFIXES - {".json"}]
    # Beside Parquet or Arrow files, `.json` is the data set's description and `.md` its card.
    rows = rows or [file for file in files if file.suffix == ".json"]
    code = [file for file in files if file.suffix.lower() in LANGUAGES]
    if rows and not code:
        return _without_held_out(rows, folder)
    return [file for file in files if file.suffix.lower() in LANGUAGES or file.suffix.lower() in PROSE_SUFFIXES]


def read_source(path: Path, skipped: Counter[str]) -> str | None:
    """The file's text; `None` where it is empty, too long or not text, counted in `skipped` as `file.rule`."""
    content = path.read_bytes()
    if len(content) > MAX_FILE_BYTES:
        skipped["file.long"] += 1
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        skipped["file.not_text"] += 1
        return None
    if not text.strip():
        skipped["file.empty"] += 1
        return None
    return text


def language_of(path: Path) -> str:
    """The programming language of a file; `python`, the default target, for prose."""
    return LANGUAGES.get(path.suffix.lower(), "python")


def license_tag(text: str) -> str:
    """What an SPDX tag in the text says, empty without one."""
    found = _LICENSE_TAG.search(text)
    return found[1].strip() if found else ""


def _without_held_out(rows: list[Path], folder: Path) -> list[Path]:
    """The row files without those of test and validation splits, where there are others."""
    training = [file for file in rows if not any(map(_HELD_OUT.match, file.relative_to(folder).parts))]
    return training or rows


def _walk(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.name in _NOT_SOURCES:
            continue
        if entry.is_dir() and not entry.is_symlink():  # a link may lead back up
            yield from _walk(entry)
        elif entry.is_file():
            yield entry
