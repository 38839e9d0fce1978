"""What all rows of a run share: `Kitchen`, which answers every call once, from the ledger or from a teacher.

Not covered: what one row does with the answers (`steps.py`), rows side by side (`engine.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.languages import LANGUAGES
from synth.batches import BatchTeacher
from synth.budget import NO_BUDGET, NOTHING, Budget, Claim, claim_of
from synth.calls import Completion, Request
from synth.errors import SynthError
from synth.ledger import Ledger
from synth.recipe import Recipe
from synth.seeds import Seed
from synth.teacher import Teacher
from synth.verify import Runner

AnyTeacher = Teacher | BatchTeacher


class LimitReached(SynthError):
    """The next call would pass `--max-calls`, `--max-tokens` or `--max-cost`."""


@dataclass(slots=True, kw_only=True)
class Kitchen:
    """What all rows of a run share."""

    recipe: Recipe
    ledger: Ledger
    teacher: AnyTeacher | None = None
    """`None` for a recipe that asks nothing."""
    judge: AnyTeacher | None = None
    runner: Runner | None = None
    locale: str = "en"
    """`en`, `zh`, or `mix`, which draws one per row. A seed that says what it is written in decides for its row."""
    languages: tuple[str, ...] = tuple(LANGUAGES)
    """The programming languages that can be run."""
    seed: int = 0
    budget: Budget = NO_BUDGET
    refuse_seed: Callable[[Seed], str] = lambda _: ""
    """Why a seed may not be used, in words; empty where it may."""
    waiting: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    """Calls in flight, by key, and when they are over: two rows with the same request pay once."""
    promised: Claim = NOTHING
    """What the calls in flight may come to."""
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced, whenever a call in flight is over."""

    def check_stall(self) -> None:
        """Nothing, while the teachers answer.

        Raises:
            TeacherUnreachable: one has calls pending and has long answered none.
        """
        for teacher in (self.teacher, self.judge):
            if teacher is not None:
                teacher.check_stall()

    async def drain(self, *, priced: bool = False) -> None:
        """Waits for the calls that have left, and lets none leave any more: what is billed goes into the ledger.

        With `priced`, only for those that are known to cost something. Batches are not waited for: the next process
        finds them at the provider.
        """
        teachers = [who for who in (self.teacher, self.judge) if isinstance(who, Teacher)]
        await asyncio.gather(*(who.drain() for who in teachers if not priced or (who.price and who.price.of(1, 1))))

    async def answer(self, request: Request, teacher: AnyTeacher) -> Completion:
        """The completion for `request`, from the ledger if it was ever paid for.

        Raises:
            LimitReached: it was not, and the budget is used up.
            CallFailed: the endpoint answers, but not this request.
        """
        key = request.key
        while (known := self.ledger.completion(key)) is None:
            if key in self.waiting:  # a twin's call
                await asyncio.wait([self.waiting[key]])
                continue
            claim = claim_of(request, teacher.price) if self.budget.is_set else None
            if claim is not None and not self._fits(claim):
                await self._freed.wait()
                continue
            return await self._pay(request, teacher, claim)
        return known

    async def _pay(self, request: Request, teacher: AnyTeacher, claim: Claim | None) -> Completion:
        answered = self.waiting[request.key] = asyncio.get_running_loop().create_future()
        if claim is not None:
            self.promised += claim
        try:
            completion = await teacher.complete(request)
            await self.ledger.record_completion(request, completion)
            return completion
        finally:
            answered.set_result(None)
            del self.waiting[request.key]
            if claim is not None:
                self.promised -= claim
                self._freed.set()
                self._freed = asyncio.Event()

    def _fits(self, claim: Claim) -> bool:
        """Whether the most that a call may take is left of the budget, once the calls in flight have had theirs.

        Raises:
            LimitReached: it is not, and no call in flight can give anything back.
        """
        over = self.budget.exceeded(self.ledger.paid, self.promised + claim)
        if over and not self.waiting:
            raise LimitReached(over)
        return not over
