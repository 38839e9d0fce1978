"""`Limiter`: which HTTP call may leave now, and for which of several endpoints.

Three things hold a call back: the rates of the account (`rpm`, `tpm`), the window of an endpoint (calls allowed there
at once, at most `concurrency` over all endpoints), and a pause that an endpoint asked for. The window follows additive
increase, multiplicative decrease: a throttled call or a growing queue cuts it, answers open it again, one more
call per round trip. An endpoint that fails is passed over, then tried with a single call.
Not covered: how often a call is tried again (`teacher.py`), what a queue is (`congestion.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

CUT = 0.5
"""What a throttled call leaves of the window."""
DEAD_AFTER = 3
"""Failures in a row after which an endpoint is passed over for a while."""
MAX_PAUSE_S = 30.0
BURST_S = 0.25
"""How much of a rate may be spent at once; taken off the steady part, so that no minute sees more than the rate."""


@dataclass(slots=True)
class Lane:
    """One endpoint and what it can take."""

    base_url: str
    ceiling: int
    window: float = field(init=False)
    """Calls allowed there at once."""
    in_flight: int = 0
    closed_until: float = 0.0
    """On the limiter's clock: no call leaves before."""
    failures: int = 0
    """In a row; an answer ends the row."""
    throttles: int = 0
    """Cuts in a row without an answer between them."""
    cut_at: float = 0.0
    crowded: bool = False
    """Whether its queue was seen to grow: then its window does not."""

    def __post_init__(self) -> None:
        self.window = float(self.ceiling)

    @property
    def room(self) -> int:
        """Further calls it may get now; one at a time while it is not known to be up again."""
        return (1 if self.failures >= DEAD_AFTER else int(self.window)) - self.in_flight

    def cut(self, now: float, sent: float, share: float = CUT) -> bool:
        """Shrinks the window; calls sent before the last cut say nothing new."""
        if sent < self.cut_at:
            return False
        self.window = max(1.0, self.window * share)
        self.cut_at = now
        return True

    def widen(self) -> None:
        """One more call a round trip, since a window of W answers W times in one."""
        if not self.crowded:
            self.window = min(float(self.ceiling), self.window + 1.0 / self.window)


class Rate:
    """A budget of units per minute, refilled evenly."""

    def __init__(self, per_minute: float, now: float) -> None:
        self._capacity = max(1.0, per_minute / 60 * BURST_S)
        self._per_s = max(per_minute - self._capacity, per_minute / 2) / 60
        self._level = self._capacity
        self._seen = now

    def wait_s(self, units: float, now: float) -> float:
        """Seconds until `units` may be taken; 0 for now."""
        self._level = min(self._capacity, self._level + (now - self._seen) * self._per_s)
        self._seen = now
        # A call larger than the burst leaves a full budget in debt.
        return max(0.0, (min(units, self._capacity) - self._level) / self._per_s)

    def take(self, units: float) -> None:
        """Takes `units`, or gives back what was taken too much."""
        self._level -= units


@dataclass(slots=True)
class _Waiter:
    tokens: float
    admitted: asyncio.Future[Lane]


