"""The recipe `realuser`: whose language, whose words and whose answer a row of a chat log becomes."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scripted import Scripted, serve

from synth.generate import Order, generate
from synth.recipe import open_recipe
from synth.recipe_check import doubts
from synth.sample import Sample

GOOD = "Turn it round with a slice:\n\n```python\ndef turned(text):\n    return text[::-1]\n```\n\nIt copies the text."
ASK = "Write a Python function that reverses a string."


def cook(out: Path, script: Scripted, *chats: tuple[str, ...], **order: Any) -> list[Sample]:
    """The rows, in order, of conversations whose turns alternate between user and assistant."""
    rows = [
        [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(chat)] for chat in chats
    ]
    out.mkdir(exist_ok=True)
    seeds = out / "chats.jsonl"
    seeds.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    named = {"recipe": "realuser", "teacher": "openai:scripted", "out": out / "run", "seeds": str(seeds)}
    with serve(script):
        result = asyncio.run(generate(Order(**named | order, base_urls=(script.base_url,))))  # type: ignore[arg-type]
    return list(result.samples)


def judging(**verdicts: Any) -> Scripted:
    """A teacher that answers well, and a judge of another name whose JSON holds `verdicts`."""
    fields = {"reason": "none", "about_code": True, "complete": True, "score": 5, **verdicts}
    return Scripted(
        lambda body: json.dumps(fields) if "response_format" in body else GOOD, models=["scripted", "strict"]
    )


def test_recipe_has_no_doubts_and_belongs_to_its_subset() -> None:
    recipe = open_recipe("realuser")
    assert (doubts(recipe), recipe.subset) == ([], "realuser_instruct")


def test_good_answer_is_kept_without_a_call(tmp_path: Path) -> None:
    script = Scripted(lambda _: GOOD)
    (row,) = cook(tmp_path, script, (ASK, "Sure! " + GOOD))
    assert (row.dropped, row.instruction, row.response, row.language) == (None, ASK, GOOD, "python")
    assert script.received == []


@pytest.mark.parametrize(
    "weak", ["Use a slice.", "I'm sorry, but I can't help with that.", GOOD[:60], "```python\ndef f(:\n```"]
)
def test_weak_answer_is_written_anew_from_the_question_alone(tmp_path: Path, weak: str) -> None:
    script = Scripted(lambda _: GOOD)
    (row,) = cook(tmp_path, script, (ASK, weak))
    assert (row.response, script.prompts()) == (GOOD, [ASK])


def test_new_answer_that_is_weak_too_drops_the_row(tmp_path: Path) -> None:
    (row,) = cook(tmp_path, Scripted(lambda _: "```python\ndef f(:\n```"), (ASK,))
    assert row.dropped == "ask.weak_answer"


def test_rows_keep_their_users_language(tmp_path: Path) -> None:
    script = Scripted(lambda _: GOOD)
    zh, es = "写一个 Python 函数，把字符串反转。", "Escribe una función en Python que invierta una cadena."
    rows = cook(tmp_path, script, (zh,), (ASK,), (es,))
    assert [(row.locale, row.dropped) for row in rows[:2]] == [("zh", None), ("en", None)]
    assert rows[2].dropped == "seed.language"
    systems = {body["messages"][-1]["content"]: body["messages"][0]["content"] for body in script.received}
    assert systems[zh].startswith("你负责")
    assert systems[ASK].startswith("You answer")


def test_personal_data_reaches_neither_teacher_nor_row(tmp_path: Path) -> None:
    script = Scripted(lambda _: GOOD.replace("It copies", "Mail q.w@kx7.org, it copies"))
    (row,) = cook(tmp_path, script, (f"{ASK} Send it to q.w@kx7.org from /home/kx7/a.py", "No."))
    assert "kx7" not in row.instruction + row.response + json.dumps(script.received)
    assert "<email> from /home/<name>/a.py" in row.instruction


@pytest.mark.parametrize(
    ("chat", "reason"),
    [(("Write a poem about snow.", "White."), "seed.no_code"), (("SQL?", "Yes."), "seed.length")],
)
def test_other_questions_are_dropped_with_a_reason(tmp_path: Path, chat: tuple[str, ...], reason: str) -> None:
    (row,) = cook(tmp_path, Scripted(lambda _: GOOD), chat)
    assert row.dropped == reason


@pytest.mark.parametrize("field", ["about_code", "complete"])
def test_judge_turns_questions_away(tmp_path: Path, field: str) -> None:
    (row,) = cook(tmp_path, judging(**{field: False}), (ASK, GOOD), judge="openai:strict")
    assert row.dropped == "seed.rejected"


@pytest.mark.parametrize(("score", "kept"), [(5, True), (4, True), (3, False), (1, False)])
def test_judges_score_is_a_column_and_decides_about_the_answer(tmp_path: Path, score: int, kept: bool) -> None:
    logged = GOOD.replace("slice", "step of minus one")
    (row,) = cook(tmp_path, judging(score=score), (ASK, logged), judge="openai:strict")
    assert (row.response, row.scores) == (logged if kept else GOOD, {"score": score})


def test_bundled_sample_gives_a_funnel_that_adds_up(tmp_path: Path) -> None:
    script = Scripted(lambda _: GOOD)
    with serve(script):
        order = Order(recipe="realuser", teacher="openai:scripted", out=tmp_path / "run", base_urls=(script.base_url,))
        result = asyncio.run(generate(order))
    ends = Counter(row.dropped for row in result.samples)
    assert ends == {None: 7, "seed.no_code": 1, "seed.language": 1}


def test_garbage_from_the_teacher_loses_no_row(tmp_path: Path) -> None:
    generator = random.Random(0)
    pieces = [
        "```",
        "```python\n",
        "{",
        '"score":',
        "<key>",
        "def f(",
        "\n",
        "\x00",
        "抱歉",
        "&lt;",
        "=== user ===",
        "~~~",
    ]
    script = Scripted(
        lambda _: "".join(generator.choices(pieces, k=generator.randrange(12))), models=["scripted", "strict"]
    )
    chats = [(f"{ASK} Number {number}.",) for number in range(20)]
    rows = cook(tmp_path, script, *chats)
    judged = cook(tmp_path / "judged", script, *chats, judge="openai:strict")
    assert (len(rows), len(judged)) == (20, 20)
