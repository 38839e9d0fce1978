"""Signs that a server has more calls than it can work on, for servers that never say 429.

`read_queue` reads what the server itself counts, from its Prometheus page. Where there is no such page, `LatencySignal`
watches how long answers take: it calls for a smaller window when latency has grown far past its best and fewer calls at
once bring as many answers; a server whose latency merely grows with its batch keeps its window.
Not covered: what is done about it (`limiter.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

RUNNING = ("vllm:num_requests_running", "sglang:num_running_reqs", "llamacpp:requests_processing")
WAITING = ("vllm:num_requests_waiting", "sglang:num_queue_reqs", "llamacpp:requests_deferred", "tgi_queue_size")
QUEUE_SHARE = 0.25
"""A queue of so many calls, as a share of those worked on, keeps a batch full; a longer one only ages."""
CUT = 0.8
TOLERANCE = 4.0
"""Latency may grow to this multiple of its best before it counts as a queue."""
MIN_CALLS = 16
MIN_EPOCH_S = 1.0
BASE_TOKENS = 16
"""Latency is taken per token of the answer, plus so many for the prompt and the way."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What a server counts."""

    running: float
    waiting: float

    @property
    def is_long(self) -> bool:
        """Whether calls wait there that gain nothing by it."""
        return self.waiting > max(2.0, QUEUE_SHARE * self.running)


def read_queue(page: str) -> Queue | None:
    """The queue on a Prometheus text page; `None` where no server that we know wrote it."""
    waiting = _total(page, WAITING)
    return None if waiting is None else Queue(running=_total(page, RUNNING) or 0.0, waiting=waiting)


def _total(page: str, names: tuple[str, ...]) -> float | None:
    """The sum over all labels of the first of `names` that is there."""
    for name in names:
        found = re.findall(rf"^{re.escape(name)}(?:\{{[^\n]*\}})? ([0-9.eE+]+)\s*$", page, re.M)
        if found:
            return sum(map(float, found))
    return None


@dataclass(slots=True)
class LatencySignal:
    """Latency and throughput of one endpoint, epoch by epoch."""

    began: float
    _latencies: list[float] = field(default_factory=list)
    _best: float = float("inf")
    _tolerance: float = TOLERANCE
    _before_cuts: tuple[float, float] | None = None
    """Window and answers a second before the first cut."""

    def add(self, seconds: float, tokens: int, now: float, window: float, in_flight: int) -> float:
        """The factor for the window after one more answer: 1 nearly always."""
        self._latencies.append(seconds / (tokens + BASE_TOKENS))
        if len(self._latencies) < max(MIN_CALLS, in_flight) or now - self.began < MIN_EPOCH_S:
            return 1.0
        ordered = sorted(self._latencies)
        rate = len(ordered) / (now - self.began)
        median = ordered[len(ordered) // 2]
        self._best = min(self._best, ordered[len(ordered) // 50])
        self._latencies, self.began = [], now
        if self._before_cuts is not None and rate < 0.9 * self._before_cuts[1]:
            factor = self._before_cuts[0] / window
            self._before_cuts = None
            self._tolerance *= 2  # it was no queue: the larger batch was worth its latency
            return factor
        # A window that is not used says nothing about the server.
        if median <= self._tolerance * self._best or in_flight < window - 1 or window < 2:
            return 1.0
        self._before_cuts = self._before_cuts or (window, rate)
        return CUT
