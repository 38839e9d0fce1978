"""Which files become documents, and why the others do not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pretrain.data.document import Document, RawFile
from pretrain.data.languages import is_excluded, language_of
from pretrain.data.preprocess import preprocess_unit, to_document
from pretrain.data.sources import open_source
from pretrain.errors import SourceError


def reason_for(data: bytes, path: str = "a.py") -> Document | str:
    return to_document(RawFile(path, data), repo="a==1", licence="MIT", source="pypi")


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.py", "python"),
        ("A.PY", "python"),
        ("x.pyx", "cython"),
        ("x.hpp", "cpp"),
        ("README", "text"),
        ("CMakeLists.txt", "cmake"),
        ("notes.txt", "text"),
        ("x.rst", "restructuredtext"),
        ("x.unheard", None),
        ("x", None),
    ],
)
def test_the_name_tells_the_language(path: str, language: str | None) -> None:
    assert language_of(path) == language


@pytest.mark.parametrize("path", ["a.csv", "a.svg", "lib/a.min.js", "package-lock.json", "node_modules/a/b.js"])
def test_types_nobody_wants_are_excluded(path: str) -> None:
    assert is_excluded(path)
    assert not is_excluded("lib/a.js")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "preprocess.empty"),
        (b" \n\n", "preprocess.empty"),
        (b"x = 1\0\n", "preprocess.binary"),
        (b"\x7fELF\x02\x01\x01\0\0", "preprocess.binary"),
        ("x = 'é'\n".encode("latin-1"), "preprocess.not_utf8"),
        ("x = 1\n".encode("utf-16"), "preprocess.binary"),
        (b"x = '\xed\xa0\x80'\n", "preprocess.not_utf8"),
    ],
)
def test_what_is_no_text_is_dropped_by_its_reason(data: bytes, reason: str) -> None:
    assert reason_for(data) == reason


def test_bytes_stay_as_they_are_and_give_the_id() -> None:
    data = "x = 'né'\r\n\r\n\ty\n".encode()
    document = reason_for(data)
    assert isinstance(document, Document)
    assert document.text.encode() == data
    assert document.id == hashlib.sha256(data).hexdigest()


def test_a_byte_order_mark_goes() -> None:
    document = reason_for(b"\xef\xbb\xbfx = 1\n")
    assert isinstance(document, Document)
    assert document.text == "x = 1\n"


def test_a_name_that_is_not_utf8_can_be_written() -> None:
    document = reason_for(b"x = 1\n", path="caf\udce9.py")
    assert isinstance(document, Document)
    assert document.path == "caf\\udce9.py"


def test_folders_below_the_folder_are_the_packages_and_links_are_left_out(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("x = 1\n")
    (tmp_path / "one" / "passwd.py").symlink_to("/etc/passwd")
    (tmp_path / "three").symlink_to("/etc")
    (tmp_path / "README.md").write_text("# both\n")
    units = open_source(str(tmp_path)).units
    assert [unit.repo for unit in units] == ["one", "two", tmp_path.name]
    assert [doc.path for doc in preprocess_unit(units[0]) if isinstance(doc, Document)] == ["a.py"]
    assert [doc.path for doc in preprocess_unit(units[2]) if isinstance(doc, Document)] == ["README.md"]


def test_rows_of_a_table_bring_their_own_repo_and_language(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    table.write_text(
        '{"text": "fn main", "language": "Rust", "repo": "r"}\n{"text": "x", "path": "a.py"}\n{"text": 3}\n'
    )
    results = preprocess_unit(open_source(str(table)).units[0])
    shown = [(doc.language, doc.repo) if isinstance(doc, Document) else doc for doc in results]
    assert shown == [("rust", "r"), ("python", "t/1"), "preprocess.no_text"]


def test_a_table_without_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"body": "x"}\n')
    with pytest.raises(SourceError, match="needs a column text or content or code, got body"):
        preprocess_unit(open_source(str(tmp_path / "t.jsonl")).units[0])


def test_an_unknown_source_lists_what_there_is() -> None:
    with pytest.raises(SourceError, match="no such source; give pypi"):
        open_source("nowhere")
