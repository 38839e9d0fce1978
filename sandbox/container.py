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
import socket
import struct
import time
from pathlib import Path
from typing import Any

from sandbox import reaper
from sandbox.verdict import SandboxUnavailable

MAX_TASKS = 128
SUPERVISOR_MB = 64
"""Room for the supervisor and the fork server, above what the snippet may use."""
WORK_DIR_OPTIONS = "rw,noexec,nosuid,nodev,size=64m,nr_inodes=4096,mode=755"
SHARED_MEMORY_OPTIONS = "rw,noexec,nosuid,nodev,size=16m,nr_inodes=256,mode=755"
NUM_INODES = re.compile(r"nr_inodes=\d+,")
CAPABILITIES = {"CHOWN": 0, "SETGID": 6, "SETUID": 7}
"""Name -> bit. Killing and wiping happen under the snippet's own uid, so no more is needed."""
ENVIRONMENT = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",  # an arena reserves 64 MB of address space per thread
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "USER": "sandbox",
}
INSIDE = ("cgroup", "judge", "leftovers", "runner", "supervisor")
# Each module gets builtins of its own, which a candidate that replaces `len` or `isinstance` does not reach.
BOOTSTRAP = """
import builtins, sys, types
sys.modules["sandbox"] = package = types.ModuleType("sandbox")
package.__path__ = []
names, sources = sys.argv[1::2], sys.argv[2::2]
for name, source in zip(names, sources):
    module = types.ModuleType("sandbox." + name)
    module.__dict__["__builtins__"] = dict(vars(builtins))
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(source, name + ".py", "exec"), module.__dict__)
sys.modules["sandbox.supervisor"].main()
"""
HEADER = struct.Struct(">I")
ENGINE_HEADER = struct.Struct(">BxxxI")
STDERR = 2
START_TIMEOUT_S = 60.0
MAX_ANSWER_BYTES = 64 << 20


class ChannelBroken(Exception):
    """The container is gone or speaks garbage; its job is to be run again in another one."""


@functools.cache
def supervisor_command() -> tuple[str, ...]:
    """What PID 1 runs: the sources of the modules that live inside, so that a change needs no new image."""
    folder = Path(__file__).parent
    sources = [part for name in INSIDE for part in (name, (folder / f"{name}.py").read_text(encoding="utf-8"))]
    return ("python3", "-s", "-P", "-c", BOOTSTRAP, *sources)


@functools.cache
def supervisor_version() -> str:
    """16 hex digits over everything of ours that runs inside; part of a verdict's identity."""
    facts = json.dumps([supervisor_command(), ENVIRONMENT, WORK_DIR_OPTIONS, SHARED_MEMORY_OPTIONS, MAX_TASKS])
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def is_podman(engine: Any) -> bool:
    """Whether the engine is Podman behind Docker's API."""
    return any(part["Name"].startswith("Podman") for part in engine.version().get("Components") or ())


