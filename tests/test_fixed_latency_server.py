"""The server that benchmarks measure against: it answers like an endpoint, after its latency, and tells what it saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.fixed_latency_server import MODEL, Served, serving
from synth.parse import read_code

LATENCY_S = 0.2


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving(latency_s=LATENCY_S) as served:
        yield served


def post(server: Served, messages: list[dict[str, str]]) -> dict[str, object]:
    body = json.dumps({"model": MODEL, "messages": messages}).encode()
    request = urllib.request.Request(f"{server.base_url}/chat/completions", body)
    with urllib.request.urlopen(request, timeout=30) as response:
        return dict(json.load(response))


def ask(server: Served, prompt: str) -> str:
    answer = post(server, [{"role": "user", "content": prompt}])
    return str(answer["choices"][0]["message"]["content"])  # type: ignore[index]


def test_answer_is_code_and_comes_after_the_latency(server: Served) -> None:
    began = time.monotonic()
    assert read_code(ask(server, "add")).functions
    assert time.monotonic() - began >= LATENCY_S


def test_answer_depends_on_the_prompt_alone(server: Served) -> None:
    assert ask(server, "add") == ask(server, "add") != ask(server, "multiply")


def test_openai_client_lists_the_model_and_reads_usage(server: Served) -> None:
    from openai import OpenAI

    with OpenAI(base_url=server.base_url, api_key="none") as client:
        assert [model.id for model in client.models.list()] == [MODEL]
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "ä" * 5000}])
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.fixture
def busy() -> Iterator[int]:
    """A session that does nothing but use processor time."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) as process:
        yield process.pid
        process.kill()


def test_calls_wait_beside_each_other(server: Served, busy: int) -> None:
    server.watch(busy, 8)
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda number: ask(server, f"{number}"), range(8)))) == 8
    log = server.log()
    assert len(log.arrivals) == server.num_answered() == 8
    assert log.last_answer - log.arrivals[0] >= LATENCY_S
    assert log.cpu_first_s is not None
    assert log.cpu_last_s is not None
    assert 0 <= log.cpu_first_s < log.cpu_last_s


def test_session_led_from_outside_the_namespace_is_measured_too(server: Served) -> None:
    server.watch(0, 1)  # as such a session is numbered inside
    ask(server, "add")
    assert server.log().cpu_first_s is not None


def test_call_without_messages_is_refused_and_not_counted(server: Served) -> None:
    server.watch(os.getpid(), 1)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        post(server, [])
    assert server.log().arrivals == []
