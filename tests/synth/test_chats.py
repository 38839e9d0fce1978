"""Chat logs as seeds: the turn that is taken, what is left out and counted, and how an answer is judged by rule."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from synth.chats import language_in, stands_alone, weakness
from synth.seeds import Seed, open_seeds

ASK = "How do I reverse a string in Python?"
ANSWER = "Use a slice:\n\n```python\ntext[::-1]\n```"


def seeds_of(tmp_path: Path, *rows: dict[str, Any]) -> tuple[list[Seed], Counter[str]]:
    path = tmp_path / "chats.jsonl"
    good = {"messages": [{"role": "user", "content": "Last row: what is SQL?"}]}
    path.write_text("".join(json.dumps(row) + "\n" for row in (*rows, good)), encoding="utf-8")
    skipped: Counter[str] = Counter()
    *seeds, last = open_seeds(str(path), skipped=skipped)
    assert last.text == "Last row: what is SQL?"
    return seeds, skipped


def openai(*turns: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[at % 2], "content": text} for at, text in enumerate(turns)]}


@pytest.mark.parametrize(
    "row",
    [
        {
            "conversation": [
                {"role": "user", "content": ASK, "language": "English", "toxic": False, "redacted": False},
                {"role": "assistant", "content": ANSWER},
            ],
            "language": "English",
            "model": "m",
            "turn": 1,
        },
        {
            "conversations": [
                {"from": "system", "value": "Be brief."},
                {"from": "human", "value": ASK},
                {"from": "gpt", "value": ANSWER},
            ],
            "id": "x",
        },
        openai(ASK, ANSWER),
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": ASK}]},
                {"role": "assistant", "content": ANSWER},
            ]
        },
        {"instruction": ASK, "input": "", "output": ANSWER},
    ],
    ids=["wildchat", "sharegpt", "openai", "parts", "instruction"],
)
def test_every_shape_gives_the_same_seed(tmp_path: Path, row: dict[str, Any]) -> None:
    ((seed,), skipped) = seeds_of(tmp_path, row)
    assert (seed.text, seed.answer, seed.locale, seed.language) == (ASK, ANSWER, "en", "python")
    assert not skipped


def test_first_turn_about_code_that_stands_alone_is_taken(tmp_path: Path) -> None:
    turns = (
        "Hi!",
        "Hello.",
        "Now fix it in the code above.",
        "Done.",
        "Write a SQL query that counts users.",
        "SELECT 1",
    )
    ((seed,), _) = seeds_of(tmp_path, openai(*turns))
    assert (seed.text, seed.answer) == (turns[4], "SELECT 1")


def test_conversation_that_needs_its_context_is_counted(tmp_path: Path) -> None:
    seeds, skipped = seeds_of(tmp_path, openai("Tell me a joke.", "No.", "Then put it into your Python script again."))
    assert (seeds, skipped) == ([], {"chat.needs_context": 1})


def test_conversation_about_something_else_is_the_recipes_to_drop(tmp_path: Path) -> None:
    ((seed,), _) = seeds_of(tmp_path, openai("Write a poem about snow.", "White."))
    assert seed.text == "Write a poem about snow."


def test_question_without_an_answer_has_none(tmp_path: Path) -> None:
    ((seed,), _) = seeds_of(tmp_path, openai(ASK))
    assert seed.answer == ""


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (openai(ASK) | {"toxic": True}, "chat.toxic"),
        (openai(ASK) | {"redacted": True}, "chat.redacted"),
        ({"conversation": [{"role": "user", "content": ASK, "toxic": True}]}, "chat.toxic"),
        ({"messages": []}, "chat.no_question"),
        ({"messages": [{"role": "system", "content": "x"}, None, 3, {"role": "user"}]}, "chat.no_question"),
        ({"instruction": " ", "input": None, "output": "x"}, "row.no_text"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "row.no_text"),
    ],
)
def test_row_that_gives_no_seed_is_counted(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    assert seeds_of(tmp_path, row) == ([], {reason: 1})


def test_instruction_and_input_are_one_question(tmp_path: Path) -> None:
    ((seed,), _) = seeds_of(tmp_path, {"instruction": "Fix this.", "input": "x = = 1", "output": "x = 1"})
    assert (seed.text, seed.answer) == ("Fix this.\n\nx = = 1", "x = 1")


def test_instruction_with_tests_is_a_seed_with_tests_as_before(tmp_path: Path) -> None:
    row = {"instruction": "Add.", "output": "o", "code": "def f(): ...", "entry_point": "f", "tests": ["assert 1"]}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row))
    (seed,) = open_seeds(str(path))
    assert (seed.tests, seed.answer) == (("assert 1",), "")


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("Write a function that adds two numbers.", True),
        ("Why does this fail?\n```python\n1 +\n```", True),
        ("Why does this fail?", False),
        ("Now the same in Go.", False),
        ("Make it faster.", False),
        ("What does your code return?", False),
        ("再写一个 Java 版本。", False),
        ("用 Java 写一个单例。", True),
        ("把它改成递归。", False),
    ],
)
def test_turn_stands_alone(text: str, alone: bool) -> None:
    assert stands_alone(text) is alone


@pytest.mark.parametrize(
    ("text", "answer", "language"),
    [
        ("Sort a list.", "```js\n[].sort()\n```", "javascript"),
        ("Sort a list in C++.", "", "cpp"),
        ("用Java写一个队列", "", "java"),
        ("Convert Java to Python.", "", "text"),
        ("Convert Java to Python.", "```python\nx\n```", "python"),
        ("How do I go home?", "Walk.", "text"),
        ("Fix:\n```c#\nx\n```", "```\nx\n```", "csharp"),
    ],
)
def test_language_of_the_code(text: str, answer: str, language: str) -> None:
    assert language_in(text, answer) == language


LONG = "A list keeps its items in order, and a set keeps none of them twice; " * 8


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (ANSWER, ""),
        (LONG + "that is all.", ""),
        ("", "missing"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("很抱歉，但我无法提供帮助。", "refusal"),
        ("Use:\n\n```python\ntext[::", "cut_off"),
        (LONG + "and then the", "cut_off"),
        ("def f(x):\n    return x", "unfenced"),
        ("```python\ndef f(:\n```", "bad_syntax"),
        ("```python\n>>> f(1)\n2\n```", ""),
        ("Yes.", "too_short"),
        ("可以。", "too_short"),
    ],
)
def test_weak_answer_is_named(answer: str, rule: str) -> None:
    assert weakness(answer, "What is the difference between a list and a set?") == rule


def test_answer_without_the_code_that_was_asked_for_is_weak() -> None:
    assert weakness("You could use slicing for that.", "Write a Python function that reverses a string.") == "no_code"
