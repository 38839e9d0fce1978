"""The teacher over real HTTP: what is tried again, what waits, what stops the run, several endpoints."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest
from scripted import Answer, Scripted, reply_body, serve

from synth.calls import Completion, Price, Request, parse_answer
from synth.errors import CallFailed, TeacherRefused, TeacherUnreachable
from synth.teacher import MAX_ATTEMPTS, Limits, Teacher
from synth.wire import Fault


def request(number: int = 0, **sampling: Any) -> Request:
    return Request(teacher="t", messages=({"role": "user", "content": f"number {number}"},), sampling=sampling)


def teacher(*urls: str, concurrency: int = 4, price: Price | None = None, **limits: Any) -> Teacher:
    return Teacher(
        name="t",
        model="scripted",
        base_url=urls,
        api_key="k",
        limits=Limits(concurrency=concurrency, **limits),
        price=price,
        pause_s=lambda _: 0.005,
    )


def ask(script: Scripted, *requests: Request, **limits: Any) -> list[Completion]:
    async def main() -> list[Completion]:
        async with teacher(script.base_url, **limits) as asked:
            return list(await asyncio.gather(*(asked.complete(one) for one in requests)))

    with serve(script):
        return asyncio.run(main())


def in_turn(*answers: Answer) -> Callable[[dict[str, Any]], Answer]:
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_throttled_calls_are_no_tries() -> None:
    throttled: list[Answer] = [(429, {"error": {"message": "slow down"}})] * (MAX_ATTEMPTS + 5)
    script = Scripted(in_turn(*throttled, "fine"), headers={"retry-after": "0"})
    assert ask(script, request())[0].text == "fine"
    assert len(script.received) == MAX_ATTEMPTS + 6


def test_retry_after_is_waited_for() -> None:
    script = Scripted(in_turn((429, {}), "fine"), headers={"retry-after": "1.5"})
    began = time.monotonic()
    assert ask(script, request())[0].text == "fine"
    assert time.monotonic() - began >= 1.5


def test_endpoint_that_asks_for_a_day_stops_the_run_with_its_word() -> None:
    script = Scripted(lambda _: (429, {"error": {"message": "daily limit"}}), headers={"retry-after": "86400"})
    with pytest.raises(TeacherUnreachable, match=r"asks to wait 86,400 s \(429 daily limit\).*--stall-after"):
        ask(script, request())


def test_call_that_fails_while_others_are_answered_is_its_rows_own_end() -> None:
    def poisoned(body: dict[str, Any]) -> Answer:
        return (500, {"error": {"message": "boom"}}) if body["messages"][-1]["content"] == "number 1" else "fine"

    with pytest.raises(CallFailed, match=rf"failed {MAX_ATTEMPTS} times while other calls were answered \(500 boom\)"):
        ask(Scripted(poisoned), request(0), request(1), request(2))


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, {"message": "bad key"}, openai.AuthenticationError),
        (402, {"message": "pay"}, openai.APIStatusError),
        (429, {"message": "pay", "code": "insufficient_quota"}, openai.RateLimitError),
        (404, {"message": "no such model"}, openai.NotFoundError),
        (400, {"message": "what is top_q?"}, openai.BadRequestError),
    ],
)
def test_refusal_has_openais_error_for_its_cause(status: int, error: dict[str, str], kind: type[Exception]) -> None:
    with pytest.raises(TeacherRefused) as caught:
        ask(Scripted(lambda _: (status, {"error": error})), request())
    assert type(caught.value.__cause__) is kind
    assert error["message"] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "too long", "code": "context_length_exceeded"},
        {"message": "This model's maximum context length is 1024 tokens"},
        {"message": "the request exceeds the available context size", "type": "exceed_context_size_error"},
    ],
)
def test_prompt_that_is_too_long_is_an_answer(error: dict[str, str]) -> None:
    (completion,) = ask(Scripted(lambda _: (400, {"error": error})), request())
    assert (completion.finish_reason, completion.text) == ("refused", f"400 {error['message']}")


def test_prompt_that_no_minute_has_room_for_is_refused_at_once_though_it_gets_a_429() -> None:
    said = "Request too large for scripted on tokens per min (TPM): Limit 10000, Requested 12000"
    script = Scripted(lambda _: (429, {"error": {"message": said, "code": "rate_limit_exceeded"}}))
    (completion,) = ask(script, request())
    assert (completion.finish_reason, len(script.received)) == ("refused", 1)


@pytest.mark.parametrize(("key", "sent"), [(" sk-1\n", "Bearer sk-1"), ("sk\r\nx-evil: 1", "")])
def test_key_with_a_line_break_is_stripped_or_refused(key: str, sent: str) -> None:
    async def main(url: str) -> None:
        limits = Limits(concurrency=1)
        async with Teacher(name="t", model="scripted", base_url=url, api_key=key, limits=limits) as asked:
            await asked.complete(request())

    script = Scripted(lambda _: "fine")
    with serve(script):
        if sent:
            asyncio.run(main(script.base_url))
        else:
            with pytest.raises(TeacherRefused, match=r"OPENAI_API_KEY has a line break .* set it to the key alone"):
                asyncio.run(main(script.base_url))
    assert script.keys == [sent] * bool(sent)


def test_stray_model_is_asked_again() -> None:
    def stray(_: dict[str, Any]) -> Answer:
        name = "another" if next(turn) else "scripted-2026-01-01"
        return (200, {**reply_body("fine"), "model": name})

    turn = iter([False, True, True, False])
    script = Scripted(stray)
    assert [c.text for c in ask(script, request(0), request(1), concurrency=1)] == ["fine", "fine"]
    assert len(script.received) == 4


def test_alias_that_always_answers_is_the_model() -> None:
    script = Scripted(lambda _: (200, {**reply_body("fine"), "model": "gateway/alias"}))
    assert len(ask(script, request(0), request(1))) == 2
    assert len(script.received) == 2


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


def test_dead_endpoint_is_skipped_and_the_others_share_its_calls() -> None:
    async def main(*urls: str) -> tuple[list[str], int]:
        said: list[str] = []
        async with teacher(*urls, concurrency=4) as asked:
            await asked.check(said.append)
            answers = await asyncio.gather(*(asked.complete(request(number)) for number in range(40)))
        return said, len(answers)

    with serve(Scripted(lambda _: "fine")) as one, serve(Scripted(lambda _: "fine")) as two:
        dead = closed_port()
        said, num_answers = asyncio.run(main(one.base_url, dead, two.base_url))
    assert (len(said), num_answers) == (1, 40)
    assert said[0].startswith(f"{dead}: nothing answers")
    assert 10 <= len(one.received) <= 30
    assert len(one.received) + len(two.received) == 40


def test_endpoint_that_dies_in_mid_run_costs_no_call() -> None:
    def dying(_: dict[str, Any]) -> Answer:
        return (503, {}) if len(one.received) > 5 else "fine"

    async def main(*urls: str) -> int:
        async with teacher(*urls) as asked:
            return len(await asyncio.gather(*(asked.complete(request(number)) for number in range(60))))

    one = Scripted(dying)
    with serve(one), serve(Scripted(lambda _: "fine")) as two:
        assert asyncio.run(main(one.base_url, two.base_url)) == 60
    assert len(two.received) >= 50
    assert len(one.received) < 20


def test_no_endpoint_at_all_is_one_line() -> None:
    async def main() -> None:
        async with teacher(closed_port(), closed_port()) as asked:
            await asked.check()

    with pytest.raises(TeacherUnreachable, match=r"nothing answers .* check --base-url"):
        asyncio.run(main())


def test_stall_says_what_it_waited_for() -> None:
    async def main(url: str) -> None:
        async with teacher(url, concurrency=2, stall_s=0.3) as asked:
            calls = [asyncio.ensure_future(asked.complete(request(number))) for number in range(5)]
            await asyncio.sleep(0.5)
            try:
                asked.check_stall()
            finally:
                for call in calls:
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)

    said = r"no call was answered for \d+ s \(2 in flight, 3 waiting\); run the same command again later"
    with serve(Scripted(lambda _: "late", delay_s=1.0)) as script, pytest.raises(TeacherUnreachable, match=said):
        asyncio.run(main(script.base_url))


def test_crowded_server_is_asked_less_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that reports its queue the way vLLM does, and answers everything in the end."""
    monkeypatch.setattr("synth.teacher.LISTEN_EVERY_S", 0.2)

    def page(script: Scripted) -> str:
        running = min(script.in_flight, 4)
        return f"vllm:num_requests_running {running}\nvllm:num_requests_waiting {script.in_flight - running}\n"

    async def main(url: str) -> int:
        async with teacher(url, concurrency=32) as asked:
            await asked.check()
            await asyncio.gather(*(asked.complete(request(number)) for number in range(300)))
            return asked.limiter.window

    with serve(Scripted(lambda _: "fine", delay_s=0.3, pages={"/metrics": page})) as script:
        assert asyncio.run(main(script.base_url)) < 20


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": "x"},
        {"choices": [None]},
        {"choices": [{"finish_reason": "stop"}]},
        {"choices": [{"message": {"content": ["x"]}}]},
        *(
            {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": count, "completion_tokens": 1}}
            for count in (None, -1, 1.5, True, 2**40, "7", float("nan"))
        ),
        {"choices": [{"message": {"content": "x"}}], "usage": ["x"]},
    ],
)
def test_answer_of_another_shape_is_a_fault(answer: dict[str, Any]) -> None:
    with pytest.raises(Fault, match="an answer with"):
        parse_answer(answer, None, 0.0)


def test_answer_with_a_refusal_and_no_content_is_refused() -> None:
    answer = reply_body("x")
    answer["choices"][0]["message"] = {"role": "assistant", "content": None, "refusal": "I will not."}
    completion = parse_answer(answer, Price(prompt=1.0, completion=2.0), 0.0)
    assert (completion.text, completion.finish_reason, completion.cost_usd) == ("I will not.", "refused", 17e-6)
