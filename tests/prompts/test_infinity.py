"""The recipe `infinity`: which rows of a general instruction set stay, and which answers are replaced."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scripted import Scripted, serve

from synth.generate import Order, generate
from synth.recipe import open_recipe
from synth.recipe_check import doubts
from synth.sample import Sample

GOOD = (
    "Use a loop:\n\n```python\ndef total(items):\n    return sum(items)\n```\n\n"
    + "It adds one item after the other. " * 6
)
ASK = "Write a Python function that adds up the numbers of a list."


def cook(out: Path, script: Scripted, *rows: tuple[str, str], **order: Any) -> list[Sample]:
    """The rows, in order, of instructions with their answers."""
    seeds = out / "rows.jsonl"
    seeds.write_text("".join(json.dumps({"instruction": ask, "output": answer}) + "\n" for ask, answer in rows))
    named = {"recipe": "infinity", "teacher": "openai:scripted", "out": out / "run", "seeds": str(seeds)}
    with serve(script):
        result = asyncio.run(generate(Order(**named | order, base_urls=(script.base_url,))))  # type: ignore[arg-type]
    return list(result.samples)


def test_recipe_has_no_doubts_and_belongs_to_its_subset() -> None:
    recipe = open_recipe("infinity")
    assert (doubts(recipe), recipe.subset) == ([], "filtered_infinity_instruct")


def test_rows_about_code_stay_with_their_probability(tmp_path: Path) -> None:
    script = Scripted(lambda _: GOOD)
    code, letter, snake = cook(
        tmp_path, script, (ASK, GOOD), ("Write a letter to my aunt.", "Dear aunt,"), ("Do pythons bite?", "Yes.")
    )
    assert (code.dropped, letter.dropped, snake.dropped) == (None, "seed.no_code", "seed.no_code")
    assert code.scores["code_probability"] > 0.5
    assert script.received == []


@pytest.mark.parametrize(
    "terse", ["", "sum(items)", "```python\nsum(items)\n```", "def total(items): return sum(items)"]
)
def test_terse_answer_is_replaced(tmp_path: Path, terse: str) -> None:
    script = Scripted(lambda _: GOOD)
    (row,) = cook(tmp_path, script, (ASK, terse))
    assert (row.response, script.prompts()) == (GOOD.strip(), [ASK])


@pytest.mark.parametrize(("about_code", "reason"), [(True, None), (False, "seed.rejected")])
def test_judge_has_the_last_word(tmp_path: Path, about_code: bool, reason: str | None) -> None:
    verdict = json.dumps({"reason": "r", "about_code": about_code, "complete": True})
    script = Scripted(lambda _: verdict, models=["scripted", "strict"])
    (row,) = cook(tmp_path, script, (ASK, GOOD), judge="openai:strict")
    assert row.dropped == reason


def test_bundled_sample_gives_a_funnel_that_adds_up(tmp_path: Path) -> None:
    with serve(Scripted(lambda _: GOOD)) as script:
        order = Order(recipe="infinity", teacher="openai:scripted", out=tmp_path / "run", base_urls=(script.base_url,))
        ends = Counter(row.dropped for row in asyncio.run(generate(order)).samples)
    assert ends.total() == 8
    assert ends["seed.no_code"] == 3
