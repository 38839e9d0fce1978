"""`pretrain/launch.sh` as a user starts it. The chain itself, on the smoke preset, is in `test_chain.py`."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from pretrain.cli import COMMANDS, cli

LAUNCH = Path(__file__).parents[2] / "pretrain" / "launch.sh"


def launch(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [LAUNCH, *arguments],
        cwd=cwd,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def commands_of(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """What each step of a dry run would call, in order."""
    lines = [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in done.stderr.splitlines()]
    return [shlex.split(line.partition("] ")[2]) for line in lines if line.startswith("[")]


def test_a_dry_run_shows_every_step_and_runs_none(tmp_path: Path) -> None:
    done = launch("--preset", "tiny", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    verbs = [" ".join(command[:2]) for command in commands_of(done)]
    chain = ["pretrain data", "pretrain tokenizer", "pretrain pack", "pretrain train", "pretrain anneal"]
    chain += ["pretrain export", "finetune stage1", "finetune stage2", "pretrain eval", "finetune eval"]
    assert [verb for verb in dict.fromkeys(verbs) if verb in chain] == chain
    assert not (tmp_path / "runs").exists()


def test_every_printed_pretrain_command_is_one_that_the_parser_takes(tmp_path: Path) -> None:
    context = click.Context(cli)
    for command in commands_of(launch("--preset", "tiny", "--dry-run", cwd=tmp_path)):
        if command[0] == "pretrain":
            assert command[1] in COMMANDS
            found = cli.get_command(context, command[1])
            assert found is not None
            found.make_context(command[1], command[2:])  # raises on unknown options


def test_the_big_presets_show_the_form_for_several_nodes(tmp_path: Path) -> None:
    done = launch("--preset", "1.5b", "--dry-run", cwd=tmp_path, NNODES="4", GPUS="8", HEAD="node0", PORT="29401")
    assert done.returncode == 0, done.stderr
    training = [" ".join(command) for command in commands_of(done) if "torchrun" in command]
    assert len(training) == 2
    for line in training:
        assert "torchrun --nnodes 4 --nproc-per-node 8" in line
        assert "--rdzv-endpoint node0:29401 -m pretrain.cli" in line


def test_the_big_presets_need_gpus_but_show_their_form_without(tmp_path: Path) -> None:
    shown = launch("--preset", "8b", "--dry-run", cwd=tmp_path, GPUS="0")
    assert "torchrun --nnodes 1 --nproc-per-node 8" in shown.stderr
    refused = launch("--preset", "8b", cwd=tmp_path, GPUS="0")
    assert refused.returncode == 1
    assert "launch.sh: no GPU for 8b here" in refused.stderr


def test_the_plan_is_for_the_gpus_there_are(tmp_path: Path) -> None:
    done = launch("--preset", "1.5b", "--dry-run", cwd=tmp_path, NNODES="4", GPUS="4")
    assert "on 16 x h100" in done.stdout


STUB = """#!/bin/bash
# Stands for every command of the chain: notes the call and leaves the manifest of its --out or --target.
echo "$(basename "$0") $*" >> "$CALLS"
while (($#)); do
    [[ $1 == "${FAILING:-}" ]] && exit 3
    [[ $1 == "${TERMINATED:-}" ]] && { kill -TERM $PPID; echo saved > saved; exit 130; }
    case $1 in --out | --target) mkdir -p "$2"; echo '{"status": "done"}' > "$2/manifest.json" ;; esac
    shift
done
"""


@pytest.fixture
def chain(tmp_path: Path) -> Callable[..., tuple[subprocess.CompletedProcess[str], list[str]]]:
    """A starter of the whole chain over stubs, in folders with spaces: how it ended, and the commands it ran."""
    (tmp_path / "a b" / "pretrain").mkdir(parents=True)
    script = shutil.copy(LAUNCH, tmp_path / "a b" / "pretrain")
    for name in ("pretrain", "finetune", "synth", "python"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(STUB)
        (tmp_path / "bin" / name).chmod(0o755)
    calls = tmp_path / "calls"

    def start(**environment: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        calls.unlink(missing_ok=True)
        known = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "CALLS": str(calls), "GPUS": "0"}
        command = [script, "--preset", "tiny", "--name", "my run"]
        done = subprocess.run(
            command, cwd=tmp_path / "a b", env=known | environment, capture_output=True, text=True, timeout=60
        )
        return done, calls.read_text().splitlines()

    return start


def test_a_chain_in_a_folder_with_spaces_runs_each_step_once(chain: Any, tmp_path: Path) -> None:
    done, calls = chain()
    assert done.returncode == 0, done.stderr
    assert len(calls) == 19
    assert (tmp_path / "a b" / "runs" / "my run" / "eval" / "chat-stage2" / "manifest.json").is_file()
    again, calls = chain()
    assert again.stderr.count("finished before; skipped") == 16
    assert [call.partition(" --")[0].partition(" runs")[0] for call in calls] == [
        "pretrain plan",
        "finetune chat",
        "pretrain report",
    ]


def test_a_failing_step_stops_the_chain_with_its_name_and_is_where_it_goes_on(chain: Any) -> None:
    failed, calls = chain(FAILING="tokenizer")
    assert failed.returncode == 3
    assert "launch.sh: [tokenizer] failed with 3" in failed.stderr
    assert len(calls) == 3
    done, calls = chain()
    assert done.returncode == 0
    assert calls[1].startswith("pretrain tokenizer ")


@pytest.mark.parametrize("status", ["running", "failed", "interrupted"])
def test_a_step_that_is_not_done_is_run_again(chain: Any, tmp_path: Path, status: str) -> None:
    chain()
    manifest = tmp_path / "a b" / "runs" / "my run" / "stage1" / "manifest.json"
    manifest.write_text(json.dumps({"status": status}, indent=2))
    _, calls = chain()
    assert [call for call in calls if call.startswith("finetune stage1 ")]


def test_a_termination_waits_for_the_step_to_save_and_then_ends_the_chain(chain: Any, tmp_path: Path) -> None:
    done, calls = chain(TERMINATED="train")
    assert done.returncode == 143
    assert (tmp_path / "a b" / "saved").read_text() == "saved\n"
    assert calls[-1].startswith("pretrain train ")


def test_no_two_steps_share_a_folder(tmp_path: Path) -> None:
    done = launch("--preset", "tiny", "--dry-run", cwd=tmp_path)
    stages = [line.partition("[1m[")[2].partition("]")[0] for line in done.stderr.splitlines() if "[1m[" in line]
    assert len(stages) == len(set(stages)), "two steps share a folder"


@pytest.mark.parametrize("arguments", [("--presets", "tiny"), ("--preset",), ("tiny",)])
def test_bad_usage_is_named(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = launch(*arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert "launch.sh: " in done.stderr


def test_an_unknown_preset_lists_the_known_ones(tmp_path: Path) -> None:
    done = launch("--preset", "medium", "--dry-run", cwd=tmp_path)
    assert done.returncode == 1
    assert "no such preset; known: 1.5b, 8b, smoke, tiny" in done.stderr


def test_it_reads_in_one_sitting() -> None:
    assert len(LAUNCH.read_text(encoding="utf-8").splitlines()) < 150
