"""Evolved tasks: rounds that hold, rounds that are undone, and what becomes of the last one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from told import Answer, Cooked, by_prompt, cook_told, said_in

from sandbox.pool import SandboxPool
from synth.calls import Request
from synth.seeds import Seed

pytestmark = pytest.mark.engine
SEED = Seed(id="s", text="Write a Python function that returns how many words of a list are long.", source="rows:1")
EVOLVED = (
    "Write a Python function that takes a list of words and a limit and returns how many different words are longer."
)
ONE = "def count_long(words, limit):\n    return len({word for word in words if len(word) > limit})"
OTHER = (
    "def count_long(words, limit):\n    found = []\n    for word in words:\n"
    "        if len(word) > limit and word not in found:\n            found.append(word)\n    return len(found)"
)
WRONG = "def count_long(words, limit):\n    return len(words)"
TESTS = """assert count_long(["tea", "milk", "milk"], 3) == 1
assert count_long([], 0) == 0
assert count_long(["a", "bb", "ccc"], 1) == 2
assert count_long(["ab", "ab"], 1) == 1
"""


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


SOUND: dict[str, str | Answer] = {
    "You make programming tasks harder": EVOLVED,
    "You name the function": "<signature>def count_long(words: list[str], limit: int) -> int:</signature>",
    "You write tests": fenced(TESTS),
    "one Python code block": lambda request: fenced(ONE if request.index % 2 else OTHER),
}


def cook(folder: Path, pool: SandboxPool, answers: Mapping[str, str | Answer], **more: Any) -> Cooked:
    return cook_told("evol", by_prompt({**SOUND, **answers}), [SEED], folder, pool=pool, **more)


def test_last_evolution_that_held_is_solved_and_tested(tmp_path: Path, pool: SandboxPool) -> None:
    cooked = cook(tmp_path, pool, {})
    (row,) = cooked.kept
    assert row.instruction.startswith(EVOLVED)
    assert "def count_long(words: list[str], limit: int) -> int:" in row.instruction
    assert row.evidence == "agreement"
    assert row.code in (ONE, OTHER)
    assert row.scores["rounds"] == 1, "later rounds gave the same text and were undone"
    assert row.scores["pass_ratio"] == 1


def test_each_round_starts_from_the_task_of_the_one_before(tmp_path: Path, pool: SandboxPool) -> None:
    def harder(request: Request) -> str:
        task = request.messages[-1]["content"].split("\n\nChange:")[0].removeprefix("Task: ")
        return f"{task} Then also consider rule {len(task)}, which nobody had thought of when the list was made."

    cooked = cook(tmp_path, pool, {"You make programming tasks harder": harder})
    evolving = [said for said in map(said_in, cooked.asked) if "You make programming tasks harder" in said]
    assert cooked.kept[0].scores["rounds"] == len(evolving)
    assert [said.split("Task: ")[-1].count("Then also") for said in evolving] == list(range(len(evolving)))


@pytest.mark.parametrize(
    "evolved",
    [
        SEED.text,
        "Sorry, I can't make this harder for you, it is as hard as it can be made, I believe.",
        "The new task is to count the words of a list that are long, with a limit that is given.",
        f"{EVOLVED}\n```python\n{ONE}\n```",
        "Count.",
        EVOLVED * 50,
    ],
)
def test_row_without_a_sound_evolution_is_dropped(evolved: str, tmp_path: Path, pool: SandboxPool) -> None:
    cooked = cook(tmp_path, pool, {"You make programming tasks harder": evolved}, seed=1)
    assert cooked.reasons == ["evolve.none"]
    assert all("You make programming tasks harder" in said_in(request) for request in cooked.asked)


@pytest.mark.parametrize(("new", "solvable"), [(False, True), (True, False)])
def test_judge_turns_an_evolution_down(new: bool, solvable: bool, tmp_path: Path, pool: SandboxPool) -> None:
    verdict = json.dumps({"problem": "p", "new": new, "solvable": solvable})
    cooked = cook(tmp_path, pool, {"You check how a programming task": verdict}, judge=True)
    assert cooked.reasons == ["evolve.none"]


def test_judge_lets_a_sound_evolution_pass(tmp_path: Path, pool: SandboxPool) -> None:
    verdict = json.dumps({"problem": "none", "new": True, "solvable": True})
    assert cook(tmp_path, pool, {"You check how a programming task": verdict}, judge=True).reasons == [None]


def test_solutions_that_fail_drop_the_row(tmp_path: Path, pool: SandboxPool) -> None:
    assert cook(tmp_path, pool, {"one Python code block": fenced(WRONG)}).reasons == ["verify.failed"]


def test_bundled_function_evolves_from_its_docstring_and_its_own_tests_are_not_asked(
    tmp_path: Path, pool: SandboxPool
) -> None:
    seed = Seed(
        id="f", text="def f(x): ...", code="def f(x):\n    return 1", summary="Return one.", entry_point="f",
        tests=("assert f(0) == 2",),
    )  # fmt: skip
    evolved = {"You make programming tasks harder": EVOLVED}
    cooked = cook_told("evol", by_prompt({**SOUND, **evolved}), [seed], tmp_path, pool=pool)
    assert cooked.reasons == [None], "its own test, which fails, is about another task"
    assert "Task: Write a Python function. Return one." in said_in(cooked.asked[0])
