"""pass@k without bias.

Source: Chen et al., "Evaluating Large Language Models Trained on Code" (arXiv 2107.03374), section 2.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The chance that at least one of `k` samples, drawn without replacement, is among the `passed` ones.

    Raises: ValueError where the counts do not fit each other.
    """
    if not (1 <= k <= samples and 0 <= passed <= samples):
        raise ValueError(f"pass@k: needs 1 <= k <= samples and 0 <= passed <= samples, got {k=}, {samples=}, {passed=}")
    return 1.0 - math.comb(samples - passed, k) / math.comb(samples, k)


def mean_pass_at_k(counts: Sequence[tuple[int, int]], k: int) -> float:
    """The mean over problems of pass@k, from their (samples, passed)."""
    return math.fsum(pass_at_k(samples, passed, k) for samples, passed in counts) / len(counts)
