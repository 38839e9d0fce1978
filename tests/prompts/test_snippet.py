"""Snippets: algorithmic seeds alone, concepts out of them, and a document of text, program and tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from told import Answer, Cooked, by_prompt, cook_told, said_in

from sandbox.pool import SandboxPool
from sandbox.verdict import Job
from synth.seeds import Seed

LOOP = Seed(id="loop", text="def total(xs):\n    t = 0\n    for x in xs:\n        t += x\n    return t\n")
MARKED = Seed(id="marked", text="class Solution { int f(); }  // leetcode 1", language="cpp")
PLAIN = Seed(id="plain", text='def name(x):\n    """Return it, for everybody."""\n    return x.name\n')
PROSE = Seed(id="prose", text="We waited for a while for the bus, while it rained.")
SOUND: dict[str, str | Answer] = {
    "You name the programming concepts": json.dumps({"concepts": ["doubling", "arithmetic"]}),
    "You write tests for Python": "```python\nassert double(1) == 2\nassert double(0) == 0\n"
    "assert double(-2) == -4\n```",
    "You write tests for C ": "```c\nassert(twice(1) == 2);\nassert(twice(0) == 0);\nassert(twice(-2) == -4);\n```",
    "in Python": "<problem>Double a whole number, whatever its sign.</problem><signature>def double(x)</signature>",
    "in C.": "<problem>Double a whole number, whatever its sign.</problem><signature>int twice(int x)</signature>",
    "one Python code block": "```python\ndef double(x):\n    return 2 * x\n```",
    "one C code block": "```c\nint twice(int x) { return 2 * x; }\n```",
}


def cook(folder: Path, seeds: list[Seed], answers: Mapping[str, str | Answer] | None = None, **more: Any) -> Cooked:
    solving = {key: value for key, value in SOUND.items() if "code block" in key}
    return cook_told("snippet", by_prompt({**solving, **SOUND, **(answers or {})}), seeds, folder, **more)


def test_only_algorithmic_seeds_are_asked_about(tmp_path: Path) -> None:
    cooked = cook(tmp_path, [LOOP, MARKED, PLAIN, PROSE], languages=("python",))
    turned_away = [row.seed_id for row in cooked.rows if row.dropped == "seed.not_algorithmic"]
    assert turned_away == ["plain", "prose"]
    assert not any(PLAIN.text in said_in(request) for request in cooked.asked)


@pytest.mark.parametrize("concepts", ["[]", '["", "  "]', "[[1], {}]", "[null]"])
def test_answer_without_a_concept_drops_the_row(concepts: str, tmp_path: Path) -> None:
    answers = {"You name the programming concepts": f'{{"concepts": {concepts}}}'}
    assert cook(tmp_path, [LOOP], answers).reasons == ["ask.no_concept"]


@pytest.mark.engine
def test_document_is_a_program_that_runs_with_its_tests(tmp_path: Path, pool: SandboxPool) -> None:
    (row,) = cook(tmp_path, [LOOP], pool=pool, languages=("python",)).rows
    assert (row.dropped, row.detail) == (None, "")
    assert row.text.startswith("# Double a whole number, whatever its sign.\n\ndef double(x):")
    assert row.text.endswith("assert double(-2) == -4")
    assert pool.run(Job(code=row.text)).status == "passed"


@pytest.mark.engine
def test_tests_stand_in_comments_where_a_bare_statement_is_no_program(tmp_path: Path, wide_pool: SandboxPool) -> None:
    if "c" not in wide_pool.languages:
        pytest.skip("the sandbox image has no c")
    (row,) = cook(tmp_path, [LOOP], pool=wide_pool, languages=("c",)).rows
    assert (row.dropped, row.detail) == (None, "")
    assert row.language == "c"
    assert row.text.endswith("// assert(twice(-2) == -4);")
    assert wide_pool.run(Job(code=row.text, language="c", tests=("assert(twice(4) == 8);",))).status == "passed"


@pytest.mark.engine
def test_concept_is_one_of_those_named(tmp_path: Path, pool: SandboxPool) -> None:
    cooked = cook(tmp_path, [LOOP], pool=pool, languages=("python",))
    asked = [said_in(r) for r in cooked.asked if "You specify single functions" in said_in(r)]
    assert any(f"The concept: {concept}. It should" in asked[0] for concept in ("doubling", "arithmetic"))
    assert LOOP.text not in asked[0], "the concept is the seed from here on"
