"""Reading any language by its tokens: nothing is lost, comments are told from code, names are found."""

from __future__ import annotations

import random
import time

import pytest
from language_programs import PROGRAMS

from sandbox.languages import LANGUAGES
from synth.source import STYLES, defined, style_of, tags_of, tokens, without_comments


def test_every_language_of_the_sandbox_can_be_read() -> None:
    assert set(STYLES) == set(LANGUAGES)


def test_a_tag_means_one_language() -> None:
    tags = [tag for language in STYLES for tag in tags_of(language)]
    assert len(tags) == len(set(tags))
    assert {"py", "js", "ts", "c++", "cs", "sh"} <= set(tags)


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_function_of_a_program_is_found(language: str) -> None:
    name = {"csharp": "Add", "sql": "sums"}.get(language, "add")
    assert name in defined(PROGRAMS[language].add, language)


@pytest.mark.parametrize("language", PROGRAMS)
def test_tokens_are_the_whole_text(language: str) -> None:
    text = PROGRAMS[language].add + PROGRAMS[language].hello
    assert "".join(token.text for token in tokens(text, STYLES[language])) == text


@pytest.mark.parametrize(
    ("language", "code", "bare"),
    [
        ("c", 'f("// no"); // yes\n/* all\nof it */\ng();', 'f("// no");\ng();'),
        ("bash", "echo $# ${#x} # yes\n# all", "echo $# ${#x}"),
        ("rust", "fn f<'a>(c: char) -> bool { c == '\"' } // yes", "fn f<'a>(c: char) -> bool { c == '\"' }"),
        ("haskell", "f' x = x -- yes\n{- all -}", "f' x = x"),
        ("scheme", '(f \'a ";") ; yes', '(f \'a ";")'),
        ("sql", "SELECT '\\' -- yes\n", "SELECT '\\'\n"),
    ],
)
def test_comments_end_where_the_language_ends_them(language: str, code: str, bare: str) -> None:
    assert without_comments(code, style_of(language)) == bare


@pytest.mark.parametrize("language", STYLES)
def test_hostile_text_takes_linear_time(language: str) -> None:
    chance = random.Random(language)
    pieces = [
        '"',
        "\\",
        "'",
        "(",
        "{",
        "/*",
        "a ",
        "a.b<",
        "function ",
        "const x = (",
        "x = ",
        "#",
        "0",
        "\n",
        "-",
        "|#",
    ]
    begun = time.process_time()
    for _ in range(3):
        text = "".join(chance.choices(pieces, k=3)) * 8_000
        tokens(text, STYLES[language])
        defined(text, language)
    assert time.process_time() - begun < 10
