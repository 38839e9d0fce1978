"""The table of languages, and what becomes of code and tests before anything runs."""

from __future__ import annotations

import re

import pytest
from language_programs import PROGRAMS

from sandbox.languages import LANGUAGES, find_languages
from sandbox.program import SLOT, Language, assemble
from sandbox.verdict import JobError

EVERY = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
HARNESSED = [language for language in LANGUAGES.values() if language.sources]


def test_python_comes_first_and_every_language_has_its_programs():
    assert next(iter(LANGUAGES)) == "python"
    assert LANGUAGES.keys() - {"python"} == PROGRAMS.keys()


@EVERY
def test_an_entry_is_whole(language: Language):
    assert language.name == language.name.lower()
    assert language.packages
    assert language.version
    assert "`" in language.tests_are
    assert "{code}" in "".join(language.plain.values())
    assert all(0 < len(name) < 64 and "/" not in name for name in (*language.plain, *language.sources))


@EVERY
def test_without_tests_the_code_stands_alone_and_unchanged(language: Language):
    program = assemble(language, "CODE\nmain() {code} {tests}\n")
    assert any("CODE\nmain() {code} {tests}\n" in text for text in program.files.values())


@pytest.mark.parametrize("language", HARNESSED, ids=lambda language: language.name)
def test_code_and_tests_are_put_in_once_and_never_expanded(language: Language):
    program = assemble(language, "CODE {tests}", ["ONE {code}", "TWO {number}"])
    text = "".join(program.files.values())
    assert "CODE {tests}" in text
    assert "ONE {code}" in text
    assert "TWO {number}" in text
    left = [slot for slot in SLOT.findall(text) if slot not in ("tests", "code", "number")]
    assert left == []


@pytest.mark.parametrize("language", HARNESSED, ids=lambda language: language.name)
def test_the_check_is_the_harness_without_tests(language: Language):
    checked = assemble(language, "CODE", check=True)
    assert checked.files.keys() == language.sources.keys()
    assert checked.compile == language.compile


def test_the_codes_own_main_is_set_aside_with_tests_only():
    code = "int add(int a) { return a; }\nint main(void) { return domain(1); }"
    assert "int main(void)" in assemble(LANGUAGES["c"], code).files["main.c"]
    tested = assemble(LANGUAGES["c"], code, ["assert(1);"]).files["main.c"]
    assert "int main(void)" not in tested
    assert "return domain(1);" in tested


@EVERY
def test_limits_are_filled_in(language: Language):
    program = assemble(language, "", memory_mb=300)
    assert not SLOT.search(" ".join([*program.run, *program.environment.values()]))


def test_a_heap_cap_lies_above_the_limit():
    run = " ".join(assemble(LANGUAGES["javascript"], "", memory_mb=300).run)
    assert int(re.findall(r"\d+", run)[0]) > 300


def test_an_unknown_language_names_the_nearest():
    with pytest.raises(JobError, match=r"must be one of .*bash, c, .* got 'javascrpt'; did you mean 'javascript'\?"):
        find_languages(["python", "javascrpt"])
    with pytest.raises(JobError, match=r"got 'klingon'$"):
        find_languages(["klingon"])
