"""The arrows of the design, over every import in the tree, and what must not be loaded before it is needed."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"prompts", "sandbox", "synth", "finetune", "pretrain"}
ALLOWED = {
    "prompts": set[str](),
    "sandbox": set[str](),
    "synth": {"sandbox", "prompts"},
    "finetune": {"sandbox", "synth.curate"},
    "pretrain": {"synth.curate", "synth.files", "synth.errors", "sandbox.console"},
}
HEAVY = {
    "accelerate",
    "datasets",
    "docker",
    "gguf",
    "matplotlib",
    "numba",
    "ray",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
    "vllm",
    "xllamacpp",
}


def imports_of(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """The absolute modules a file imports; with `top_level_only` those that importing it loads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(package: str) -> list[Path]:
    # the starter set is data: functions to be read, with imports of their own
    return [path for path in sorted((ROOT / package).rglob("*.py")) if "starter" not in path.parts]


@pytest.mark.parametrize("package", sorted(path.name for path in ROOT.iterdir() if path.name in OURS))
def test_nothing_points_against_the_arrows(package: str) -> None:
    allowed = {package, *ALLOWED[package]}
    for path in files_of(package):
        for module in imports_of(path):
            if module.split(".")[0] in OURS:
                fits = any(module == name or module.startswith(name + ".") for name in allowed)
                assert fits, f"{path.relative_to(ROOT)} imports {module}"


def test_curate_knows_nothing_of_the_rest() -> None:
    for path in files_of("synth/curate"):
        for module in imports_of(path):
            assert module.split(".")[0] not in OURS or module.startswith("synth.curate"), f"{path} imports {module}"


def test_sandbox_needs_only_docker_and_the_standard_library() -> None:
    standard = sys.stdlib_module_names | {"docker", "requests", "sandbox"}  # docker-py raises requests' exceptions
    for path in files_of("sandbox"):
        assert {module.split(".")[0] for module in imports_of(path)} <= standard, path


# Nothing but torch, and imported only by the commands that train or measure.
TORCH_MODULES = {
    f"pretrain/{name}.py"
    for name in (
        *("attention", "batches", "checkpoint", "completions", "compute", "continuations", "cpu_attention"),
        *("distributed", "export", "gguf_file", "heldout", "loss", "run", "train"),
    )
}


@pytest.mark.parametrize("package", ["prompts", "sandbox", "synth", "finetune", "pretrain"])
def test_heavy_packages_are_imported_only_where_they_are_used(package: str) -> None:
    for path in files_of(package):
        if str(path.relative_to(ROOT)) in TORCH_MODULES | {"synth/curate/compiled.py"}:  # numba, by `search.py` alone
            continue
        loaded = {module.split(".")[0] for module in imports_of(path, top_level_only=True)}
        assert not loaded & HEAVY, f"{path.relative_to(ROOT)} loads {loaded & HEAVY}"


def test_importing_synth_loads_nothing_heavy() -> None:
    program = "import sys, synth.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {module.split(".")[0] for module in done.stdout.split()} & (HEAVY | {"openai", "pyarrow", "numpy"})


@pytest.mark.parametrize("command", ["synth", "sandbox", "finetune", "pretrain"])
def test_help_answers_at_once(command: str) -> None:
    """In processor time, which other work on the machine hardly changes; the best of five."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([Path(sys.executable).with_name(command), "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.4, f"{command} --help took {min(spent):.2f} s"
