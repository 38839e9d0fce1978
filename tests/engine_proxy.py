"""A Docker engine that can be taken away: a unix socket that passes everything on to the real one until it is cut."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class EngineProxy:
    """Listens on `path`; `cut` ends every connection and answers no more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """What `DOCKER_HOST` must be."""
        return f"unix://{self.path}"

    def cut(self) -> None:
        """Takes the engine away."""
        self.path.unlink(missing_ok=True)
        for end in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._real)
                self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def engine_proxy(folder: Path) -> Iterator[EngineProxy]:
    """A proxy in `folder`, cut at the end."""
    proxy = EngineProxy(folder / "docker.sock")
    try:
        yield proxy
    finally:
        proxy.cut()
