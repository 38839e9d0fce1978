"""The languages a sandbox image can carry: one entry each, and what an entry needs from Debian."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.verdict import JobError


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language of the image."""

    name: str
    packages: tuple[str, ...]
    """Debian packages that bring it."""


LANGUAGES = {language.name: language for language in (Language(name="python", packages=("python3",)),)}


def find_languages(names: Iterable[str]) -> tuple[Language, ...]:
    """The languages of these names, sorted, each once. Raises `JobError` naming the known ones."""
    wanted = sorted(set(names))
    for name in wanted:
        if name not in LANGUAGES:
            raise JobError(f"language: must be one of {', '.join(sorted(LANGUAGES))}, got {name!r}")
    return tuple(LANGUAGES[name] for name in wanted)
