"""Archives are read in memory, and what a hostile one holds never leaves it."""

from __future__ import annotations

import io
import lzma
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from pretrain.data import archives
from pretrain.data.archives import licence_in, read_archive
from pretrain.errors import SourceError


def tar_of(path: Path, members: dict[str, bytes], *, extra: list[tarfile.TarInfo] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra or []:
            archive.addfile(info)
    return path


def refusals(path: Path) -> dict[str, str | None]:
    return {file.path: file.refused for file in read_archive(path).files}


def test_files_come_without_the_leading_folder(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar.gz", {"a-1.0/src/a.py": b"x = 1\n", "a-1.0/README.md": b"# a\n"})
    assert {file.path: file.data for file in read_archive(path).files} == {
        "src/a.py": b"x = 1\n",
        "README.md": b"# a\n",
    }


def test_the_licence_is_the_metadatas(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar.gz", {"a-1.0/PKG-INFO": b"Name: a\nLicense-Expression: MIT\n"})
    assert read_archive(path).licence == "MIT"


def test_a_classifier_names_the_licence_where_nothing_else_does() -> None:
    assert licence_in("Name: a\nClassifier: License :: OSI Approved :: BSD License\n") == "BSD License"
    assert licence_in("Name: a\n") == "unknown"


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a-1.0/../../evil.py", "a-1.0/..\\evil.py"])
def test_a_name_that_climbs_out_is_refused(tmp_path: Path, name: str) -> None:
    path = tar_of(tmp_path / "a.tar.gz", {name: b"x = 1\n"})
    assert list(refusals(path).values()) == ["preprocess.unsafe_path"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_no_files(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("a-1.0/a.py")
    member.type, member.linkname = kind, "/etc/passwd"
    assert refusals(tar_of(tmp_path / "a.tar.gz", {}, extra=[member])) == {}


def test_a_symbolic_link_in_a_zip_is_no_file(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a-1.0/a.py")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a-1.0/b.py", "x = 1\n")
    assert refusals(tmp_path / "a.zip") == {"b.py": None}


@pytest.mark.parametrize(("size", "reason"), [(8 * 10**6, None), (8 * 10**6 + 1, "preprocess.too_large")])
def test_files_up_to_eight_megabytes_are_read(tmp_path: Path, size: int, reason: str | None) -> None:
    assert refusals(tar_of(tmp_path / "a.tar.gz", {"a-1.0/a.py": b"#" * size})) == {"a.py": reason}


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_a_bomb_is_named_and_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 10**6)
    path = tmp_path / f"bomb{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/a.py", b"\0" * 2 * 10**6)
    else:
        tar_of(path, {"a/a.py": b"\0" * 2 * 10**6})
    with pytest.raises(SourceError, match=r"bomb.*unpacks to over"):
        read_archive(path)


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_a_damaged_archive_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"torn{suffix}"
    path.write_bytes(tar_of(tmp_path / "whole.tar.gz", {"a/a.py": bytes(range(256)) * 99}).read_bytes()[:200])
    with pytest.raises(SourceError, match=r"torn.*not a whole archive"):
        read_archive(path)


def test_a_damaged_xz_archive_is_named(tmp_path: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name in ("a-1.0/a.py", "a-1.0/b.py"):
            info = tarfile.TarInfo(name)
            info.size = 10**6
            archive.addfile(info, io.BytesIO(random.Random(0).randbytes(info.size // 2).hex().encode()))
    data = bytearray(lzma.compress(plain.getvalue()))
    data[len(data) // 2 : len(data) // 2 + 100] = b"\xff" * 100
    (tmp_path / "a.tar.gz").write_bytes(data)
    with pytest.raises(SourceError, match="not a whole archive"):
        read_archive(tmp_path / "a.tar.gz")
