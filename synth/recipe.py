"""A recipe folder: `recipe.yaml` and its templates, read, checked and ready to render.

Everything that can be known before the first call is checked at load time: unknown keys (`schema.py`), missing
templates and files, variables that no earlier step sets. Not covered: how templates are rendered (`templates.py`), what
is only doubtful (`recipe_check.py`).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import jinja2.sandbox
import yaml
from pydantic import ValidationError

from synth.draws import Weighted, read_choices, weighted
from synth.errors import RecipeError
from synth.schema import (
    ROW_LANGUAGE,
    AnyStep,
    Ask,
    Augment,
    Classify,
    Draw,
    Emit,
    Keep,
    RecipeFile,
    Repeat,
    Rerun,
    Run,
    Write,
    explain,
    near,
)
from synth.templates import LOCALES, Templates, localized

BUILT_IN = frozenset({"seed", "locale", "judge", "language", "language_name", "tests_are"})
"""Variables every template has: the seed, the row's human language, whether a judge is configured, the row's
programming language, its name as people write it, and what a test is in it."""


class Recipe(Templates):
    """A loaded recipe folder."""

    def __init__(self, folder: Path) -> None:
        """Reads and checks the folder.

        Raises:
            RecipeError: one line that says where, what, and what to do.
        """
        super().__init__(folder)
        self.file = self._read()
        self._choices: dict[tuple[str, str], Weighted] = {}
        """(file, locale) -> what is in it."""
        self._solvers: dict[str, bool] = {}
        """Template -> whether it is made without the seed."""
        self._check_steps(self.file.steps, set(BUILT_IN))
        if [step for step in flat(self.steps) if isinstance(step, Emit)] != [self.steps[-1]]:
            raise RecipeError(
                f"{self._where}: the last step must be `emit`, and no other; give it instruction and response"
            )

    @property
    def steps(self) -> tuple[AnyStep, ...]:
        """The steps, in order."""
        return self.file.steps

    def _read(self) -> RecipeFile:
        path = self.folder / "recipe.yaml"
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RecipeError(f"{self.folder}: no recipe.yaml there; copy one from `synth recipes`") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RecipeError(f"{self._where}: cannot be read ({' '.join(str(error).split())}); fix the file") from None
        if not isinstance(data, dict):
            raise RecipeError(f"{self._where}: needs keys `about` and `steps`, got {type(data).__name__}")
        try:
            return RecipeFile.model_validate(data)
        except ValidationError as error:
            raise RecipeError(f"{self._where}: {explain(error, RecipeFile)}") from None

    def choices(self, step: Draw, name: str, locale: str, variables: Mapping[str, Any]) -> Weighted:
        """What `step` draws the variable `name` from; nothing where the variable that holds the list has none.

        Raises:
            RecipeError: a file that cannot be read, or a variable that holds no list.
        """
        given = step.choices[name]
        if not isinstance(given, str):
            return weighted(given, where=f"{self._where}: sample.{name}")
        if given in step.files:
            return self._read_choices(given, locale)
        found = variables[given]
        if found is None:
            return {}
        if not isinstance(found, list | tuple):
            raise RecipeError(f"{self._where}: sample.{name}: {given} must be a list, got {type(found).__name__}")
        return dict.fromkeys((item for item in found if isinstance(item, str | int | float) and str(item).strip()), 1.0)

    def _read_choices(self, file: str, locale: str) -> Weighted:
        if (file, locale) not in self._choices:
            path = self.folder / file
            translated = path.with_suffix(f".{locale}{path.suffix}")
            self._choices[file, locale] = read_choices(translated if translated.exists() else path)
        return self._choices[file, locale]

    @functools.cached_property
    def judged_by_seed(self) -> frozenset[str]:
        """The variables whose programs the seed's own examples judge, so that they must define its function."""
        return frozenset(step.code for step in self.runs if step.code and {"seed", "seed_code"} & set(step.evidence))

    @functools.cached_property
    def runs(self) -> tuple[Run, ...]:
        """The steps that run code."""
        return tuple(step for step in flat(self.steps) if isinstance(step, Run))

    @functools.cached_property
    def drawn_languages(self) -> tuple[str, ...]:
        """The programming languages that rows draw; empty where they draw none.

        Raises:
            RecipeError: they come from elsewhere than the recipe.
        """
        drawn: dict[Any, None] = {}
        for step in flat(self.steps):
            if isinstance(step, Draw) and ROW_LANGUAGE in step.choices:
                if {step.choices[ROW_LANGUAGE]} & step.reads if isinstance(step.choices[ROW_LANGUAGE], str) else False:
                    raise RecipeError(f"{self._where}: sample.language: must be a list or a file; write the languages")
                drawn |= dict.fromkeys(self.choices(step, ROW_LANGUAGE, "en", {}))
        return tuple(map(str, drawn))

    @property
    def subset(self) -> str:
        """The name of the set that the rows belong to."""
        return self.file.subset or self.name

    @property
    def seeds(self) -> str:
        """The recipe's own source of seeds, a file beside it by its path."""
        beside = self.folder / self.file.seeds
        return str(beside) if beside.is_file() else self.file.seeds

    @functools.cached_property
    def locales(self) -> tuple[str, ...]:
        """The languages that every template is there in."""
        there = [all((self.folder / localized(name, locale)).exists() for name in self.templates) for locale in LOCALES]
        return tuple(itertools.compress(LOCALES, there))

    @functools.cached_property
    def fingerprints(self) -> dict[str, str]:
        """Each file of the recipe -> the first 12 hex digits of its SHA-256."""
        data = {self.folder / name for name in self.data_files}
        data |= {path.with_suffix(f".{locale}{path.suffix}") for path in data for locale in LOCALES}
        files = sorted([*self.folder.glob("*.j2"), self.folder / "recipe.yaml", *filter(Path.exists, data)])
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}

    @property
    def data_files(self) -> set[str]:
        """The files with choices and examples that the steps name."""
        found: set[str] = set()
        for step in flat(self.steps):
            found |= set(step.files) if isinstance(step, Draw) else set()
            found |= {step.examples} if isinstance(step, Classify) else set()
        return found

    def sees_only_the_instruction(self, template: str) -> bool:
        """Whether a solution asked for with `template` makes the round trip: the prompt is made without the seed."""
        if template not in self._solvers:
            self._solvers[template] = self.variables_of(template) <= {"instruction", *BUILT_IN} - {"seed"}
        return self._solvers[template]

    def setters_of(self, variable: str) -> list[AnyStep]:
        """Every step that sets `variable`."""
        return [step for step in flat(self.steps) if variable in step.sets and not isinstance(step, Repeat)]

    def _check_steps(self, steps: Iterable[AnyStep], known: set[str]) -> None:
        for step in steps:
            for where, used in self._uses(step):
                unknown = sorted(used - known)
                if unknown:
                    hint = near(unknown[0], known)
                    raise RecipeError(f"{self.name}/{where}: no step before it sets `{unknown[0]}`; {hint}")
            if isinstance(step, Repeat):
                self._check_steps(step.steps, known | {"round"})
            known.update(step.sets)

    def _uses(self, step: AnyStep) -> Iterator[tuple[str, set[str]]]:
        """What each template and condition of a step reads, with the file to name in an error."""
        for condition in (step.when, step.condition if isinstance(step, Keep) else None):
            if condition is not None:
                yield "recipe.yaml", self.variables_of_text("{{ " + condition + " }}")
        yield "recipe.yaml", self._names(step)
        for text in texts_of(step):
            if text.endswith(".j2"):
                yield from self._uses_of_file(text)
            else:
                yield "recipe.yaml", self.variables_of_text(text)

    def _names(self, step: AnyStep) -> set[str]:
        """The variables that a step names outside templates and conditions.

        Raises:
            RecipeError: one that holds no program or no tests, or a file that is not there.
        """
        match step:
            case Run():
                required = self.variables_of_text("{{ " + bare(step.required) + " }}") if step.required else set()
                return required | self._asked_for(step.code, "code") | self._asked_for(step.tests, "asserts")
            case Rerun():
                return self._asked_for(step.code, "code") | {"kept_tests"}
            case Augment():
                return {"instruction", "code", "kept_tests"}
            case Draw():
                for file in step.files:
                    self._read_choices(file, "en")
                return step.reads
            case Classify() if not (self.folder / step.examples).is_file():
                known = [path.name for path in self.folder.glob("*.jsonl")]
                raise RecipeError(
                    f"{self._where}: classify: no {step.examples} beside it; {near(step.examples, known)}"
                )
            case Emit():
                return set(step.scores)
        return set()

    def _asked_for(self, name: str | None, form: str) -> set[str]:
        """The variable, which is one that `ask` reads in this form."""
        if name is None:
            return set()
        if not all(isinstance(setter, Ask) and getattr(setter, form) for setter in self.setters_of(name)):
            raise RecipeError(
                f"{self._where}: run.{name}: must be asked for with `{form}: LANGUAGE`; add that to its step"
            )
        return {name}

    def _uses_of_file(self, template: str) -> Iterator[tuple[str, set[str]]]:
        for locale in LOCALES:
            name = localized(template, locale)
            if (self.folder / name).exists() or locale == "en":
                try:
                    yield name, self.variables_of(name)
                except jinja2.TemplateNotFound as error:
                    missing = str(error.name or name)
                    known = [path.name for path in self.folder.glob("*.j2")]
                    raise RecipeError(
                        f"{self._where}: template {missing} is not in {self.folder}; {near(missing, known)}"
                    ) from None
                except (UnicodeDecodeError, RecursionError) as error:
                    raise RecipeError(
                        f"{self.name}/{name}: cannot be read ({error}); save it as UTF-8 and let it not include itself"
                    ) from None
                except jinja2.TemplateSyntaxError as error:
                    raise RecipeError(f"{self.name}/{name}:{error.lineno}: {error.message}") from None

    def check_locale(self, locale: str) -> None:
        """Makes sure every template exists in the language.

        Raises:
            RecipeError: naming the first that is missing.
        """
        for template in self.templates:
            name = localized(template, locale)
            if not (self.folder / name).exists():
                raise RecipeError(f"{self.name}: no {name} for --locale {locale}; write it beside {template}")

    @property
    def templates(self) -> list[str]:
        """The templates the steps name, in order, once each."""
        named = (text for step in flat(self.steps) for text in texts_of(step) if text.endswith(".j2"))
        return list(dict.fromkeys(named))