class Container:
    """A running container whose supervisor has said that every limit is in force."""

    def __init__(self, engine: Any, image: str, memory_mb: int) -> None:
        """Starts it. Raises `ChannelBroken` or the engine's own errors."""
        self.engine = engine
        self.memory_mb = memory_mb
        self.name = f"{reaper.LABEL}-{os.getpid()}-{secrets.token_hex(8)}"
        self.created = time.monotonic()
        self.stderr = b""
        self.buffer = b""
        self.num_runs = 0
        self.sock: socket.socket | None = None
        try:
            self.create(image)
            raw = engine.attach_socket(self.name, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self.sock = getattr(raw, "_sock", raw)
            # Closed whole: where only the stream under it is, Python 3.13 complains once the response is collected.
            self.response = getattr(raw, "_response", raw)
            engine.start(self.name)
            self.facts = self.receive(time.monotonic() + START_TIMEOUT_S)["ready"]
            check_limits(self.facts, memory_mb)
        except ChannelBroken:
            self.remove()
            check_cgroups(engine.info())
            raise
        except BaseException:
            self.remove()
            raise

    def create(self, image: str) -> None:
        """Nothing; the container is there. An engine that made it but answered too late is asked for the same name."""
        from docker.errors import APIError
        from requests.exceptions import RequestException

        for again in (False, True):
            try:
                self.engine.create_container(
                    image,
                    list(supervisor_command()),
                    name=self.name,
                    hostname="sandbox",
                    stdin_open=True,  # not detached: the engine closes stdin when the one attached client goes
                    stop_signal="SIGKILL",  # nothing inside has a goodbye to say, and an engine that stops waits for it
                    environment=ENVIRONMENT,
                    working_dir="/",
                    user="0:0",
                    labels=reaper.labels(),
                    host_config=self.host_config(),
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
        memory = (self.memory_mb + SUPERVISOR_MB) << 20
        podman = is_podman(self.engine)
        work_dir, shared_memory = (
            # Podman knows no such option; what inodes take is counted as the container's memory, so they end there.
            NUM_INODES.sub("", options) if podman else options
            for options in (WORK_DIR_OPTIONS, SHARED_MEMORY_OPTIONS)
        )
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
            security_opt=["no-new-privileges"],
            tmpfs={"/tmp": work_dir, "/dev/shm": shared_memory},
            ulimits=[
                {"Name": "nofile", "Soft": 256, "Hard": 256},
                {"Name": "core", "Soft": 0, "Hard": 0},
                # Podman's own default may be more than it is allowed to give.
                *([{"Name": "nproc", "Soft": 4096, "Hard": 4096}] if podman else []),
            ],
        )

    def resize(self, memory_mb: int) -> None:
        """Nothing; the container's memory limit fits a job with this limit."""
        if memory_mb != self.memory_mb:
            memory = (memory_mb + SUPERVISOR_MB) << 20
            self.engine.update_container(self.name, mem_limit=memory, memswap_limit=memory)
            self.memory_mb = memory_mb

    def age_s(self) -> float:
        """Seconds since it was asked for."""
        return time.monotonic() - self.created

    def exchange(self, request: bytes, timeout_s: float) -> dict[str, Any]:
        """The supervisor's answer to one job. Raises `ChannelBroken`."""
        assert self.sock is not None
        deadline = time.monotonic() + timeout_s
        try:
            self.sock.settimeout(timeout_s)
            self.sock.sendall(HEADER.pack(len(request)) + request)
        except OSError as error:
            raise self.broken(str(error)) from error
        self.num_runs += 1
        return self.receive(deadline)

    def receive(self, deadline: float) -> dict[str, Any]:
        """One message from the supervisor."""
        (length,) = HEADER.unpack(self.read_stdout(HEADER.size, deadline))
        if length > MAX_ANSWER_BYTES:
            raise self.broken("garbage on the control stream")
        payload = self.read_stdout(length, deadline)
        try:
            message: dict[str, Any] = json.loads(payload)
        except ValueError as error:
            raise self.broken("garbage on the control stream") from error
        return message

    def read_stdout(self, num_bytes: int, deadline: float) -> bytes:
        """Exactly `num_bytes` of the supervisor's stdout; its stderr, which shares the stream, is kept aside."""
        while len(self.buffer) < num_bytes:
            kind, length = ENGINE_HEADER.unpack(self.read_raw(ENGINE_HEADER.size, deadline))
            chunk = self.read_raw(length, deadline)
            if kind == STDERR:
                self.stderr = (self.stderr + chunk)[-4000:]
            else:
                self.buffer += chunk
        taken, self.buffer = self.buffer[:num_bytes], self.buffer[num_bytes:]
        return taken

    def read_raw(self, num_bytes: int, deadline: float) -> bytes:
        """Exactly `num_bytes` of the attached stream."""
        assert self.sock is not None
        parts = []
        while num_bytes:
            try:
                self.sock.settimeout(max(0.001, deadline - time.monotonic()))
                chunk = self.sock.recv(min(num_bytes, 1 << 20))
            except OSError as error:
                raise self.broken(str(error) or type(error).__name__) from error
            if not chunk:
                raise self.broken("the container ended")
            parts.append(chunk)
            num_bytes -= len(chunk)
        return b"".join(parts)

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


def check_limits(facts: dict[str, Any], memory_mb: int) -> None:
    """Nothing; every limit is in force. Raises `SandboxUnavailable` naming the first that is not."""
    mask = sum(1 << bit for bit in CAPABILITIES.values())
    expected = {
        "max_tasks": str(MAX_TASKS),
        "max_memory": str((memory_mb + SUPERVISOR_MB) << 20),
        "capabilities": mask,
        "no_new_privileges": True,
        "seccomp": True,
        "read_only_root": True,
        "locked_work_dir": True,
        "interfaces": ["lo"],
    }
    for name, value in expected.items():
        if facts.get(name) != value:
            raise SandboxUnavailable(
                f"engine: {name} is not in force in the container (asked {value}, got {facts.get(name)}); "
                "use a rootful Docker engine, or one whose cgroups are delegated to it"
            )
