"""A teacher's endpoint that fails on purpose, over real sockets, for runs that must end as if it had not.

Which fault meets a request is a pure function of the server's seed, the request's body and how often that body came
before: a run that is repeated meets the same faults. `TRANSIENT` faults go away when the same is asked again,
`LASTING` ones are the answer to that request each time, and `Account` says when a key stops being good.
Every complete good answer is counted by its body. Not covered: TLS, HTTP/2, streamed answers.
"""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import hashlib
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

Body = dict[str, Any]
Ending = Literal["keep", "close", "reset", "hang", "trickle"]
HUGE_BYTES = 10_000_000
TRICKLE_EVERY_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes over the wire, and what becomes of the connection."""

    payload: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    missing: int = 0
    """Bytes that Content-Length promises beyond `payload` and that never come."""
    ending: Ending = "keep"
    """`reset`: RST after half of it; `hang`: nothing is sent at all; `trickle`: a byte now and then."""
    good: bool = False
    """Whether a client that got it whole has paid for an answer."""


def answer_of(text: str | None, *, finish_reason: str = "stop", **message: Any) -> Body:
    """A chat completion as OpenAI's API has it."""
    words = len((text or "").split())
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": words, "total_tokens": 7 + words},
    }


def good(answer: Body) -> Reply:
    """The answer, whole."""
    return Reply(payload=json.dumps(answer).encode(), good=True)


