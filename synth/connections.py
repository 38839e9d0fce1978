"""Direct connections to HTTP/1.1 servers, kept alive: no more than a POST and its whole answer.

What a byte means is left to `httptools` (llhttp, Node's parser); here is which connection a call goes over, how long it
may take, and that no half-used connection is used again. A server may close a connection that idles, so one that has
idled for long is not trusted.
Not covered: proxies, redirects, compression, HTTP/2 (`wire.py` goes through `aiohttp` where there is a proxy).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

IDLE_S = 4.0
"""Common servers close what has idled for five seconds."""
RESOLVE_EVERY_S = 60.0


class Broken(Exception):
    """A connection that ended, or said what is no HTTP, before the whole answer was there."""


class TooLong(Broken):
    """An answer beyond the limit."""


class Unreachable(Exception):
    """Nothing listens there."""


@dataclass(slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    """By lower-case name; of several the last."""
    body: bytes


@dataclass(slots=True)
class Origin:
    """Where connections lead to, and those that are free."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    idle: list[_Connection] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    resolved_at: float = 0.0


class Connections:
    """The connections of one client. Not thread-safe: they belong to one event loop."""

    def __init__(self, *, timeout_s: float, connect_s: float, max_bytes: int) -> None:
        """`timeout_s` is for a whole call, `connect_s` for its connection; bodies may have `max_bytes`."""
        self._timeout_s = timeout_s
        self._connect_s = connect_s
        self._max_bytes = max_bytes
        self._is_closed = False
        self._origins: dict[str, Origin] = {}
        self._heads: dict[tuple[str, str], tuple[Origin, bytes]] = {}

    def close(self) -> None:
        """Closes those that are free; those in use end with their calls."""
        self._is_closed = True
        for origin in self._origins.values():
            for connection in origin.idle:
                connection.close()
            origin.idle.clear()

    async def send(self, method: str, url: str, headers: bytes, body: bytes) -> Reply:
        """The answer to one request; `headers` are lines that end in CRLF.

        Raises:
            Unreachable, Broken: no answer came.
            TimeoutError: it was not whole in time.
        """
        origin, head = self._heads.get((method, url)) or self._head(method, url)
        request = b"%b%bcontent-length: %d\r\n\r\n%b" % (head, headers, len(body), body)
        began = time.monotonic()
        connection = self._free(origin, began)
        if connection is None:
            connection = await self._connect(origin)
        return await connection.ask(request, self._timeout_s - (time.monotonic() - began))

    def _head(self, method: str, url: str) -> tuple[Origin, bytes]:
        parts = urlsplit(url)
        host, is_tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        key = f"{parts.scheme}://{host}:{port}"
        if key not in self._origins:
            self._origins[key] = Origin(host, port, ssl.create_default_context() if is_tls else None)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        shown = parts.netloc.rpartition("@")[2]
        head = f"{method} {target} HTTP/1.1\r\nhost: {shown}\r\n".encode()
        self._heads[method, url] = self._origins[key], head
        return self._heads[method, url]

    def _free(self, origin: Origin, now: float) -> _Connection | None:
        """The connection that was used last, if it is still good."""
        while origin.idle:
            connection = origin.idle.pop()
            if connection.is_open and now - connection.idle_since < IDLE_S:
                return connection
            connection.close()
        return None

    def _keep(self, freed: _Connection, origin: Origin) -> None:
        if self._is_closed:
            freed.close()
        else:
            origin.idle.append(freed)

    async def _connect(self, origin: Origin) -> _Connection:
        """A new connection to the first address that takes one.

        Raises:
            Unreachable: none does.
        """
        loop = asyncio.get_running_loop()
        fault = "no address"
        try:
            async with asyncio.timeout(self._connect_s):
                for address in await self._resolve(origin):
                    try:
                        _, connection = await loop.create_connection(
                            lambda: _Connection(self._max_bytes, lambda freed: self._keep(freed, origin)),
                            address,
                            origin.port,
                            ssl=origin.tls,
                            server_hostname=origin.host if origin.tls else None,
                        )
                    except OSError as error:  # ssl.SSLError too
                        fault = str(error)
                        continue
                    origin.addresses.sort(key=lambda known: known != address)
                    return connection
        except TimeoutError:
            fault = f"no connection within {self._connect_s:g} s"
        except (OSError, UnicodeError) as error:  # a name that does not resolve, or is none
            fault = str(error)
        raise Unreachable(f"{origin.host}:{origin.port}: {fault}")

    async def _resolve(self, origin: Origin) -> list[str]:
        now = time.monotonic()
        if not origin.addresses or now - origin.resolved_at > RESOLVE_EVERY_S:
            found = await asyncio.get_running_loop().getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
            origin.addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
            origin.resolved_at = now
        return list(origin.addresses)


class _Connection(asyncio.Protocol):
    """One connection, one request at a time; also what the parser calls back."""

    def __init__(self, max_bytes: int, on_free: Callable[[_Connection], None]) -> None:
        self.is_open = False
        self.idle_since = 0.0
        self._max_bytes = max_bytes
        self._on_free = on_free
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Reply] | None = None
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._size = 0
        self._ends_with_connection = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # event loops have transports of their own
        self.is_open = True

    async def ask(self, request: bytes, timeout_s: float) -> Reply:
        """The answer to `request`; whatever else comes of it, the connection is closed."""
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._headers, self._parts, self._size = {}, [], 0
        timer = loop.call_later(timeout_s, self._fail, TimeoutError())
        try:
            assert self._transport is not None, "it was made by create_connection"
            self._transport.write(request)
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            self._answer = None
            if self.is_open:
                self.idle_since = time.monotonic()
                self._on_free(self)

    def close(self) -> None:
        """Gives the connection up."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nothing was asked: whatever this is, it would be taken for the next answer
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Broken(f"what came is no HTTP ({error})"))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self._ends_with_connection and error is None:
            self._finish()
        self._fail(Broken(f"the connection ended in mid-call ({error or 'closed by the server'})"))

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():  # a second answer to one question
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name + value)
        if self.is_open:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        self._ends_with_connection = not framed and self._parser.get_status_code() >= 200

    def on_body(self, part: bytes) -> None:
        self._count(part)
        if self.is_open:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # such as 100 Continue: the answer is still to come
            self._headers, self._parts, self._size = {}, [], 0
            return
        if not self._parser.should_keep_alive():
            self.close()
        self._finish()

    def _count(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._max_bytes:
            self._fail(TooLong(f"an answer of more than {self._max_bytes // 2**20} MiB"))
            self.close()

    def _finish(self) -> None:
        self._ends_with_connection = False
        if self._answer is not None and not self._answer.done():
            body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._answer.set_result(Reply(self._parser.get_status_code(), self._headers, body))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