def texts_of(step: AnyStep) -> tuple[str, ...]:
    """The templates that a step renders: files, which end in `.j2`, or texts."""
    match step:
        case Ask() | Write():
            return (step.template,)
        case Classify():
            return (step.text,)
        case Emit():
            return tuple(text for text in (step.instruction, step.response, step.text) if text is not None)
    return ()


def bare(expression: str) -> str:
    """An expression without the braces that it may be written in."""
    return re.sub(r"^\s*\{\{(.*)\}\}\s*$", r"\1", expression, flags=re.S).strip()


def flat(steps: Iterable[AnyStep]) -> Iterator[AnyStep]:
    """The steps with those inside `repeat`."""
    for step in steps:
        yield step
        if isinstance(step, Repeat):
            yield from flat(step.steps)


def bundled_recipes() -> dict[str, Path]:
    """Name -> folder of the recipes that ship with the toolkit."""
    root = Path(str(importlib.resources.files("prompts")))
    return {path.parent.name: path.parent for path in sorted(root.glob("*/recipe.yaml"))}


def open_recipe(name: str) -> Recipe:
    """The recipe called `name`, or the one in the folder `name`.

    Raises:
        RecipeError: neither exists (near misses named), or the recipe has a fault.
    """
    bundled = bundled_recipes()
    folder = Path(name)
    if name in bundled:
        return Recipe(bundled[name])
    if folder.is_dir():
        return Recipe(folder)
    raise RecipeError(f"--recipe {name}: neither a recipe nor a folder; {near(name, bundled)}")