def refusal(status: int, code: str, message: str = "no", **headers: str) -> Reply:
    """An error as OpenAI's API has it; underscores in header names stand for hyphens."""
    body = {"error": {"message": message, "type": code, "param": None, "code": code}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(payload=json.dumps(body).encode(), status=status, headers=named)


def _page(status: int) -> Reply:
    """What a proxy in front of the endpoint says of it."""
    return Reply(payload=b"<html><h1>Bad Gateway</h1></html>" * 9, status=status, content_type="text/html")


def _soon(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def _payload(answer: Body) -> bytes:
    return json.dumps(answer).encode()


def _counting(**counts: float) -> Callable[[Body], Reply]:
    """The answer with token counts that no server can mean; `json` writes NaN as JavaScript does."""
    return lambda answer: Reply(payload=_payload({**answer, "usage": counts}))


def _bomb(answer: Body) -> Reply:
    text = json.dumps(answer).encode() + b" " * HUGE_BYTES
    return Reply(payload=gzip.compress(text, 1), headers={"content-encoding": "gzip"})


TRANSIENT: dict[str, Callable[[Body], Reply]] = {
    "429": lambda _: refusal(429, "rate_limit_exceeded"),
    "429_seconds": lambda _: refusal(429, "rate_limit_exceeded", retry_after="1"),
    "429_date": lambda _: refusal(429, "rate_limit_exceeded", retry_after=_soon(1), date=_soon(0)),
    "408": lambda _: refusal(408, "timeout"),
    "409": lambda _: refusal(409, "conflict"),
    "500": lambda _: refusal(500, "server_error"),
    "502": lambda _: _page(502),
    "503": lambda _: refusal(503, "overloaded"),
    "504": lambda _: _page(504),
    "reset_before": lambda _: Reply(ending="reset"),
    "reset_within": lambda answer: Reply(payload=_payload(answer), ending="reset"),
    "hang": lambda _: Reply(ending="hang"),
    "trickle": lambda answer: Reply(payload=_payload(answer), missing=1, ending="trickle"),
    "cut_json": lambda answer: Reply(payload=_payload(answer)[:-20]),
    "short_body": lambda answer: Reply(payload=_payload(answer)[:-20], missing=20, ending="close"),
    "no_json": lambda _: Reply(payload=b"Internal state: {'ok'"),
    "no_object": lambda answer: Reply(payload=_payload([answer])),  # type: ignore[arg-type]
    "empty_body": lambda _: Reply(),
    "html": lambda _: _page(200),
    "no_choices": lambda answer: Reply(payload=_payload({**answer, "choices": []})),
    "null_choices": lambda answer: Reply(payload=_payload({**answer, "choices": None})),
    "no_message": lambda answer: Reply(payload=_payload({**answer, "choices": [{"index": 0}]})),
    "astray": lambda _: Reply(payload=_payload({**answer_of("I am another model."), "model": "another"})),
    "huge": lambda answer: Reply(payload=_payload(answer) + b" " * HUGE_BYTES),
    "bomb": _bomb,
    "bad_utf8": lambda answer: Reply(payload=_payload(answer).replace(b'"content": "', b'"content": "\xff\xfe', 1)),
    "nan_tokens": _counting(prompt_tokens=float("nan"), completion_tokens=1),
    "negative_tokens": _counting(prompt_tokens=7, completion_tokens=-3),
    "huge_tokens": _counting(prompt_tokens=7, completion_tokens=10**30),
}
"""Each from the good answer that it spoils."""

LASTING: dict[str, Callable[[Body], Reply]] = {
    "length": lambda answer: good(_finished(answer, "length")),
    "content_filter": lambda answer: good(_finished(answer, "content_filter")),
    "refusal": lambda _: good(answer_of(None, refusal="I cannot help with that.")),
    "too_long": lambda _: refusal(400, "context_length_exceeded", "the prompt is too long"),
    "null_content": lambda _: good(answer_of(None)),
    "no_usage": lambda answer: good({name: value for name, value in answer.items() if name != "usage"}),
    "twice_named": lambda answer: Reply(payload=b'{"choices": [], ' + _payload(answer)[1:], good=True),
    "surrogate": lambda answer: Reply(payload=_payload(answer).replace(b"</", rb"\ud83d</", 1), good=True),
}

REFUSED: dict[str, Reply] = {
    "401": refusal(401, "invalid_api_key", "the key expired"),
    "403": refusal(403, "forbidden", "the project is closed"),
    "402": refusal(402, "payment_required", "no balance"),
    "insufficient_quota": refusal(429, "insufficient_quota", "you exceeded your current quota"),
    "404": refusal(404, "model_not_found", "the model does not exist"),
}
"""What an account says once it is used up."""


def _finished(answer: Body, reason: str) -> Body:
    """The answer as it is, but said not to be whole: nothing in the text tells."""
    return {**answer, "choices": [{**answer["choices"][0], "finish_reason": reason}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often what goes wrong."""

    seed: int = 0
    share: float = 0.0
    """Of the tries that meet a transient fault, in [0, 1]."""
    kinds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(TRANSIENT, 1.0))
    """Weights of the transient faults."""
    most_in_a_row: int = 2
    lasting_share: float = 0.0
    """Of the bodies whose answer is a lasting fault, in [0, 1]."""
    lasting_kinds: tuple[str, ...] = tuple(LASTING)

    def transient(self, body: str, attempt: int) -> str | None:
        """The fault for this try of `body`, from 0; `None` where the try goes well."""
        chance, which = _draw(self.seed, body, attempt)
        if attempt >= self.most_in_a_row or chance >= self.share:
            return None
        which *= sum(self.kinds.values())
        for kind, weight in self.kinds.items():
            which -= weight
            if which < 0:
                return kind
        return None

    def lasting(self, body: str) -> str | None:
        """The fault that is the answer to `body` each time, if there is one."""
        chance, which = _draw(self.seed, body, "lasting")
        return self.lasting_kinds[int(which * len(self.lasting_kinds))] if chance < self.lasting_share else None


def _draw(*facts: object) -> tuple[float, float]:
    """Two numbers in [0, 1) that depend on nothing but `facts`."""
    digest = hashlib.sha256(repr(facts).encode()).digest()
    return tuple(number / 2**64 for number in struct.unpack(">QQ", digest[:16]))  # type: ignore[return-value]


@dataclass(slots=True)
class Account:
    """How many more good answers a key is worth, and what is said after them."""

    answers: int
    refused: Reply


@dataclass(slots=True)
class FaultServer:
    """The server's script and its memory; the memory is written by the server's thread alone."""

    answer: Callable[[Body], str | Reply]
    """A text, or what goes over the wire as it is, whatever the faults are."""
    faults: Faults = field(default_factory=Faults)
    accounts: dict[str, Account] = field(default_factory=dict)
    """By key; a key that is not here is always good."""
    latency_s: float = 0.0
    """The longest of a good answer; each body has its own below it. A refusal comes at once."""
    astray_after: int = 0
    """Requests before one may be answered by another model: a client knows a stranger by the answers before."""
    listings: list[Reply] = field(default_factory=list)
    """What requests for the models get, one each, before one gets their list."""
    base_url: str = ""
    arrived: list[str] = field(default_factory=list)
    """The identity of every request for a completion, in order."""
    delivered: Counter[str] = field(default_factory=Counter)
    """Identity -> good answers whose last byte was handed to the network."""
    met: Counter[str] = field(default_factory=Counter)
    """Fault -> times."""
    attempts: Counter[str] = field(default_factory=Counter)
    at_work: int = 0
    """Requests that have arrived and are not answered yet."""
    news: threading.Condition = field(default_factory=threading.Condition)

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Whether nothing was left to answer before `timeout_s` was over: then no count changes any more."""
        with self.news:
            return self.news.wait_for(lambda: not self.at_work, timeout_s)

    def wait_for_arrivals(self, count: int, timeout_s: float) -> bool:
        """Whether `count` requests have arrived in all before `timeout_s` was over."""
        with self.news:
            return self.news.wait_for(lambda: len(self.arrived) >= count, timeout_s)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Counts a request as long as the block lasts."""
        self._work(1)
        try:
            yield
        finally:
            self._work(-1)

    def _work(self, change: int) -> None:
        with self.news:
            self.at_work += change
            self.news.notify_all()

    def reply_to(self, body: Body, key: str) -> Reply:
        """What this request gets: the account has the first word, then the transient faults, then the answer."""
        name = identity(body)
        attempt = self.attempts[name]
        self.attempts[name] += 1
        with self.news:
            self.arrived.append(name)
            self.news.notify_all()
        account = self.accounts.get(key)
        if account is not None and account.answers <= 0:
            return account.refused
        said = self.answer(body)
        if isinstance(said, Reply):
            return said
        answer = answer_of(said)
        fault = self.faults.transient(name, attempt)
        if fault is not None and not (fault == "astray" and len(self.arrived) <= self.astray_after):
            self.met[fault] += 1
            return TRANSIENT[fault](answer)
        if account is not None:
            account.answers -= 1
        fault = self.faults.lasting(name)
        if fault is not None:
            self.met[fault] += 1
            return LASTING[fault](answer)
        return good(answer)


def identity(body: Body) -> str:
    """Everything of a request that can change its answer, as canonical JSON."""
    return json.dumps(body, sort_keys=True, ensure_ascii=False)


@contextmanager
def serve_faults(server: FaultServer) -> Iterator[FaultServer]:
    """The server, up on a free port of this machine for as long as the block lasts, in a thread of its own."""
    loop = asyncio.new_event_loop()
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    server.base_url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_serve(server, listening, stop)), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _serve(server: FaultServer, listening: socket.socket, stop: asyncio.Event) -> None:
    talks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_talk(server, reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    listener = await asyncio.start_server(begin, sock=listening, limit=2**24)
    await stop.wait()
    listener.close()
    await asyncio.sleep(0)  # what was accepted a moment ago becomes a talk
    for task in [*talks]:
        task.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
    await asyncio.sleep(0)  # the sockets close in the turn after


async def _talk(server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, request after request, until a side has enough of it."""
    with suppress(ConnectionError, asyncio.IncompleteReadError), closing(writer):
        while True:
            request, _, headers = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").partition("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in headers.splitlines() if line)
            content = await reader.readexactly(int(fields.get("content-length", 0)))
            if request.startswith("POST"):
                key = fields.get("authorization", "").removeprefix("bearer ")
                reply = await _answer(server, json.loads(content), key, reader, writer)
            else:
                reply = server.listings.pop(0) if server.listings else _listing(request)
                await _send(reply, reader, writer)
            if reply.ending != "keep":
                return


async def _answer(
    server: FaultServer, body: Body, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Reply:
    """What was sent to a request for a completion."""
    with server.working():
        reply = server.reply_to(body, key)
        if reply.good and server.latency_s:
            await asyncio.sleep(server.latency_s * _draw(identity(body))[0])
        if reader.at_eof():  # the client is gone
            return Reply(ending="close")
        await _send(reply, reader, writer)
        if reply.good:
            server.delivered[identity(body)] += 1
    return reply


def _listing(request: str) -> Reply:
    """The list of models, and nothing else, such as a page of metrics."""
    if "/models" not in request:
        return refusal(404, "not_found")
    return Reply(payload=json.dumps({"object": "list", "data": [{"id": "scripted", "object": "model"}]}).encode())


async def _send(reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if reply.ending == "hang":
        await reader.read()  # until the client hangs up
        return
    lines = [f"HTTP/1.1 {reply.status} x", f"Content-Type: {reply.content_type}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    lines += [f"Content-Length: {len(reply.payload) + reply.missing}", "", ""]
    message = "\r\n".join(lines).encode() + reply.payload
    if reply.ending == "trickle":
        for byte in message:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(TRICKLE_EVERY_S)
        return
    if reply.ending == "reset":
        writer.write(message[: len(message) // 2] if reply.payload else b"")
        await writer.drain()
        # With no time to linger, closing sends RST instead of FIN.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return
    writer.write(message)
    await writer.drain()
