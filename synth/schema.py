"""The vocabulary of recipes: what each step of a `recipe.yaml` may say, checked by pydantic.

Unknown keys and steps are errors that name the near misses. What the steps do: `steps.py`; the folder: `recipe.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sandbox.languages import LANGUAGES
from synth.sample import Evidence

RUN_SETS = ("solution", "code", "kept_tests", "evidence", "pass_ratio", "difficulty")
ROW_LANGUAGE = "language"
"""As the language of a step, and as a variable: the programming language of the row."""
Weight = Annotated[float, Field(gt=0, le=1e9)]
Value = str | int | float | bool
FORMATS = ("plain", "docstring", "asserts", "bare")


class Step(BaseModel):
    """What all steps share: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    when: str | None = None
    """A Jinja condition; where it is false the step is skipped, and what it would set is `none` unless a step before it
    has set that: of two steps with opposite conditions the one that is taken counts."""


class Ask(Step):
    """Template -> teacher -> parsed fields."""

    template: str
    role: Literal["teacher", "judge"] = "teacher"
    name: str | None = Field(default=None, alias="as")
    """The variable that gets the answer: text, a solution, or a list of them when `candidates` is given."""
    tags: tuple[str, ...] = ()
    """Read `<tag>...</tag>` sections; each becomes a variable."""
    fields: dict[str, Literal["string", "integer", "number", "boolean", "array"]] = Field(default={}, alias="json")
    """Ask for a JSON object with these fields; each becomes a variable."""
    code: str | None = None
    """Read a program in this language, one of the sandbox's; `language` is that of the row."""
    asserts: str | None = None
    """Read tests in this language, each in the form that the sandbox runs."""
    candidates: Annotated[int, Field(ge=1, le=64)] | None = None
    temperature: float | tuple[float, float] = 0.7
    """One value, or `[first, others]` when several candidates are asked for."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: (
        Annotated[int, Field(ge=1)] | Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
    ) = 1024
    """The room for an answer; of several, such as `[1024, 4096]`, the next where an answer was cut short."""
    stop: tuple[str, ...] = ()

    @field_validator("code", "asserts")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value != ROW_LANGUAGE and value not in LANGUAGES:
            raise ValueError(f"must be a language or `language`, got {value}; {near(value, LANGUAGES)}")
        return value

    @field_validator("temperature")
    @classmethod
    def _in_range(cls, value: float | tuple[float, float]) -> float | tuple[float, float]:
        if any(not 0 <= t <= 2 for t in (value if isinstance(value, tuple) else (value,))):
            raise ValueError(f"must be in [0, 2], got {value}")
        return value

    @model_validator(mode="after")
    def _one_form(self) -> Ask:
        forms = [name for name in ("tags", "fields", "code", "asserts") if getattr(self, name)]
        if len(forms) > 1:
            raise ValueError(f"takes one of tags, json, code, asserts; got {', '.join(forms)}")
        if bool(self.tags or self.fields) == bool(self.name):
            raise ValueError("needs `as: NAME` unless it reads tags or json, which name their own variables")
        if self.candidates and (self.tags or self.fields):
            raise ValueError("candidates goes with text, code and asserts, not with tags or json")
        return self

    @property
    def sets(self) -> tuple[str, ...]:
        """The variables this step sets."""
        return (self.name,) if self.name else (*self.tags, *self.fields)

    @property
    def rooms(self) -> tuple[int, ...]:
        """The values of `max_tokens` to try in turn."""
        return self.max_tokens if isinstance(self.max_tokens, tuple) else (self.max_tokens,)

    def temperature_of(self, index: int) -> float:
        """The temperature for candidate `index`."""
        if isinstance(self.temperature, tuple):
            return self.temperature[min(index, 1)]
        return self.temperature


class Keep(Step):
    """Drops the row unless a condition holds."""

    condition: str = Field(alias="if")
    drop: Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$")]
    """The reason, `stage.rule`."""

    @property
    def sets(self) -> tuple[str, ...]:
        """Nothing."""
        return ()


class Draw(Step):
    """Draws variables, seeded by the row, and inside `repeat` by the round too.

    A variable called `language` is drawn among the languages that the sandbox has.
    """

    choices: dict[str, Annotated[dict[Value, Weight], Field(min_length=1)] | list[Value] | str]
    """Variable -> weights by value; or a list; or `FILE.yaml` or `FILE.txt` beside the recipe; or the variable that
    holds a list."""

    @property
    def sets(self) -> tuple[str, ...]:
        """The drawn variables."""
        return tuple(self.choices)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that hold choices."""
        return tuple(c for c in self.choices.values() if isinstance(c, str) and c.endswith((".yaml", ".txt")))

    @property
    def reads(self) -> set[str]:
        """The variables that hold choices."""
        return {c for c in self.choices.values() if isinstance(c, str)} - set(self.files)


