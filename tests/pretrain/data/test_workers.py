"""Processes that work in order, and what happens when one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from pretrain.data.workers import ordered_map
from pretrain.errors import CorpusError


def slow_first(number: int) -> int:
    time.sleep(0.3 if number == 0 else 0)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_work(workers: int) -> None:
    with ordered_map(workers) as run:
        assert list(run(slow_first, range(20))) == list(range(20))


def test_a_killed_worker_is_told_in_one_line() -> None:
    with pytest.raises(CorpusError, match="a worker was killed"), ordered_map(2) as run:
        list(run(os._exit, [1]))


def test_what_the_work_raises_arrives() -> None:
    with pytest.raises(ZeroDivisionError), ordered_map(2) as run:
        list(run((1).__truediv__, [1, 0, 1]))


def test_workers_end_with_a_parent_that_is_killed() -> None:
    program = (
        "import os, signal\n"
        "from pretrain.data.workers import ordered_map\n"
        "with ordered_map(2) as run:\n"
        "    print(*run(abs, [1, 2]), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # The workers hold the pipe too: it ends only when the last of them has.
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout
