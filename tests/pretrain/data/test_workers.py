"""Processes that work in order, and what happens when one is killed."""

from __future__ import annotations

import os
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
