"""One process or two: equal losses, and checkpoints that either reads. Two are real ones, started by torchrun."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oven import Oven, Trainer, environment, read_steps, tiny, training_command

pytest.importorskip("torch")

from pretrain.distributed import check_division, micro_batches
from pretrain.errors import ConfigError
from pretrain.phase import anneal_phase

pytestmark = pytest.mark.train

PhaseMaker = Callable[..., Any]


@pytest.mark.parametrize("world_size", [1, 2, 4])
@pytest.mark.parametrize("micro_batch", [1, 2])
def test_every_sequence_of_a_step_is_read_once_whatever_the_processes(world_size: int, micro_batch: int) -> None:
    preset = tiny(train__batch_sequences=8, train__micro_batch=micro_batch)
    parts = [part for rank in range(world_size) for part in micro_batches(preset, rank, world_size)]
    assert [index for part in parts for index in part] == list(range(8))
    assert {len(part) for part in parts} == {micro_batch}


@pytest.mark.parametrize(("batch", "micro", "world_size"), [(8, 2, 4), (8, 8, 1), (6, 1, 3)])
def test_a_division_without_rest_passes(batch: int, micro: int, world_size: int) -> None:
    check_division(tiny(train__batch_sequences=batch, train__micro_batch=micro), world_size)


@pytest.mark.parametrize(
    ("batch", "micro", "world_size", "said"),
    [
        (8, 2, 3, "got 8 and 2 x 3 = 6; take 2 or 4 processes, or train.batch_sequences 6 or 12"),
        (16, 8, 4, "got 16 and 8 x 4 = 32; take 2 processes, or train.batch_sequences 32, or train.micro_batch 4"),
        (4, 4, 5, "got 4 and 4 x 5 = 20; take 1 processes, or train.batch_sequences 20"),
    ],
)
def test_a_rest_names_both_numbers_and_what_would_work(batch: int, micro: int, world_size: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_division(tiny(train__batch_sequences=batch, train__micro_batch=micro), world_size)
    assert said in str(caught.value)


def run_two(oven: Oven, preset: Path, out: Path, *options: str) -> None:
    """Two processes train in `out`."""
    command = training_command(oven, preset, out, *options, processes=2)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment(), check=False)
    assert done.returncode == 0, done.stderr


def assert_equal_training(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    assert [record["step"] for record in left] == [record["step"] for record in right]
    for name in ("loss", "grad_norm", "learning_rate"):
        assert [record[name] for record in left] == pytest.approx([record[name] for record in right], rel=1e-6)


def test_two_processes_go_on_from_one_and_one_from_two(
    oven: Oven, tiny_preset: Path, make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    alone = train_here(make_phase(steps=6), tmp_path / "alone")
    train_here(make_phase(steps=2), tmp_path / "moved")
    run_two(oven, tiny_preset, tmp_path / "moved", "--max-steps", "4")
    assert_equal_training(read_steps(tmp_path / "moved"), alone[:4])
    assert_equal_training(train_here(make_phase(steps=6), tmp_path / "moved"), alone)
    annealed = [
        train_here(
            anneal_phase(tmp_path / start / "checkpoints/step-00000004", shards=[oven.shards, oven.synth]),
            tmp_path / f"annealed-{start}",
        )
        for start in ("alone", "moved")  # whose fourth checkpoint two processes wrote
    ]
    assert_equal_training(*annealed)


def launch_two(*command: str) -> tuple[str, float]:
    """What two processes say on stderr, which must fail, and after how many seconds they did."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    started = time.monotonic()
    done = subprocess.run(
        [*launcher, *command], capture_output=True, text=True, timeout=120, env=environment(), check=False
    )
    assert done.returncode != 0
    return done.stderr, time.monotonic() - started


OTHER_SHARDS = """
import os, sys
from pretrain.cli_train import train

theirs, mine, *options = sys.argv[1:]
train([*options, "--shards", theirs if os.environ["RANK"] == "0" else mine])
"""


def test_one_processs_damaged_shard_ends_all_and_is_told_once(oven: Oven, tiny_preset: Path, tmp_path: Path) -> None:
    shutil.copytree(oven.shards, tmp_path / "shards")
    path = tmp_path / "shards/python.bin"
    path.write_bytes(b"\7" + path.read_bytes()[1:])
    (tmp_path / "train.py").write_text(OTHER_SHARDS)
    options = ["--preset", str(tiny_preset), "--tokenizer", str(oven.tokenizer), "--out", str(tmp_path / "run")]
    said, seconds = launch_two(str(tmp_path / "train.py"), str(oven.shards), str(tmp_path / "shards"), *options)
    told = [line for line in said.splitlines() if "another checksum" in line]
    assert len(told) == 1, said
    assert f"process 1 of 2: {path}: damaged, block 0 of 1" in told[0]
    assert seconds < 60


def test_a_checkpoint_that_two_processes_cannot_write_is_told_once(
    oven: Oven, tiny_preset: Path, tmp_path: Path
) -> None:
    limited = ["bash", "-c", 'ulimit -f 40; exec "$@"', "train"]  # files of 40 kB at most
    command = training_command(oven, tiny_preset, tmp_path, processes=2)
    done = subprocess.run(
        [*limited, *command], capture_output=True, text=True, timeout=60, env=environment(), check=False
    )
    told = [line for line in done.stderr.splitlines() if "cannot be saved" in line]
    assert len(told) == 1, done.stderr
    assert "step 2 cannot be saved, file too large; there is none yet" in told[0]


DIES = """
from pretrain.distributed import open_world

with open_world() as world:
    if world.rank == 1:
        raise OSError("the disk under process 1 is gone")
    world.sum(1.0)
"""


def test_a_process_that_dies_between_two_steps_ends_all_and_its_error_is_shown(tmp_path: Path) -> None:
    (tmp_path / "dies.py").write_text(DIES)
    said, seconds = launch_two(str(tmp_path / "dies.py"))
    assert "OSError: the disk under process 1 is gone" in said
    assert seconds < 60
