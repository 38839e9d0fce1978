"""The limiter on a clock of its own: rates, windows, pauses, several endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from synth.limiter import BURST_S, Lane, Limiter


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer: minutes pass in no time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def play(scene: Callable[[Clock], Coroutine[Any, Any, None]]) -> None:
    loop = Clock()
    try:
        loop.run_until_complete(scene(loop))
    finally:
        loop.close()


def limiter(loop: Clock, *urls: str, concurrency: int = 8, **rates: float) -> Limiter:
    return Limiter(urls or ("a",), concurrency=concurrency, clock=loop.time, **rates)


async def call(gate: Limiter, seconds: float = 1.0, tokens: float = 0.0) -> Lane:
    lane = await gate.enter(tokens)
    try:
        await asyncio.sleep(seconds)
        gate.answered(lane)
    finally:
        gate.leave(lane)
    return lane


async def all_of(calls: list[Awaitable[Lane]]) -> list[Lane]:
    return list(await asyncio.gather(*calls))


def test_no_more_calls_at_once_than_the_ceiling() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, "a", "b", concurrency=4)
        most = 0

        async def watched() -> None:
            nonlocal most
            lane = await gate.enter()
            most = max(most, gate.in_flight)
            await asyncio.sleep(1)
            gate.leave(lane)

        await asyncio.gather(*(watched() for _ in range(20)))
        assert (most, gate.in_flight, loop.now) == (4, 0, pytest.approx(1005, abs=0.1))

    play(scene)


@pytest.mark.parametrize("rpm", [6, 60, 6000])
def test_no_minute_sees_more_calls_than_rpm_and_few_are_wasted(rpm: int) -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, concurrency=10**6, rpm=rpm)
        sent: list[float] = []

        async def noted() -> None:
            lane = await gate.enter()
            sent.append(loop.now)
            gate.leave(lane)

        await asyncio.gather(*(noted() for _ in range(rpm * 3)))
        for number, begin in enumerate(sent):
            assert sum(begin <= moment < begin + 60 for moment in sent[number : number + rpm + 2]) <= rpm
        assert sent[-1] - sent[0] <= 180 * (1 + BURST_S / 30 + 2 / rpm)

    play(scene)


def test_tokens_a_minute_count_what_calls_really_took() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, concurrency=100, tpm=6000)

        async def cheap() -> None:
            lane = await gate.enter(1000)
            gate.settle(1000, 100)  # a tenth of what was expected
            gate.leave(lane)

        await asyncio.gather(*(cheap() for _ in range(60)))
        assert 30 < loop.now - 1000 < 100  # 6,000 tokens: a minute; at 1,000 a call it were ten

    play(scene)


def test_call_larger_than_a_minutes_tokens_still_leaves() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, tpm=600)
        await call(gate, 0, tokens=5000)
        await call(gate, 0, tokens=1)
        assert 400 < loop.now - 1000 < 600  # the debt is worked off first

    play(scene)


def test_throttling_halves_the_window_once_per_round_trip_and_answers_open_it_again() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, concurrency=32)
        lane = gate.lanes[0]
        sent = loop.now
        loop.now += 1
        for _ in range(10):  # ten refusals of one burst are one sign
            gate.throttled(lane, sent, None)
        assert gate.window == 16
        loop.now += 1
        gate.throttled(lane, loop.now, None)
        assert gate.window == 8
        began = loop.now
        await asyncio.gather(*(call(gate) for _ in range(24 * 20)))  # one more call each second
        assert 24 <= gate.window <= 32
        assert loop.now - began == pytest.approx(24, abs=4)
        await asyncio.gather(*(call(gate) for _ in range(500)))
        assert gate.window == 32

    play(scene)


def test_retry_after_holds_back_every_call_and_ends_in_time() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop)
        gate.throttled(gate.lanes[0], loop.now, 20.0)
        await all_of([call(gate, 0) for _ in range(3)])
        assert loop.now == pytest.approx(1020, abs=0.1)

    play(scene)


def test_pause_without_retry_after_grows_while_nothing_is_answered() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop)
        lane = gate.lanes[0]
        pauses = []
        for _ in range(12):
            loop.now = max(loop.now, lane.closed_until) + 1
            gate.throttled(lane, loop.now, None)
            pauses.append(max(0.0, lane.closed_until - loop.now))
        assert pauses[0] == 0
        assert pauses == sorted(pauses)
        assert pauses[-1] == 30

    play(scene)


def test_endpoints_share_the_calls_evenly() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, "a", "b", "c", concurrency=12)
        lanes = await all_of([call(gate) for _ in range(120)])
        counts = [sum(lane.base_url == url for lane in lanes) for url in "abc"]
        assert counts == [40, 40, 40]

    play(scene)


def test_dead_endpoint_is_passed_over_and_tried_again_with_one_call() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, "a", "b", concurrency=8)
        dead, alive = gate.lanes
        gate.failed(dead, gone=True)
        lanes = await all_of([call(gate, 0.01) for _ in range(8)])
        assert {lane.base_url for lane in lanes} == {"b"}
        loop.now += 60
        held = [await gate.enter() for _ in range(5)]
        assert sum(lane is dead for lane in held) == 1
        gate.answered(dead)
        held += [await gate.enter() for _ in range(3)]
        assert sum(lane is dead for lane in held) > 1
        assert alive.failures == 0

    play(scene)


def test_lone_endpoint_that_fails_is_not_closed() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop)
        for _ in range(5):
            gate.failed(gate.lanes[0], gone=True)
        await call(gate, 0)
        assert loop.now < 1001

    play(scene)


def test_cancelled_call_gives_its_place_back() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, concurrency=1)
        first = await gate.enter()
        waiting = [asyncio.ensure_future(gate.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        gate.leave(first)
        waiting[1].cancel()  # it has its place already, and nobody takes it
        await asyncio.gather(*waiting[:2], return_exceptions=True)
        assert await waiting[2] is gate.lanes[0]
        assert (gate.in_flight, gate.num_waiting) == (1, 0)

    play(scene)


def test_small_call_behind_a_large_one_that_is_cancelled_leaves_in_its_own_time() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, tpm=6000)
        await gate.enter(6000)  # the budget is in debt for about a minute
        large, small = (asyncio.ensure_future(gate.enter(tokens)) for tokens in (6000, 1))
        await asyncio.sleep(0)
        with_large = gate.opens_in_s()
        large.cancel()
        await asyncio.sleep(0)
        assert gate.opens_in_s() < with_large
        before = loop.now
        await small
        assert loop.now - before < with_large

    play(scene)


def test_call_sent_again_goes_before_those_that_never_left() -> None:
    async def scene(loop: Clock) -> None:
        gate = limiter(loop, concurrency=1)
        held = await gate.enter()
        order: list[str] = []

        async def named(name: str, *, again: bool) -> None:
            lane = await gate.enter(again=again)
            order.append(name)
            gate.leave(lane)

        tasks = [asyncio.ensure_future(named(name, again=name == "again")) for name in ("one", "two", "again")]
        await asyncio.sleep(0)
        gate.leave(held)
        await asyncio.gather(*tasks)
        assert order == ["again", "one", "two"]

    play(scene)
