"""A call to a teacher: what is asked, what came back, what it costs; and how an answer on the wire becomes one.

Not covered: sending it (`teacher.py`), keeping it (`ledger.py`).
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from synth.errors import SynthError
from synth.wire import Fault

REFUSALS = ("context_length_exceeded", "content_filter")
TOO_LONG = re.compile(
    r"context (length|size|window)|maximum context|exceeds? the (available )?context|request too large", re.I
)
"""How servers without error codes say that this one prompt is too long; any other 400 is about all of them."""


to_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
"""Canonical JSON."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call to a teacher, as far as it can change the answer."""

    teacher: str
    messages: tuple[dict[str, str], ...]
    sampling: dict[str, Any]
    """`temperature`, `top_p`, `max_tokens`, `stop`, `response_format`; only what is set."""
    index: int = 0
    """Which of several samples of the same prompt this is."""

    @functools.cached_property
    def key(self) -> str:
        """SHA-256 hex over the whole request."""
        return hashlib.sha256(self.json.encode()).hexdigest()

    @functools.cached_property
    def json(self) -> str:
        """Canonical JSON."""
        fields = {
            "index": self.index,
            "messages": self.messages,
            "sampling": self.sampling,
            "teacher": self.teacher,
        }
        return to_json(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a teacher answered."""

    text: str
    finish_reason: str
    """`stop` or `length` as the endpoint said; `refused` when it declined this one request."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    """Latency of the call; never part of a dataset."""


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


def refusal(fault: Fault) -> Completion | None:
    """The refusal of one prompt as an answer; `None` where the fault is about more than that."""
    if fault.status in (400, 413, 422, 429) and (fault.code in REFUSALS or TOO_LONG.search(fault.message)):
        return Completion(text=fault.message, finish_reason="refused")
    return None


def parse_answer(answer: dict[str, Any], price: Price | None, seconds: float) -> Completion:
    """A chat completion object as a `Completion`.

    Raises:
        Fault: it is none; the endpoint may do better when asked again.
    """
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        raise Fault("an answer without choices", status=200)
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else 0
    if not isinstance(content, str | None):
        raise Fault("an answer without a text message", status=200)
    usage = answer.get("usage") or {}
    counts = (usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)) if isinstance(usage, dict) else (-1, -1)
    if not all(type(count) is int and 0 <= count < 2**40 for count in counts):
        raise Fault(f"an answer with token counts {counts}", status=200)
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    cached = cached if type(cached) is int and 0 <= cached <= counts[0] else 0
    reason = choice.get("finish_reason") or "stop"
    refusal = message.get("refusal") if isinstance(message, dict) else None
    if isinstance(refusal, str) and refusal and not content:
        content, reason = refusal, "refused"
    return Completion(
        # a lone surrogate is valid JSON but no text: it could be neither stored nor exported
        text=(content or "").encode("utf-8", "replace").decode(),
        finish_reason=str(reason),
        prompt_tokens=counts[0],
        completion_tokens=counts[1],
        cost_usd=price.of(counts[0], counts[1], cached) if price else None,
        seconds=seconds,
    )
