"""Every starter function in the sandbox: its own code passes its tests, a stub fails each, corrupted tests fail."""

from __future__ import annotations

import pytest

from sandbox.pool import SandboxPool
from sandbox.verdict import Job
from synth.controls import corrupted, stub
from synth.seeds import Seed, open_seeds

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def starter() -> list[Seed]:
    return list(open_seeds("starter"))


def test_there_are_at_least_150_functions_with_5_tests_each(starter: list[Seed]) -> None:
    assert len(starter) >= 150
    assert all(len(seed.tests) >= 5 for seed in starter)


def test_each_passes_its_own_examples(starter: list[Seed], pool: SandboxPool) -> None:
    verdicts = pool.run_all(Job(code=seed.code, tests=seed.tests, id=seed.entry_point) for seed in starter)
    assert [v.id for v in verdicts if v.status != "passed" or v.tests_passed < 5] == []


def test_a_stub_fails_every_example(starter: list[Seed], pool: SandboxPool) -> None:
    verdicts = pool.run_all(Job(code=stub(seed.entry_point), tests=seed.tests, id=seed.entry_point) for seed in starter)
    assert [(v.id, v.tests_passed) for v in verdicts if v.tests_passed] == []


def test_each_fails_every_corrupted_example(starter: list[Seed], pool: SandboxPool) -> None:
    def job(seed: Seed) -> Job:
        twins = [corrupted(test) for test in seed.tests]
        assert all(twins), seed.source
        return Job(code=seed.code, tests=tuple(filter(None, twins)), id=seed.entry_point)

    verdicts = pool.run_all(job(seed) for seed in starter)
    assert [(v.id, v.tests_passed) for v in verdicts if v.tests_passed] == []
