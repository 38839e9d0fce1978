"""Splitting a block into tests: every form that the sandbox takes, and what models put around it."""

from __future__ import annotations

import pytest
from language_programs import PROGRAMS

from synth.source import style_of, without_comments
from synth.statements import split_tests


@pytest.mark.parametrize("language", PROGRAMS)
def test_tests_in_the_sandboxs_form_are_taken_one_by_one(language: str) -> None:
    written = PROGRAMS[language].right
    expected = [without_comments(test, style_of(language, tests=True)).expandtabs(4) for test in written]
    assert split_tests("\n\n".join(written), language) == expected


def test_lines_without_blanks_between_them_are_tests_of_their_own() -> None:
    assert split_tests("assert(f(1) == 2);\nassert(f(2) == 3);", "c") == ["assert(f(1) == 2);", "assert(f(2) == 3);"]


def test_paragraph_with_set_up_is_one_test() -> None:
    block = "const s = new Stack();\ns.push(1);\nassert.equal(s.pop(), 1);\nassert.equal(s.size, 0);\n\nassert(true);"
    assert split_tests(block, "javascript") == [block.partition("\n\n")[0], "assert(true);"]


def test_set_up_without_a_test_goes_with_the_next_paragraph() -> None:
    assert split_tests("xs := []int{1}\n\nassert(f(xs) == 1)", "go") == ["xs := []int{1}\nassert(f(xs) == 1)"]


def test_statement_goes_on_over_lines() -> None:
    block = "assert_eq!(\n    f(1),\n\n    2\n);\nif f(1) != 2 {\n    panic!();\n} else {\n    ok();\n}"
    assert split_tests(block, "rust") == [block[: block.index("\nif")], block[block.index("if") :]]


def test_block_that_words_end_is_one_statement() -> None:
    block = "if add(1, 2) ~= 3 then\nerror('no')\nend\nassert(add(1, 1) == 2)"
    assert split_tests(block, "lua") == ["if add(1, 2) ~= 3 then\nerror('no')\nend", "assert(add(1, 1) == 2)"]


def test_query_goes_on_to_its_semicolon() -> None:
    assert split_tests("SELECT count(*) = 1\nFROM t;\nSELECT 1 = 1;", "sql") == [
        "SELECT count(*) = 1\nFROM t;",
        "SELECT 1 = 1;",
    ]


@pytest.mark.parametrize(
    ("language", "block"),
    [
        (
            "c",
            '#include <assert.h>\nint main(void) {\n    assert(f(1) == 2); // one\n    printf("ok");\n    return 0;\n}',
        ),
        (
            "rust",
            "#[cfg(test)]\nmod tests {\n    use super::*;\n  #[test]\n  fn ok() {\n    assert(f(1) == 2);\n  }\n}",
        ),
        ("java", "public class Main {\n  public static void main(String[] a) {\n    assert(f(1) == 2);\n  }\n}"),
        (
            "javascript",
            "require('assert');\ndescribe('f', () => {\n it('x', () => {\n    assert(f(1) == 2);\n  });\n});",
        ),
        ("go", "package main\n\nfunc TestF(t *testing.T) {\n\tassert(f(1) == 2)\n}"),
        ("php", "<?php\n// one\nassert(f(1) == 2);\necho 'ok';"),
    ],
)
def test_what_models_put_around_tests_is_taken_off(language: str, block: str) -> None:
    assert [test.rstrip(";") for test in split_tests(block, language)] == ["assert(f(1) == 2)"]


def test_indentation_inside_a_test_stays() -> None:
    assert split_tests("    for x in xs do\n      assert f(x) == 1\n    end", "ruby") == [
        "for x in xs do\n  assert f(x) == 1\nend"
    ]


@pytest.mark.parametrize("block", ["", "\n\n", "print(f(1))", "// assert f(1)", "f(1);"])
def test_what_checks_nothing_is_no_test(block: str) -> None:
    assert split_tests(block, "javascript") == []
