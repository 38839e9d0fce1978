"""The command's exit codes, its one-line errors, and what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pretrain.cli_pack import pack

pytestmark = pytest.mark.train
pytest.importorskip("tokenizers")

TEXTS = [f"value_{i} = {i}\n" for i in range(60)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pretrain.tokenizer import save_tokenizer, train_tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_tokenizer(TEXTS, vocab_size=290), folder)
    return folder


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(pack, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def test_json_is_the_manifest(tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    arguments = ("--data", f"a={tmp_path}/a.jsonl", "--tokenizer", tokenizer, "--out", tmp_path / "out", "--json")
    code, out, _ = run(*arguments, "--workers", "1")
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "out" / "manifest.json").read_text())
    code, out, errors = run(*arguments)
    assert (code, json.loads(out)["shards"]["a"]["documents"]) == (0, 60)
    assert "already finished" in errors


def test_a_full_disk_is_one_line(tokenizer: Path, tmp_path: Path) -> None:
    """A file size limit stands for the full disk: the kernel refuses the write either way."""
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text * 50}) + "\n" for text in TEXTS))
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); from pretrain.cli_pack import pack; pack()"
    )
    arguments = ["--data", f"a={tmp_path}/a.jsonl", "--tokenizer", str(tokenizer), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "a.bin: cannot be written" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]  # nor does the shuffle's scratch


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("nowhere", "nowhere: no corpus folder"),
        ("a=nowhere", "a=nowhere: no such file or folder"),
        ("a/b=nowhere", "'a/b': no name for a shard"),
        ("manifest=nowhere", "'manifest': no name for a shard"),
    ],
)
def test_bad_data_is_one_line(tokenizer: Path, tmp_path: Path, data: str, message: str) -> None:
    code, out, errors = run("--data", data, "--tokenizer", tokenizer, "--out", tmp_path / "out")
    assert (code, out, errors.count("\n")) == (1, "", 1)
    assert errors.startswith(f"pretrain pack: {message}")


@pytest.mark.parametrize("option", [("--fim-rate", "1.5"), ("--workers", "0"), ("--seed", "-1")])
def test_bad_usage_is_exit_2(tokenizer: Path, tmp_path: Path, option: tuple[str, str]) -> None:
    code, _, errors = run("--data", "a=b", "--tokenizer", tokenizer, "--out", tmp_path, *option)
    assert code == 2
    assert option[0] in errors


def test_importing_the_command_loads_nothing_heavy() -> None:
    program = "import sys, pretrain.cli_pack; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert not {name.split(".")[0] for name in done.stdout.split()} & {"numpy", "tokenizers", "pyarrow", "torch"}
