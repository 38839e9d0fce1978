"""Forms of a verified row: what each changes, what it leaves alone, and where it does not fit."""

from __future__ import annotations

import ast
import dataclasses

import pytest

from synth.augment import Verified, put, without_comments

CODE = """import math


def area(radius: float) -> float:
    # the formula everybody knows
    half = radius / 2  # by chance
    return math.pi * radius ** 2 + 0 * half
"""
ROW = Verified(
    instruction="Return the area of a circle.\nA negative radius is an error.",
    code=CODE,
    entry_point="area",
    tests=tuple(f"assert area({n}) == {n}" for n in range(5)),
    language="python",
    locale="en",
)


def test_docstring_turns_the_instruction_into_a_header_that_the_code_begins_with() -> None:
    made = put("docstring", ROW)
    assert made is not None
    shown = made.instruction.split("```python\n")[1].split("\n```")[0]
    assert made.code.startswith(shown)
    assert "def area(radius: float) -> float:" in shown
    assert ast.get_docstring(ast.parse(made.code).body[1]) == ROW.instruction  # type: ignore[arg-type]


def test_docstring_takes_the_place_of_the_one_that_is_there() -> None:
    documented = CODE.replace("    # the formula everybody knows", '    """Old words."""')
    made = put("docstring", dataclasses.replace(ROW, code=documented))
    assert made is not None
    assert "Old words" not in made.code
    assert ast.get_docstring(ast.parse(made.code).body[1]) == ROW.instruction  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"language": "go"},
        {"instruction": 'Say """hello""".'},
        {"instruction": "Do it:\n```python\nx\n```"},
        {"instruction": r"Split at \n."},
        {"code": "def area(r): return r"},
        {"code": "@cache\n" + CODE[13:]},
        {"code": "not python ("},
        {"entry_point": "volume"},
    ],
)
def test_docstring_fits_only_a_plain_python_function(change: dict[str, str]) -> None:
    assert put("docstring", dataclasses.replace(ROW, **change)) is None  # type: ignore[arg-type]


def test_asserts_show_some_tests_and_keep_others_unseen() -> None:
    made = put("asserts", ROW)
    assert made is not None
    assert [test in made.instruction for test in ROW.tests] == [True, True, True, False, False]
    assert made.code == CODE
    assert put("asserts", dataclasses.replace(ROW, tests=ROW.tests[:3])) is None


def test_chinese_rows_are_put_in_chinese() -> None:
    made = put("asserts", dataclasses.replace(ROW, locale="zh"))
    assert made is not None
    assert "测试" in made.instruction


def test_bare_takes_comments_out_and_nothing_else() -> None:
    made = put("bare", ROW)
    assert made is not None
    assert "#" not in made.code
    assert ast.dump(ast.parse(made.code)) == ast.dump(ast.parse(CODE))
    assert made.code.count("\n") == CODE.count("\n") - 1


def test_hash_inside_text_is_no_comment() -> None:
    code = 'MARK = "# no comment"\nTEXT = """\n# nor this\n"""\n'
    assert without_comments(code) == code


def test_other_languages_lose_their_comments_too() -> None:
    code = "#include <stdio.h>\n// adds\nint add(int a, int b) {\n    return a + b; /* here */\n}\n"
    made = put("bare", dataclasses.replace(ROW, code=code, language="cpp"))
    assert made is not None
    assert made.code.strip() == "#include <stdio.h>\nint add(int a, int b) {\n    return a + b;\n}"


def test_code_without_comments_has_no_bare_form() -> None:
    assert put("bare", dataclasses.replace(ROW, code="def area(r):\n    return r\n")) is None
    assert put("plain", ROW) is None
