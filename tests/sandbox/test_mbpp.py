"""All of MBPP: each of the 974 reference solutions passes its tests, and a function that gives `None` passes none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.verdict import Job
from synth.curate.decontaminate import load_benchmark

pytestmark = pytest.mark.engine

MBPP = Path(__file__).parents[2].parent / "shared" / "data" / "benchmarks" / "mbpp.jsonl"


@pytest.fixture(scope="module")
def problems() -> list[dict[str, Any]]:
    if not MBPP.is_file():
        pytest.skip(f"no MBPP beside the repository ({MBPP.name} in a folder named shared)")
    return [json.loads(line) for line in MBPP.read_text(encoding="utf-8").splitlines()]


def job(problem: dict[str, Any], more_code: str = "") -> Job:
    setup = problem["test_setup_code"]
    tests = ([setup] if setup.strip() else []) + problem["test_list"]
    return Job(id=str(problem["task_id"]), code=problem["code"] + more_code, tests=tuple(tests))


def test_every_reference_solution_passes(pool, problems):
    verdicts = list(pool.run_all(map(job, problems)))
    assert len(verdicts) == 974
    assert {verdict.id: verdict.test_results for verdict in verdicts if verdict.status != "passed"} == {}


def test_a_function_that_does_nothing_passes_nothing(pool, problems):
    names = [task.entry_point for task in load_benchmark(str(MBPP)).tasks]
    stubs = [f"\ndef {name}(*args, **kwargs): pass\n" for name in names]
    verdicts = list(pool.run_all(job(problem, stub) for problem, stub in zip(problems, stubs, strict=True)))
    assert [verdict.id for verdict in verdicts if verdict.status != "failed"] == []
