"""An OpenAI-compatible server that answers every chat completion after the same time: what load is measured against.

It shares the machine with the client it measures, so it is as cheap as Python allows (about 0.06 ms CPU a call): one
asyncio protocol, HTTP/1.1 written by hand, an answer made by one bytes format. The answer is a short Python function in
a fence that depends on the request alone, and differs enough between requests that no curation calls two the same.
`serving` runs it as a child process; it notes when calls arrive, and what CPU time the watched client has used at the
first and at the last. Alone: `python benchmarks/fixed_latency_server.py --latency-ms 100 --port 8000`.
Not covered: streaming, chunked request bodies, TLS, anything but `GET .../models` and `POST .../chat/completions`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

MODEL = "fixed"
CODE = (
    "Here it is.\\n\\n```python\\ndef solve_%(a)s(values_%(b)s):\\n    total_%(c)s = 0x%(d)s\\n"
    "    for item_%(b)s in values_%(b)s:\\n        total_%(c)s += item_%(b)s %% 0x%(e)s - 0x%(f)s\\n"
    "    return total_%(c)s\\n```"
)
BODY = (
    '{"id":"chatcmpl-%(a)s","object":"chat.completion","created":1,"model":"' + MODEL + '","choices":[{"index":0,'
    '"message":{"role":"assistant","content":"' + CODE + '"},"logprobs":null,"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":60,"completion_tokens":70,"total_tokens":130}}'
)
PARTS = {"a": slice(0, 8), "b": slice(8, 12), "c": slice(12, 16), "d": slice(16, 20), "e": slice(20, 24)}
PARTS |= {"f": slice(24, 28)}
"""Which hex digits of the request's hash stand where in the answer."""
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What the server saw of one client. Times are monotonic seconds."""

    arrivals: list[float]
    """Of each chat completion asked for."""
    last_answer: float
    cpu_first_s: float | None
    """User and system time of the watched client when its first call arrived."""
    cpu_last_s: float | None
    """The same when the last of the expected calls was answered; `None` where that never came."""


class Server:
    """The log of all connections, and the latency they answer with."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.arrivals = array("d")
        self.answered = 0
        self.last_answer = 0.0
        self._session: int | None = None
        self._expected = 0
        self._cpu_s: dict[int, float] = {}
        """Number of the call -> what the client had used by then."""

    def watch(self, session: int, calls: int) -> None:
        """Measures the processes of `session` at the first and at the last of so many calls, which start now.

        A session whose leader is outside this PID namespace has the number 0 inside it.
        """
        self._session, self._expected = session, calls
        self._cpu_s.clear()
        del self.arrivals[:]
        self.answered = 0

    def arrived(self) -> None:
        """Notes a call."""
        if not self.arrivals and self._session is not None:
            self._cpu_s[0] = session_cpu_s(self._session)
        self.arrivals.append(time.monotonic())

    def left(self) -> None:
        """Notes an answer."""
        self.answered += 1
        self.last_answer = time.monotonic()
        if self.answered == self._expected and self._session is not None:
            self._cpu_s[self._expected] = session_cpu_s(self._session)

    @property
    def log(self) -> Log:
        """Since the watch began."""
        first, last = self._cpu_s.get(0), self._cpu_s.get(self._expected)
        return Log(arrivals=list(self.arrivals), last_answer=self.last_answer, cpu_first_s=first, cpu_last_s=last)


class Connection(asyncio.Protocol):
    """One connection: requests in, answers out in their order."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers every request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = CONTENT_LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            body, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
            self._respond(head, body)

    def _respond(self, head: bytes, body: bytes) -> None:
        target = head.split(b" ", 2)[1].partition(b"?")[0]
        if target.endswith(b"/models"):
            listed = [{"id": MODEL, "object": "model", "created": 1, "owned_by": "benchmark"}]
            self._send(json.dumps({"object": "list", "data": listed}).encode())
        elif not target.endswith(b"/chat/completions"):
            self._send(b'{"error":{"message":"not here","type":"invalid_request_error"}}', b"404 Not Found")
        elif b'"content"' not in body:  # some look for rate limits that way; it is no call of the job
            self._send(b'{"error":{"message":"no messages","type":"invalid_request_error"}}', b"400 Bad Request")
        else:
            self._server.arrived()
            if self._server.latency_s:
                self._loop.call_later(self._server.latency_s, self._complete, body)
            else:
                self._complete(body)

    def _complete(self, body: bytes) -> None:
        if self._transport.is_closing():
            return
        digits = hashlib.blake2b(body, digest_size=16).hexdigest()
        self._send((BODY % {name: digits[part] for name, part in PARTS.items()}).encode())
        self._server.left()

    def _send(self, body: bytes, status: bytes = b"200 OK") -> None:
        self._transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
        )


def session_cpu_s(session: int) -> float:
    """User and system time so far of all processes in a session, and of their children that have ended."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended; its time is its parent's now
            continue
        if int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class Served:
    """A server that runs in a process of its own, as its owner sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.base_url = self._ask(None)

    def watch(self, session: int, calls: int) -> None:
        """Begins a new log, of the processes in `session`, which will make so many calls."""
        self._ask({"watch": session, "calls": calls})

    def log(self) -> Log:
        """What was seen since the watch began."""
        return Log(**json.loads(self._ask({"log": True})))

    def num_answered(self) -> int:
        """Calls answered since the watch began."""
        return int(self._ask({"answered": True}))

    def _ask(self, question: dict[str, int] | None) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if question is not None:
            print(json.dumps(question), file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()


@contextmanager
def serving(*, latency_s: float) -> Iterator[Served]:
    """A server on a free port of this machine, stopped when the context closes."""
    command = [sys.executable, __file__, "--latency-ms", str(1000 * latency_s), "--controlled"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Served(process)
        finally:
            process.terminate()


async def serve(server: Server, port: int, *, controlled: bool) -> None:
    """Answers until the controlling process closes our standard input; forever where there is none."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", port, backlog=4096)
    print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", flush=True)
    if not controlled:
        await listening.serve_forever()
    ended = loop.create_future()

    def hear() -> None:
        line = sys.stdin.readline()
        if not line:
            ended.set_result(None)
            loop.remove_reader(sys.stdin)
            return
        question = json.loads(line)
        if "watch" in question:
            server.watch(question["watch"], question["calls"])
        answer = asdict(server.log) if "log" in question else server.answered
        print(json.dumps(answer), flush=True)

    loop.add_reader(sys.stdin, hear)
    await ended


def main() -> None:
    """Serves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latency-ms", type=float, default=100.0, help="between request and answer (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, and says which (%(default)s)")
    parser.add_argument("--controlled", action="store_true", help="take questions on standard input, end with it")
    args = parser.parse_args()
    asyncio.run(serve(Server(args.latency_ms / 1000), args.port, controlled=args.controlled))


if __name__ == "__main__":
    main()
