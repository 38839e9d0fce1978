"""Instructions that ask the same thing, and those that only look alike."""

import random

import pytest
from rapidfuzz.distance import Indel

from synth.curate.near import Twin
from synth.curate.pairs import InstructionIndex, content_words, find_similar_instructions, instruction_similarity


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (
            "Write a function to find the minimum of two numbers.",
            "Write a Python function to find minimum of two numbers",
        ),
        ("Please count the vowels of a string", "Count the vowels of the given string."),
        ("请写一个求列表最大值的函数", "写一个求列表最大值的函数。"),
    ],
)
def test_filler_words_make_no_other_task(left: str, right: str) -> None:
    assert find_similar_instructions([left, right]) == [None, Twin(0, 1.0)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Find the sum of all odd numbers in a list.", "Find the sum of all even numbers in a list."),
        ("Find the first position of x in a sorted array.", "Find the last position of x in a sorted array."),
        ("Check whether the month has 31 days.", "Check whether the month has 30 days."),
        ("求列表中的最大值", "求列表中的最小值"),
    ],
)
def test_one_word_makes_another_task(left: str, right: str) -> None:
    assert find_similar_instructions([left, right]) == [None, None]


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.9, 0.95, 1.0])
def test_the_index_loses_nothing_against_every_pair(threshold: float) -> None:
    rng = random.Random(3)
    words = "sort list sum odd even index tree graph".split()
    texts = [" ".join(rng.choices(words, k=rng.randrange(1, 9))) for _ in range(300)]
    survivors: list[int] = []
    expected: list[Twin | None] = []
    for i, text in enumerate(texts):
        scores = [(Indel.normalized_similarity(content_words(text), content_words(texts[j])), -j) for j in survivors]
        best = max(scores, default=(0.0, 0))
        expected.append(Twin(-best[1], best[0]) if best[0] >= threshold else None)
        if expected[-1] is None:
            survivors.append(i)
    assert find_similar_instructions(texts, threshold=threshold) == expected


def test_a_twin_is_numbered_among_all_rows() -> None:
    index = InstructionIndex()
    assert [index.add(text) for text in ("sort", "sort", "reverse", "reverse")] == [
        None,
        Twin(0, 1.0),
        None,
        Twin(2, 1.0),
    ]


def test_texts_without_words_are_left_alone() -> None:
    assert find_similar_instructions(["", "", "?!", "?!"]) == [None] * 4


def test_an_instruction_of_filler_alone_keeps_its_words() -> None:
    assert instruction_similarity("Write a program", "Create the method") == 0


def test_impossible_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match="threshold must be in"):
        InstructionIndex(threshold=0)
