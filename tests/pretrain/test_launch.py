"""`pretrain/launch.sh` as a user starts it. The chain itself, on the smoke preset, is in `test_chain.py`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

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
