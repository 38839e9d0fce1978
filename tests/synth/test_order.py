"""What an order comes to before anything is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from synth.endpoints import Spec
from synth.errors import SynthError
from synth.generate import Order, generate


@pytest.mark.parametrize("concurrency", [None, 3])
def test_rows_wait_for_a_call_but_at_the_embedded_teacher(concurrency: int | None) -> None:
    order = Order(recipe="r", concurrency=concurrency)
    local, endpoint = Spec(kind="local"), Spec(kind="openai")
    assert order.rows_at_once(local) == order.limits(local).concurrency
    assert order.rows_at_once(endpoint) > order.limits(endpoint).concurrency


def test_batches_take_more_rows_than_calls_could_answer_at_once() -> None:
    single, batched = (Order(recipe="r", concurrency=512, batch=batch) for batch in (False, True))
    assert batched.rows_at_once(Spec(kind="openai")) > 10 * single.rows_at_once(Spec(kind="openai"))


def test_a_missing_benchmark_is_named_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")  # whoever asks for a container fails there
    order = Order(recipe="docstring", out=tmp_path / "run", against=("nowhere.jsonl",))
    with pytest.raises(SynthError, match=r"--against: benchmark 'nowhere.jsonl': no such file or name; give one of"):
        asyncio.run(generate(order))
