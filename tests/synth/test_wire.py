"""The wire against raw sockets: every framing of an answer, every way to break one, and connections used again."""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from synth.connections import IDLE_S
from synth.wire import MAX_ANSWER_BYTES, Fault, Wire, read_json, read_refusal

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
"""What the server does with a connection, of that number; it is closed afterwards."""
JSON = b'{"a": 1}'


def answer(body: bytes = JSON, *, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(body), headers, body)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head + await reader.readexactly(length)


def always(*parts: bytes, pause_s: float = 0.0) -> Talk:
    """Every request gets these bytes, a pause between them."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while True:
            await read_request(reader)
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)

    return talk


def once(*parts: bytes) -> Talk:
    """The first request gets these bytes and the end of the connection."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await read_request(reader)
        writer.writelines(parts)

    return talk


def play(
    talk: Talk, scene: Callable[[Wire, str], Awaitable[object]], *, timeout_s: float = 5.0, **server: object
) -> tuple[object, int]:
    """What the scene comes to, and how many connections there were."""

    async def main() -> tuple[object, int]:
        count = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            count += 1
            try:
                await talk(reader, writer, count)
                await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0, **server)  # type: ignore[arg-type]
        port = listening.sockets[0].getsockname()[1]
        scheme = "https" if "ssl" in server else "http"
        try:
            async with Wire(api_key="k", timeout_s=timeout_s) as wire:
                return await scene(wire, f"{scheme}://localhost:{port}/v1/chat/completions"), count
        finally:
            listening.close()

    return asyncio.run(main())


async def post(wire: Wire, url: str) -> bytes:
    return await wire.post(url, {"q": "?"})


async def post_three(wire: Wire, url: str) -> list[bytes]:
    return [await post(wire, url) for _ in range(3)]


@pytest.mark.parametrize(
    "parts",
    [
        [answer()],
        [answer()[:9], answer()[9:40], answer()[40:]],
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n"
            + JSON[:3]
            + b"\r\n5\r\n"
            + JSON[3:]
            + b"\r\n0\r\n\r\n"
        ],
        [b"HTTP/1.1 100 Continue\r\n\r\n", answer()],
        [b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + answer()],
        [b"HTTP/1.1 200\r\nContent-Length:8\r\nX-Odd: \xff\r\n\r\n" + JSON],
    ],
)
def test_answers_in_every_framing_come_over_one_connection(parts: list[bytes]) -> None:
    assert play(always(*parts, pause_s=0.01), post_three) == ([JSON] * 3, 1)


@pytest.mark.parametrize(
    "last",
    [
        b"HTTP/1.1 200 OK\r\n\r\n" + JSON,  # its end is the connection's
        b"HTTP/1.0 200 OK\r\ncontent-length: 8\r\n\r\n" + JSON,
        answer(headers=b"connection: close\r\n"),
    ],
)
def test_connection_that_ends_with_its_answer_is_not_used_again(last: bytes) -> None:
    assert play(once(last), post_three) == ([JSON] * 3, 3)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "the connection ended in mid-call"),
        ([answer()[:20]], "the connection ended in mid-call"),
        ([answer()[:-3]], "the connection ended in mid-call"),
        (
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n" + JSON[:4]],
            "the connection ended in mid-call",
        ),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"], "is no HTTP"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], "is no HTTP"),
        ([b"\x15\x03\x01\x00\x02\x02\x16"], "is no HTTP"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\ncontent-length: 9\r\n\r\n" + JSON], "is no HTTP"),
    ],
)
def test_broken_answer_is_a_transient_fault(parts: list[bytes], said: str) -> None:
    with pytest.raises(Fault, match=said) as caught:
        play(once(*parts), post)
    assert caught.value.transient
    assert not caught.value.gone


def test_answers_beyond_the_limit_are_not_read_to_their_end() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 2**20)
            sent += 1
            await writer.drain()

    with pytest.raises(Fault, match="more than 8 MiB") as caught:
        play(flood, post)
    assert caught.value.transient
    assert sent < 4 * MAX_ANSWER_BYTES // 2**20


def test_endless_headers_end() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x-more: " + b"y" * 4096 + b"\r\n")
            await writer.drain()

    with pytest.raises(Fault, match=r"more than 8 MiB|is no HTTP"):
        play(flood, post)


@pytest.mark.parametrize("parts", [[], [answer()[:30]], [bytes([byte]) for byte in answer()]])
def test_answer_that_is_not_whole_in_time_is_a_timeout(parts: list[bytes]) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await read_request(reader)
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)

    with pytest.raises(Fault, match=r"no whole answer within 0\.5 s") as caught:
        play(slow, post, timeout_s=0.5)
    assert (caught.value.timed_out, caught.value.transient) == (True, True)


def test_second_answer_to_one_question_answers_no_other() -> None:
    async def both(wire: Wire, url: str) -> list[bytes]:
        first = await post(wire, url)
        await asyncio.sleep(0.05)
        return [first, await post(wire, url)]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            await read_request(reader)
            writer.write(answer(b"[%d]" % number) + answer(b"poison", headers=b"x: y\r\n"))

    assert play(talk, both) == ([b"[1]", b"[2]"], 2)


