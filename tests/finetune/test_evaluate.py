from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from finetune.benchmarks import Problem, load_problems
from finetune.completions import Settings, complete, make_batches
from finetune.errors import RunFolderError
from finetune.evaluate import evaluate, figures
from finetune.extract import Mode, ask
from finetune.sample import Completion, Sampler
from sandbox.pool import SandboxPool
from sandbox.verdict import Job, SandboxUnavailable, Verdict

PROBLEMS = load_problems("humaneval", limit=20)
SETTINGS = Settings(benchmark="humaneval", model="scripted", weights="none", mode="base", batch=6)


def scripted(answer: Callable[[Problem], str], mode: Mode = "base") -> Sampler:
    """A sampler that knows the problem behind each prompt."""
    by_prompt = {ask(problem, mode): problem for problem in PROBLEMS}

    def sample(prompts: Sequence[str], seed: int) -> list[Completion]:
        return [Completion(text=answer(by_prompt[prompt]), tokens=seed, finish="end") for prompt in prompts]

    return sample


def right(problem: Problem) -> str:
    return "\n" + problem.canonical


def broken(prompts: Sequence[str], _seed: int) -> list[Completion]:
    raise AssertionError(f"{len(prompts)} prompts asked again")


def rows(out: Path, name: str = "results.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / name).read_text().splitlines()]


@pytest.mark.engine
def test_canonical_solutions_score_100_percent(pool: SandboxPool, tmp_path: Path) -> None:
    manifest = evaluate(SETTINGS, PROBLEMS, scripted(right), tmp_path / "out", pool=pool)
    assert manifest["by_status"] == {"passed": 20}
    assert manifest["pass_at_1"] == manifest["stopped_share"] == 1.0
    assert [row["task_id"] for row in rows(tmp_path / "out")] == [problem.id for problem in PROBLEMS]


@pytest.mark.engine
def test_fenced_canonical_solutions_score_100_percent(pool: SandboxPool, tmp_path: Path) -> None:
    sampler = scripted(lambda problem: f"Sure.\n```python\n{problem.prompt}{problem.canonical}```\nDone.", "chat")
    manifest = evaluate(replace(SETTINGS, mode="chat"), PROBLEMS, sampler, tmp_path / "out", pool=pool)
    assert manifest["by_status"] == {"passed": 20}
    assert manifest["fenced_share"] == 1.0


@pytest.mark.engine
def test_empty_bodies_score_0_percent_with_reasons(pool: SandboxPool, tmp_path: Path) -> None:
    sampler = scripted(lambda problem: "\n    pass" if problem is not PROBLEMS[0] else "")
    manifest = evaluate(SETTINGS, PROBLEMS, sampler, tmp_path / "out", pool=pool)
    assert manifest["by_status"] == {"failed": 19, "no_code": 1}
    assert manifest["pass_at_1"] == 0.0
    assert manifest["has_code_share"] == 0.95
    assert manifest["fenced_share"] == 0.0
    assert all(row["reason"] for row in rows(tmp_path / "out"))


@pytest.mark.engine
def test_a_lone_surrogate_is_judged_like_any_answer(pool: SandboxPool, tmp_path: Path) -> None:
    sampler = scripted(lambda problem: f"\n    '\ud800'\n{problem.canonical}")
    manifest = evaluate(SETTINGS, PROBLEMS[:1], sampler, tmp_path / "out", pool=pool)
    assert manifest["by_status"] == {"passed": 1}


@pytest.mark.engine
def test_a_finished_evaluation_is_not_repeated_and_other_settings_are_refused(
    pool: SandboxPool, tmp_path: Path
) -> None:
    first = evaluate(SETTINGS, PROBLEMS[:2], scripted(right), tmp_path / "out", pool=pool)
    assert evaluate(SETTINGS, PROBLEMS[:2], broken, tmp_path / "out", pool=pool) == first
    other = replace(SETTINGS, temperature=0.5)
    with pytest.raises(RunFolderError, match=r"other settings \(temperature\)"):
        evaluate(other, PROBLEMS[:2], broken, tmp_path / "out", pool=pool)
    again = evaluate(other, PROBLEMS[:2], scripted(right), tmp_path / "out", pool=pool, restart=True)
    assert again["identity"]["temperature"] == 0.5


@pytest.mark.parametrize("cut", [1, 40, 2000])
def test_an_interrupted_run_goes_on_after_its_last_whole_batch(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "completions.jsonl"
    whole = complete(SETTINGS, PROBLEMS, scripted(right), path)
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    assert complete(SETTINGS, PROBLEMS, scripted(right), path) == whole
    assert path.read_bytes() == content
    assert complete(SETTINGS, PROBLEMS, broken, path) == whole


@pytest.mark.parametrize("damage", [b"\0" * 40 + b"\n", b"[]\n", b"{}\n", b'{"task_id": \n'])
def test_a_damaged_line_costs_its_batch_and_what_follows(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "completions.jsonl"
    whole = complete(SETTINGS, PROBLEMS, scripted(right), path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:8], damage, *lines[9:]]))
    asked: list[str] = []

    def counting(prompts: Sequence[str], seed: int) -> list[Completion]:
        asked.extend(prompts)
        return scripted(right)(prompts, seed)

    assert complete(SETTINGS, PROBLEMS, counting, path) == whole
    assert len(asked) == 20 - 6


class Outage:
    """A pool whose engine dies after one verdict."""

    image_digest = "none"

    def run_all(self, jobs: Iterable[Job]) -> Iterator[Verdict]:
        for number, job in enumerate(jobs):
            if number:
                raise SandboxUnavailable("engine: gone")
            yield Verdict(id=job.id, status="passed")


def test_an_outage_is_no_wrong_answer_and_costs_no_completion(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable):
        evaluate(SETTINGS, PROBLEMS, scripted(right), tmp_path / "out", pool=cast(SandboxPool, Outage()))
    assert not (tmp_path / "out" / "results.jsonl").exists()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["status"] == "running"
    assert len(complete(SETTINGS, PROBLEMS, broken, tmp_path / "out" / "completions.jsonl")) == 20


def test_a_batch_has_a_seed_of_its_own_and_every_sample_is_asked_for(tmp_path: Path) -> None:
    settings = replace(SETTINGS, samples=3)
    batches = make_batches(settings, PROBLEMS)
    assert [len(batch) for batch in batches] == [6] * 10
    answers = complete(settings, PROBLEMS, scripted(right), tmp_path / "completions.jsonl")
    assert [answer.sample for answer in answers[:3]] == [0, 1, 2]
    assert {answer.completion.tokens for answer in answers} == set(range(10))


def test_pass_at_k_is_taken_over_problems() -> None:
    results = [
        {
            "task_id": task,
            "passed": passed,
            "status": "passed" if passed else "failed",
            "finish": "length",
            "tokens": 1,
            "fenced": passed,
        }
        for task, passed in (("a", True), ("a", False), ("b", False), ("b", False))
    ]
    assert figures(results, (2,))["pass_at_k"] == {"1": 0.25, "2": 0.5}
    assert figures(results, (2,))["stopped_share"] == 0.0
    assert figures(results, (2,))["fenced_share"] == 0.25
