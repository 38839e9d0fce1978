"""Tasks in many languages: each language's example is a true one, and rows are made in what the sandbox has."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from told import Answer, Cooked, by_prompt, cook_told, said_in

from sandbox.languages import LANGUAGES
from sandbox.pool import SandboxPool
from sandbox.verdict import Job
from synth.dialects import DIALECTS
from synth.recipe import open_recipe
from synth.seeds import Seed

SEED = Seed(id="s", text="A till adds up prices.", source="rows:1")


PORTED = Seed(
    id="p",
    text="def last_word(text: str) -> str: ...",
    code="def last_word(text: str) -> str:\n    return (text.split() or [''])[-1]\n",
    entry_point="last_word",
    signature="def last_word(text: str) -> str",
    summary="Return the last word, or nothing.",
    tests=(
        "assert last_word('a \"b\"') == '\"b\"'",
        "assert last_word('') == ''",
        "assert last_word('two words') == 'words'",
        "assert last_word('one') == 'one'",
    ),
)


def examples() -> dict[str, dict[str, str]]:
    module: Any = open_recipe("mceval").environment.get_template("languages.j2").module
    found: dict[str, dict[str, str]] = module.examples
    return found


def test_there_is_an_example_for_every_language_of_the_sandbox() -> None:
    assert examples().keys() == LANGUAGES.keys()
    assert {tuple(example) for example in examples().values()} == {("signature", "code", "tests", "text")}


def test_there_is_a_port_for_every_language_that_tests_are_translated_into() -> None:
    module: Any = open_recipe("mceval").environment.get_template("ports.j2").module
    assert module.ports.keys() == DIALECTS.keys()


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


RIGHT = "function last_word(text) {\n  return text.split(/\\s+/).filter(w => w).pop() ?? '';\n}"
WRONG = "function last_word(text) {\n  return text.split(' ')[0];\n}"


def cook_port(folder: Path, pool: Any, code: str, seeds: list[Seed] | None = None, **more: Any) -> Cooked:
    """`PORTED` for JavaScript, in whatever numbers it takes for the idea to be drawn."""
    answers: dict[str, str | Answer] = {
        "You describe real functions": "<description>Write `last_word`, which gives the last word.</description>"
        "<signature>function last_word(text)</signature>",
        "你来描述真实的函数": "<description>编写函数 `last_word`，返回最后一个单词。</description>"
        "<signature>function last_word(text)</signature>",
        "The code must begin like this": f"```javascript\n{code}\n```",
        "代码开头必须是": f"```javascript\n{code}\n```",
    }
    seeds = seeds or [dataclasses.replace(PORTED, id=f"p{number}") for number in range(6)]
    return cook_told("mceval", by_prompt(answers), seeds, folder, pool=pool, languages=("javascript",), **more)


@pytest.mark.engine
@pytest.mark.parametrize("locale", ["en", "zh"])
def test_port_makes_the_round_trip_on_the_functions_own_examples(
    locale: str, tmp_path: Path, wide_pool: SandboxPool
) -> None:
    if "javascript" not in wide_pool.languages:
        pytest.skip("the sandbox image has no javascript")
    kept = cook_port(tmp_path, wide_pool, RIGHT, locale=locale).kept
    assert kept, "the others were to invent a task, which this teacher cannot"
    assert {(row.language, row.evidence, row.round_trip) for row in kept} == {("javascript", "seed", True)}
    assert 'assert(last_word("two words") === "words");' in kept[0].tests
    assert len(kept[0].tests) > len(PORTED.tests), "with inputs that Python mutated"


@pytest.mark.engine
def test_wrong_port_is_dropped(tmp_path: Path, wide_pool: SandboxPool) -> None:
    if "javascript" not in wide_pool.languages:
        pytest.skip("the sandbox image has no javascript")
    reasons = cook_port(tmp_path, wide_pool, WRONG).reasons
    assert "verify.failed" in reasons
    assert None not in reasons


def test_solver_of_a_port_sees_neither_the_function_nor_its_examples(tmp_path: Path) -> None:
    asked = [said_in(request) for request in cook_port(tmp_path, None, RIGHT).asked]
    solving = [said for said in asked if "The code must begin like this" in said]
    assert solving
    assert not any("text.split()" in said or "two words" in said for said in solving)


@pytest.mark.parametrize(
    "change",
    [{"summary": ""}, {"tests": ()}, {"tests": PORTED.tests[:2]}, {"language": "ruby"}, {"tests": ("assert x",) * 3}],
)
def test_seed_without_examples_that_translate_is_no_port(change: dict[str, Any], tmp_path: Path) -> None:
    seeds = [dataclasses.replace(PORTED, id=f"p{number}", **change) for number in range(6)]
    asked = [said_in(request) for request in cook_port(tmp_path, None, RIGHT, seeds).asked]
    assert asked
    assert not any("You describe real functions" in said for said in asked)
