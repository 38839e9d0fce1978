"""From code and tests to a program: `Language` says how, `assemble` does it.

With tests, a program is the code, the tests wrapped one by one, and a harness that runs them in order and writes to
`SANDBOX_REPORT`: `begin`, the number of each test that passed, `end`. `SANDBOX_FIRST` is the test to begin with, so
that the supervisor can go on behind a test that ended the process. Nothing here runs anything.

Not covered: which languages there are (`languages.py`), who compiles and runs the program (`supervisor.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

HEAP_ROOM_MB = 256
SLOT = re.compile(r"\{(code|prelude|tests|number|test|count|memory_mb|heap_mb)\}")


def unchanged(code: str, tested: bool) -> str:
    """The code as it is."""
    del tested
    return code


def as_it_is(test: str) -> str:
    """The test as it is."""
    return test


def indented(test: str) -> str:
    """The test, four columns to the right."""
    return "\n".join("    " + line for line in test.splitlines())


def nothing(code: str, tests: Sequence[str]) -> str:
    """No prelude."""
    del code, tests
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How one language's code and tests become a program."""

    name: str
    packages: tuple[str, ...]
    """Debian packages that bring it."""
    tests_are: str
    """What a test is, with an example; the README's words."""
    plain: Mapping[str, str]
    """File name -> text where there are no tests; the slot is {code}."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """File name -> text where there are tests; the slots are {code}, {prelude}, {tests} and {count}."""
    test: str = "{test}"
    """How one test is wrapped; the slots are {number} and {test}."""
    prepare_test: Callable[[str], str] = as_it_is
    """Test -> the test for the slot: indented, or without its full stop."""
    prelude: Callable[[str, Sequence[str]], str] = nothing
    """(code, tests) -> what the tests need and do not say: imports, an `assert` where the code brings none."""
    prepare: Callable[[str, bool], str] = unchanged
    """(code, whether there are tests) -> the code for the slot; with tests, its own entry point is set aside."""
    compile: tuple[str, ...] = ()
    """Command in /build that leaves what is to be run in /build/out; empty where nothing is compiled."""
    run: tuple[str, ...]
    """Command in /tmp; the slots are {memory_mb} (the limit) and {heap_mb} (a heap cap that the limit always beats)."""
    compile_timeout_s: float = 60.0
    """CPU seconds."""
    compile_memory_mb: int = 512
    """What the compiler itself needs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beyond the container's own, for compiling and running; same slots as `run`."""
    version: tuple[str, ...]
    """Command that prints the version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Files, and the commands that make a run of them."""

    files: Mapping[str, str]
    compile: tuple[str, ...]
    run: tuple[str, ...]
    environment: Mapping[str, str]
    compile_timeout_s: float
    compile_memory_mb: int


def assemble(
    language: Language, code: str, tests: Sequence[str] = (), *, memory_mb: int = 512, check: bool = False
) -> Program:
    """The program of code and tests. With `check`, the harness without any test: compiles if the code alone does."""
    tested = bool(tests) or check
    wrapped = [
        fill(language.test, number=str(number), test=language.prepare_test(test))
        for number, test in enumerate(tests, 1)
    ]
    prepared = language.prepare(code, tested)
    prelude = language.prelude(code, tests)
    texts = language.sources if tested else language.plain
    slots = {"memory_mb": str(memory_mb), "heap_mb": str(memory_mb + HEAP_ROOM_MB)}
    return Program(
        files={
            name: fill(text, code=prepared, prelude=prelude, tests="".join(wrapped), count=str(len(tests)))
            for name, text in texts.items()
        },
        compile=language.compile,
        run=tuple(fill(argument, **slots) for argument in language.run),
        environment={name: fill(value, **slots) for name, value in language.environment.items()},
        compile_timeout_s=language.compile_timeout_s,
        compile_memory_mb=language.compile_memory_mb,
    )


def fill(text: str, **slots: str) -> str:
    """The text with its slots filled in one pass, so that what a slot brings is never looked at again."""
    return SLOT.sub(lambda match: slots.get(match[1], match[0]), text)


def replacing(pattern: str, replacement: str) -> Callable[[str, bool], str]:
    """A `prepare` that renames what matches, with tests only; the number of lines must stay the same."""
    compiled = re.compile(pattern, re.MULTILINE)

    def prepare(code: str, tested: bool) -> str:
        return compiled.sub(replacement, code) if tested else code

    return prepare
