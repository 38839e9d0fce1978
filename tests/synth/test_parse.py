"""Readers of completions: what they accept, and the reason they give for what they do not."""

from __future__ import annotations

import contextlib
import random

import pytest
from language_programs import PROGRAMS

from synth.parse import Unparsable, defined_names, has_syntax_error, read_asserts, read_code, read_json, read_tags

ADD = "def add(a, b):\n    return a + b"


def reason_of(call: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(Unparsable) as caught:
        call(*args, **kwargs)  # type: ignore[operator]
    return caught.value.reason


def test_tags_are_read_whatever_stands_around_them() -> None:
    assert read_tags("Sure!\n<Task>\n do it \n</Task> bye", ["task"]) == {"task": "do it"}


@pytest.mark.parametrize("text", ["no tag", "<task>open", "<task>  </task>", "</task><task>"])
def test_missing_or_empty_tag_is_named(text: str) -> None:
    assert reason_of(read_tags, text, ["task"]) == "parse.no_tag"


def test_fenced_code_is_taken_and_prose_kept_apart() -> None:
    solution = read_code(f"Here:\n```python\n{ADD}\n```\nIt adds.")
    assert solution.code == ADD
    assert solution.prose == "Here:\n\nIt adds."
    assert solution.functions == ("add",)


def test_block_that_defines_the_entry_point_wins_over_a_later_one() -> None:
    text = f"```python\n{ADD}\n```\nUse it:\n```python\nprint(add(1, 2))\n```"
    assert read_code(text, entry_point="add").code == ADD


def test_bare_code_without_a_fence_is_accepted() -> None:
    assert read_code(ADD, entry_point="add").functions == ("add",)


def test_fence_inside_a_docstring_of_tildes_does_not_end_the_block() -> None:
    code = 'def f():\n    """\n    ```\n    x\n    ```\n    """\n    return 1'
    assert read_code(f"~~~python\n{code}\n~~~").code == code


def test_end_of_the_completion_closes_a_fence() -> None:
    assert read_code(f"Sure.\n```python\n{ADD}\n").code == ADD


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I cannot do that.", "parse.no_code"),
        ("```python\ndef add(a, b:\n```", "parse.syntax"),
        ("```python\n```", "parse.syntax"),
        (f"```python\n{ADD}\n```", "parse.no_entry_point"),
    ],
)
def test_what_is_wrong_with_code_is_named(text: str, reason: str) -> None:
    assert reason_of(read_code, text, entry_point="subtract") == reason


def test_assertions_are_taken_as_written_without_repeats() -> None:
    text = "```python\nassert f(1) == 2\nassert f(1) == 2\nx = 3\nassert f(\n    2\n) == 3, 'why'\n```"
    assert read_asserts(text) == ("assert f(1) == 2", "assert f(\n    2\n) == 3, 'why'")


def test_no_assertion_is_named() -> None:
    assert reason_of(read_asserts, "```python\nprint(1)\n```") == "parse.no_tests"


def test_json_is_found_in_prose() -> None:
    assert read_json('Score: {"score": 4, "why": "x"} ok', {"score": "integer"}) == {"score": 4}


@pytest.mark.parametrize("text", ["none", "{", '{"score": "4"}', '{"score": true}', '["score"]', '{"other": 1}'])
def test_json_of_another_shape_is_refused(text: str) -> None:
    assert reason_of(read_json, text, {"score": "integer"}) == "parse.json"


def test_decorated_functions_and_classes_are_defined_names() -> None:
    assert defined_names("@cache\ndef f(): pass\nclass C: pass\nasync def g(): pass") == ("f", "C", "g")


@pytest.mark.parametrize("hostile", ["(" * 20_000, "\x00", "\ud800", "def f(" + "[" * 50_000, "```" * 10_000])
def test_hostile_text_is_read_without_harm(hostile: str) -> None:
    assert reason_of(read_code, hostile, entry_point="f").startswith("parse.")


def test_empty_program_is_no_program() -> None:
    assert has_syntax_error("")


@pytest.mark.parametrize("language", PROGRAMS)
def test_program_and_its_tests_are_read_in_every_language(language: str) -> None:
    code, tests = PROGRAMS[language].add, PROGRAMS[language].right
    solution = read_code(f"Sure.\n```{language}\n{code}\n```\nDone.", language=language)
    assert (solution.code, solution.prose) == (code, "Sure.\n\nDone.")
    assert len(read_asserts("```\n" + "\n\n".join(tests) + "\n```", language=language)) == len(tests)


def test_block_is_chosen_by_its_tag_and_one_without_a_tag_is_second_best() -> None:
    js, bare = "```js\nconst f = x => x;\n```\n", "```\nfunction f() {}\n```\n"
    assert read_code(f"{js}{bare}```bash\nnode f.js\n```", language="javascript").code == "const f = x => x;"
    assert read_code(f"{bare}```bash\nnode f.js\n```", language="javascript").code == "function f() {}"
    assert reason_of(read_code, "```bash\nnode f.js\n```", language="javascript") == "parse.no_code"


def test_block_that_defines_goes_before_an_example_of_use() -> None:
    text = "```cpp\nint f(int x) { return x; }\n```\nUse it:\n```cpp\nstd::cout << f(1);\n```"
    assert read_code(text, language="cpp", entry_point="f").functions == ("f",)


def test_entry_point_must_be_named_in_other_languages_too() -> None:
    assert reason_of(read_code, "```go\nfunc f() {}\n```", language="go", entry_point="g") == "parse.no_entry_point"


def test_comments_alone_are_no_program() -> None:
    assert reason_of(read_code, "```lua\n-- TODO\n```", language="lua") == "parse.syntax"


@pytest.mark.parametrize("language", PROGRAMS)
def test_garbage_is_read_or_refused_in_every_language(language: str) -> None:
    chance = random.Random(language)
    pieces = [
        "```",
        "```" + language,
        "\n",
        '"',
        "'",
        "\\",
        "(",
        "}",
        "{",
        "assert f(1) == 2",
        "def f",
        " ",
        "\x00",
        "é",
    ]
    pieces += ["main(", "end", "#", "/*", ";", "\ud800", "if ", "SELECT", "  \t", "~~~", "1", "=", "\r\n"]
    for _ in range(150):
        text = "".join(chance.choices(pieces, k=chance.randrange(60)))
        for read in (read_code, read_asserts):
            with contextlib.suppress(Unparsable):
                assert read(text, language=language)
