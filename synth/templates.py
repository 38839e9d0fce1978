"""The templates of a recipe folder, rendered in Jinja's sandboxed environment, where an undefined variable is an error.

A template renders to one user message, or to several: a line `=== system ===`, `=== user ===` or `=== assistant ===`
opens the next one. Not covered: which variables there are (`recipe.py`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import jinja2.sandbox

from synth import chats, translated_tests, words
from synth.errors import RecipeError

SECRET = f"\x00{secrets.token_hex(8)}\x00"
MARKER = re.compile(r"^=== (system|user|assistant) ===$", re.M)
LOCALES = ("en", "zh")
VALUE_ERRORS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
"""What an expression raises on values that it was not written for."""
MAX_DETAIL = 300
"""Characters of a drop's detail: a line to recognise it by; the ledger has the whole."""


class ChatLoader(jinja2.FileSystemLoader):
    """Marks where a template opens a message as no rendered value can: a model's `=== system ===` is mere text."""

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        """The source with its markers made secret, as Jinja wants it."""
        source, name, is_current = super().get_source(environment, template)
        return MARKER.sub(lambda match: f"{SECRET}{match[1]}{SECRET}", source), name, is_current


class Environment(jinja2.sandbox.SandboxedEnvironment):
    """Keeps the globals of a template in a plain dict: each rendering copies them, which takes a chain of maps long."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Those of the environment and `d`."""
        return {**self.globals, **(d or {})}


class Templates:
    """The templates of one folder, and the expressions of its recipe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.resolve().name
        self.environment = Environment(
            loader=ChatLoader(folder),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            auto_reload=False,
        )
        self._compiled: dict[tuple[str, str], Any] = {}
        """Conditions and inline templates, ready to be called."""
        self.environment.filters |= {"near": words.near, "altered": words.altered, **chats.FILTERS}
        self.environment.tests |= {"code": words.has_code, "translatable": translated_tests.is_translatable}

    @property
    def _where(self) -> str:
        return f"{self.name}/recipe.yaml"

    def render_chat(self, template: str, locale: str, variables: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
        """The messages of `template`: one of the user, or those that its markers open.

        Raises:
            RecipeError: as `render`, or for text before the first marker.
        """
        parts = self.render(template, locale, variables).split(SECRET)
        if len(parts) == 1:
            return ({"role": "user", "content": parts[0]},)
        if parts[0].strip():
            where = f"{self.name}/{localized(template, locale)}"
            raise RecipeError(f"{where}: text before the first `=== role ===` line; move it below one")
        pairs = zip(parts[1::2], parts[2::2], strict=True)
        return tuple({"role": role, "content": content.strip()} for role, content in pairs)

    def render(self, template: str, locale: str, variables: Mapping[str, Any]) -> str:
        """The text of `template`.

        Raises:
            RecipeError: a variable or an attribute of one does not exist.
        """
        name = localized(template, locale)
        try:
            return self.environment.get_template(name).render(variables).strip()
        except jinja2.UndefinedError as error:
            raise RecipeError(
                f"{self.name}/{name}: {error.message}; correct the name or set it in a step before"
            ) from None
        except (jinja2.TemplateError, *VALUE_ERRORS) as error:
            raise RecipeError(f"{self.name}/{name}: {error}; correct the template") from None

    def render_text(self, text: str, locale: str, variables: Mapping[str, Any]) -> str:
        """A value of `emit`: a template file if it ends in `.j2`, else the text itself as a template."""
        if text.endswith(".j2"):
            return self.render(text, locale, variables)
        try:
            return str(self._compile("text", text).render(variables)).strip()
        except (jinja2.TemplateError, *VALUE_ERRORS) as error:
            raise RecipeError(f"{self._where}: `{text}`: {error}; correct it") from None

    def holds(self, condition: str, variables: Mapping[str, Any]) -> bool:
        """Whether a Jinja condition is true of `variables`.

        Raises:
            RecipeError: it fails on these values, such as comparing text with a number.
        """
        return bool(self.value(condition, variables))

    def value(self, expression: str, variables: Mapping[str, Any]) -> Any:
        """What a Jinja expression comes to. Raises: `RecipeError` where it fails on these values."""
        try:
            return self._compile("condition", expression)(**variables)
        except (jinja2.TemplateError, *VALUE_ERRORS) as error:
            raise RecipeError(f"{self._where}: condition `{expression}` fails: {error}") from None

    def _compile(self, form: str, text: str) -> Any:
        """A condition or an inline template as code, made once: making it takes far longer than running it."""
        if (form, text) not in self._compiled:
            made = (
                self.environment.compile_expression(text, undefined_to_none=False)
                if form == "condition"
                else self.environment.from_string(text)
            )
            self._compiled[form, text] = made
        return self._compiled[form, text]

    def reasons(self, condition: str, variables: Mapping[str, Any]) -> str:
        """The values that a condition looked at, on one line."""
        looked_at = sorted(self.variables_of_text("{{ " + condition + " }}") - {"judge", "locale", "seed"})
        shown = ", ".join(f"{name} = {variables[name]!r}" for name in looked_at if variables[name] is not None)
        return shown if len(shown) <= MAX_DETAIL else shown[: MAX_DETAIL - 3] + "..."

    def variables_of(self, template: str) -> set[str]:
        """The variables that `template` and the templates it includes read."""
        found = jinja2.meta.find_undeclared_variables(self._tree(template))
        for included in self._referenced(template):
            found |= self.variables_of(included)
        return found

    def included_by(self, template: str) -> set[str]:
        """The templates that `template` includes, and those that they include."""
        names = self._referenced(template)
        return names.union(*(self.included_by(name) for name in names))

    def _referenced(self, template: str) -> set[str]:
        return {name for name in jinja2.meta.find_referenced_templates(self._tree(template)) if name}

    def _tree(self, template: str) -> jinja2.nodes.Template:
        source = self.environment.loader.get_source(self.environment, template)[0]  # type: ignore[union-attr]
        return self.environment.parse(source)

    def variables_of_text(self, text: str) -> set[str]:
        """The variables that an inline template reads. Raises: `RecipeError` where it is none."""
        try:
            return jinja2.meta.find_undeclared_variables(self.environment.parse(text))
        except jinja2.TemplateSyntaxError as error:
            raise RecipeError(f"{self._where}: `{text}`: {error.message}") from None


def localized(template: str, locale: str) -> str:
    """`task.j2` in Chinese is `task.zh.j2`."""
    return template if locale == "en" else template.removesuffix(".j2") + f".{locale}.j2"
