"""Endpoints that we start ourselves: a server as a child process, awaited until it answers, gone when we are.

`launch_local` serves a GGUF with the embedded runtime, `launch_vllm` any model with vLLM. Both yield the `Endpoint`
that the one client talks to. While a server starts, `say` gets a line now and then with what it is doing.
Not covered: what dies with whom (`guard.py`), what is read from a log (`server_log.py`), which interpreter has vLLM
(`vllm_command.py`), where the embedded weights are (`weights.py`), servers on other machines (`--base-url`).
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from synth.errors import TeacherError
from synth.guard import GRACE_S, KILLED_WITHIN_S, ORPHAN_GRACE_S
from synth.server_log import current_step, last_words
from synth.vllm_command import SAFE_PATH, vllm_command
from synth.weights import find_embedded_model

__all__ = ["Endpoint", "find_embedded_model", "launch_local", "launch_vllm", "spare_threads", "start_server"]

POLL_S = 0.1
SAY_EVERY_S = 5.0
"""How often the log is looked at for news."""
SAY_ANYWAY_S = 30.0
"""How long the same news stands without being said again."""
MAX_THREADS = 8
"""More gain nothing on a model of this size."""
SET_BY_US = ("--model", "--host", "--port", "--api-key", "--served-model-name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An OpenAI-compatible endpoint that answers."""

    base_url: str
    model: str
    api_key: str


@asynccontextmanager
async def launch_local(
    model: Path | None = None,
    *,
    slots: int,
    log: Path,
    context_per_slot: int = 2048,
    threads: int | None = None,
    say: Callable[[str], None] = lambda _: None,
    ready_within_s: float = 120.0,
) -> AsyncIterator[Endpoint]:
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
    async with start_server(command, endpoint, log=log, say=say, ready_within_s=ready_within_s):
        yield endpoint


@asynccontextmanager
async def launch_vllm(
    model: str,
    *,
    log: Path,
    python: Path | None = None,
    options: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
    ready_within_s: float = 3600.0,
) -> AsyncIterator[Endpoint]:
    """The endpoint of `model` (a folder or a hub name) in vLLM, started with its further command-line `options`.

    `python` is the interpreter that has vLLM, or the folder of its environment; by default ours, else that on PATH.

    Raises:
        TeacherError: vLLM or the model is missing, an option is ours to set, or the server does not come up.
    """
    if model.startswith(("/", ".", "~")) and not Path(model).expanduser().is_dir():
        raise TeacherError(f"vllm:{model}: no such folder; name a folder with config.json, or a model as OWNER/NAME")
    for word in options:
        if (name := word.partition("=")[0].replace("_", "-")) in SET_BY_US:
            raise TeacherError(f"--vllm-args: {name} is set by synth; leave it out, or start vLLM and use --base-url")
    command = await vllm_command(python)
    model = str(Path(model).expanduser())
    port, key = free_port(), secrets.token_hex(16)
    arguments = ["--model", model, "--host", "127.0.0.1", "--port", str(port), *options]
    endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}/v1", model=model, api_key=key)
    # The key goes by environment: a command line can be read by every user of the machine.
    environment = {"VLLM_API_KEY": key, **SAFE_PATH}
    async with start_server(
        [*command, *arguments], endpoint, log=log, say=say, ready_within_s=ready_within_s, environment=environment
    ):
        yield endpoint


@asynccontextmanager
async def start_server(
    command: Sequence[str],
    endpoint: Endpoint,
    *,
    log: Path,
    ready_within_s: float,
    say: Callable[[str], None] = lambda _: None,
    environment: dict[str, str] | None = None,
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The guard of `command`, once `endpoint` answers with its model; both are gone when the context closes.

    Raises:
        TeacherError: the command ended, or did not answer in time; with what its log says of that.
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
        await _wait_until_ready(guard, endpoint, log, ready_within_s, say)
        yield guard
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        await asyncio.to_thread(guard.wait, timeout=GRACE_S + ORPHAN_GRACE_S + 2 * KILLED_WITHIN_S + 30)


async def _wait_until_ready(
    guard: subprocess.Popen[bytes], endpoint: Endpoint, log: Path, ready_within_s: float, say: Callable[[str], None]
) -> None:
    started = looked = said_at = time.monotonic()
    said = ""
    while not await asyncio.to_thread(_answers, endpoint):
        if guard.poll() is not None:
            raise TeacherError(
                f"{endpoint.model}: the server did not start ({last_words(log)}); the whole log is {log}"
            )
        now = time.monotonic()
        if now - started > ready_within_s:
            raise TeacherError(
                f"{endpoint.model}: the server did not answer within {ready_within_s:g} s ({last_words(log)}); "
                f"see {log}, or start it yourself and use --base-url"
            )
        if now - looked >= SAY_EVERY_S:
            looked, step = now, current_step(log)
            if step != said or now - said_at >= SAY_ANYWAY_S:
                said, said_at = step, now
                say(f"{endpoint.model}: {step} ({now - started:.0f} s so far)")
        await asyncio.sleep(POLL_S)


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
