"""Controls by tokens: the twin expects something else, the stub stands alone, the entry point is what tests name."""

from __future__ import annotations

import pytest
from language_programs import PROGRAMS

from synth.lexical import corrupted, entry_point, stub
from synth.source import defined

WITHOUT_A_LITERAL = {  # tests in the table that compare with none
    "commonlisp": 1,
    "scheme": 1,
    "racket": 1,
    "clojure": 1,
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_most_tests_of_every_language_have_a_twin(language: str) -> None:
    program = PROGRAMS[language]
    names = defined(program.add, language)
    twins = [corrupted(test, language, names) for test in program.right]
    assert twins.count(None) == WITHOUT_A_LITERAL.get(language, 0)
    assert all(twin != test for twin, test in zip(twins, program.right, strict=True))


@pytest.mark.parametrize(
    ("language", "test", "twin"),
    [
        ("javascript", "assert.deepStrictEqual(f([1]), [2, 'x'])", "assert.deepStrictEqual(f([1]), [2, 'x_'])"),
        ("javascript", "assert.strictEqual(f(1), true, 'why')", "assert.strictEqual(f(1), false, 'why')"),
        ("cpp", 'assert(f("a") == std::string("b"));', 'assert(f("a") == std::string("b_"));'),
        ("cpp", "assert((f({1}) == std::vector<int>{2, 3}));", "assert((f({1}) == std::vector<int>{2, 4}));"),
        ("java", 'assert Objects.equals(f("a"), List.of(1));', 'assert Objects.equals(f("a"), List.of(2));'),
        ("go", 'assert(reflect.DeepEqual(f(1), []string{"b"}))', 'assert(reflect.DeepEqual(f(1), []string{"b_"}))'),
        ("c", "assert(f('a') == 'b');", "assert(f('a') == 'a');"),
        ("c", "assert(f(0x10) == 10u && f(1) == 1.5f);", "assert(f(0x10) == 10u && f(1) == 2.5f);"),
        ("ruby", "assert_equal [1, 2], f(3)", "assert_equal [1, 3], f(3)"),
        ("go", 'if f(1) != "x" { panic("no") }', 'if f(1) != "x_" { panic("no") }'),
        ("rust", "assert_eq!(f(1), Some(2));", "assert_eq!(f(1), Some(3));"),
        ("ruby", "x = f(3)\nassert 4 == x", "x = f(3)\nassert 5 == x"),
        ("scheme", "(assert (equal? (f 1) '(1 2)))", "(assert (equal? (f 1) '(1 3)))"),
        ("prolog", "f(1, [2])", "f(1, [3])"),
        ("sql", "SELECT f = 3 FROM t WHERE a = 1;", "SELECT f = 4 FROM t WHERE a = 1;"),
        ("bash", "[[ $(f 1) == abc ]] && [[ $(f 2) == 4 ]]", "[[ $(f 1) == abc ]] && [[ $(f 2) == 5 ]]"),
    ],
)
def test_twin_changes_what_is_expected_and_not_what_is_given(language: str, test: str, twin: str) -> None:
    assert corrupted(test, language, ("f",)) == twin


@pytest.mark.parametrize(
    "test",
    ["assert(f(1))", "assert(f(1) != 2)", "assert(!(f(1) == 2))", "assert(f(1), 'why 2')", "assert(f(1) == f(2))", ""],
)
def test_where_a_change_proves_nothing_there_is_no_twin(test: str) -> None:
    assert corrupted(test, "javascript", ("f",)) is None


def test_entry_point_is_the_name_that_most_tests_mention() -> None:
    tests = ["assert(f(1) == g(2));", "assert(g(3) == 1); // f f f", 'assert(g(4) == "f");']
    assert entry_point(tests, ["f", "g"], "c") == "g"
    assert entry_point(tests, ["h"], "c") == ""


def test_stub_is_written_only_where_types_need_not_be_known() -> None:
    assert stub("f", "lua") == "function f(...) return nil end"
    assert stub("f", "c") is None
    assert stub("", "lua") is None