def test_late_bytes_on_an_idle_connection_answer_nothing() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        writer.write(answer(b"[%d]" % number))
        await asyncio.sleep(0.05)
        writer.write(answer(b"poison"))
        await asyncio.sleep(1)

    async def both(wire: Wire, url: str) -> list[bytes]:
        first = await post(wire, url)
        await asyncio.sleep(0.2)
        return [first, await post(wire, url)]

    assert play(talk, both)[0] == [b"[1]", b"[2]"]


def test_cancelled_call_leaves_its_connection_to_nobody() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        await asyncio.sleep(0.3 if number == 1 else 0)
        writer.write(answer(b"[%d]" % number))

    async def scene(wire: Wire, url: str) -> bytes:
        first = asyncio.ensure_future(post(wire, url))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return await post(wire, url)

    assert play(talk, scene) == (b"[2]", 2)


def test_connection_that_idled_for_long_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(wire: Wire, url: str) -> list[bytes]:
        first = await post(wire, url)
        moved = time.monotonic() + IDLE_S + 1
        with monkeypatch.context() as patch:
            patch.setattr("synth.connections.time.monotonic", lambda: moved)
            return [first, await post(wire, url)]

    assert play(always(answer()), scene) == ([JSON] * 2, 2)


def test_nothing_that_listens_is_gone() -> None:
    async def main() -> None:
        async with Wire(api_key="k", timeout_s=5) as wire:
            await post(wire, "http://127.0.0.1:1/v1")

    with pytest.raises(Fault) as caught:
        asyncio.run(main())
    assert (caught.value.gone, caught.value.transient) == (True, True)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70 + ".example"])
def test_name_that_does_not_resolve_is_gone(host: str) -> None:
    async def main() -> None:
        async with Wire(api_key="k", timeout_s=5) as wire:
            await post(wire, f"http://{host}/v1")

    with pytest.raises(Fault) as caught:
        asyncio.run(main())
    assert caught.value.gone


def test_key_goes_in_the_header() -> None:
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        seen.append(await read_request(reader))
        writer.write(answer())

    async def main(url: str) -> None:
        async with Wire(api_key="sk-1", timeout_s=5) as wire:
            await wire.post(f"{url}?version=1", {"text": "é"})

    play(talk, lambda _, url: main(url))
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions?version=1 HTTP/1.1\r\nhost: localhost:")
    assert b"\r\nauthorization: Bearer sk-1\r\n" in head
    assert read_json(body) == {"text": "é"}


def certificate(folder: Path) -> tuple[Path, Path]:
    key, public = folder / "key.pem", folder / "cert.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run(["openssl", "req", *kind, "-keyout", key, "-out", public], check=True, capture_output=True)
    return public, key


def test_https_is_checked_and_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public, key = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(public, key)
    with pytest.raises(Fault, match="certificate verify failed"):
        play(always(answer()), post, ssl=tls)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    assert play(always(answer()), post_three, ssl=tls) == ([JSON] * 3, 1)


def test_proxy_of_the_environment_is_used_but_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        seen.append(await read_request(reader))
        writer.write(answer())

    async def scene(_: Wire, url: str) -> list[bytes]:
        monkeypatch.setenv("http_proxy", url.removesuffix("/v1/chat/completions"))
        async with Wire(api_key="k", timeout_s=5) as wire:
            return [await post(wire, "http://far.example/v1"), await post(wire, url)]

    assert play(proxy, scene)[0] == [JSON] * 2
    assert [request.split(b" ")[1] for request in seen] == [b"http://far.example/v1", b"/v1/chat/completions"]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_what_retry_after_asks(headers: dict[str, str], wait_s: float | None) -> None:
    assert read_refusal(429, headers, b"").retry_after_s == wait_s


def test_retry_after_as_a_date() -> None:
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    wait_s = read_refusal(429, {"retry-after": date}, b"").retry_after_s
    assert wait_s is not None
    assert 25 < wait_s <= 30


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error": {"message": "a\\n b", "code": "c", "type": "t"}}', "400 a b", "c"),
        (b'{"error": {"message": "m", "code": null, "type": "t"}}', "400 m", "t"),
        (b'{"error": "Unauthorized"}', "400 Unauthorized", ""),
        (b'{"detail": "not here"}', "400 not here", ""),
        (b'{"message": "flat", "code": 7}', "400 flat", "7"),
        (b"<html>\n<h1>Bad</h1>", "400 <html> <h1>Bad</h1>", ""),
        (b"\xff\xfe", "400 \ufffd\ufffd", ""),
        (b"[1]", "400 [1]", ""),
        (b"", "400", ""),
        (b"[" * 100_000, "400 " + "[" * 300, ""),
    ],
)
def test_what_a_refusal_says(body: bytes, message: str, code: str) -> None:
    fault = read_refusal(400, {}, body)
    assert (fault.message, fault.code) == (message, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff{}", b"[" * 100_000, b"null"])
def test_body_that_is_no_json_object_is_a_transient_fault(body: bytes) -> None:
    with pytest.raises(Fault, match="no JSON") as caught:
        read_json(body)
    assert caught.value.transient
