"""A scripted OpenAI-compatible server over real HTTP: answers by a function of the request and counts requests."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = str | tuple[int, dict[str, Any]]
"""The text of a completion, or an HTTP status with its body."""


@dataclass
class Scripted:
    """The server's script and its memory."""

    answer: Callable[[dict[str, Any]], Answer]
    models: list[str] = field(default_factory=lambda: ["scripted"])
    delay_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    pages: dict[str, Callable[[Scripted], str]] = field(default_factory=dict)
    """Path -> the text to be got there, such as `/metrics`."""
    delivered: Counter[str] = field(default_factory=Counter)
    """Request body -> complete answers sent."""
    received: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """The Authorization header of each of `received`."""
    in_flight: int = 0
    most_in_flight: int = 0
    base_url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prompts(self) -> list[str]:
        """The last message of every request, in order of arrival."""
        return [body["messages"][-1]["content"] for body in self.received]


def reply_body(text: str, *, finish_reason: str = "stop") -> dict[str, Any]:
    """A chat completion as OpenAI's API has it."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
    }


@contextmanager
def serve(script: Scripted) -> Iterator[Scripted]:
    """The server, up on a free port of this machine for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path in script.pages:
                self._send_bytes(200, script.pages[self.path](script).encode(), "text/plain")
                return
            self._send(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in script.models]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with script.lock:
                script.received.append(body)
                script.keys.append(self.headers["authorization"])
                script.in_flight += 1
                script.most_in_flight = max(script.most_in_flight, script.in_flight)
            time.sleep(script.delay_s)
            answer = script.answer(body)
            status, reply = (200, reply_body(answer)) if isinstance(answer, str) else answer
            with script.lock:
                script.in_flight -= 1
            self._send(status, reply)
            if status == 200:
                with script.lock:
                    script.delivered[json.dumps(body, sort_keys=True)] += 1

        def _send(self, status: int, reply: dict[str, Any]) -> None:
            self._send_bytes(status, json.dumps(reply).encode(), "application/json")

        def _send_bytes(self, status: int, payload: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(payload)))
            for name, value in script.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

    with serving(Handler) as script.base_url:
        yield script


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The base URL of a server with this handler, up on a free port of this machine for as long as the block lasts."""

    class Quiet(handler):  # type: ignore[valid-type, misc]
        def log_message(self, *_: object) -> None:
            """Silence: pytest shows what matters."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that was killed in mid-answer is part of the script."""

    server = Server(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
