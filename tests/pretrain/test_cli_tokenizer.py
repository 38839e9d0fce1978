"""`pretrain tokenizer` as a user meets it: results, reruns, and one line for each thing that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("tokenizers")

from pretrain.cli_tokenizer import tokenizer as command
from pretrain.run_folder import hold_folder
from pretrain.tokenizer import fingerprint, load_tokenizer

pytestmark = pytest.mark.train

SYNTH = Path(__file__).parents[2] / "synth"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for path in sorted(SYNTH.glob("*.py")):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(autouse=True)
def no_rival(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("pretrain.fertility.find_spec", lambda _: None)


def test_it_trains_and_reports(data: Path, tmp_path: Path) -> None:
    done = run("--data", data, "--vocab-size", 1000, "--out", tmp_path / "t", "--json")
    assert done.exit_code == 0, done.stderr
    manifest: dict[str, Any] = json.loads(done.stdout)
    assert manifest == json.loads((tmp_path / "t" / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["stage"], manifest["status"]) == ("tokenizer", "done")
    assert manifest["fingerprint"] == fingerprint(tmp_path / "t")
    assert load_tokenizer(tmp_path / "t").get_vocab_size() == 1000
    assert 2 < manifest["fertility"]["py"]["ours"]["bytes_per_token"] < 5
    assert "no tokenizer to compare with: smollm2: not in" in done.stderr


def test_a_finished_folder_is_left_alone(data: Path, tmp_path: Path) -> None:
    arguments = ("--data", data, "--vocab-size", 500, "--out", tmp_path / "t")
    first = run(*arguments)
    written = (tmp_path / "t" / "tokenizer.json").stat().st_mtime_ns
    second = run(*arguments)
    assert "already finished" in second.stderr
    assert second.stdout == first.stdout
    assert (tmp_path / "t" / "tokenizer.json").stat().st_mtime_ns == written
    assert "already finished" not in run(*arguments, "--restart").stderr


def test_other_inputs_are_noticed(data: Path, tmp_path: Path) -> None:
    run("--data", data, "--vocab-size", 500, "--out", tmp_path / "t")
    done = run("--data", data, "--vocab-size", 501, "--out", tmp_path / "t", "--seed", 3)
    assert done.exit_code == 1
    assert done.stderr.endswith("was trained with another vocab_size and seed; give --restart or another --out\n")


def test_a_damaged_tokenizer_is_trained_again(data: Path, tmp_path: Path) -> None:
    arguments = ("--data", data, "--vocab-size", 500, "--out", tmp_path / "t")
    run(*arguments)
    before = fingerprint(tmp_path / "t")
    (tmp_path / "t" / "tokenizer.json").write_text("{")
    assert run(*arguments).exit_code == 0
    assert fingerprint(tmp_path / "t") == before


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json"])
def test_a_folder_with_a_file_missing_is_not_finished(data: Path, tmp_path: Path, name: str) -> None:
    arguments = ("--data", data, "--vocab-size", 400, "--out", tmp_path / "t")
    run(*arguments)
    (tmp_path / "t" / name).unlink()
    assert "already finished" not in run(*arguments).stderr
    assert (tmp_path / "t" / name).is_file()


def test_a_finished_tokenizer_is_compared_without_training(data: Path, tmp_path: Path) -> None:
    run("--data", data, "--vocab-size", 300, "--out", tmp_path / "small")
    arguments = ("--data", data, "--vocab-size", 400, "--out", tmp_path / "t")
    at_once = run(*arguments, "--compare", tmp_path / "small", "--json")
    run(*arguments, "--restart")
    written = (tmp_path / "t" / "tokenizer.json").stat().st_mtime_ns
    later = run(*arguments, "--compare", tmp_path / "small", "--json")
    assert "already finished; comparing with" in later.stderr
    for key in ("fertility", "vocab_sizes"):
        assert json.loads(later.stdout)[key] == json.loads(at_once.stdout)[key]
    assert (tmp_path / "t" / "tokenizer.json").stat().st_mtime_ns == written
    assert "comparing" not in run(*arguments, "--compare", tmp_path / "small").stderr


@pytest.mark.parametrize("option", [(), ("--restart",)])
@pytest.mark.parametrize("content", ['{"stage": "pack", "inputs": {}}', '{"stage": "tokenizer"}', "[]"])
def test_the_folder_of_another_stage_is_left_alone(
    data: Path, tmp_path: Path, content: str, option: tuple[str, ...]
) -> None:
    (tmp_path / "manifest.json").write_text(content)
    done = run("--data", data, "--vocab-size", 400, "--out", tmp_path, *option)
    assert done.exit_code == 1
    assert done.stderr.endswith("not of `pretrain tokenizer`, another stage's; choose another --out\n")
    assert (tmp_path / "manifest.json").read_text() == content


def test_one_process_trains_at_a_time(data: Path, tmp_path: Path) -> None:
    with hold_folder(tmp_path / "t"):
        done = run("--data", data, "--vocab-size", 400, "--out", tmp_path / "t")
    assert done.exit_code == 1
    assert "another process" in done.stderr


def test_the_manifest_says_by_which_command(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/bin/pretrain", "tokenizer", "--out", "my tokens"])
    done = run("--data", data, "--vocab-size", 400, "--out", tmp_path / "t", "--json")
    assert json.loads(done.stdout)["command"] == "pretrain tokenizer --out 'my tokens'"


def test_it_compares_with_any_tokenizer(data: Path, tmp_path: Path) -> None:
    run("--data", data, "--vocab-size", 300, "--out", tmp_path / "small")
    done = run("--data", data, "--vocab-size", 900, "--out", tmp_path / "t", "--compare", tmp_path / "small")
    assert "small (300)" in done.stdout
    figures = json.loads((tmp_path / "t" / "manifest.json").read_text(encoding="utf-8"))["fertility"]["py"]
    assert figures["ours"]["tokens"] < figures[str(tmp_path / "small")]["tokens"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--vocab-size", 90_000), "vocab_size: the texts give only"),
        (("--vocab-size", 10), "must be 288 or more"),
        (("--vocab-size", 400, "--compare", "/nowhere"), "/nowhere: no such file"),
        (("--vocab-size", 400, "--data", "/nowhere"), "/nowhere: no such file or folder"),
        (("--vocab-size", 400, "--sample-mb", "inf"), "--sample-mb: must be more than 0 and finite, got inf"),
        (("--vocab-size", 400, "--sample-mb", "nan"), "--sample-mb: must be more than 0 and finite, got nan"),
        (("--vocab-size", 400, "--compare", "ours"), "--compare ours: a name of this table; write ./ours"),
    ],
)
def test_what_is_wrong_takes_one_line(data: Path, tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    done = run("--data", data, "--out", tmp_path / "t", *arguments)
    assert done.exit_code == 1
    assert message in done.stderr.splitlines()[-1]
    assert not (tmp_path / "t" / "manifest.json").exists()


def test_bad_usage_exits_with_two(data: Path, tmp_path: Path) -> None:
    assert run("--data", data, "--out", tmp_path / "t").exit_code == 2
    assert run("--data", data, "--out", tmp_path / "t", "--vocab-size", 400, "--sample-mb", 0).exit_code == 2
