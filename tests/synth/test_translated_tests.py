"""Python tests in other languages: what is said, what is left out, and that it tells right programs from wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from translated_programs import PROGRAMS, TESTS

from sandbox.image import best_image, connect
from sandbox.pool import SandboxPool
from sandbox.verdict import Job, SandboxError
from synth.dialects import DIALECTS
from synth.translated_tests import is_translatable, translate

TYPED = ("cpp", "java", "go", "rust")
UNTYPED = ("javascript", "typescript", "ruby", "php")


@pytest.mark.parametrize(
    ("language", "test", "expected"),
    [
        ("javascript", "assert f(1, -2) == 3", "assert(f(1, -2) === 3);"),
        ("javascript", "assert f('a') is True", 'assert(f("a") === true);'),
        ("javascript", "assert f(None) is None", "assert(f(null) == null);"),
        ("javascript", "assert f((1, 2)) == [1, [2]]", "assert.deepStrictEqual(f([1, 2]), [1, [2]]);"),
        ("javascript", "assert f({'a': 1}) == {'b': [0]}", 'assert.deepStrictEqual(f({"a": 1}), {"b": [0]});'),
        ("typescript", "assert not f(1.5)", "assert(f(1.5) === false);"),
        ("ruby", "assert f({1: 'a'}) == [None]", None),
        ("ruby", "assert f({1: 'a'}) == {'b': 2}", 'assert f({1 => "a"}) == {"b" => 2}'),
        ("ruby", "assert f('#{x}') == 'a'", 'assert f("\\#{x}") == "a"'),
        ("php", "assert f('$x', {'a': 1}) == [1, 2]", 'assert(f("\\$x", ["a" => 1]) === [1, 2]);'),
        ("cpp", "assert f([1], 'a') == 'b'", 'assert(f(std::vector<int>{1}, "a") == "b");'),
        ("cpp", "assert f(1) == ['a']", 'assert((f(1) == std::vector<std::string>{"a"}));'),
        ("java", "assert f([1]) == 2", "assert Solution.f(new ArrayList<Integer>(List.of(1))) == 2;"),
        ("java", "assert f(1) == ['a']", 'assert Objects.equals(Solution.f(1), List.of("a"));'),
        ("java", "assert f('a') == 'b'", 'assert Objects.equals(Solution.f("a"), "b");'),
        ("go", "assert f([[1]]) == ['a']", 'assert(reflect.DeepEqual(f([][]int{[]int{1}}), []string{"a"}))'),
        ("go", "assert f(True, 0.5) == 1", "assert(f(true, 0.5) == 1)"),
        ("rust", "assert f([[1]], 'a') == ['b']", 'assert_eq!(f(&[vec![1]], "a"), vec!["b"]);'),
    ],
)
def test_test_is_written_as_the_language_does(language: str, test: str, expected: str | None) -> None:
    assert translate([test], language) == ([expected] if expected else [])


@pytest.mark.parametrize("language", DIALECTS)
@pytest.mark.parametrize(
    "test",
    [
        "assert f(1) == 0.5",
        "assert f(1) == [0.5]",
        "assert f(1) == {1, 2}",
        "assert f(1) == b'a'",
        "assert f(1) == 1j",
        "assert f(1) == 10**3",
        "assert f(1) == 9223372036854775808",
        "assert f(-9223372036854775809) == 1",
        "assert f(-0.0) == 1",
        "assert f(1e30) == 1",
        "assert f('\\x00') == 1",
        "assert f('\\x1b') == 1",
        "assert f('\\r\\n') == 1",
        "assert f('\\ud800') == 1",
        "assert f('\\U0001f600') == 1",
        "assert f([None]) == 1",
        "assert f([[1], (2, 3)]) == 1",
        "assert f([1, (2,)]) == 1",
        "assert f(*[1]) == 1",
        "assert f(x=1) == 1",
        "assert f(y) == 1",
        "assert f(1) != 1",
        "assert f(1) == f(2)",
        "assert f(1) is 1",
        "assert f(1).x == 1",
        "assert a.f(1) == 1",
        "assert 1 == f(1)",
        "assert f(1) == 1 == 1",
        "assert f(1) == 1 or True",
        "x = 1\nassert f(1) == 1",
        "def g():\n    assert f(1) == 1\n\ng()",
        "try:\n    f(1)\nexcept ValueError:\n    pass",
        "",
        "assert f(",
        "assert f(" + "[" * 5000 + "]" * 5000 + ") == 1",
        "assert f('\\x00",
    ],
)
def test_what_means_something_else_is_left_out(test: str, language: str) -> None:
    assert translate([test], language) == []


@pytest.mark.parametrize("language", TYPED)
@pytest.mark.parametrize(
    "test",
    [
        "assert f([1, 'a']) == 1",
        "assert f([1, True]) == 1",
        "assert f([[1], ['a']]) == 1",
        "assert f((1, 2)) == 1",
        "assert f(1) == (1, 2)",
        "assert f({'a': 1}) == 1",
        "assert f(1) == {}",
        "assert f(1) is None",
        "assert f(None) == 1",
    ],
)
def test_declared_types_leave_out_what_has_none(test: str, language: str) -> None:
    assert translate([test], language) == []


@pytest.mark.parametrize(
    ("language", "largest"), [("cpp", 2**31 - 1), ("rust", 2**31 - 1), ("javascript", 2**53 - 1), ("go", 2**63 - 1)]
)
def test_whole_numbers_go_as_far_as_the_language_is_exact(language: str, largest: int) -> None:
    assert len(translate([f"assert f(1) == {largest}"], language)) == 1
    assert translate([f"assert f(1) == {largest + 1}"], language) == []


@pytest.mark.parametrize(("language", "count"), [("javascript", 1), ("ruby", 1), ("java", 1), ("cpp", 0), ("php", 0)])
def test_text_beyond_ascii_goes_where_characters_are_counted(language: str, count: int) -> None:
    assert len(translate(["assert f('né 中') == 4"], language)) == count


def test_zeros_in_javascript_lists_may_be_negative() -> None:
    assert translate(["assert f(1) == [0, 'a\"']"], "javascript") == [
        'assert.strictEqual(JSON.stringify(f(1)), "[0,\\"a\\\\\\"\\"]");'
    ]


@pytest.mark.parametrize("key", ["'1'", "'-2'", "'__proto__'", "1", "(1, 2)", "None"])
@pytest.mark.parametrize("language", ["javascript", "php"])
def test_keys_that_would_move_or_change_are_left_out(key: str, language: str) -> None:
    assert translate([f"assert f({{{key}: 1}}) == 2"], language) == []


def test_php_compares_the_order_of_a_dictionary_so_it_compares_none() -> None:
    assert translate(["assert f(1) == {'a': 1}"], "php") == []


@pytest.mark.parametrize("language", DIALECTS)
def test_function_that_gives_floats_has_no_exact_tests(language: str) -> None:
    assert translate(["assert half(4) == 2", "assert half(3) == 1.5"], language) == []


def test_bare_call_is_taken_for_true_only_where_nothing_else_comes_out() -> None:
    assert translate(["assert f(1)", "assert f(2) is False"], "javascript") == [
        "assert(f(1) === true);",
        "assert(f(2) === false);",
    ]
    assert translate(["assert f(1)", "assert f(2) == 'x'"], "javascript") == ['assert(f(2) === "x");']


def test_empty_list_has_the_type_that_other_tests_show() -> None:
    tests = ["assert f([]) == []", "assert f([['a']]) == [1]"]
    assert translate(tests, "cpp")[0] == ("assert((f(std::vector<std::vector<std::string>>{}) == std::vector<int>{}));")
    for language in ("cpp", "java", "go"):
        assert translate(tests[:1], language) == []
    assert translate(tests[:1], "rust") == ["assert_eq!(f(&[]).len(), 0);"], "the declaration says it"


def test_empty_slice_may_be_nil() -> None:
    assert translate(["assert f(1) == []", "assert f(2) == [1]"], "go")[0] == "assert(len(f(1)) == 0)"
    assert translate(["assert f(1) == [[], [1]]"], "go") == []


def test_vectors_of_nothing_have_no_type_in_rust() -> None:
    assert translate(["assert f(1) == [[], []]"], "rust") == []
    assert translate(["assert f(1) == [[], [1]]"], "rust") == ["assert_eq!(f(1), vec![vec![], vec![1]]);"]


def test_whole_number_beside_a_float_is_given_as_one_where_types_are_declared() -> None:
    tests = ["assert f(2.5) == 1", "assert f(2) == 1"]
    assert translate(tests, "java") == ["assert Solution.f(2.5) == 1;", "assert Solution.f(2.0) == 1;"]
    assert translate(tests, "ruby") == ["assert f(2.5) == 1", "assert f(2) == 1"]
    assert translate(["assert f(2.0) == 1"], "javascript") == [], "it knows no 2.0"


def test_one_declaration_holds_for_all_tests() -> None:
    tests = ["assert f(1, 2) == 3", "assert f('a', 2) == 3", "assert f(1) == 3", "assert f(4, 5) == 6"]
    assert translate(tests, "go") == ["assert(f(1, 2) == 3)", "assert(f(4, 5) == 6)"]


def test_only_the_function_that_most_tests_call_is_tested() -> None:
    assert translate(["assert f(1) == 1", "assert g(1) == 1", "assert f(2) == 2"], "ruby") == [
        "assert f(1) == 1",
        "assert f(2) == 2",
    ]


@pytest.mark.parametrize(
    ("language", "name"), [("cpp", "double"), ("java", "switch"), ("javascript", "delete"), ("go", "range")]
)
def test_name_that_the_language_keeps_for_itself_is_not_translated(language: str, name: str) -> None:
    assert translate([f"assert {name}(1) == 2"], language) == []
    assert translate([f"assert {name}_(1) == 2"], language) != []


def test_only_known_languages_are_translated_into() -> None:
    tests = ["assert f(1) == 1", "assert f(2) == 2", "assert f(3) == 3", "assert f(3) == 3"]
    assert not is_translatable(tests, "haskell")
    assert is_translatable(tests, "go")
    assert not is_translatable(tests, "go", least=4), "the same test twice is one"


@pytest.fixture(scope="module")
def widest() -> Iterator[SandboxPool]:
    """A pool of the image with most languages; without any image the test skips."""
    try:
        with closing(connect()) as engine:
            opened = SandboxPool(workers=2, image=best_image(engine), rerun_timeouts="never")
    except SandboxError as missing:
        pytest.skip(str(missing))
    with opened:
        yield opened


@pytest.mark.parametrize("language", PROGRAMS)
def test_all_values_of_the_programs_have_a_translation(language: str) -> None:
    assert {kind: len(translate(tests, language)) for kind, tests in TESTS.items()} == {
        kind: len(tests) for kind, tests in TESTS.items()
    }


@pytest.mark.engine
@pytest.mark.parametrize("language", PROGRAMS)
def test_right_program_passes_and_wrong_one_fails_for_each_kind_of_value(widest: SandboxPool, language: str) -> None:
    if language not in widest.languages:
        pytest.skip(f"{language} is not in the image; `make test-languages` builds one with all")
    jobs = [
        Job(id=kind + wrong, language=language, code=PROGRAMS[language].replace("@", wrong), tests=translated)
        for kind, tests in TESTS.items()
        for translated in [tuple(translate(tests, language))]
        for wrong in "01"
    ]
    statuses = {verdict.id: verdict.status for verdict in widest.run_all(jobs)}
    assert {kind for kind in TESTS if statuses[kind + "0"] != "passed"} == set()
    assert {kind for kind in TESTS if statuses[kind + "1"] == "passed"} == set()