class Write(Step):
    """Renders a template into a variable, without a call."""

    template: str
    name: str = Field(alias="as")

    @property
    def sets(self) -> tuple[str, ...]:
        """The written variable."""
        return (self.name,)


class Run(Step):
    """Runs solutions against tests and keeps the strongest evidence there is."""

    code: str | None = "solutions"
    """The variable with the candidates; `null` where the seed's own code is the only one."""
    tests: str | None = "tests"
    """The variable with the teacher's tests; `null` where only the seed's own examples count."""
    required: str | None = None
    """An expression that gives the qualified names a program must call; those that do not are not run."""
    evidence: tuple[Evidence, ...] = ("seed", "agreement", "self")
    translated: bool = False
    """Whether a Python seed's examples, translated, judge programs in another language: only where the task is the
    seed's own function under its own name."""
    min_tests: Annotated[int, Field(ge=1)] = 3
    more_tests: Annotated[int, Field(ge=0, le=200)] = 12
    """How many mutated inputs to add to a seed's examples; the seed's code says what comes out."""
    timeout_s: Annotated[float, Field(gt=0)] = 10.0
    memory_mb: Annotated[int, Field(ge=64)] = 512

    @model_validator(mode="after")
    def _translates_examples(self) -> Run:
        if self.translated and "seed" not in self.evidence:
            raise ValueError(f"translated goes with evidence seed, got {', '.join(self.evidence)}; add it")
        return self

    @property
    def sets(self) -> tuple[str, ...]:
        """The chosen solution, the tests it passed, the grade of evidence, and how many candidates passed."""
        return RUN_SETS


class Rerun(Step):
    """Runs a rewritten program against the tests that the row's code passed."""

    code: str
    """The variable with the program."""
    otherwise: Literal["drop", "keep"] = Field(default="drop", alias="else")
    """Where it fails: drop the row, or keep the code it had."""

    @property
    def sets(self) -> tuple[str, ...]:
        """The row's code, and whether it is the rewritten one."""
        return ("code", "rewritten")


class Augment(Step):
    """Changes the form of a verified row now and then, and runs it again."""

    choices: dict[Literal["plain", "docstring", "asserts", "bare"], Weight]
    """Form -> weight. `docstring`: the instruction is a function header to be completed; `asserts`: some of the tests
    are shown; `bare`: comments are taken out of the code; `plain`: as it is. A form that does not fit is `plain`."""

    @property
    def sets(self) -> tuple[str, ...]:
        """What may change, and which form it was."""
        return ("instruction", "code", "format")


class Classify(Step):
    """The probability that a text is of the kind that labelled examples show."""

    text: str
    """Written out as a template."""
    examples: str
    """A JSON Lines file beside the recipe, rows `{text, label}` with label 0 or 1."""
    name: str = Field(alias="as")

    @property
    def sets(self) -> tuple[str, ...]:
        """The probability, in [0, 1]."""
        return (self.name,)


