"""Every completion of a benchmark run, on disk batch by batch.

A batch is the unit of resuming, and its seed depends on its number alone: an interrupted run gives what an
uninterrupted one gives. Not covered: who completes (`sample.py`), what a completion is worth (`evaluate.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finetune.benchmarks import Problem
from finetune.extract import Mode, ask, read_program
from finetune.progress import say, track
from finetune.sample import Completion, Sampler


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides the completions; a folder belongs to one of these."""

    benchmark: str
    model: str
    weights: str
    """Their hash, or the model's name where there is no file to hash."""
    mode: Mode
    samples: int = 1
    temperature: float = 0.0
    max_new_tokens: int = 512
    limit: int | None = None
    batch: int = 16
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A completion, its place, and the program in it."""

    problem: Problem
    sample: int
    completion: Completion
    program: str | None


def complete(settings: Settings, problems: Sequence[Problem], sampler: Sampler, path: Path) -> list[Answer]:
    """Every answer, by problem and sample; those in the file at `path` are taken from there."""
    batches = make_batches(settings, problems)
    done = _whole_batches(path, batches)
    if done:
        say(f"{len(done)} of {len(batches)} batches are there already")
    for number, batch in track("generate", list(enumerate(batches)), skip=len(done)):
        prompts = [ask(problem, settings.mode) for problem, _ in batch]
        completions = sampler(prompts, settings.seed + number)
        done.append(completions)
        rows = (
            {"batch": number, "task_id": problem.id, "sample": sample, **asdict(completion)}
            for (problem, sample), completion in zip(batch, completions, strict=True)
        )
        write_lines(path, rows, "a")
    answers = [
        Answer(
            problem=problem,
            sample=sample,
            completion=completion,
            program=read_program(problem, completion.text, settings.mode),
        )
        for batch, completions in zip(batches, done, strict=True)
        for (problem, sample), completion in zip(batch, completions, strict=True)
    ]
    place = {problem.id: number for number, problem in enumerate(problems)}
    return sorted(answers, key=lambda answer: (place[answer.problem.id], answer.sample))


def make_batches(settings: Settings, problems: Sequence[Problem]) -> list[list[tuple[Problem, int]]]:
    """(problem, sample) by batch, the longest prompts first: neighbours pad little, lack of memory shows at once."""
    ordered = sorted(problems, key=lambda problem: (-len(problem.prompt), problem.id))
    wanted = [(problem, sample) for problem in ordered for sample in range(settings.samples)]
    return [wanted[start : start + settings.batch] for start in range(0, len(wanted), settings.batch)]


def _whole_batches(path: Path, batches: Sequence[Sequence[tuple[Problem, int]]]) -> list[list[Completion]]:
    """The completions of the first batches that are on disk to their end; what follows them is cut off the file."""
    lines = list(read_lines(path))
    rows = [row for row, _ in lines]
    done: list[list[Completion]] = []
    used = 0
    for batch in batches:
        part = rows[used : used + len(batch)]
        wanted = [(problem.id, sample) for problem, sample in batch]
        if [(row.get("task_id"), row.get("sample")) for row in part] != wanted:
            break
        done.append([Completion(text=row["text"], tokens=row["tokens"], finish=row["finish"]) for row in part])
        used += len(batch)
    if path.is_file():
        os.truncate(path, lines[used - 1][1] if used else 0)  # in place: what was paid for never leaves the disk
    return done


def read_lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """The rows up to the first torn or damaged line, each with the place in the file where it ends."""
    end = 0
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            return
        if not (line.endswith(b"\n") and isinstance(row, dict)):
            return
        end += len(line)
        yield row, end


def write_lines(path: Path, rows: Iterable[dict[str, Any]], how: str) -> None:
    with path.open(how, encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)  # ASCII: half a surrogate pair stays readable
        stream.flush()
        os.fsync(stream.fileno())
