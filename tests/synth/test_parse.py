"""Readers of completions: what they accept, and the reason they give for what they do not."""

from __future__ import annotations

import pytest

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
