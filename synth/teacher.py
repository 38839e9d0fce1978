"""Teachers: a model behind OpenAI-compatible endpoints, asked through one wire and one limiter.

`Teacher.complete` answers a `Request` or raises. A transient fault (connection, timeout, 5xx, a broken answer) is tried
again after growing pauses, at another endpoint where there are several; a 429 waits its turn again and is no try. A
refusal of the key, the credit or the model stops the run; a refusal of this one prompt (too long, filtered) is an
answer with `finish_reason="refused"`. What fails for good while others are answered is `CallFailed`, its row's end.
Not covered: which call may leave and when (`limiter.py`), HTTP (`wire.py`), batch endpoints (`batches.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from synth.calls import Completion, Price, Request, parse_answer, refusal
from synth.congestion import CUT, LatencySignal, read_queue
from synth.errors import CallFailed, SynthError, TeacherRefused, TeacherUnreachable
from synth.limiter import MAX_PAUSE_S, Lane, Limiter
from synth.schema import near
from synth.wire import Fault, Wire, as_openai_error, read_json

if TYPE_CHECKING:
    from tenacity import RetryCallState

OPENAI_URL = "https://api.openai.com/v1"
MAX_ATTEMPTS = 12
"""Tries of one call; their pauses are three minutes together, in which a server can be started anew."""
STRANGER_ATTEMPTS = 3
"""Tries at an endpoint that never gave an answer that can be read: it may speak something else."""
TIMEOUT_S = 600.0
"""A slow machine may well think for minutes; a dead endpoint refuses the connection at once."""
STALL_S = 900.0
BYTES_PER_TOKEN = 4
"""A guess at a prompt's tokens, for the token rate, until the answer counts them."""
LISTEN_EVERY_S = 2.0
GRACE_S = 60.0
"""For the calls in flight when a run must stop: they are billed, so their answers are worth a wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard an endpoint may be asked."""

    concurrency: int
    """Calls at once, over all base URLs: a ceiling, under which the limiter finds what they take."""
    rpm: float | None = None
    """Calls a minute."""
    tpm: float | None = None
    """Tokens a minute, prompts and completions."""
    timeout_s: float = TIMEOUT_S
    """For one call, from sending to the last byte."""
    stall_s: float = STALL_S
    """Without one answer for so long, the run stops."""


