"""The languages a sandbox image can carry: one entry each, in the order of the image's layers.

An entry says which Debian packages bring the language and how code and tests become a program (`program.py`). What the
harnesses have in common: code comes first in its file, so that compilers name the user's own lines; a test is a scope
of its own where the language has scopes; the harness's names begin with `sandbox_`; it is a file of its own where the
language allows, and takes the report's name out of the environment before any code of the candidate runs.

The entries are in modules by kind of language. Not covered: assertions run in the candidate's process, so a candidate
that sets out to forge the report can (`runner.py` says more).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from sandbox.languages import compiled, functional, managed, scripting
from sandbox.program import Language
from sandbox.verdict import JobError

PYTHON = Language(
    name="python",
    packages=("python3",),
    tests_are="statements: `assert add(1, 2) == 3`",
    plain={"main.py": "{code}"},  # code with tests runs in the supervisor's fork server, which needs no harness
    run=("python3", "main.py"),
    version=("python3", "--version"),
)

TABLE = (
    PYTHON,
    scripting.JAVASCRIPT,
    scripting.BASH,
    compiled.C,
    compiled.CPP,
    scripting.TYPESCRIPT,
    managed.JAVA,
    compiled.GO,
    compiled.RUST,
    managed.CSHARP,
    scripting.RUBY,
    scripting.PHP,
    scripting.PERL,
    scripting.LUA,
    scripting.R,
    functional.HASKELL,
    functional.OCAML,
    compiled.FORTRAN,
    compiled.PASCAL,
    managed.ERLANG,
    managed.ELIXIR,
    functional.COMMON_LISP,
    functional.SCHEME,
    scripting.TCL,
    scripting.AWK,
    functional.PROLOG,
    compiled.D,
    functional.RACKET,
    compiled.CRYSTAL,
    compiled.NIM,
    scripting.RAKU,
    managed.GROOVY,
    managed.CLOJURE,
    scripting.OCTAVE,
    compiled.ASSEMBLY,
    scripting.COFFEESCRIPT,
    scripting.SQL,
)
LANGUAGES = {language.name: language for language in TABLE}


def find_languages(names: Iterable[str]) -> tuple[Language, ...]:
    """The languages of these names in the table's order, each once. Raises `JobError` with the nearest name."""
    wanted = set(names)
    for name in sorted(wanted - LANGUAGES.keys()):
        near = difflib.get_close_matches(name, LANGUAGES, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise JobError(f"language: must be one of {', '.join(sorted(LANGUAGES))}, got {name!r}{meant}")
    return tuple(language for name, language in LANGUAGES.items() if name in wanted)