class Limiter:
    """The gate before the wire. Not thread-safe: it belongs to one event loop."""

    def __init__(
        self,
        base_urls: Sequence[str],
        *,
        concurrency: int,
        rpm: float | None = None,
        tpm: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rpm` calls and `tpm` tokens a minute, over all `base_urls` together."""
        self.concurrency = concurrency
        self.lanes = [Lane(url, concurrency) for url in base_urls]
        self.in_flight = 0
        self._clock = clock
        self._calls = Rate(rpm, clock()) if rpm else None
        self._tokens = Rate(tpm, clock()) if tpm else None
        self._waiting: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._opens_at = 0.0

    @property
    def num_waiting(self) -> int:
        """Calls held back now."""
        return len(self._waiting)

    @property
    def window(self) -> int:
        """Calls allowed at once now, over all endpoints."""
        return min(self.concurrency, sum(max(int(lane.window), 1) for lane in self.lanes))

    async def enter(self, tokens: float = 0.0, *, again: bool = False) -> Lane:
        """The endpoint that the call may go to, as soon as it may; `again` goes before those that never left.

        `tokens` is what the call is expected to take; `settle` corrects it.
        """
        is_next = again or not self._waiting
        if is_next:
            lane, _ = self._admit(tokens)
            if lane is not None:
                return lane
        waiter = _Waiter(tokens, asyncio.get_running_loop().create_future())
        (self._waiting.appendleft if again else self._waiting.append)(waiter)
        if is_next:  # to know when to look again; else that is known from the one before
            self._serve()
        try:
            return await waiter.admitted
        except asyncio.CancelledError:
            if waiter.admitted.done() and not waiter.admitted.cancelled():
                self.leave(waiter.admitted.result())
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
                self._serve()
            raise

    def leave(self, lane: Lane) -> None:
        """Gives the place of a call back, whatever came of it; say what came of it before."""
        lane.in_flight -= 1
        self.in_flight -= 1
        if self._waiting:
            self._serve()

    def close(self) -> None:
        """Lets no further call leave."""
        self.concurrency = 0

    def settle(self, expected: float, actual: float) -> None:
        """Corrects the token budget by what a call really took."""
        if self._tokens:
            self._tokens.take(actual - expected)

    def answered(self, lane: Lane) -> None:
        """A call came back whole."""
        lane.failures = lane.throttles = 0
        if 2 * lane.in_flight >= lane.window:  # a window that is not used says nothing about the endpoint
            lane.widen()

    def throttled(self, lane: Lane, sent: float, retry_after_s: float | None) -> None:
        """The endpoint said that it had too many calls; without its own word the pause grows from cut to cut."""
        now = self._clock()
        if lane.cut(now, sent):
            lane.throttles += 1
        if retry_after_s is None:  # one refusal among answers: the smaller window is enough
            retry_after_s = min(0.25 * 2**lane.throttles, MAX_PAUSE_S) if lane.throttles > 1 else 0.0
        lane.closed_until = max(lane.closed_until, now + retry_after_s)

    def failed(self, lane: Lane, *, gone: bool) -> None:
        """The call was lost; `gone`: nothing listens there. Where there are other endpoints, this one has to wait."""
        lane.failures = max(lane.failures + 1, DEAD_AFTER if gone else 0)
        if lane.failures >= DEAD_AFTER and len(self.lanes) > 1:
            pause_s = min(0.5 * 2 ** min(lane.failures - DEAD_AFTER, 10), MAX_PAUSE_S)
            lane.closed_until = max(lane.closed_until, self._clock() + pause_s)

    def opens_in_s(self) -> float:
        """Seconds until the next waiting call may leave, as far as rates and pauses decide; 0 for now."""
        return max(0.0, self._opens_at - self._clock()) if self._waiting and self._timer else 0.0

    def _admit(self, tokens: float) -> tuple[Lane | None, float]:
        """A lane with the call counted in it, or `None` and when to look again (`inf`: when a call leaves)."""
        if self.in_flight >= self.concurrency:
            return None, float("inf")
        now = self._clock()
        opens = float("inf")
        best: Lane | None = None
        for lane in self.lanes:
            if lane.closed_until > now:
                opens = min(opens, lane.closed_until)
            elif lane.room > 0 and (best is None or lane.in_flight * best.window < best.in_flight * lane.window):
                best = lane
        if best is None:
            return None, opens
        wait_s = max(
            self._calls.wait_s(1.0, now) if self._calls else 0.0,
            self._tokens.wait_s(tokens, now) if self._tokens else 0.0,
        )
        if wait_s > 0:
            return None, now + wait_s
        if self._calls:
            self._calls.take(1.0)
        if self._tokens:
            self._tokens.take(tokens)
        best.in_flight += 1
        self.in_flight += 1
        return best, 0.0

    def _serve(self) -> None:
        """Lets waiting calls go in turn, as many as may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            if self._waiting[0].admitted.done():  # cancelled meanwhile
                self._waiting.popleft()
                continue
            lane, opens = self._admit(self._waiting[0].tokens)
            if lane is None:
                if opens < float("inf"):
                    self._opens_at = opens
                    delay_s = max(opens - self._clock(), 0.001)
                    self._timer = asyncio.get_running_loop().call_later(delay_s, self._serve)
                return
            self._waiting.popleft().admitted.set_result(lane)
