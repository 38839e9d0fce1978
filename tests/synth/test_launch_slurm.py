"""`synth/launch.slurm` under commands that stand for Slurm's: the array cooks, the merge waits, 130 is queued again."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from many_rows import Job, teach
from plain_run import PROGRAM, ROOT, environment
from scripted import Scripted, serve

SCRIPT = ROOT / "synth" / "launch.slurm"
SBATCH = """#!/bin/bash
# Runs what it is given at once: the tasks of an array one after the other.
echo "sbatch $*" >> "$SLURM_LOG"
array=''
while [[ $1 == --* ]]; do
    case $1 in --array=*) array=${1#*=} ;; esac
    shift
done
export SLURM_JOB_ID=7
if [[ -z $array ]]; then exec bash "$@"; fi
echo '7;cluster'
for SLURM_ARRAY_TASK_ID in $(seq "${array%-*}" "${array#*-}"); do
    export SLURM_ARRAY_TASK_ID
    bash "$@" >&2 || exit
done
"""


@pytest.fixture
def bin(tmp_path: Path) -> Path:
    """A folder of commands that note how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    commands = {
        "sbatch": SBATCH,
        "srun": '#!/bin/bash\nexec "$@"\n',
        "scontrol": '#!/bin/bash\necho "scontrol $*" >> "$SLURM_LOG"\n',
        "synth": f'#!/bin/bash\nexec {shlex.join(PROGRAM)} "$@"\n',
    }
    for name, text in commands.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with serve(Scripted(teach)) as script:
        yield Job(home=tmp_path, base_url=script.base_url, num_seeds=12)


def launch(home: Path, bin: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    paths = {"PATH": f"{bin}:{os.environ['PATH']}", "SLURM_LOG": str(home / "log")}
    return subprocess.run(
        [SCRIPT, *arguments],
        cwd=home,
        env=environment() | paths | variables,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_the_array_cooks_and_the_merge_waits_for_it(job: Job, bin: Path) -> None:
    done = launch(job.home, bin, "2", *job.command()[4:])
    assert done.returncode == 0, done.stderr
    first, second = (job.home / "log").read_text().splitlines()
    assert first.startswith(f"sbatch --parsable --array=0-1 {SCRIPT} 2 --recipe plain")
    assert second.startswith(f"sbatch --dependency=afterok:7 {SCRIPT} 2 --recipe plain")
    assert job.manifest()["shards"] == 2
    merged = job.dataset()
    job.cook()
    assert job.dataset() == merged


def test_the_merge_is_given_folder_and_rows(tmp_path: Path, bin: Path) -> None:
    (bin / "synth").write_text('#!/bin/bash\necho "$@"\n')
    for index in range(2):
        (tmp_path / "run" / "shards" / f"{index}-of-2").mkdir(parents=True)
    for flags in (["--rows", "5", "--out", "run"], ["--out=run", "--rows=5"]):
        done = launch(tmp_path, bin, "2", *flags, "--seed", "3", SLURM_JOB_ID="8")
        assert done.stdout.split() == "merge run/shards/0-of-2 run/shards/1-of-2 --out run --rows 5".split()


def test_a_shard_that_was_interrupted_is_queued_again(tmp_path: Path, bin: Path) -> None:
    (bin / "synth").write_text("#!/bin/bash\nexit $CODE\n")
    for code, log in (("1", False), ("130", True)):
        done = launch(tmp_path, bin, "4", "--out", "run", SLURM_JOB_ID="9", SLURM_ARRAY_TASK_ID="3", CODE=code)
        assert done.returncode == int(code)
        assert (tmp_path / "log").exists() == log
    assert (tmp_path / "log").read_text() == "scontrol requeue 9\n"


def test_without_a_folder_or_a_number_it_says_so(tmp_path: Path, bin: Path) -> None:
    assert "--out DIR is needed" in launch(tmp_path, bin, "2", "--rows", "5", SLURM_JOB_ID="8").stderr
    assert "how many shards" in launch(tmp_path, bin).stderr
