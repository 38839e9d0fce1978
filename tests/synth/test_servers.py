"""What our client counts on, asked of real servers: llama.cpp's, vLLM, and `transformers serve`.

Where a server does otherwise, the test says how, and that a run bears it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from children import opened
from small_model import ON_A_SHARED_MACHINE, VLLM_ARGS, serving_python, transformers_serve, vllm_python

from synth import parse
from synth.calls import Completion, Request
from synth.congestion import read_queue
from synth.endpoints import Spec, Vllm, open_teacher
from synth.errors import TeacherRefused, TeacherUnreachable
from synth.teacher import Limits, Teacher
from synth.wire import Wire

CAPITAL = "What is the capital of France? Answer in one word."
LIMITS = Limits(concurrency=16)
"""More than the slots of the servers, so that calls queue there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that runs, and the loop that its teacher lives in."""

    kind: str
    teacher: Teacher
    runner: asyncio.Runner

    def ask(self, *prompts: str, **sampling: Any) -> list[Completion]:
        """The answers to all `prompts`, asked at once, greedily."""
        requests = [
            Request(
                teacher=self.teacher.name,
                messages=({"role": "user", "content": prompt},),
                sampling={"temperature": 0, "max_tokens": 24, "seed": 0, **sampling},
            )
            for prompt in prompts
        ]
        return self.runner.run(self._all(requests))

    async def _all(self, requests: list[Request]) -> list[Completion]:
        return await asyncio.gather(*(self.teacher.complete(request) for request in requests))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("local", marks=pytest.mark.local_teacher),
        pytest.param("vllm", marks=pytest.mark.vllm),
        pytest.param("transformers", marks=pytest.mark.servers),
    ],
)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Each server in turn, with the embedded model."""
    kind, scratch = str(request.param), tmp_path_factory.mktemp("served")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.delenv("OPENAI_BASE_URL", raising=False)
        for name, value in ON_A_SHARED_MACHINE.items():
            patch.setenv(name, value)
        if kind == "local":
            pytest.importorskip("xllamacpp")
            spec = Spec(kind="local")
        elif kind == "vllm":
            vllm = Vllm.parse(vllm_python(), VLLM_ARGS)  # or skip
            spec = Spec(kind="vllm", model=str(request.getfixturevalue("small_model")), vllm=vllm)
        else:
            python = serving_python()  # or skip, before the model is written
            model = request.getfixturevalue("small_model")
            base_url = stack.enter_context(transformers_serve(python, model, scratch))
            spec = Spec(kind="openai", model=str(model), base_urls=(base_url,))
        runner = stack.enter_context(asyncio.Runner())
        opening = open_teacher(spec, limits=LIMITS, price=None, log=scratch / "teacher.log", say=print)
        if kind == "transformers":
            wait_for(spec.base_urls[0], runner)
        yield Served(kind=kind, teacher=stack.enter_context(opened(opening, runner)), runner=runner)


def wait_for(base_url: str, runner: asyncio.Runner) -> None:
    """Returns once something answers there."""

    async def models() -> None:
        async with Teacher(name="", model="", base_url=base_url, api_key=None, limits=LIMITS) as anyone:
            await anyone.models()

    deadline = time.monotonic() + 300
    while True:
        try:
            return runner.run(models())
        except TeacherUnreachable:
            assert time.monotonic() < deadline, "transformers serve does not answer"
            time.sleep(0.5)


def unless(served: Served, kind: str, what_it_does: str) -> None:
    if served.kind == kind:
        pytest.skip(f"{kind} {what_it_does}")


def test_answer_comes_whole_and_counted(served: Served) -> None:
    (completion,) = served.ask(CAPITAL)
    assert "Paris" in completion.text
    assert completion.finish_reason == "stop"
    assert 0 < completion.completion_tokens < 24 < completion.prompt_tokens + 24


def test_answer_that_is_cut_says_so(served: Served) -> None:
    (completion,) = served.ask("Tell me a long story about the sea.", max_tokens=5)
    assert completion.finish_reason == "length"
    assert completion.completion_tokens == 5


def test_stop_sequence_ends_the_answer(served: Served) -> None:
    (completion,) = served.ask(CAPITAL, stop=["Paris"])
    assert completion.finish_reason == "stop"
    # transformers leaves the sequence itself in the text, the others do not
    assert completion.text.removesuffix("Paris").rstrip().endswith("is")


def test_calls_beyond_what_the_server_works_on_at_once_are_all_answered(served: Served) -> None:
    completions = served.ask(*(f"Count to {number}." for number in range(16)), max_tokens=6)
    assert all(completion.text for completion in completions)


def test_json_schema_is_kept_to(served: Served) -> None:
    fields = {"animal": "boolean", "name": "string", "legs": "integer"}
    (completion,) = served.ask("Tell me about the dog.", response_format=parse.json_schema(fields), max_tokens=96)
    if served.kind == "transformers":  # it ignores the schema without a word: such a row is dropped
        with pytest.raises(parse.Unparsable, match=r"parse\.json"):
            parse.read_json(completion.text, fields)
        return
    assert completion.finish_reason == "stop"
    assert set(parse.read_json(completion.text, fields)) == set(fields)


def test_prompt_that_is_too_long_is_refused_and_the_next_one_answered(served: Served) -> None:
    unless(served, "transformers", "takes prompts of any length")
    too_long, fine = served.ask("word " * 3000, CAPITAL)
    assert too_long.finish_reason == "refused"
    assert "context" in too_long.text
    assert "Paris" in fine.text


def test_wrong_model_stops_with_what_is_there(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = served.teacher
    name = teacher.model.rpartition("/")[2]
    monkeypatch.setattr(teacher, "model", "no-such-model")

    async def ask() -> None:
        await teacher.check()
        await teacher.complete(Request(teacher="t", messages=({"role": "user", "content": "x"},), sampling={}))

    with pytest.raises(TeacherRefused, match=rf"no-such-model.*{name}|{name}.*no-such-model"):
        served.runner.run(ask())


def test_wrong_key_is_told_from_other_faults(served: Served) -> None:
    unless(served, "local", "asks for no key")
    unless(served, "transformers", "asks for no key")

    async def check() -> None:
        wrong = {"base_url": served.teacher.base_url, "api_key": "wrong"}
        async with Teacher(name="t", model=served.teacher.model, limits=LIMITS, **wrong) as stranger:
            await stranger.check()

    with pytest.raises(TeacherRefused, match="the key was refused"):
        served.runner.run(check())


def test_queue_of_the_server_can_be_read(served: Served) -> None:
    unless(served, "transformers", "has no such page")

    async def page() -> str:
        async with Wire(api_key="none", timeout_s=60) as wire:
            return (await wire.get(f"{served.teacher.base_url.removesuffix('/v1')}/metrics")).decode()

    queue = read_queue(served.runner.run(page()))
    assert queue is not None
    assert (queue.running, queue.waiting) == (0, 0)
