"""The wheel holds the packages whole, data files too, and works where the tree is not.

Not covered: installing it with its dependencies, which needs a package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")}

for tool in ("build", "hatchling"):
    pytest.importorskip(tool, reason=f"{tool} is not installed; it comes with the dev extra")
if not PACKAGES:
    pytest.skip("there is no source tree around these tests to build a wheel from", allow_module_level=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-P", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The paths in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as an installer would lay it out."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_alone(unpacked: Path, program: str, *args: str) -> subprocess.CompletedProcess[str]:
    """How the program ended, with our packages from `unpacked` only: the path of an editable install is taken out."""
    alone = f"import sys; sys.path = [entry for entry in sys.path if entry != {str(ROOT)!r}]; {program}"
    return subprocess.run(
        [sys.executable, "-P", "-c", alone, *args],
        cwd=unpacked.parent,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_holds_every_file_of_the_packages(names: set[str]) -> None:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    in_tree = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert {name for name in names if ".dist-info/" not in name} == in_tree


def test_it_holds_no_tests_and_no_benchmarks(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert not {"tests", "benchmarks"} & PACKAGES


@pytest.mark.parametrize(
    "pattern",
    [
        "prompts/*/recipe.yaml",
        "prompts/*/*.zh.yaml",
        "prompts/*/*.jsonl",
        "synth/presets/*.yaml",
        "synth/scaffold_files/*.j2",
        "synth/curate/background.npz",
        "prompts/*/*.j2",
        "prompts/*/*.zh.j2",
        "prompts/starter/*.py",
        "synth/prices.yaml",
        "synth/report.css",
        "synth/report.js",
        "synth/report.html.j2",
        "sandbox/images/Dockerfile",
        "sandbox/images/*.sh",
        "finetune/stages/*.yaml",
        "finetune/templates/*.jinja",
        "pretrain/presets/*.yaml",
        "pretrain/launch.sh",
        *(f"{package}/py.typed" for package in sorted(PACKAGES)),
    ],
)
def test_data_files_are_where_the_code_looks(names: set[str], pattern: str) -> None:
    assert any(fnmatch(name, pattern) for name in names)


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_is_imported_from_the_wheel(unpacked: Path, package: str) -> None:
    done = run_alone(unpacked, f"import {package}; print({package}.__file__)")
    assert Path(done.stdout.strip()) == unpacked / package / "__init__.py", done.stderr


@pytest.mark.parametrize("command", ["synth", "sandbox", "finetune", "pretrain"])
def test_a_command_starts_from_its_entry_point(unpacked: Path, command: str) -> None:
    program = "from importlib.metadata import distribution; del sys.argv[0]; "
    program += "distribution('opencook').entry_points[sys.argv[0]].load()()"
    done = run_alone(unpacked, program, command, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_the_bundled_recipe_is_sound(unpacked: Path) -> None:
    done = run_alone(unpacked, "from synth.cli import main; main()", "recipes", "check", "educational")
    assert done.returncode == 0, done.stderr


def test_the_starter_set_gives_its_seeds(unpacked: Path) -> None:
    program = "from synth.seeds import open_seeds; print(next(open_seeds('starter')).source)"
    done = run_alone(unpacked, program)
    assert done.stdout.startswith("starter/"), done.stderr


@pytest.mark.parametrize(
    "program",
    [
        "from sandbox.image import default_tag; default_tag()",
        "from sandbox.container import supervisor_command; supervisor_command()",
        "from finetune.config import load_stage; load_stage('stage2', preset='tiny', overrides={'data': ['x']})",
        "from finetune.template import chat_template; chat_template()",
        "from pretrain.config import load_preset; load_preset('8b')",
    ],
    ids=["image", "supervisor", "stage", "template", "preset"],
)
def test_what_reads_a_data_file_finds_it(unpacked: Path, program: str) -> None:
    done = run_alone(unpacked, program)
    assert done.returncode == 0, done.stderr
