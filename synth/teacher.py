"""Teachers: OpenAI-compatible endpoints, reached through one async client.

`Teacher.complete` answers a `Request` or raises: transient faults (connection, 429, 5xx) are retried with growing
pauses, a refusal of the key, the credit or the model stops the run, a refusal of this one prompt (too long, filtered)
is an answer with `finish_reason="refused"`. Not covered: request- and token-rate limits, several base URLs.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synth.errors import SynthError, TeacherRefused, TeacherUnreachable
from synth.ledger import Completion, Request
from synth.schema import near

MAX_ATTEMPTS = 6
REFUSALS = ("context_length_exceeded", "content_filter")
TOO_LONG = re.compile(r"context (length|size|window)|maximum context|exceeds? the (available )?context", re.I)
"""How servers without error codes say that this one prompt is too long; any other 400 is about all of them."""
TIMEOUT_S = 600.0
"""A slow machine may well think for minutes; a dead endpoint refuses the connection at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens."""

    prompt: float
    completion: float
    cached_prompt: float | None = None
    """For the prompt tokens that the provider had in its cache; `None` where they cost as any."""

    def of(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> float:
        """The cost of one call, USD; `cached_tokens` are a part of `prompt_tokens`."""
        cached = self.prompt if self.cached_prompt is None else self.cached_prompt
        fresh_tokens = prompt_tokens - cached_tokens
        return (fresh_tokens * self.prompt + cached_tokens * cached + completion_tokens * self.completion) / 1e6

    @classmethod
    def parse(cls, text: str) -> Price:
        """`0.15,0.60` as prompt and completion price.

        Raises:
            SynthError: not two numbers.
        """
        try:
            prompt, completion = (float(part) for part in text.split(","))
        except ValueError:
            prompt = completion = math.nan
        if not (0 <= prompt < math.inf and 0 <= completion < math.inf):
            raise SynthError(f"--price: must be PROMPT,COMPLETION in USD per million tokens, got {text!r}")
        return cls(prompt=prompt, completion=completion)


class Teacher:
    """An endpoint and the model asked there. Use as an async context manager."""

    def __init__(
        self,
        *,
        name: str,
        model: str,
        base_url: str | None,
        api_key: str | None,
        concurrency: int,
        price: Price | None = None,
        pause_s: Callable[[int], float] = lambda attempt: min(0.5 * 2**attempt, 30.0),
    ) -> None:
        """`name` identifies the teacher in the ledger; `pause_s` is the pause after failed attempt 0, 1, ..."""
        import openai

        self.name = name
        self.model = model
        self.base_url = base_url or "https://api.openai.com/v1"
        self.price = price
        self.in_flight = 0
        self._pause_s = pause_s
        self._slots = asyncio.Semaphore(concurrency)
        self._client = openai.AsyncOpenAI(
            # The client insists on a key; local servers ask for none.
            api_key=api_key or os.environ.get("OPENAI_API_KEY") or "none",
            base_url=self.base_url,
            max_retries=0,
            timeout=openai.Timeout(TIMEOUT_S, connect=10.0),
        )

    async def __aenter__(self) -> Teacher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def models(self) -> list[str]:
        """The models that the endpoint lists; empty where it has no list.

        Raises:
            TeacherUnreachable, TeacherRefused: one line that says what to do.
        """
        import openai

        try:
            return sorted([model.id async for model in await self._client.models.list()])
        except openai.NotFoundError:
            return []
        except (openai.OpenAIError, ValueError) as error:
            raise self._stop(error) from None

    async def check(self) -> None:
        """Makes sure that the endpoint answers and lists our model, if it lists any.

        Raises:
            TeacherUnreachable, TeacherRefused: one line that says what to do.
        """
        models = await self.models()
        if models and self.model not in models:
            raise TeacherRefused(f"{self.base_url}: no model {self.model!r} there; {near(self.model, models)}")

    async def complete(self, request: Request) -> Completion:
        """The answer to `request`.

        Raises:
            TeacherUnreachable, TeacherRefused: one line that says what to do.
        """
        import openai
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_transient),
            stop=stop_after_attempt(MAX_ATTEMPTS),
            wait=lambda state: max(self._pause_s(state.attempt_number - 1), _retry_after_s(state.outcome)),
            reraise=True,
        )
        async with self._slots:
            self.in_flight += 1
            started = time.monotonic()
            try:
                answer: Any = await retrying(self._call, request)
            except openai.BadRequestError as error:
                if error.code not in REFUSALS and not TOO_LONG.search(error.message):
                    raise self._stop(error) from None
                return Completion(text=str(error.message), finish_reason="refused")
            except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
                raise self._stop(error) from None
            finally:
                self.in_flight -= 1
        return self._to_completion(answer, time.monotonic() - started)

    async def _call(self, request: Request) -> Any:
        answer = await self._client.chat.completions.create(
            model=self.model,
            messages=list(request.messages),  # type: ignore[arg-type]
            **request.sampling,
        )
        if not getattr(answer, "choices", None):
            raise EmptyAnswer(f"{self.base_url}: an answer without choices")
        message, usage = answer.choices[0].message, answer.usage
        if message is None or not isinstance(message.content, str | None):
            raise TypeError("an answer without a text message")
        counts = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        if not all(isinstance(count, int) and 0 <= count < 2**40 for count in counts):
            raise TypeError(f"an answer with token counts {counts}")
        return answer

    def _to_completion(self, answer: Any, seconds: float) -> Completion:
        usage = answer.usage
        prompt, completion = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        choice = answer.choices[0]
        return Completion(
            # a lone surrogate is valid JSON but no text: it could be neither stored nor exported
            text=(choice.message.content or "").encode("utf-8", "replace").decode(),
            finish_reason=choice.finish_reason or "stop",
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost_usd=self.price.of(prompt, completion) if self.price else None,
            seconds=seconds,
        )

    def _stop(self, error: Exception) -> SynthError:
        """The error that stops the run, in one line with a fix."""
        import openai

        where = self.base_url
        said = " ".join(str(getattr(error, "message", error)).split())[:200]
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return TeacherRefused(
                f"{where}: the key was refused ({said}); set OPENAI_API_KEY to one that is valid there"
            )
        if isinstance(error, openai.NotFoundError):
            return TeacherRefused(f"{where}: no model {self.model!r} there ({said}); check the name and --base-url")
        if isinstance(error, openai.RateLimitError) and error.code == "insufficient_quota":
            return TeacherRefused(f"{where}: no credit left ({said}); top it up, then run the same command again")
        if isinstance(error, openai.RateLimitError):
            return TeacherUnreachable(
                f"{where}: still rate-limited after {MAX_ATTEMPTS} tries ({said}); lower --concurrency"
            )
        if isinstance(error, openai.APIConnectionError):
            return TeacherUnreachable(f"{where}: nothing answers ({said}); check --base-url and that the server runs")
        if isinstance(error, openai.InternalServerError):
            return TeacherUnreachable(
                f"{where}: failed {MAX_ATTEMPTS} times ({said}); run the same command again later"
            )
        return TeacherRefused(f"{where}: refused the request ({said}); check that it is an OpenAI-compatible endpoint")


class EmptyAnswer(ValueError):
    """The endpoint answered without any choice."""


def _is_transient(error: BaseException) -> bool:
    import openai

    if isinstance(error, openai.RateLimitError):
        return error.code != "insufficient_quota"
    return isinstance(error, openai.APIConnectionError | openai.InternalServerError | EmptyAnswer)


def _retry_after_s(outcome: Any) -> float:
    """What a Retry-After header asks for, seconds; 0 without one."""
    response = getattr(outcome.exception(), "response", None)
    try:
        return min(float(response.headers.get("retry-after", 0)), 300.0) if response is not None else 0.0
    except ValueError:  # an HTTP date; the growing pause serves
        return 0.0
