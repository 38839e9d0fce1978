"""Which steps to skip: those whose loss or gradient norm stands far above what the last steps had.

One bad batch can throw a run back by days; leaving its update out costs one step. Logarithms are judged: gradient norms
are about log-normal, and of their plain values six standard deviations are passed by harmless steps (43 of 2,685 in a
run of the tiny preset). Not covered: going back to an earlier checkpoint, and a loss that rises slowly, which held-out
bits per byte show.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Mapping
from typing import Any

WINDOW = 128
"""Steps remembered. Source: OLMo's SkipStepOptimizer (arXiv 2501.00656, section 3.2) looks back as far, and skips what
lies 6 standard deviations above the mean, of the plain values."""
MIN_SEEN = WINDOW // 2
"""Steps before the first judgement: a standard deviation of few values is noise."""
SMALLEST = 1e-30
"""Stands for zero, which has no logarithm."""


class SpikeGuard:
    """The running statistics of loss and gradient norm; a pure function of the values it was shown."""

    def __init__(self, sigmas: float | None) -> None:
        self.sigmas = sigmas
        self._recent: dict[str, deque[float]] = {name: deque(maxlen=WINDOW) for name in ("loss", "grad_norm")}

    def is_spike(self, loss: float, grad_norm: float) -> bool:
        """Whether the logarithm of either is over `sigmas` standard deviations above the mean of its last `WINDOW`.

        Both are remembered, a spike only up to that limit: one does not blind the guard to the next, and a lasting
        change passes after a few steps.
        """
        verdicts = [self._judge("loss", loss), self._judge("grad_norm", grad_norm)]
        return any(verdicts)

    def _judge(self, name: str, value: float) -> bool:
        recent = self._recent[name]
        if self.sigmas is None:
            return False
        if len(recent) < MIN_SEEN:
            recent.append(value)
            return False
        logs = [math.log(max(seen, SMALLEST)) for seen in recent]
        limit = math.exp(statistics.fmean(logs) + self.sigmas * statistics.pstdev(logs))
        recent.append(min(value, limit))
        return value > limit

    def state(self) -> dict[str, list[float]]:
        """What a checkpoint keeps."""
        return {name: list(values) for name, values in self._recent.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing; the statistics are those of `state`."""
        for name, values in self._recent.items():
            values.clear()
            values.extend(state[name])
