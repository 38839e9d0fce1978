"""Web text to rows: cleaning by sentence numbers, tasks that run, tasks in prose, refinement that must run again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from told import Answer, Cooked, by_prompt, cook_told, said_in

from sandbox.pool import SandboxPool
from synth.recipe import open_recipe
from synth.seeds import Seed, open_seeds

TEXT = (
    "Home | Shop. A till adds up the prices of all articles in the basket. Prices are in cents. Subscribe now! 欢迎。"
)
SEEDS = [Seed(id=f"s{number}", text=f"{TEXT} {number}") for number in range(8)]
CODE = "def bill(prices):\n    return sum(prices)"
COMMENTED = "def bill(prices):\n    # Cents, so the sum is exact.\n    return sum(prices)"
SOUND: dict[str, str | Answer] = {
    "You clean text": '{"useful": [2, 3]}',
    "You invent programming tasks": "<problem>Add up the prices of a basket.</problem>"
    "<signature>def bill(prices: list[int]) -> int:</signature>",
    "You write a question": "Why does a till count in cents rather than in whole units?",
    "You answer questions": "Because binary fractions cannot hold a tenth.",
    "Make it easier to read": f"```python\n{COMMENTED}\n```\nIt adds them all in one pass.",
    "You write tests": "```python\nassert bill([]) == 0\nassert bill([5]) == 5\nassert bill([2, 3]) == 5\n"
    "assert bill([-1, 1, 7]) == 7\n```",
    "code block and nothing else": f"```python\n{CODE}\n```",
}


def cook(folder: Path, answers: Mapping[str, str | Answer] | None = None, **more: Any) -> Cooked:
    more.setdefault("seeds", SEEDS)
    return cook_told("diverse", by_prompt({**SOUND, **(answers or {})}), folder=folder, languages=("python",), **more)


def test_bundled_texts_are_many_in_two_languages_and_licensed() -> None:
    texts = list(open_seeds(open_recipe("diverse").seeds))
    chinese = [seed for seed in texts if any("\u4e00" <= letter <= "\u9fff" for letter in seed.text)]
    assert len(texts) >= 40
    assert 15 <= len(chinese) <= len(texts) - 15
    assert {seed.license for seed in texts} == {"Apache-2.0"}


@pytest.mark.parametrize("useful", ["[]", "[99]", '["a"]', "[4]", "[null, [2]]"])
def test_text_without_a_useful_sentence_is_no_seed(useful: str, tmp_path: Path) -> None:
    cooked = cook(tmp_path, {"You clean text": f'{{"useful": {useful}}}'}, seeds=SEEDS[:1])
    assert cooked.reasons == ["seed.not_useful"]


def test_passage_is_the_named_sentences_and_nothing_else(tmp_path: Path) -> None:
    asked = [said_in(r) for r in cook(tmp_path, seeds=SEEDS).asked]
    shown = [said for said in asked if "You invent programming tasks" in said or "You write a question" in said]
    passage = "A till adds up the prices of all articles in the basket.\nPrices are in cents."
    assert len(shown) == len(SEEDS)
    assert all(passage in said and "Subscribe" not in said and "Home" not in said for said in shown)


@pytest.mark.engine
def test_programs_are_run_and_prose_says_that_it_was_not(tmp_path: Path, pool: SandboxPool) -> None:
    cooked = cook(tmp_path, pool=pool)
    assert cooked.reasons == [None] * len(SEEDS)
    prose = [row for row in cooked.rows if row.evidence == "none"]
    assert 0 < len(prose) < len(SEEDS), "both kinds are drawn"
    for row in cooked.rows:
        assert row.response.startswith("Because" if row in prose else "```python\n")
        assert bool(row.tests) == (row not in prose)


@pytest.mark.engine
def test_comments_are_taken_with_their_explanation_when_the_code_still_passes(
    tmp_path: Path, pool: SandboxPool
) -> None:
    rows = [row for row in cook(tmp_path, pool=pool).kept if row.tests]
    assert {row.code for row in rows} == {COMMENTED}
    assert all(row.response.endswith("```\n\nIt adds them all in one pass.") for row in rows)


@pytest.mark.engine
@pytest.mark.parametrize(
    "refined", ["```python\ndef bill(prices):\n    return len(prices)\n```\nNicer.", "I would leave it as it is."]
)
def test_refinement_that_fails_leaves_the_plain_program(refined: str, tmp_path: Path, pool: SandboxPool) -> None:
    rows = [row for row in cook(tmp_path, {"Make it easier to read": refined}, pool=pool).kept if row.tests]
    assert rows
    assert {row.response for row in rows} == {f"```python\n{CODE}\n```"}


@pytest.mark.engine
def test_judge_scores_prose_too(tmp_path: Path, pool: SandboxPool) -> None:
    poor = json.dumps({"reason": "r", "score": 2})
    answers = {"You judge a row of training data": poor, "Of the numbered sentences": '{"useful": [2, 3]}'}
    assert set(cook(tmp_path, answers, pool=pool, judge=True).reasons) == {"judge.low_quality"}
