"""One hardened container on this machine's engine, and the framed stream to the supervisor inside it.

The engine's API is used to create, resize and remove; jobs and answers pass over the attached stdin and stdout. The
container removes itself when that stream closes, so a host process that is killed leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import secrets
import select
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox import reaper
from sandbox.limits import check_limits
from sandbox.verdict import SandboxUnavailable

MAX_TASKS = 128
SUPERVISOR_MB = 64
"""Room for the supervisor and the fork server, above what the snippet may use."""
PRELOAD_MB = 256
"""And for the packages of the image that the fork server has imported."""
WORK_DIR_OPTIONS = "rw,noexec,nosuid,nodev,size=64m,nr_inodes=4096,mode=755"
SHARED_MEMORY_OPTIONS = "rw,noexec,nosuid,nodev,size=16m,nr_inodes=256,mode=755"
BUILD_DIR_OPTIONS = "rw,exec,nosuid,nodev,size=512m,nr_inodes=16384,mode=755"
"""For compilers and what they make; the only place where a program may lie, and never handed to Python."""
REPORT_DIR_OPTIONS = "rw,noexec,nosuid,nodev,size=1m,nr_inodes=64,mode=711"
FILE_SYSTEMS = {
    "/tmp": WORK_DIR_OPTIONS,
    "/dev/shm": SHARED_MEMORY_OPTIONS,
    "/build": BUILD_DIR_OPTIONS,
    "/run/opencook": REPORT_DIR_OPTIONS,
}
NUM_INODES = re.compile(r"nr_inodes=\d+,")
CAPABILITIES = {"CHOWN": 0, "SETGID": 6, "SETUID": 7}
"""Name -> bit. Killing and wiping happen under the snippet's own uid, so no more is needed."""
ENVIRONMENT = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LD_BIND_NOW": "1",  # functions of C libraries are looked up once, not by each child; taken away before any run
    "MALLOC_ARENA_MAX": "1",  # an arena reserves 64 MB of address space per thread
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",  # numpy's, which would start one for each of the host's processors
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "USER": "sandbox",
}
INSIDE = ("cgroup", "plain", "judge", "leftovers", "artifacts", "walls", "proof", "runner", "fork_server", "supervisor")
"""The modules that live in the container, each after those it imports."""
# Each module gets builtins of its own, which a candidate that replaces `len` or `isinstance` does not reach.
BOOTSTRAP = """
import builtins, sys, types
sys.modules["sandbox"] = package = types.ModuleType("sandbox")
package.__path__ = []
end = sys.argv.index("--")
for name, source in zip(sys.argv[1:end:2], sys.argv[2:end:2]):
    module = types.ModuleType("sandbox." + name)
    module.__dict__["__builtins__"] = dict(vars(builtins))
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(source, name + ".py", "exec"), module.__dict__)
module, function, *words = sys.argv[end + 1 :]
getattr(sys.modules["sandbox." + module], function)(*words)
"""
HEADER = struct.Struct(">I")
ENGINE_HEADER = struct.Struct(">BxxxI")
STDERR = 2
START_TIMEOUT_S = 60.0
MAX_ANSWER_BYTES = 64 << 20
CHUNK_BYTES = 1 << 18


class ChannelBroken(Exception):
    """The container is gone or speaks garbage; its job is to be run again in another one."""


@functools.cache
def supervisor_command() -> tuple[str, ...]:
    """What PID 1 runs: the sources of the modules that live inside, so that a change needs no new image."""
    folder = Path(__file__).parent
    sources = [part for name in INSIDE for part in (name, (folder / f"{name}.py").read_text(encoding="utf-8"))]
    return ("python3", "-s", "-P", "-c", BOOTSTRAP, *sources, "--", "supervisor", "main")


@functools.cache
def supervisor_version() -> str:
    """16 hex digits over everything of ours that runs inside; part of a verdict's identity."""
    facts = json.dumps([supervisor_command(), ENVIRONMENT, FILE_SYSTEMS, MAX_TASKS])
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def is_podman(engine: Any) -> bool:
    """Whether the engine is Podman behind Docker's API."""
    return any(part["Name"].startswith("Podman") for part in engine.version().get("Components") or ())


