from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from finetune.cli import cli
from finetune.cli_eval import default_out


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["eval", *arguments])


@pytest.mark.parametrize(
    "arguments",
    [[], ["--model", "x", "--k", "2"], ["--model", "x", "--samples", "0"], ["--model", "x", "--mode", "chatty"]],
)
def test_bad_usage_exits_2(arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "./nowhere"], "finetune eval: ./nowhere: no such folder"),
        (["--model", "./nowhere", "--benchmark", "x"], "finetune eval: benchmark: must be one of humaneval, got 'x'"),
    ],
)
def test_errors_are_one_line_and_exit_1(arguments: list[str], message: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_output_goes_beside_a_model_folder(tmp_path: Path) -> None:
    assert default_out(str(tmp_path), "humaneval-chat") == tmp_path.parent / "eval" / f"{tmp_path.name}-humaneval-chat"
    assert default_out("owner/model", "humaneval-base") == Path("runs/owner--model/eval/humaneval-base")


@pytest.mark.train
@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_a_model_is_scored_and_the_second_call_finds_it_finished(tiny_model: Path, tmp_path: Path) -> None:
    arguments = ["--model", str(tiny_model), "--mode", "base", "--limit", "2", "--max-new-tokens", "4", "--json"]
    arguments += ["--samples", "2", "--k", "2", "--temperature", "1", "--out", str(tmp_path / "out")]
    first = invoke(*arguments)
    assert first.exit_code == 0, first.stderr
    manifest = json.loads(first.stdout)
    assert manifest["completions"] == 4
    assert set(manifest["pass_at_k"]) == {"1", "2"}
    again = invoke(*arguments)
    assert json.loads(again.stdout) == manifest
    assert "already finished" in again.stderr
