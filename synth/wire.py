"""The wire: one HTTP POST with a JSON body and the whole answer back, or a `Fault` that says what went wrong.

It goes below the `openai` client, which takes several times the processor time of a whole row here
(`benchmarks/generate.py`), and keeps its meaning of statuses and error codes; through a proxy it takes `aiohttp`.
Not covered: retries (`teacher.py`), which call may leave (`limiter.py`), bytes (`connections.py`).
"""

from __future__ import annotations

import email.utils
import json
import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from synth.connections import Broken, Connections, Reply, TooLong, Unreachable

if TYPE_CHECKING:
    import aiohttp

CONNECT_S = 10.0
MAX_ANSWER_BYTES = 8 * 2**20
"""Far more than any completion; what is longer is a broken answer."""
THROTTLED = (429, 529)
TRANSIENT = (408, 409, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524)
NO_CREDIT = ("insufficient_quota", "billing_not_active", "billing_hard_limit_reached", "insufficient_balance")
OWN_ADDRESSES = ("localhost", "127.0.0.1", "::1")
"""Past any proxy."""
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


class Fault(Exception):
    """A call that brought no answer."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        gone: bool = False,
        timed_out: bool = False,
        retry_after_s: float | None = None,
        body: object = None,
    ) -> None:
        """`status` is 0 where no HTTP answer came; `gone`: nothing listens there."""
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.gone = gone
        self.timed_out = timed_out
        self.retry_after_s = retry_after_s
        self.body = body

    @property
    def throttled(self) -> bool:
        """The endpoint had too many calls; this one is as good as unsent."""
        asked = self.status == 503 and self.retry_after_s is not None
        return (self.status in THROTTLED or asked) and not self.no_credit

    @property
    def no_credit(self) -> bool:
        """The account is empty."""
        return self.status == 402 or self.code in NO_CREDIT

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed later."""
        return not self.no_credit and (self.status in (0, 200, *TRANSIENT) or self.throttled or self.status >= 500)


class Wire:
    """Connections to OpenAI-compatible endpoints. Use inside one event loop."""

    def __init__(self, *, api_key: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._headers = {
            "authorization": f"Bearer {api_key}",
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": "opencook",
        }
        self._lines = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items()).encode()
        self._direct = Connections(timeout_s=timeout_s, connect_s=CONNECT_S, max_bytes=MAX_ANSWER_BYTES)
        self._is_proxied = any(os.environ.get(name) or os.environ.get(name.upper()) for name in PROXIES)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Closes the connections."""
        self._direct.close()
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def post(self, url: str, body: dict[str, Any]) -> bytes:
        """The body of the 200 answer to `body`.

        Raises:
            Fault: anything else.
        """
        return await self._send("POST", url, json.dumps(body).encode())

    async def get(self, url: str) -> bytes:
        """The body of the 200 answer.

        Raises:
            Fault: anything else.
        """
        return await self._send("GET", url, b"")

    async def _send(self, method: str, url: str, body: bytes) -> bytes:
        if self._is_proxied and urlsplit(url).hostname not in OWN_ADDRESSES:
            reply = await self._send_by_proxy(method, url, body)
        else:
            reply = await self._send_directly(method, url, body)
        if reply.status != 200:
            raise read_refusal(reply.status, reply.headers, reply.body)
        return reply.body

    async def _send_directly(self, method: str, url: str, body: bytes) -> Reply:
        try:
            return await self._direct.send(method, url, self._lines, body)
        except TimeoutError:
            raise Fault(f"no whole answer within {self._timeout_s:g} s", timed_out=True) from None
        except Unreachable as error:
            raise Fault(str(error), gone=True) from None
        except TooLong as error:
            raise Fault(str(error), status=200) from None
        except Broken as error:
            raise Fault(str(error)) from None

    async def _send_by_proxy(self, method: str, url: str, body: bytes) -> Reply:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=CONNECT_S),
                headers=self._headers,
                trust_env=True,
                auto_decompress=False,
                skip_auto_headers=["Accept-Encoding"],
            )
        try:
            async with self._session.request(method, url, data=body or None, allow_redirects=False) as answer:
                content = await answer.content.read(MAX_ANSWER_BYTES + 1)
                while len(content) <= MAX_ANSWER_BYTES and (more := await answer.content.read(MAX_ANSWER_BYTES)):
                    content += more
                if len(content) > MAX_ANSWER_BYTES:
                    raise Fault(f"an answer of more than {MAX_ANSWER_BYTES // 2**20} MiB", status=200)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status, headers, content)
        except TimeoutError:
            raise Fault(f"no whole answer within {self._timeout_s:g} s", timed_out=True) from None
        except aiohttp.ClientConnectorError as error:
            raise Fault(str(error), gone=True) from None
        except (aiohttp.ClientError, OSError) as error:  # resets, torn answers, broken headers
            raise Fault(f"{type(error).__name__}: {error}") from None


def read_refusal(status: int, headers: Any, content: bytes) -> Fault:
    """What an answer other than 200 says."""
    body: Any = content.decode("utf-8", "replace")
    message, code = body.strip()[:300], ""
    try:
        body = json.loads(content)
        error = body.get("error", body) if isinstance(body, dict) else body
        if isinstance(error, dict):
            message = str(error.get("message") or error.get("detail") or message)
            code = str(error.get("code") or error.get("type") or "")
        elif isinstance(error, str):
            message = error
    except (ValueError, RecursionError):
        pass
    return Fault(
        " ".join(f"{status} {message}".split()),
        status=status,
        code=code,
        retry_after_s=_retry_after_s(headers),
        body=body,
    )


def _retry_after_s(headers: Any) -> float | None:
    """What the headers ask to wait, seconds; `None` where they ask nothing that can be read."""
    for name, unit_s in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            return max(float(value) * unit_s, 0.0) if float(value) < float("inf") else None
        except ValueError:
            pass
        if (until := _timestamp(value)) is not None:
            now = _timestamp(headers.get("date", ""))  # the server's clock, not ours
            return max(until - (time.time() if now is None else now), 0.0)
    return None


def _timestamp(date: str) -> float | None:
    """An HTTP date in seconds since 1970; `None` for what is none."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def read_json(content: bytes) -> dict[str, Any]:
    """The object that a 200 answer holds.

    Raises:
        Fault: it holds none.
    """
    try:
        body = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Fault(f"an answer that is no JSON ({error})", status=200) from None
    if not isinstance(body, dict):
        raise Fault(f"an answer that is no JSON object but {type(body).__name__}", status=200)
    return body


def as_openai_error(fault: Fault, url: str) -> Exception:
    """The fault as the `openai` client has it, for who catches its classes: the cause of what stops a run."""
    import openai

    http: Any = sys.modules.get("httpx2") or sys.modules["httpx"]  # as openai has it
    request = http.Request("POST", url)
    if fault.timed_out:
        return openai.APITimeoutError(request)
    if not fault.status:
        return openai.APIConnectionError(message=fault.message, request=request)
    classes: dict[int, type[openai.APIStatusError]] = {
        400: openai.BadRequestError,
        401: openai.AuthenticationError,
        403: openai.PermissionDeniedError,
        404: openai.NotFoundError,
        409: openai.ConflictError,
        422: openai.UnprocessableEntityError,
        429: openai.RateLimitError,
    }
    kind = classes.get(fault.status, openai.InternalServerError if fault.status >= 500 else openai.APIStatusError)
    return kind(fault.message, response=http.Response(fault.status, request=request), body=fault.body)
