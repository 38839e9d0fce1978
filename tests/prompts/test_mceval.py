"""Tasks in many languages: each language's example is a true one, and rows are made in what the sandbox has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from told import Answer, Cooked, by_prompt, cook_told, said_in

from sandbox.languages import LANGUAGES
from sandbox.pool import SandboxPool
from sandbox.verdict import Job
from synth.recipe import open_recipe
from synth.seeds import Seed

SEED = Seed(id="s", text="A till adds up prices.", source="rows:1")


def examples() -> dict[str, dict[str, str]]:
    module: Any = open_recipe("mceval").environment.get_template("languages.j2").module
    found: dict[str, dict[str, str]] = module.examples
    return found


def test_there_is_an_example_for_every_language_of_the_sandbox() -> None:
    assert examples().keys() == LANGUAGES.keys()
    assert {tuple(example) for example in examples().values()} == {("signature", "code", "tests", "text")}


def test_every_language_may_be_drawn() -> None:
    assert set(open_recipe("mceval").drawn_languages) == LANGUAGES.keys()


def test_code_begins_as_its_signature_says() -> None:
    def plain(text: str) -> str:
        lines = [line.split("#")[0].split(" ;")[0] for line in text.splitlines()]
        return " ".join(" ".join(lines).split())

    apart = [name for name, e in examples().items() if plain(e["signature"]) not in plain(e["code"])]
    assert apart == []


@pytest.mark.engine
def test_examples_pass_in_the_sandbox_and_are_three_tests_each(wide_pool: SandboxPool) -> None:
    jobs = [
        Job(id=name, language=name, code=examples()[name]["code"], tests=tuple(examples()[name]["tests"].splitlines()))
        for name in wide_pool.languages
    ]
    assert [(v.id, v.status, v.tests_passed) for v in wide_pool.run_all(jobs)] == [(j.id, "passed", 3) for j in jobs]


def cook(
    language: str, folder: Path, pool: SandboxPool, answers: Mapping[str, str | Answer] | None = None, **more: Any
) -> Cooked:
    """The example itself as the task, its code and its tests as the answers."""
    if language not in pool.languages:
        pytest.skip(f"the sandbox image has no {language}")
    example = examples()[language]
    sound: dict[str, str | Answer] = {
        "You invent programming tasks": "<problem>Add two whole numbers.</problem>"
        f"<signature>{example['signature']}</signature>",
        "You write tests": f"```{language}\n{example['tests']}\n```",
        "code block and nothing else": f"```{language}\n{example['code']}\n```",
    }
    script = by_prompt({**sound, **(answers or {})})
    return cook_told("mceval", script, [SEED], folder, pool=pool, languages=(language,), **more)


@pytest.mark.engine
@pytest.mark.parametrize("language", ["python", "javascript", "bash", "c", "cpp"])
def test_row_is_made_and_tested_in_its_language(language: str, tmp_path: Path, wide_pool: SandboxPool) -> None:
    (row,) = cook(language, tmp_path, wide_pool).rows
    assert (row.dropped, row.detail) == (None, "")
    assert row.language == language
    assert row.evidence == "self", "four times the same program is one vote"
    assert len(row.tests) == 3
    assert row.response == f"```{language}\n{row.code}\n```"
    assert examples()[language]["signature"] in row.instruction


@pytest.mark.engine
def test_wrong_program_is_dropped_in_another_language(tmp_path: Path, wide_pool: SandboxPool) -> None:
    wrong = {"code block and nothing else": "```c\nint add(int a, int b) { return a - b; }\n```"}
    assert cook("c", tmp_path, wide_pool, wrong).reasons == ["verify.failed"]


@pytest.mark.engine
def test_judge_gives_a_score_and_turns_a_poor_row_down(tmp_path: Path, wide_pool: SandboxPool) -> None:
    def judged(score: int) -> Cooked:
        verdict = {"You judge a row": json.dumps({"reason": "r", "score": score})}
        return cook("python", tmp_path / str(score), wide_pool, verdict, judge=True)

    assert judged(4).kept[0].scores["score"] == 4
    assert judged(2).reasons == ["judge.low_quality"]


@pytest.mark.engine
def test_solver_and_tester_see_the_instruction_and_not_each_other(tmp_path: Path, wide_pool: SandboxPool) -> None:
    cooked = cook("c", tmp_path, wide_pool)
    example = examples()["c"]
    solving = [said_in(r) for r in cooked.asked if "You invent" not in said_in(r) and "You write" not in said_in(r)]
    testing = [said_in(r).split("```\n")[-1] for r in cooked.asked if "You write tests" in said_in(r)]
    assert len(solving) == 4
    assert not any("assert" in said or SEED.text in said for said in solving)
    assert not any(example["code"] in said or SEED.text in said for said in testing)
