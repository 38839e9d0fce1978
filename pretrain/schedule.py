"""The learning rate as a pure function of the step: warm-up, stable, decay (WSD).

OpenCoder names its decay `exponential` (arXiv 2411.04905, section 3.2), which two forms fit; all four here start at the
stable rate and end at the final one. Half-way from 3e-4 to 1e-5: geometric 5.5e-5, megatron 1.3e-4, linear 1.6e-4,
sqrt 9.5e-5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pretrain.config import Decay


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When the learning rate rises, stays and falls. Steps count from 0."""

    peak: float
    warmup_steps: int
    decay: Decay = "geometric"
    decay_start: int | None = None
    """First step of the decay; `None`: never, the run is stable."""
    decay_steps: int = 0
    final: float = 0.0

    def learning_rate(self, step: int) -> float:
        """The learning rate of optimizer step `step`; constant `final` after the decay."""
        if self.decay_start is None or step < self.decay_start:
            return self._risen(step)
        progress = min(1.0, (step - self.decay_start + 1) / self.decay_steps)
        return decayed(self.decay, self._risen(self.decay_start), self.final, progress)

    def _risen(self, step: int) -> float:
        """The rate without a decay: one that begins within the warm-up falls from where that stood."""
        return self.peak * min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else self.peak


def decayed(decay: Decay, peak: float, final: float, progress: float) -> float:
    """The learning rate at `progress` in [0, 1] through the decay.

    Sources: `megatron` is the exponential branch of Megatron-LM's OptimizerParamScheduler (2 x 0.5^progress - 1 of the
    distance); `sqrt` is the 1-sqrt form of arXiv 2405.18392.
    """
    if decay == "geometric":
        return math.exp((1 - progress) * math.log(peak) + progress * math.log(final))
    share: float = {"megatron": 2 * 0.5**progress - 1, "linear": 1 - progress, "sqrt": 1 - math.sqrt(progress)}[decay]
    return final + (peak - final) * share
