"""Explanations of code: sound code first, a question, an explanation that is about it, one document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from told import Answer, Cooked, by_prompt, cook_told

from sandbox.pool import SandboxPool
from synth.seeds import Seed, open_seeds

EXPLANATION = (
    "The function `{}` is for a common chore. " + "It looks at what it is given, step by step, and returns. " * 6
)
BARE = Seed(id="bare", text="function twice(x) {\n  return 2 * x;\n}\nimport x from 'y';", language="javascript")


def starter(number: int = 0) -> Seed:
    return list(open_seeds("starter"))[number]


def cook(folder: Path, seeds: list[Seed], answers: Mapping[str, str | Answer] | None = None, **more: Any) -> Cooked:
    sound: dict[str, str | Answer] = {
        "You ask questions about code": f"How does `{seeds[0].entry_point}` arrive at its result?",
        "You explain code": EXPLANATION.format(seeds[0].entry_point),
    }
    return cook_told("textbook", by_prompt({**sound, **(answers or {})}), seeds, folder, **more)


@pytest.mark.engine
def test_row_holds_question_code_and_explanation_as_one_document(tmp_path: Path, pool: SandboxPool) -> None:
    seed = starter()
    (row,) = cook(tmp_path, [seed], pool=pool).rows
    assert (row.dropped, row.detail) == (None, "")
    assert row.evidence == "seed_code"
    assert not row.round_trip
    places = [row.text.find(part) for part in (seed.code.strip(), "Question: How does", "is for a common chore")]
    assert places == sorted(places)
    assert places[0] > 0
    assert row.response in row.text


@pytest.mark.engine
def test_code_that_is_not_what_it_says_is_not_explained(tmp_path: Path, pool: SandboxPool) -> None:
    broken = replace(starter(), tests=("assert 1 == 2",))
    cooked = cook(tmp_path, [broken], pool=pool)
    assert cooked.reasons == ["seed.broken"]
    assert cooked.asked == []


def test_code_without_examples_is_explained_unrun(tmp_path: Path) -> None:
    (row,) = cook(tmp_path, [BARE]).rows
    assert (row.dropped, row.evidence, row.language) == (None, "none", "javascript")
    assert "```javascript\n" in row.text


def test_prose_is_no_seed(tmp_path: Path) -> None:
    assert cook(tmp_path, [Seed(id="p", text="A walk in the park.")]).reasons == ["seed.no_code"]


@pytest.mark.parametrize("said", ["The function adds ten to a number.", "How?\n```python\nx = 1\n```", "Why? " * 200])
def test_what_is_no_question_drops_the_row(said: str, tmp_path: Path) -> None:
    assert cook(tmp_path, [BARE], {"You ask questions about code": said}).reasons == ["ask.no_question"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [("Too short to teach.", "explain.unfaithful"), (EXPLANATION.format("another"), "explain.off_topic")],
)
def test_without_a_judge_an_explanation_must_be_long_and_on_topic(said: str, reason: str, tmp_path: Path) -> None:
    seed = replace(BARE, entry_point="twice")
    assert cook(tmp_path, [seed], {"You explain code": said}).reasons == [reason]


@pytest.mark.parametrize(("faithful", "reason"), [(True, None), (False, "explain.unfaithful")])
def test_judge_decides_where_there_is_one(faithful: bool, reason: str | None, tmp_path: Path) -> None:
    verdict = json.dumps({"problem": "none", "faithful": faithful, "score": 4})
    cooked = cook(tmp_path, [BARE], {"You check an explanation": verdict}, judge=True)
    assert cooked.reasons == [reason]
    assert [row.scores for row in cooked.kept] == ([{"score": 4.0}] if faithful else [])
