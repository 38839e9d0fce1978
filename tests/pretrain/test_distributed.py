"""One process or two: equal losses, and checkpoints that either reads. Two are real ones, started by torchrun."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oven import Oven, Trainer, environment, read_steps, tiny, training_command

pytest.importorskip("torch")

from pretrain.distributed import check_division, micro_batches
from pretrain.errors import ConfigError

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