class Teacher:
    """A model and the endpoints that serve it. Use as an async context manager."""

    def __init__(
        self,
        *,
        name: str,
        model: str,
        base_url: str | Sequence[str] | None,
        api_key: str | None,
        limits: Limits,
        price: Price | None = None,
        pause_s: Callable[[int], float] = lambda attempt: min(0.5 * 2**attempt, 30.0),
    ) -> None:
        """`name` identifies the teacher in the ledger; `pause_s` is the pause after failed try 0, 1, ...

        Raises:
            TeacherRefused: a key that no header can hold.
        """
        self.name = name
        self.model = model
        self.base_urls = [base_url] if isinstance(base_url, str) else list(base_url or [OPENAI_URL])
        self.price = price
        self.limits = limits
        self.limiter = Limiter(self.base_urls, concurrency=limits.concurrency, rpm=limits.rpm, tpm=limits.tpm)
        self._pause_s = pause_s
        # Local servers ask for no key; the header is sent all the same.
        key = (api_key or os.environ.get("OPENAI_API_KEY") or "none").strip()
        if not key.isprintable():
            raise TeacherRefused(
                f"{self.base_url}: OPENAI_API_KEY has a line break or another control character in it; set it to the "
                "key alone"
            )
        self._wire = Wire(api_key=key, timeout_s=limits.timeout_s)
        self._signals = {lane.base_url: LatencySignal(time.monotonic()) for lane in self.limiter.lanes}
        self._listeners: list[asyncio.Task[None]] = []
        self._answers = 0
        self._pending = 0
        self._last_answer = time.monotonic()
        """Or when the first call began after none was pending."""
        self._last_fault = ""
        self._usual_completion: float | None = None
        """Completion tokens of recent answers, averaged."""
        self._answers_as = ""
        """The model in the answers, as the endpoint calls it."""

    @property
    def base_url(self) -> str:
        """The endpoints, as one names them in a message."""
        return ", ".join(self.base_urls)

    @property
    def in_flight(self) -> int:
        """Calls sent and not yet answered."""
        return self.limiter.in_flight

    async def __aenter__(self) -> Teacher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        for listener in self._listeners:
            listener.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        await self._wire.close()

    async def drain(self) -> None:
        """Lets no further call leave and waits, within reason, for the answers of those that have left."""
        self.limiter.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while self.in_flight:
                    await asyncio.sleep(0.05)

    async def models(self, base_url: str | None = None) -> list[str]:
        """The models that an endpoint (the first one) lists; empty where it has no list.

        Raises:
            TeacherUnreachable, TeacherRefused: one line that says what to do.
        """
        url = base_url or self.base_urls[0]
        for attempt in range(STRANGER_ATTEMPTS):
            try:
                listed = read_json(await self._wire.get(f"{url}/models")).get("data")
                break
            except Fault as fault:
                if fault.status in (404, 405, 500, 501):  # no list, or none that works: the calls will tell
                    return []
                if fault.gone or fault.timed_out or not fault.transient or attempt + 1 == STRANGER_ATTEMPTS:
                    raise self.stop(fault, url, attempt + 1) from as_openai_error(fault, url)
                await asyncio.sleep(max(self._pause_s(attempt), min(fault.retry_after_s or 0.0, MAX_PAUSE_S)))
        models = listed if isinstance(listed, list) else []
        return sorted(str(model["id"]) for model in models if isinstance(model, dict) and "id" in model)

    async def check(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Makes sure that an endpoint answers and lists our model, if it lists any; of several, dead ones are said.

        Raises:
            TeacherUnreachable, TeacherRefused: one line that says what to do.
        """
        dead: list[TeacherUnreachable] = []
        for lane in self.limiter.lanes:
            try:
                models = await self.models(lane.base_url)
            except TeacherUnreachable as error:
                dead.append(error)
                if len(dead) == len(self.limiter.lanes):
                    raise
                self.limiter.failed(lane, gone=True)
                say(f"{error}; the others are asked meanwhile")
                continue
            if models and self.model not in models:
                raise TeacherRefused(f"{lane.base_url}: no model {self.model!r} there; {near(self.model, models)}")
            if lane.base_url != OPENAI_URL:
                self._listeners.append(asyncio.create_task(self._listen(lane)))

    async def complete(self, request: Request) -> Completion:
        """The answer to `request`.

        Raises:
            CallFailed: it failed again and again while other calls were answered.
            TeacherUnreachable, TeacherRefused: one line that says what to do; the run must stop.
        """
        if not self._pending:
            self._last_answer = time.monotonic()
        self._pending += 1
        answers_before = self._answers
        try:
            return await self._call(request)
        except Fault as fault:
            if not _may_pass(fault):
                return self._refused(fault)
            return await self._call_again(request, answers_before)
        finally:
            self._pending -= 1

    async def _call_again(self, request: Request, answers_before: int) -> Completion:
        from tenacity import AsyncRetrying, retry_if_exception

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, Fault) and _may_pass(error)),
            stop=self._is_last,
            wait=lambda state: self._pause_s(state.attempt_number),
            reraise=True,
        )
        try:
            await asyncio.sleep(self._pause_s(0))
            return await retrying(self._call, request, again=True)
        except Fault as last:
            if not _may_pass(last):
                return self._refused(last)
            if self._answers > answers_before:
                raise CallFailed(f"failed {MAX_ATTEMPTS} times while other calls were answered ({last})") from last
            raise self.stop(last, self.base_url) from as_openai_error(last, self.base_url)

    def _is_last(self, state: RetryCallState) -> bool:
        """Whether no further try follows; the first was made before `state` began to count."""
        fault = state.outcome.exception() if state.outcome else None
        is_strange = isinstance(fault, Fault) and fault.status == 200 and not self._answers
        return state.attempt_number + 1 >= (STRANGER_ATTEMPTS if is_strange else MAX_ATTEMPTS)

    async def _call(self, request: Request, *, again: bool = False) -> Completion:
        """One try: the first answer that is no throttling.

        Raises:
            Fault: it brought none.
        """
        body = {"model": self.model, "messages": request.messages, **request.sampling}
        expected = self._expected_tokens(request) if self.limits.tpm else 0.0
        while True:
            lane = await self.limiter.enter(expected, again=again)
            sent = time.monotonic()
            try:
                completion = self._read(await self._wire.post(f"{lane.base_url}/chat/completions", body), sent)
            except Fault as fault:
                self.limiter.settle(expected, 0.0 if fault.status else expected)
                if _may_pass(fault):
                    self._note(fault, lane, sent)
                if not _may_pass(fault) or not fault.throttled:
                    raise
                again = True
                continue
            finally:
                self.limiter.leave(lane)
            self._learn(completion, lane, expected)
            return completion

    def _read(self, content: bytes, sent: float) -> Completion:
        answer = read_json(content)
        completion = parse_answer(answer, self.price, time.monotonic() - sent)
        self.check_model(answer.get("model"))
        return completion

    def check_model(self, model: object) -> None:
        """Makes sure that one model gives all the answers: the one asked for, or whatever it is called there.

        Raises:
            Fault: another one answered, as when a load balancer sends a call astray.
        """
        if not isinstance(model, str) or not model:
            return
        if _short(self.model) in _short(model):  # or a dated snapshot of it
            self._answers_as = self.model
        elif self._answers_as in ("", model):
            self._answers_as = model
        else:
            raise Fault(f"model {model!r} answered where {self._answers_as!r} should", status=200)

    def _learn(self, completion: Completion, lane: Lane, expected: float) -> None:
        """What an answer says about the endpoint."""
        now = time.monotonic()
        self._answers += 1
        self._last_answer = now
        self.limiter.settle(expected, completion.prompt_tokens + completion.completion_tokens)
        self.limiter.answered(lane)
        tokens = completion.completion_tokens
        usual = self._usual_completion
        self._usual_completion = tokens if usual is None else usual + 0.05 * (tokens - usual)
        signal = self._signals.get(lane.base_url)
        if signal is not None:
            factor = signal.add(completion.seconds, tokens, now, lane.window, lane.in_flight + 1)
            if factor != 1.0:
                lane.window = min(max(lane.window * factor, 1.0), float(lane.ceiling))

    def _note(self, fault: Fault, lane: Lane, sent: float) -> None:
        """What a fault that may pass says about the endpoint."""
        self._last_fault = str(fault)
        if fault.throttled:
            self.limiter.throttled(lane, sent, fault.retry_after_s)
            if fault.retry_after_s is not None and fault.retry_after_s > self.limits.stall_s:
                raise TeacherUnreachable(
                    f"{lane.base_url}: asks to wait {fault.retry_after_s:,.0f} s ({fault}); run the same command again "
                    "then, or raise --stall-after"
                )
        else:
            self.limiter.failed(lane, gone=fault.gone)
            if fault.timed_out:
                lane.cut(time.monotonic(), sent)

    def _expected_tokens(self, request: Request) -> float:
        prompt = sum(len(message["content"].encode()) for message in request.messages) / BYTES_PER_TOKEN
        most = float(request.sampling.get("max_tokens", math.inf))
        return prompt + min(most, self._usual_completion if self._usual_completion is not None else 256.0)

    def describe_wait(self) -> str:
        """What the calls wait for, in words; empty where nothing holds them up."""
        limiter = self.limiter
        now = time.monotonic()
        open_lanes = [lane for lane in limiter.lanes if lane.closed_until <= now]
        if limiter.num_waiting and not open_lanes:
            return f"{limiter.num_waiting:,} calls wait {limiter.opens_in_s():.0f} s ({self._last_fault})"
        if len(open_lanes) < len(limiter.lanes):
            return f"{len(limiter.lanes) - len(open_lanes)} of {len(limiter.lanes)} endpoints passed over"
        if limiter.opens_in_s() > 0:
            return f"{limiter.num_waiting:,} calls wait for --rpm or --tpm"
        return ""

    def check_stall(self) -> None:
        """Nothing, while answers come.

        Raises:
            TeacherUnreachable: calls are pending and none was answered for `stall_s`.
        """
        waited_s = time.monotonic() - self._last_answer
        if not self._pending or waited_s < self.limits.stall_s:
            return
        held = self._pending - self.in_flight
        last = f"; last fault: {self._last_fault}" if self._last_fault else ""
        raise TeacherUnreachable(
            f"{self.base_url}: no call was answered for {waited_s:,.0f} s ({self.in_flight:,} in flight, "
            f"{held:,} waiting{last}); run the same command again later, or raise --stall-after"
        )

    async def _listen(self, lane: Lane) -> None:
        """Follows the queue that the server reports, where it reports one, in place of the latency."""
        parts = urlsplit(lane.base_url)
        url = urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix("/v1") + "/metrics", "", ""))
        with contextlib.suppress(Fault):
            while (queue := read_queue((await self._wire.get(url)).decode("utf-8", "replace"))) is not None:
                self._signals.pop(lane.base_url, None)
                lane.crowded = queue.waiting > 1
                if queue.is_long:
                    lane.cut(time.monotonic(), math.inf, CUT)
                await asyncio.sleep(LISTEN_EVERY_S)
        lane.crowded = False

    def _refused(self, fault: Fault) -> Completion:
        """A refusal of this prompt as an answer.

        Raises:
            TeacherRefused: it is about more than this prompt.
        """
        refused = refusal(fault)
        if refused is None:
            raise self.stop(fault, self.base_url) from as_openai_error(fault, self.base_url)
        return refused

    def stop(self, fault: Fault, where: str, tries: int = MAX_ATTEMPTS) -> SynthError:
        """The error that stops the run, in one line with a fix."""
        said = fault.message[:200]
        if fault.status in (401, 403):
            return TeacherRefused(
                f"{where}: the key was refused ({said}); set OPENAI_API_KEY to one that is valid there"
            )
        if fault.no_credit:
            return TeacherRefused(f"{where}: no credit left ({said}); top it up, then run the same command again")
        if fault.status == 404:
            return TeacherRefused(f"{where}: no model {self.model!r} there ({said}); check the name and --base-url")
        if fault.throttled:
            return TeacherUnreachable(f"{where}: too many calls ({said}); lower --rpm or --concurrency")
        if fault.status == 0:
            return TeacherUnreachable(f"{where}: nothing answers ({said}); check --base-url and that the server runs")
        if fault.transient and fault.status != 200:
            return TeacherUnreachable(f"{where}: failed {tries} times ({said}); run the same command again later")
        return TeacherRefused(f"{where}: refused the request ({said}); check that it is an OpenAI-compatible endpoint")


def _may_pass(fault: Fault) -> bool:
    """Whether the same call may succeed later: a prompt beyond a minute's tokens never does, though it gets a 429."""
    return fault.transient and refusal(fault) is None


def _short(model: str) -> str:
    """A model's name without folders or provider."""
    return model.rstrip("/").rsplit("/", 1)[-1].lower()
