"""What an order comes to before anything is asked."""

from __future__ import annotations

import pytest

from synth.endpoints import Spec
from synth.generate import Order


@pytest.mark.parametrize("concurrency", [None, 3])
def test_rows_wait_for_a_call_but_at_the_embedded_teacher(concurrency: int | None) -> None:
    order = Order(recipe="r", concurrency=concurrency)
    local, endpoint = Spec(kind="local"), Spec(kind="openai")
    assert order.rows_at_once(local) == order.limits(local).concurrency
    assert order.rows_at_once(endpoint) > order.limits(endpoint).concurrency


def test_batches_take_more_rows_than_calls_could_answer_at_once() -> None:
    single, batched = (Order(recipe="r", concurrency=512, batch=batch) for batch in (False, True))
    assert batched.rows_at_once(Spec(kind="openai")) > 10 * single.rows_at_once(Spec(kind="openai"))
