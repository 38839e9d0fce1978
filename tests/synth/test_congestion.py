"""What tells that a server is crowded: its own counts, or its latency when fewer calls bring as many answers."""

from __future__ import annotations

import random

import pytest

from synth.congestion import LatencySignal, Queue, read_queue

VLLM = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 12.0
vllm:num_requests_running{engine="1",model_name="m"} 10.0
vllm:num_requests_waiting{engine="0",model_name="m"} 30.0
vllm:num_requests_waiting{engine="1",model_name="m"} 1.0
"""


@pytest.mark.parametrize(
    ("page", "queue"),
    [
        (VLLM, Queue(running=22, waiting=31)),
        ("llamacpp:requests_processing 4\nllamacpp:requests_deferred 9\n", Queue(running=4, waiting=9)),
        ('sglang:num_running_reqs{a="}"} 8\nsglang:num_queue_reqs{} 1e1\n', Queue(running=8, waiting=10)),
        ("tgi_queue_size 3\n", Queue(running=0, waiting=3)),
        ("process_cpu_seconds_total 3\n", None),
        ("vllm:num_requests_waiting nan\n", None),
        ("<html>not here</html>", None),
        ("", None),
    ],
)
def test_counts_of_known_servers(page: str, queue: Queue | None) -> None:
    assert read_queue(page) == queue


@pytest.mark.parametrize(
    ("running", "waiting", "is_long"), [(100, 20, False), (100, 26, True), (0, 2, False), (4, 3, True)]
)
def test_queue_that_keeps_a_batch_full_is_not_long(running: float, waiting: float, is_long: bool) -> None:
    assert Queue(running=running, waiting=waiting).is_long is is_long


def simulate(latency_of: object, *, window: float, ceiling: float, answers: int) -> list[float]:
    """The window after each answer of a server that takes `latency_of(calls at once)` seconds for each of them."""
    signal, now, windows = LatencySignal(0.0), 0.0, []
    noise = random.Random(0)
    for number in range(answers):
        at_once = int(window) if number >= window else number + 1  # the first calls find the server empty
        seconds = latency_of(at_once) * noise.uniform(0.8, 1.25)  # type: ignore[operator]
        now += seconds / at_once
        factor = signal.add(seconds, 100, now, window, int(window))
        window = min(max(window * factor, 1.0), ceiling)
        windows.append(window)
    return windows


def test_server_with_few_slots_gets_a_smaller_window() -> None:
    windows = simulate(lambda n: 1.0 if n <= 4 else n / 4, window=512, ceiling=512, answers=20_000)
    assert 4 <= windows[-1] <= 64


def test_server_that_batches_keeps_its_window() -> None:
    windows = simulate(lambda n: 1 + n / 40, window=256, ceiling=256, answers=40_000)  # more at once, more answers
    assert sum(windows[-20_000:]) / 20_000 > 180


def test_server_with_a_fixed_latency_is_left_alone() -> None:
    assert set(simulate(lambda _: 0.5, window=512, ceiling=512, answers=20_000)) == {512}