class Container:
    """A running container whose supervisor has said that every limit is in force."""

    def __init__(
        self, engine: Any, image: str, memory_mb: int, runtime: str | None = None, preload: Sequence[str] = ()
    ) -> None:
        """Starts it, with the Python packages `preload` imported. Raises `ChannelBroken` or the engine's own errors."""
        self.engine = engine
        self.preload = preload
        self.runtime = runtime
        self.memory_mb = memory_mb
        self.name = f"{reaper.LABEL}-{os.getpid()}-{secrets.token_hex(8)}"
        self.created = time.monotonic()
        self.unsent = bytearray()
        self.stream = bytearray()
        """Bytes of the engine's stream that are no whole frame of it yet."""
        self.stdout = bytearray()
        """What the supervisor said and nobody has taken."""
        self.stderr = b""
        self.num_runs = 0
        self.sock: socket.socket | None = None
        host_config = self.host_config()
        try:
            self.create(image, host_config)
            raw = engine.attach_socket(self.name, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self.sock = getattr(raw, "_sock", raw)
            # Closed whole: where only the stream under it is, Python 3.13 complains once the response is collected.
            self.response = getattr(raw, "_response", raw)
            self.sock.setblocking(False)
            engine.start(self.name)
            self.facts = self.receive(time.monotonic() + START_TIMEOUT_S)["ready"]
            check_limits(self.facts, host_config, CAPABILITIES.values(), ENVIRONMENT)
        except ChannelBroken:
            self.remove()
            check_cgroups(engine.info())
            raise
        except BaseException:
            self.remove()
            raise

    def create(self, image: str, host_config: Any) -> None:
        """Nothing; the container is there. An engine that made it but answered too late is asked for the same name."""
        from docker.errors import APIError
        from requests.exceptions import RequestException

        for again in (False, True):
            try:
                self.engine.create_container(
                    image,
                    [*supervisor_command(), *self.preload],
                    name=self.name,
                    hostname="sandbox",
                    stdin_open=True,  # not detached: the engine closes stdin when the one attached client goes
                    stop_signal="SIGKILL",  # nothing inside has a goodbye to say, and an engine that stops waits for it
                    environment=ENVIRONMENT,
                    working_dir="/",
                    user="0:0",
                    labels=reaper.labels(),
                    host_config=host_config,
                    use_config_proxy=False,  # ~/.docker/config.json may hold a proxy's password
                )
                return
            except APIError as error:
                if again and "already in use" in str(error.explanation):  # the name, which nobody else could guess
                    return
                raise
            except RequestException:
                if again:
                    raise

    def host_config(self) -> Any:
        """Every wall there is without extra privilege."""
        memory = self.bytes_for(self.memory_mb)
        podman = is_podman(self.engine)
        # Podman knows no cap on inodes; what they take is counted as the container's memory, so they end there.
        file_systems = {
            path: NUM_INODES.sub("", options) if podman else options for path, options in FILE_SYSTEMS.items()
        }
        return self.engine.create_host_config(
            auto_remove=True,
            cap_drop=["ALL"],
            cap_add=list(CAPABILITIES),
            ipc_mode="none",
            log_config={"Type": "none"},
            mem_limit=memory,
            memswap_limit=memory,
            network_mode="none",
            pids_limit=MAX_TASKS,
            read_only=True,
            runtime=self.runtime,
            security_opt=["no-new-privileges"],
            tmpfs=file_systems,
            ulimits=[
                {"Name": "nofile", "Soft": 256, "Hard": 256},
                {"Name": "core", "Soft": 0, "Hard": 0},
                # Podman's own default may be more than it is allowed to give.
                *([{"Name": "nproc", "Soft": 4096, "Hard": 4096}] if podman else []),
            ],
        )

    def bytes_for(self, memory_mb: int) -> int:
        """The container's limit, for a snippet with this one."""
        return (memory_mb + SUPERVISOR_MB + (PRELOAD_MB if self.preload else 0)) << 20

    def resize(self, memory_mb: int) -> None:
        """Nothing; the container's memory limit fits a job with this limit."""
        if memory_mb != self.memory_mb:
            memory = self.bytes_for(memory_mb)
            self.engine.update_container(self.name, mem_limit=memory, memswap_limit=memory)
            self.memory_mb = memory_mb

    def age_s(self) -> float:
        """Seconds since it was asked for."""
        return time.monotonic() - self.created

    def send(self, requests: Sequence[bytes]) -> None:
        """Nothing; the requests are on their way, after those sent before. Each gets one answer, in this order."""
        self.unsent += b"".join(HEADER.pack(len(request)) + request for request in requests)
        self.num_runs += len(requests)
        self.pump(None)

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next message from the supervisor. Raises `ChannelBroken`."""
        while (payload := self.take_frame()) is None:
            self.pump(deadline)
        try:
            message: dict[str, Any] = json.loads(payload)
        except ValueError as error:
            raise self.broken("garbage on the control stream") from error
        return message

    def exchange(self, request: bytes, timeout_s: float) -> dict[str, Any]:
        """The supervisor's answer to one request. Raises `ChannelBroken`."""
        self.send([request])
        return self.receive(time.monotonic() + timeout_s)

    def take_frame(self) -> bytes | None:
        """The first whole frame received, if there is one."""
        stdout = self.stdout
        if len(stdout) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(stdout)
        if length > MAX_ANSWER_BYTES:
            raise self.broken("garbage on the control stream")
        end = HEADER.size + length
        if len(stdout) < end:
            return None
        frame = bytes(stdout[HEADER.size : end])
        del stdout[:end]
        return frame

    def pump(self, deadline: float | None) -> None:
        """Nothing; bytes went out or came in. Waits for that until `deadline`, and not at all where it is `None`.

        Both ways at once: a supervisor that waits for us to read must never meet a host that waits for it.
        """
        assert self.sock is not None
        wanted = select.POLLIN | (select.POLLOUT if self.unsent else 0)
        poller = select.poll()
        poller.register(self.sock, wanted)
        left_ms = 0.0 if deadline is None else max(0.0, 1000 * (deadline - time.monotonic()))
        try:
            events = poller.poll(left_ms)
            if not events and deadline is not None:
                raise self.broken("timed out")
            for _, event in events:
                if event & select.POLLOUT:
                    sent = self.sock.send(self.unsent[:CHUNK_BYTES])
                    del self.unsent[:sent]
                if event & ~select.POLLOUT:
                    self.take_in()
        except OSError as error:
            raise self.broken(str(error) or type(error).__name__) from error

    def take_in(self) -> None:
        """Nothing; a chunk of the engine's stream was read and sorted: stdout is ours, stderr is kept for errors."""
        assert self.sock is not None
        chunk = self.sock.recv(CHUNK_BYTES)
        if not chunk:
            raise self.broken("the container ended")
        self.stream += chunk
        start = 0
        while len(self.stream) - start >= ENGINE_HEADER.size:
            kind, length = ENGINE_HEADER.unpack_from(self.stream, start)
            end = start + ENGINE_HEADER.size + length
            if len(self.stream) < end:
                break
            part = self.stream[start + ENGINE_HEADER.size : end]
            if kind == STDERR:
                self.stderr = (self.stderr + part)[-4000:]
            else:
                self.stdout += part
            start = end
        del self.stream[:start]

    def broken(self, reason: str) -> ChannelBroken:
        """The error, with the last line the supervisor left."""
        lines = self.stderr.decode("utf-8", "replace").strip().splitlines()
        return ChannelBroken(f"{reason} ({lines[-1]})" if lines else reason)

    def hang_up(self) -> None:
        """Nothing; whoever waits for the supervisor stops waiting, and the supervisor ends."""
        if self.sock is not None:
            with contextlib.suppress(OSError):  # not connected any more
                self.sock.shutdown(socket.SHUT_RDWR)

    def remove(self) -> None:
        """Nothing; the stream is closed and the container is gone, unless the engine itself is."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        if self.sock is not None:
            self.sock.close()
            self.response.close()
        try:
            self.engine.remove_container(self.name, force=True)
        except (DockerException, RequestException):
            return  # already gone, or removing itself now that its stream is closed


def check_cgroups(info: dict[str, Any]) -> None:
    """Nothing; the engine has cgroups. Raises `SandboxUnavailable` where it would let a container use everything."""
    if info.get("CgroupDriver") == "none":
        raise SandboxUnavailable(
            "engine: memory, max_tasks and CPU time have no limit (cgroup driver is none, as in rootless mode on cgroup"
            f" v{info.get('CgroupVersion', 1)}); boot with cgroup v2 and delegation, or use a rootful engine"
        )
