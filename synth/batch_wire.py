"""The batch endpoints of a provider, through the `openai` client: upload, create, find again, look, download.

Every call brings its answer or a `Fault`, as in `wire.py`; a transient fault is tried again after growing pauses, for
about half an hour. Creating is the one call that costs money: after a fault in it, the provider's list is asked whether
the batch exists before another is created.
Not covered: what is in the files (`batches.py`), what is remembered of a batch (`batch_store.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from synth.wire import MAX_ANSWER_BYTES, Fault, read_refusal

if TYPE_CHECKING:
    from openai.types import Batch

T = TypeVar("T")

CHAT: Final = "/v1/chat/completions"
MARK = "opencook_batch"
"""The entry of a batch's metadata that holds the name we gave it."""
MAX_ATTEMPTS = 30
"""Tries of one call; with pauses of up to a minute, an outage of half an hour is waited out."""
LOOKS = 3
"""How often the list is asked for a batch whose creation went unanswered: it may still be on its way there."""
LONGEST_PAUSE_S = 600.0
"""What a `Retry-After` can ask at most."""


def growing_pause_s(attempt: int) -> float:
    """5 s after try 0, then half as much again each time, up to a minute."""
    return min(5.0 * 1.5 ** min(attempt, 10), 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """A batch as the provider sees it."""

    id: str
    status: str
    """`validating`, `failed`, `in_progress`, `finalizing`, `completed`, `expired`, `cancelling` or `cancelled`."""
    num_done: int = 0
    """Requests with an answer or an error."""
    num_answered: int = 0
    files: tuple[str, ...] = ()
    """The ids of the output and the error file, as far as there are any."""
    error: str = ""
    """Why it failed: the first error, with its line in the input file."""
    error_code: str = ""


class BatchWire:
    """One provider's batch endpoints. Use inside one event loop."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str | None,
        timeout_s: float,
        pause_s: Callable[[int], float] = growing_pause_s,
    ) -> None:
        import openai

        self._pause_s = pause_s
        # Its own retries would create a batch twice when an answer is lost.
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or os.environ.get("OPENAI_API_KEY") or "none",
            timeout=timeout_s,
            max_retries=0,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def upload(self, path: Path) -> str:
        """The id that the provider gives the file `path`, which is read piece by piece."""

        async def send() -> str:
            with path.open("rb") as file:  # a path would be read into memory whole
                uploaded = await self._client.files.create(file=file, purpose="batch")
            if not isinstance(getattr(uploaded, "id", None), str):
                raise Fault("an upload answered without a file id", status=200)
            return uploaded.id

        return await self._patiently(send)

    async def create(self, name: str, file_id: str) -> BatchState:
        """The batch over an uploaded file, created once whatever happens to the answers."""
        for attempt in itertools.count():
            try:
                with _as_faults():
                    return _state(
                        await self._client.batches.create(
                            input_file_id=file_id, endpoint=CHAT, completion_window="24h", metadata={MARK: name}
                        )
                    )
            except Fault as fault:
                if not fault.transient or attempt + 1 == MAX_ATTEMPTS:
                    raise
                await asyncio.sleep(self._wait_s(fault, attempt))
                may_exist = not fault.throttled
            if may_exist and (found := await self.find(name, file_id)):
                return found
        raise AssertionError("count() does not end")

    async def find(self, name: str, file_id: str) -> BatchState | None:
        """The batch that was created under `name`, if any was; looked for as long as it may be on its way."""
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(self._pause_s(look - 1))
            found = await self._patiently(lambda: self._search(name, file_id))
            if found is not None:
                return found
        return None

    async def _search(self, name: str, file_id: str) -> BatchState | None:
        seen: set[str] = set()
        async for batch in self._client.batches.list(limit=100):
            if not isinstance(batch.id, str) or batch.id in seen:  # a server without pages gives the first for ever
                return None
            seen.add(batch.id)
            # Servers that keep no metadata still know which file it was.
            if (batch.metadata or {}).get(MARK, name if batch.input_file_id == file_id else "") == name:
                return _state(batch)
        return None

    async def look(self, batch_id: str) -> BatchState:
        """How the batch stands."""

        async def retrieve() -> BatchState:
            return _state(await self._client.batches.retrieve(batch_id))

        return await self._patiently(retrieve)

    async def lines(self, file_id: str) -> AsyncIterator[bytes]:
        """The lines of a file as they arrive, without those longer than any answer.

        Raises:
            Fault: the file ended before its end, or did not come at all.
        """
        with _as_faults():
            async with self._client.files.with_streaming_response.content(file_id) as response:
                rest, is_too_long = b"", False
                async for chunk in response.iter_bytes():
                    # Not the client's own lines: it also splits at U+2028 and its kind, which JSON may hold.
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines[is_too_long:]:
                        yield line
                    is_too_long = (is_too_long and not lines) or len(rest) > MAX_ANSWER_BYTES
                    rest = b"" if is_too_long else rest
                if rest:
                    yield rest

    def _wait_s(self, fault: Fault, attempt: int) -> float:
        return max(self._pause_s(attempt), min(fault.retry_after_s or 0.0, LONGEST_PAUSE_S))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` brings in the end."""
        from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

        async def once() -> T:
            with _as_faults():
                return await ask()

        def wait(state: RetryCallState) -> float:
            fault = state.outcome.exception() if state.outcome else None
            assert isinstance(fault, Fault), "nothing else is tried again"
            return self._wait_s(fault, state.attempt_number - 1)

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, Fault) and error.transient),
            stop=stop_after_attempt(MAX_ATTEMPTS),
            wait=wait,
            reraise=True,
        )
        return await retrying(once)


@contextmanager
def _as_faults() -> Iterator[None]:
    """Turns what the client raises into a `Fault`."""
    import openai

    base = openai.DefaultAsyncHttpxClient.__bases__[0]
    http: Any = sys.modules[base.__module__.partition(".")[0]]  # httpx or its successor, as openai has it
    try:
        yield
    except openai.APIStatusError as error:
        raise read_refusal(error.status_code, error.response.headers, error.response.content) from None
    except (openai.APIConnectionError, http.HTTPError) as error:
        raise Fault(f"{type(error).__name__}: {error.__cause__ or error}") from None
    except (openai.OpenAIError, ValueError, AttributeError) as error:  # a page of HTML where an object should be
        raise Fault(f"no answer of a batch endpoint ({error})", status=200) from None


def _state(batch: Batch) -> BatchState:
    """The provider's object as ours.

    Raises:
        Fault: it is none.
    """
    if not (isinstance(getattr(batch, "id", None), str) and isinstance(batch.status, str)):
        raise Fault("an answer that is no batch", status=200)
    counts = batch.request_counts
    completed, failed = (counts.completed or 0, counts.failed or 0) if counts else (0, 0)
    first = next(iter((batch.errors.data if batch.errors else None) or ()), None)
    line = f"line {first.line}: " if first and first.line is not None else ""
    return BatchState(
        id=batch.id,
        status=batch.status,
        num_done=completed + failed,
        num_answered=completed,
        files=tuple(file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id),
        error=f"{line}{first.message or first.code}" if first else "",
        error_code=(first.code or "") if first else "",
    )
