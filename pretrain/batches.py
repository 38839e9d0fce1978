"""The training batches of one process, read ahead of the loop by a thread.

Reading is a memory map and a little numpy, so one thread keeps ahead of any model. Not covered: reading over a network
file system so slow that several threads would help.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pretrain.packing import to_batch

AHEAD = 2
"""Steps read before they are asked for."""
IGNORED = -100


class Order(Protocol):
    """What decides which window is where; `packing.SampleOrder` is one."""

    def sample(self, step: int, index: int) -> np.ndarray:
        """Window `index` of step `step`, (context + 1,)."""


@dataclass(frozen=True, slots=True)
class StepBatch:
    """This process's share of one optimizer step."""

    micro_batches: list[dict[str, Tensor]]
    """`input_ids`, `labels`, `position_ids`, each (micro_batch, context)."""
    num_targets: int
    """Labels that are scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Makes the batch of any step."""

    order: Order
    indices: Sequence[range]
    """Of each micro-batch, within the step."""
    end_of_text: int
    isolate: bool
    device: torch.device

    def read(self, step: int) -> StepBatch:
        """This process's share of step `step` of the order."""
        arrays = [
            to_batch(
                np.stack([self.order.sample(step, index) for index in part]),
                end_of_text=self.end_of_text,
                isolate=self.isolate,
            )
            for part in self.indices
        ]
        num_targets = sum(int((array["labels"] != IGNORED).sum()) for array in arrays)
        micro_batches = [
            {key: torch.from_numpy(value).to(self.device) for key, value in array.items()} for array in arrays
        ]
        return StepBatch(micro_batches, num_targets)

    def read_ahead(self, start: int, stop: int) -> Iterator[StepBatch]:
        """The batches of steps `start` to `stop`, the next ones being read while one is used."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as pool:
            coming: deque[Future[StepBatch]] = deque()
            for step in range(start, stop):
                coming.append(pool.submit(self.read, step))
                if len(coming) > AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
