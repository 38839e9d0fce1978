"""Runs and row files to mix and to export, made up of words that no two rows share many of."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet
from plain_run import WORDS

from synth.export import write_samples
from synth.runs import RunFolder
from synth.sample import Check, Provenance, Sample, TestOutcome, count_funnel


def words(key: object, count: int = 40) -> str:
    """Always the same for one key."""
    return " ".join(random.Random(str(key)).choices(WORDS, k=count))


def sample(key: object, **changes: Any) -> Sample:
    """A kept, verified row; changes are of its fields."""
    outcome = TestOutcome(test="assert ready()", passed=True)
    fields: dict[str, Any] = {
        "recipe": "r",
        "seed_id": f"seed {key}",
        "instruction": words(("instruction", key)),
        "response": words(("response", key)),
        "evidence": "self",
        "check": Check(status="passed", outcomes=(outcome,)),
        "provenance": Provenance(
            teacher="t", calls=2, prompt_tokens=10, cost_usd=0.5, seed_license="MIT", seed_source=f"{key}.py"
        ),
    }
    return Sample(**(fields | changes))


def write_run(folder: Path, samples: Iterable[Sample], **facts: Any) -> Path:
    """A finished run of those samples."""
    rows = list(samples)
    run = RunFolder(folder)
    write_samples(run.samples, rows)
    funnel = count_funnel(rows, seeds=len(rows)).to_json()
    run.write_manifest({"recipe": "r", "about": "About it.", "funnel": funnel} | facts)
    return folder


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A JSON Lines file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def tasks(name: str, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Somebody's instruction rows."""
    return [{"instruction": words((name, "q", n), 30), "output": words((name, "a", n), 30)} for n in numbers]


def rows_in(folder: Path, split: str = "train") -> list[dict[str, Any]]:
    """The rows of a split in a folder of shards, in order."""
    files = sorted(folder.glob(f"{split}-*.parquet"))
    return [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
