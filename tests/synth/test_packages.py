"""Licences and files of installed packages, from metadata written on the spot."""

from __future__ import annotations

from importlib.metadata import Distribution
from pathlib import Path

import pytest

from synth.errors import SeedError
from synth.packages import find_package, license_of


def install(site: Path, name: str, fields: str = "", files: tuple[str, ...] = ()) -> Distribution:
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{fields}\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text("")
    return Distribution.at(info)


@pytest.mark.parametrize(
    ("fields", "license"),
    [
        ("License-Expression: BSD-3-Clause\nLicense: other", "BSD-3-Clause"),
        ("License: MIT License", "MIT"),
        ("License: Some House Licence", "Some House Licence"),
        ("License: " + "x" * 200 + "\nClassifier: License :: OSI Approved :: MIT License", "MIT"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: ISC License (ISCL)", "ISC"),
        ("Classifier: License :: OSI Approved", ""),
        ("Classifier: Topic :: Utilities", ""),
    ],
)
def test_licence_comes_from_the_first_field_that_names_one(tmp_path: Path, fields: str, license: str) -> None:
    assert license_of(install(tmp_path, "pkg", fields)) == license


def test_distribution_is_found_by_its_import_name_and_tests_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "my-dist", files=("my_pkg/a.py", "my_pkg/tests/b.py", "my_pkg/test_c.py", "my_pkg/data.txt"))
    monkeypatch.syspath_prepend(tmp_path)
    package = find_package("my_pkg", spec="doctest:my_pkg")
    assert package.label == "my-dist==1.0"
    assert [path.relative_to(package.root).as_posix() for path in package.files] == ["my_pkg/a.py"]


def test_editable_install_is_found_through_its_import_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "my-pkg")
    (tmp_path / "my_pkg").mkdir()
    (tmp_path / "my_pkg" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert [path.name for path in find_package("my-pkg", spec="").files] == ["__init__.py"]


def test_standard_library_counts_as_installed() -> None:
    package = find_package("bisect", spec="doctest:bisect")
    assert (package.license, [path.name for path in package.files]) == ("PSF-2.0", ["bisect.py"])


def test_package_without_python_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "stubby")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SeedError, match="doctest:stubby: package 'stubby' has no Python files"):
        find_package("stubby", spec="doctest:stubby")


def test_near_misses_are_named() -> None:
    with pytest.raises(SeedError, match=r"installed and alike: .*pytest"):
        find_package("pytst", spec="doctest:pytst")