class Repeat(Step):
    """Repeats steps, each round seeing what the one before set."""

    rounds: Annotated[int, Field(ge=1, le=20)]
    on_fail: Literal["drop", "undo", "stop"] = "drop"
    """When a step ends a round: drop the row; undo the round and go on with the next; or undo it and end the loop."""
    steps: tuple[AnyStep, ...]

    @field_validator("steps", mode="before")
    @classmethod
    def _unwrap(cls, value: Any) -> Any:
        return [unwrap(step) for step in value] if isinstance(value, list) else value

    @property
    def sets(self) -> tuple[str, ...]:
        """What its steps set, and how many rounds held."""
        return (*(name for step in self.steps for name in step.sets), "rounds")


class Emit(Step):
    """Fields -> the row. Values ending in `.j2` are templates; the others are written out in place."""

    instruction: str
    response: str
    text: str | None = None
    """The row as a document, for sets to pretrain on."""
    scores: tuple[str, ...] = ()
    """Variables with numbers to carry along as score columns."""

    @property
    def sets(self) -> tuple[str, ...]:
        """Nothing."""
        return ()


AnyStep = Ask | Keep | Draw | Write | Run | Rerun | Augment | Classify | Repeat | Emit
STEPS: dict[str, type[Step]] = {
    "ask": Ask,
    "keep": Keep,
    "sample": Draw,
    "write": Write,
    "run": Run,
    "rerun": Rerun,
    "augment": Augment,
    "classify": Classify,
    "repeat": Repeat,
    "emit": Emit,
}
Repeat.model_rebuild()


class RecipeFile(BaseModel):
    """`recipe.yaml` as it stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    seeds: str = "starter"
    """A source of seeds, or a file beside the recipe."""
    language: str | None = None
    """The programming language of every row; without it, that of the seed."""
    subset: Annotated[str, Field(pattern=r"^[A-Za-z][\w-]*$")] | None = None
    """The name of the set that the rows belong to, such as OpenCoder's `evol_instruct`; without it, the recipe's."""
    packages: tuple[str, ...] = ()
    """Python packages, as on PyPI, that the sandbox must have."""
    steps: Annotated[tuple[AnyStep, ...], Field(min_length=1)]

    @field_validator("steps", mode="before")
    @classmethod
    def _unwrap(cls, value: Any) -> Any:
        return [unwrap(step) for step in value] if isinstance(value, list) else value

    @field_validator("language")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in LANGUAGES:
            raise ValueError(f"must be a language of the sandbox, got {value}; {near(value, LANGUAGES)}")
        return value


def unwrap(step: Any) -> Step:
    """`{ask: {...}}` as an `Ask`; a `sample` step lists its variables, an `augment` step its forms, directly.

    Raises:
        ValueError: not a single-key mapping, or an unknown step.
    """
    if not isinstance(step, dict) or len(step) != 1:
        raise ValueError(f"a step is one key such as `ask:` with its settings, got {step!r}")
    ((name, settings),) = step.items()
    if name not in STEPS:
        raise ValueError(f"unknown step `{name}`; {near(str(name), STEPS)}")
    try:
        return STEPS[name].model_validate({"choices": settings} if name in ("sample", "augment") else settings or {})
    except ValidationError as error:
        raise ValueError(f"{name}.{explain(error, STEPS[name])}") from None


def near(name: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the near misses, or else all that is known."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first fault of a validation as `key: what is wrong; what to do`."""
    faults = error.errors(include_url=False)
    # A misspelt key is also a missing one; the misspelling is what helps.
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in model.model_fields.items()]
        return f"{where}: unknown key; {near(str(fault['loc'][-1]), known)}"
    if fault["type"] == "missing":
        return f"{where}: missing; add it"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{where} {message}".strip() if where != "steps" else message
    return f"{where}: {message}, got {fault['input']!r}"
