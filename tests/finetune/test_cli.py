from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from finetune import cli
from finetune.config import StageConfig
from finetune.errors import ModelError


def invoke(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli.cli, list(arguments), input=stdin)


def config(*data: str) -> StageConfig:
    return StageConfig(name="stage2", data=data, max_length=64, batch_examples=1, learning_rate=1e-4)


def test_importing_the_command_loads_nothing_heavy() -> None:
    program = "import sys, finetune.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "trl", "datasets", "numpy", "pyarrow"} & set(done.stdout.split())


@pytest.mark.train
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stage2"], "finetune stage2: stage2: no training data; give --data runs/NAME/export"),
        (["stage2", "--preset", "huge"], "finetune stage2: stage2.yaml: no preset 'huge'; it has: full, tiny"),
        (["train", "nowhere.yaml"], "finetune nowhere: nowhere.yaml: cannot be read as a stage file"),
        (["chat", "--model", "./nowhere", "--prompt", "Hi"], "finetune chat: ./nowhere: no such folder"),
        (["stage2", "--data", "x.jsonl", "--model", "./nowhere"], "finetune stage2: ./nowhere: no such folder"),
    ],
)
def test_errors_are_one_line_and_exit_1(arguments: list[str], message: str, tmp_path: Path) -> None:
    if arguments[0] == "stage2":
        arguments = [*arguments, "--out", str(tmp_path / "out")]
    result = invoke(*arguments)
    told = [line for line in result.stderr.splitlines() if "no GPU found" not in line]
    assert result.exit_code == 1
    assert len(told) == 1
    assert told[0].startswith(message)


@pytest.mark.parametrize("arguments", [["stage3"], ["stage2", "--max-steps", "0"], ["train"], ["chat", "-x"]])
def test_bad_usage_exits_2(arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2


def test_an_empty_prompt_is_an_error(tmp_path: Path) -> None:
    result = invoke("chat", "--model", str(tmp_path), stdin="")
    assert result.exit_code == 1


def test_output_goes_beside_the_export(tmp_path: Path) -> None:
    export = tmp_path / "runs" / "soup" / "export"
    export.mkdir(parents=True)
    assert cli.default_out(config(str(export))) == tmp_path / "runs" / "soup" / "stage2"


@pytest.mark.parametrize(("data", "name"), [("data/rows.jsonl", "rows"), ("owner/set:part", "set"), (".", "data")])
def test_other_data_names_a_run_of_its_own(data: str, name: str) -> None:
    assert cli.default_out(config(data)) == Path("runs") / name / "stage2"


def test_stage_2_starts_from_a_finished_stage_1_beside_it(tmp_path: Path) -> None:
    after = config("x").model_copy(update={"after": "stage1"})
    assert cli._after(after, tmp_path / "stage2", given=None).model == after.model
    (tmp_path / "stage1").mkdir()
    (tmp_path / "stage1" / "config.json").write_text("{}")
    assert cli._after(after, tmp_path / "stage2", given=None).model == str(tmp_path / "stage1")
    assert cli._after(after, tmp_path / "stage2", given="mine/own").model == after.model


def test_chat_takes_the_newest_finished_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no finished model in it"):
        cli._newest_model(tmp_path)
    for age, name in enumerate(("new", "old", "unfinished")):
        folder = tmp_path / name / "stage2"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
        os.utime(folder / "manifest.json", (1000 - age, 1000 - age if name != "unfinished" else 2000))
        if name != "unfinished":
            (folder / "config.json").write_text("{}")
    assert cli._newest_model(tmp_path) == tmp_path / "new" / "stage2"


def test_a_missing_train_extra_names_the_command() -> None:
    program = (
        "import finetune.errors as e; e.find_spec = lambda name: None if name == 'trl' else True\n"
        "import sys, finetune.cli as c; sys.argv = ['finetune', 'stage2', '--data', 'x']; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "finetune stage2: not installed: trl; run: pip install 'opencook[train]'\n"
