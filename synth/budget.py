"""`Budget`: the caps of a run on calls, tokens and cost, and what a call may come to at most before it is answered.

A call leaves only if the most it may take fits beside what was paid and what the calls in flight may take, so the caps
hold whatever comes back; the prompt is counted by its bytes until the endpoint has counted its tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from synth.calls import Price, Request
from synth.ledger import Spent

BYTES_PER_TOKEN = 2
"""Of a prompt, at least: English and code have about four, Chinese three."""
TEMPLATE_TOKENS = 16
"""What a chat template may add to a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a call, or some together, may come to."""

    calls: int = 0
    tokens: float = 0.0
    cost_usd: float = 0.0

    def __add__(self, other: Claim) -> Claim:
        return Claim(
            calls=self.calls + other.calls, tokens=self.tokens + other.tokens, cost_usd=self.cost_usd + other.cost_usd
        )

    def __sub__(self, other: Claim) -> Claim:
        calls = self.calls - other.calls
        if not calls:  # nothing is exactly nothing, whatever the sums were rounded to
            return NOTHING
        return Claim(calls=calls, tokens=self.tokens - other.tokens, cost_usd=self.cost_usd - other.cost_usd)


def claim_of(request: Request, price: Price | None) -> Claim:
    """The most that `request` should take: a prompt of short tokens, and all the room for an answer."""
    prompt = sum(len(m["content"].encode()) / BYTES_PER_TOKEN + TEMPLATE_TOKENS for m in request.messages)
    room = float(request.sampling.get("max_tokens", 0))
    cost = (prompt * price.prompt + room * price.completion) / 1e6 if price else 0.0
    return Claim(calls=1, tokens=prompt + room, cost_usd=cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may take in all its invocations; `None` for no cap."""

    max_calls: int | None = None
    max_tokens: int | None = None
    """Prompts and completions together."""
    max_cost_usd: float | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is any cap."""
        return (self.max_calls, self.max_tokens, self.max_cost_usd) != (None, None, None)

    def exceeded(self, paid: Spent, claims: Claim) -> str:
        """Which cap `claims` would pass beside what was `paid`, as a sentence; empty where they fit."""
        if self.max_calls is not None and paid.calls + claims.calls > self.max_calls:
            return f"--max-calls {self.max_calls} is used up"
        tokens = paid.prompt_tokens + paid.completion_tokens + claims.tokens
        if self.max_tokens is not None and tokens > self.max_tokens:
            return f"--max-tokens {self.max_tokens} is used up: the next call may pass it"
        cost = (paid.cost_usd or 0.0) + claims.cost_usd
        if self.max_cost_usd is not None and cost > self.max_cost_usd:
            return f"--max-cost {self.max_cost_usd} is used up: the next call may pass it"
        return ""

    def share(self, number: int) -> Budget:
        """One of `number` equal parts, for shards; together they never pass the whole."""
        return Budget(
            max_calls=None if self.max_calls is None else self.max_calls // number,
            max_tokens=None if self.max_tokens is None else self.max_tokens // number,
            max_cost_usd=None if self.max_cost_usd is None else self.max_cost_usd / number,
        )


NOTHING = Claim()
NO_BUDGET = Budget()
