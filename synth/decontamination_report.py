"""What decontamination found in the rows of a file: a drop for each, and the report of them all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from synth.curate.benchmarks import Benchmark
from synth.curate.decontaminate import Decontaminator, Hit
from synth.files import atomic_file

_BATCH = 256

Drop = dict[str, Any]


def find_hits(decontaminator: Decontaminator, rows: Iterable[Sequence[tuple[str, str]]]) -> list[Drop | None]:
    """For each row, given as texts with the field of each, what it is dropped for."""
    remaining = iter(rows)
    drops: list[Drop | None] = []
    while batch := list(islice(remaining, _BATCH)):
        hits = decontaminator.find_many([[text for _, text in row] for row in batch])
        drops += [_drop(hit, row) if hit else None for hit, row in zip(hits, batch, strict=True)]
    return drops


def write_report(path: Path, source: Path, benchmarks: Sequence[Benchmark], drops: Sequence[Drop | None]) -> None:
    """Writes JSON: how many rows were dropped by which rule, tasks found per benchmark, and every hit.

    Raises: `RunFolderError`.
    """
    hits = [{"row": number, **drop} for number, drop in enumerate(drops) if drop is not None]
    found = Counter(hit["task"] for hit in hits)
    report = {
        "source": str(source),
        "rows": len(drops),
        "contaminated": len(hits),
        "rules": dict(Counter(hit["reason"] for hit in hits).most_common()),
        "benchmarks": [_benchmark_facts(benchmark, found) for benchmark in benchmarks],
        "hits": hits,
    }
    with atomic_file(path) as file:
        text = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
        file.write(text.encode("utf-8", "backslashreplace"))


def _benchmark_facts(benchmark: Benchmark, found: Counter[str]) -> dict[str, Any]:
    ids = {task.id for task in benchmark.tasks}
    rows = {task: count for task, count in found.most_common() if task in ids}
    return {"name": benchmark.name, "tasks": len(benchmark.tasks), "tasks_found": len(rows), "rows_by_task": rows}


def _drop(hit: Hit, row: Sequence[tuple[str, str]]) -> Drop:
    return {
        "reason": f"decontaminate.{hit.rule}",
        "task": hit.task,
        "score": hit.score,
        "text": hit.text,
        "field": row[hit.part][0],
        "start": hit.start,
        "end": hit.end,
    }
