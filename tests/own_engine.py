"""A Docker engine of one's own, to be killed and started again; needs root and `dockerd`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker


class OwnEngine:
    """`dockerd` and its containerd with everything of their own under `folder`: sockets, images, containers."""

    def __init__(self, folder: Path, *options: str) -> None:
        """`options` are further ones of `dockerd`, such as `--add-runtime=NAME=PATH`."""
        self.options = options
        self.folder = folder
        self.address = f"unix://{folder}/docker.sock"
        self.containerd_address = f"{folder}/containerd.sock"
        self.containerd = self._spawn(
            "containerd",
            *("--address", self.containerd_address, "--root", f"{folder}/c-root", "--state", f"{folder}/c-state"),
        )
        self.dockerd: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        self.dockerd = self._spawn(
            "dockerd",
            *("-H", self.address, "--containerd", self.containerd_address, "--shutdown-timeout=2"),
            *("--bridge=none", "--iptables=false", "--ip6tables=false"),
            *(f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec", f"--pidfile={self.folder}/pid"),
            *self.options,
        )
        for _ in range(200):
            # Not by docker-py, which leaves a socket that could not connect to the garbage collector.
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"{self.folder}/docker.sock")
                return
            assert self.dockerd.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        raise AssertionError("dockerd does not answer")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Returns when it is gone. A killed one leaves its pid file, and does not start while that number lives."""
        assert self.dockerd is not None
        self.dockerd.send_signal(how)
        self.dockerd.wait(timeout=30)
        (self.folder / "pid").unlink(missing_ok=True)

    def close(self) -> None:
        """Stops everything, and takes away what it mounted."""
        self.stop()
        self.containerd.terminate()
        self.containerd.wait(timeout=30)
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if line.split()[1].startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", line.split()[1]], check=False)

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def client(self) -> docker.DockerClient:
        """A client of it."""
        return docker.DockerClient(self.address, timeout=60)


@contextlib.contextmanager
def own_engine(folder: Path, image: str, *options: str) -> Iterator[OwnEngine]:
    """A running engine that has `image`, copied from the one that everybody uses."""
    engine = OwnEngine(folder, *options)
    try:
        engine.start()
        with contextlib.closing(docker.from_env()) as source, contextlib.closing(engine.client()) as target:
            target.images.load(source.images.get(image).save(named=True))
        yield engine
    finally:
        engine.close()


def why_not() -> str:
    """Why there can be no engine of one's own, or empty."""
    if os.geteuid() != 0:
        return "needs root, to start a Docker engine of its own"
    return "" if shutil.which("dockerd") else "needs dockerd, to start a Docker engine of its own"
