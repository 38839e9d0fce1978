"""One row: a seed goes in, the recipe's steps are taken in order, a `Sample` comes out, kept or dropped with a reason.

The order of work inside a row is the order of `recipe.yaml`; rows run side by side in `engine.py`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from sandbox.languages import LANGUAGES
from synth import augment, parse
from synth.calls import Completion, Request
from synth.draws import draw
from synth.errors import CallFailed, RecipeError, SynthError
from synth.kitchen import AnyTeacher, Kitchen, LimitReached
from synth.languages import name_of
from synth.recipe import bare, flat
from synth.sample import Check, Provenance, Sample
from synth.schema import (
    ROW_LANGUAGE,
    AnyStep,
    Ask,
    Augment,
    Classify,
    Draw,
    Emit,
    Keep,
    Repeat,
    Rerun,
    Run,
    Write,
)
from synth.seeds import Seed
from synth.templates import localized
from synth.verify import Rejected, Verifier

T = TypeVar("T")


class Dropped(Exception):
    """Ends a row; never leaves this module."""

    def __init__(self, reason: str, detail: str = "", check: Check | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.check = check


class Row:
    """One seed on its way through the recipe."""

    def __init__(self, seed: Seed, kitchen: Kitchen) -> None:
        self._seed = seed
        self._kitchen = kitchen
        self._recipe = kitchen.recipe
        self._locale = _draw_locale(kitchen, seed)
        self._variables: dict[str, Any] = {
            "seed": seed,
            "locale": self._locale,
            "judge": kitchen.judge is not None,
        }
        self._speak(kitchen.recipe.file.language or seed.language)
        self._rounds: tuple[int, ...] = ()
        """The rounds of the loops that the row is in."""
        self._completions: dict[str, Completion] = {}
        self._asked: dict[str, str] = {}
        """The key of each completion -> the template it answers."""
        self._verdicts: dict[str, str] = {}
        """The key of each verdict -> what it was for."""
        self._verified: dict[str, Any] = {}
        self._unverified: parse.Solution | None = None
        """What would have been the answer if nothing were verified."""

    async def cook(self) -> Sample:
        """The row at its end.

        Raises:
            SynthError, SandboxUnavailable: the run must stop; nothing about this row is decided.
        """
        try:
            if why := self._kitchen.refuse_seed(self._seed):
                raise Dropped("seed.contaminated", why)
            for step in self._recipe.steps[:-1]:
                await self._take(step)
            last = self._recipe.steps[-1]
            assert isinstance(last, Emit), "the recipe was checked"
            return self._sample(**self._emitted(last))
        except (Dropped, CallFailed) as failure:
            end = failure if isinstance(failure, Dropped) else Dropped("ask.failed", str(failure))
            instruction = str(self._variables.get("instruction") or "")
            known = {"instruction": instruction, "entry_point": self._seed.entry_point}
            checked = {"check": end.check} if end.check else {}
            fields = {**known, **self._verified, **self._without_verification(), **checked}
            return self._sample(**fields).drop(end.reason, end.detail)

    async def _take(self, step: AnyStep) -> None:
        if step.when is not None and not self._recipe.holds(step.when, self._variables):
            self._variables = dict.fromkeys(step.sets) | self._variables
            return
        match step:
            case Ask():
                await self._ask(step)
            case Keep():
                if not self._recipe.holds(step.condition, self._variables):
                    raise Dropped(step.drop, self._recipe.reasons(step.condition, self._variables))
            case Draw():
                self._draw(step)
            case Write():
                self._variables[step.name] = self._recipe.render(step.template, self._locale, self._variables)
            case Run():
                await self._run(step)
            case Rerun():
                await self._rerun(step)
            case Augment():
                await self._augment(step)
            case Classify():
                self._variables[step.name] = self._classify(step)
            case Repeat():
                await self._repeat(step)
            case Emit():
                raise AssertionError("emit is the last step")

    @property
    def _language(self) -> str:
        return str(self._variables[ROW_LANGUAGE])

    def _speak(self, language: str) -> None:
        """Sets the row's programming language."""
        known = LANGUAGES.get(language)
        self._variables |= {
            ROW_LANGUAGE: language,
            "language_name": name_of(language),
            "tests_are": known.tests_are if known else "",
        }

    def _in(self, language: str) -> str:
        """A language that a step names, the row's own where it says so."""
        return self._language if language == ROW_LANGUAGE else language

    async def _repeat(self, step: Repeat) -> None:
        held = 0
        if step.on_fail != "drop":
            self._variables = dict.fromkeys(step.sets) | self._variables
        for number in range(1, step.rounds + 1):
            before = (dict(self._variables), dict(self._verified))
            self._rounds += (number,)
            try:
                self._variables["round"] = number
                for inner in step.steps:
                    await self._take(inner)
                held += 1
            except (Dropped, CallFailed):
                if step.on_fail == "drop":
                    raise
                self._variables, self._verified = before
                if step.on_fail == "stop":
                    break
            finally:
                self._rounds = self._rounds[:-1]
        self._variables["rounds"] = held

    async def _ask(self, step: Ask) -> None:
        kitchen = self._kitchen
        teacher = kitchen.judge or kitchen.teacher if step.role == "judge" else kitchen.teacher
        assert teacher is not None, "a teacher is hired for recipes that ask"
        messages = self._recipe.render_chat(step.template, self._locale, self._variables)
        asking = [self._answer(step, messages, index, teacher) for index in range(step.candidates or 1)]
        answers = [await asking[0]] if len(asking) == 1 else await together(asking)
        read, faults = [], []
        for made in answers:
            for request, completion in made:
                self._completions[request.key] = completion
                self._asked[request.key] = localized(step.template, self._locale)
            try:
                read.append(self._read(step, made[-1][1]))
            except parse.Unparsable as fault:
                faults.append(fault)
        if not read:
            raise Dropped(faults[0].reason, faults[0].detail)
        if step.tags or step.fields:
            self._variables.update(read[0])
        elif step.name:
            self._variables[step.name] = read if step.candidates else read[0]

    async def _answer(
        self, step: Ask, messages: tuple[dict[str, str], ...], index: int, teacher: AnyTeacher
    ) -> list[tuple[Request, Completion]]:
        """What was asked for one candidate: once, and again with more room while the answer was cut short."""
        made: list[tuple[Request, Completion]] = []
        for max_tokens in step.rooms:
            sampling = self._sampling(step, index, max_tokens)
            request = Request(teacher=teacher.name, messages=messages, sampling=sampling, index=index)
            made.append((request, await self._kitchen.answer(request, teacher)))
            if made[-1][1].finish_reason != "length":
                break
        return made

    def _sampling(self, step: Ask, index: int, max_tokens: int) -> dict[str, Any]:
        sampling: dict[str, Any] = {
            "temperature": step.temperature_of(index),
            "max_tokens": max_tokens,
            "seed": self._kitchen.seed + index,
        }
        if step.top_p is not None:
            sampling["top_p"] = step.top_p
        if step.stop:
            sampling["stop"] = list(step.stop)
        if step.fields:
            sampling["response_format"] = parse.json_schema(dict(step.fields))
        return sampling

    def _read(self, step: Ask, completion: Completion) -> Any:
        """What `step` wants out of a completion.

        Raises:
            Unparsable: it is not there, or the completion was cut short or refused.
        """
        if completion.finish_reason == "length":
            raise parse.Unparsable("ask.truncated", f"longer than max_tokens {step.rooms[-1]}")
        if completion.finish_reason in ("refused", "content_filter"):
            raise parse.Unparsable("ask.refused", completion.text[:200])
        if not completion.text.strip():
            raise parse.Unparsable("ask.empty")
        if step.tags:
            return parse.read_tags(completion.text, list(step.tags))
        if step.fields:
            return parse.read_json(completion.text, dict(step.fields))
        if step.code:
            by_seed = step.name in self._recipe.judged_by_seed and self._judges(self._in(step.code))
            entry_point = self._seed.entry_point if by_seed else ""
            return parse.read_code(completion.text, language=self._in(step.code), entry_point=entry_point)
        if step.asserts:
            return parse.read_asserts(completion.text, language=self._in(step.asserts))
        return completion.text.strip()

    def _judges(self, language: str) -> bool:
        """Whether the seed has examples for programs in this language."""
        return bool(self._seed.tests) and self._seed.language == language

    def _draw(self, step: Draw) -> None:
        for name in step.choices:
            weights = self._recipe.choices(step, name, self._locale, self._variables)
            if name == ROW_LANGUAGE:
                weights = {language: weights[language] for language in weights if language in self._kitchen.languages}
            key = ":".join(map(str, (self._kitchen.seed, self._seed.id, name, *self._rounds)))
            self._variables[name] = draw(weights, key=key) if weights else None
            if name == ROW_LANGUAGE and weights:
                self._speak(str(self._variables[name]))

    async def _run(self, step: Run) -> None:
        found = self._variables[step.code] if step.code else []
        if found is None:
            raise Dropped("run.no_code", f"the step that asks for {step.code} was skipped")
        if self._language not in self._kitchen.languages:
            raise Dropped("run.no_language", f"the sandbox has no {self._variables[ROW_LANGUAGE]}")
        candidates = self._that_call(step, found if isinstance(found, list) else [found])
        proposed = self._variables[step.tests] if step.tests else None
        instruction = str(self._variables.get("instruction") or "")
        outcome = await self._verifier(step).verify(self._seed, candidates, proposed or (), instruction)
        if isinstance(outcome, Rejected):
            if candidates and outcome.reason.startswith("verify."):
                self._unverified = candidates[0]
            raise Dropped(outcome.reason, outcome.detail, outcome.check)
        solvers = [ask for ask in self._recipe.setters_of(step.code or "") if isinstance(ask, Ask)]
        alone = all(self._recipe.sees_only_the_instruction(localized(s.template, self._locale)) for s in solvers)
        # A solver that saw the seed's code may have copied it: the code is verified, the instruction is not.
        evidence = "seed_code" if outcome.evidence == "seed" and not alone else outcome.evidence
        self._verified = {
            "code": outcome.solution.code,
            "entry_point": outcome.entry_point,
            "tests": outcome.tests,
            "evidence": evidence,
            "round_trip": evidence == "seed",
            "check": outcome.check,
        }
        self._variables.update(
            solution=outcome.solution,
            code=outcome.solution.code,
            kept_tests=outcome.tests,
            evidence=evidence,
            pass_ratio=outcome.check.pass_ratio,
            difficulty=outcome.check.difficulty,
        )

    def _that_call(self, step: Run, candidates: list[parse.Solution]) -> list[parse.Solution]:
        """The candidates that call what the step requires.

        Raises:
            Dropped: there is none.
        """
        if step.required is None or not candidates:
            return candidates
        missing = [self._uncalled(solution.code, step.required) for solution in candidates]
        fitting = [solution for solution, names in zip(candidates, missing, strict=True) if not names]
        if not fitting:
            fewest = min(missing, key=lambda names: len(names))
            raise Dropped("calls.missing", f"no candidate calls {', '.join(fewest)}")
        return fitting

    def _uncalled(self, code: str, required: str) -> list[str]:
        """Which of the required names a program does not call."""
        from synth.api_calls import missing_calls

        names = self._recipe.value(bare(required), self._variables)
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise RecipeError(f"{self._recipe.name}/recipe.yaml: required: must give a list of names, got {names!r}")
        return missing_calls(code, names)

    def _verifier(self, step: Run) -> Verifier:
        assert self._kitchen.runner is not None, "the engine starts a sandbox for recipes that run code"
        return Verifier(step, self._kitchen.runner, self._verdicts, self._language)

    async def _stands(self, code: str) -> Rejected | None:
        """Why a rewritten program fails the tests that the row's code passed; `None` where it does not."""
        step = self._recipe.runs[-1]
        return await self._verifier(step).rerun(code, self._verified["tests"], self._verified["entry_point"])

    async def _rerun(self, step: Rerun) -> None:
        found = self._variables[step.code]
        solution = found[0] if isinstance(found, list) else found
        self._variables["rewritten"] = False
        if not self._verified or solution is None:
            return
        failure = await self._stands(solution.code)
        if failure is None:
            self._take_code(solution.code)
            self._variables["rewritten"] = True
        elif step.otherwise == "drop":
            raise Dropped("rerun.failed", f"{failure.reason}: {failure.detail}".strip(": "), failure.check)

    async def _augment(self, step: Augment) -> None:
        key = f"{self._kitchen.seed}:{self._seed.id}:format"
        form = draw(dict(step.choices), key=key)
        row = augment.Verified(
            instruction=str(self._variables["instruction"] or ""),
            code=str(self._variables["code"] or ""),
            entry_point=str(self._verified.get("entry_point", "")),
            tests=self._verified.get("tests", ()),
            language=self._language,
            locale=self._locale,
        )
        made = augment.put(form, row) if self._verified else None
        if made is None or (made.code != row.code and await self._stands(made.code) is not None):
            self._variables["format"] = "plain"
            return
        self._take_code(made.code)
        self._variables |= {"instruction": made.instruction, "format": form}

    def _take_code(self, code: str) -> None:
        """A program that was verified in place of the one before."""
        self._verified["code"] = self._variables["code"] = code

    def _classify(self, step: Classify) -> float:
        from synth import classify

        text = self._recipe.render_text(step.text, self._locale, self._variables)
        return float(classify.load(self._recipe.folder / step.examples).probability(text))

    def _emitted(self, step: Emit) -> dict[str, Any]:
        instruction = self._recipe.render_text(step.instruction, self._locale, self._variables)
        response = self._recipe.render_text(step.response, self._locale, self._variables)
        if not instruction or not response:
            raise Dropped("emit.empty", "the instruction is empty" if not instruction else "the response is empty")
        try:
            scores = {name: float(value) for name in step.scores if (value := self._variables[name]) is not None}
        except (TypeError, ValueError, OverflowError) as error:
            raise Dropped("emit.score", str(error)) from None
        text = self._recipe.render_text(step.text, self._locale, self._variables) if step.text else ""
        said = {"instruction": instruction, "response": response, "text": text}
        return {**said, "scores": scores, **(self._verified or self._unrun())}

    def _without_verification(self) -> dict[str, Any]:
        """What a row that verification dropped would have been without it, as far as the recipe can say."""
        if self._unverified is None:
            return {}
        code = self._unverified.code
        unchecked = {"solution": self._unverified, "code": code, "kept_tests": (), "evidence": "none"}
        unset = dict.fromkeys(name for step in flat(self._recipe.steps) for name in step.sets)
        self._variables = unset | self._variables | unchecked
        last = self._recipe.steps[-1]
        assert isinstance(last, Emit), "the recipe was checked"
        try:
            return self._emitted(last) | {"code": code}
        except (Dropped, SynthError):  # it says something that only a verified row has
            return {"code": code}

    def _unrun(self) -> dict[str, Any]:
        """The code of a row that nothing ran, if it has any."""
        values = [value[0] if isinstance(value, list) else value for value in self._variables.values() if value]
        solutions = [value for value in values if isinstance(value, parse.Solution)]
        if not solutions:
            return {}
        return {"code": solutions[-1].code, "entry_point": next(iter(solutions[-1].functions), "")}

    def _sample(self, **fields: Any) -> Sample:
        paid = self._completions.values()
        costs = [c.cost_usd for c in paid if c.cost_usd is not None]
        judge = self._kitchen.judge
        provenance = Provenance(
            teacher=self._kitchen.teacher.name if self._kitchen.teacher else "",
            judge=judge.name if judge else "",
            templates=self._recipe.fingerprints,
            seed_source=self._seed.source,
            seed_license=self._seed.license,
            completions=tuple(self._completions),
            asked=tuple(self._asked[key] for key in self._completions),
            verdicts=tuple(self._verdicts),
            ran=tuple(self._verdicts.values()),
            calls=len(self._completions),
            prompt_tokens=sum(c.prompt_tokens for c in paid),
            completion_tokens=sum(c.completion_tokens for c in paid),
            cost_usd=sum(costs) if costs else None,
        )
        return Sample(
            recipe=self._recipe.name,
            seed_id=self._seed.id,
            language=self._language,
            locale=self._locale,
            provenance=provenance,
            **fields,
        )


async def together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order. What is under way when one fails is paid for: it ends before the first error is raised.

    An error that stops the run cancels the rest.
    """
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        if all(isinstance(task.exception(), CallFailed | LimitReached | None) for task in done):
            await asyncio.wait(tasks)
        return [task.result() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _draw_locale(kitchen: Kitchen, seed: Seed) -> str:
    if seed.locale in kitchen.recipe.locales:
        return seed.locale
    if kitchen.locale != "mix":
        return kitchen.locale
    digest = hashlib.sha256(f"{kitchen.seed}:{seed.id}:locale".encode()).digest()
    return ("en", "zh")[digest[0] % 2]
