"""Prose conditions: what counts as the same statement, and what as code."""

from __future__ import annotations

import pytest

from synth.words import altered, has_code, near

STOCK = "Return the number stored for the item in the stock dictionary, or 0 if it is not in it."


def test_same_statement_in_the_form_of_a_task_alters_nothing() -> None:
    task = (
        "Write a function that returns the number stored for the item in the stock dictionary, or 0 if it is not in it."
    )
    assert near(task, STOCK) == 1.0
    assert altered(task, STOCK) == []


def test_lost_clause_is_named_though_the_texts_are_near() -> None:
    task = "Write a function that returns the number stored for the item in the stock dictionary if it is not in it."
    assert near(task, STOCK) > 0.85
    assert altered(task, STOCK) == ["or", "0"]


@pytest.mark.parametrize(
    ("task", "reference", "words"),
    [
        ("Write a function that returns whether it is not even.", "Return whether it is even.", ["not"]),
        ("Write a function that returns the number plus 11.", "Return the number plus 10.", ["10", "11"]),
        ("Write a function that returns the bonus of the dice.", "Return the dice plus the bonus.", ["plus"]),
        (
            "Write a function that returns the phrase.",
            "Return the phrase in capital letters.",
            ["in", "capital", "letters"],
        ),
    ],
)
def test_changed_fact_is_named(task: str, reference: str, words: list[str]) -> None:
    assert altered(task, reference) == words


def test_filler_may_change() -> None:
    assert altered("A date equal to the limit must not be counted.", "A date equal to the limit is not counted.") == []


def test_repeated_word_counts_as_often_as_it_stands() -> None:
    assert altered("the first word", "the first word of the first line") == ["first", "of", "line"]


def test_chinese_is_compared_by_characters() -> None:
    assert near("返回列表的长度", "返回列表的长度") == 1.0
    assert altered("返回列表的长", "返回列表的长度") == ["度"]


@pytest.mark.parametrize(
    "text",
    ["```\nx\n```", "def f(x):", "Use\n    return x + (1)", "import os", "for x in y:", "write f(x): and go on"],
)
def test_code_is_seen(text: str) -> None:
    assert has_code(text)


@pytest.mark.parametrize(
    "text",
    ["Return the sum (of all).", "For each line: count it.", "The class is full.", "from a to b, import duty included"],
)
def test_prose_is_not_code(text: str) -> None:
    assert not has_code(text)
