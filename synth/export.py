"""Samples to disk and back: `samples.parquet` (every row, kept and dropped) and the training set under `export/`.

The training set has the columns of OpenCoder's opc-sft-stage2 educational subset (`seq_id, instruction, output, code,
entry_point, testcase`) first, then `messages`, verdict, evidence and provenance; `datasets.load_dataset(folder)`
opens it without code. Same samples, same bytes: no clock, no machine name, fixed compression.
Not covered: the words of the dataset card (`card.py`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from synth.card import CardFacts, CardStats, render_card
from synth.errors import RunFolderError
from synth.files import atomic_file
from synth.sample import EVIDENCE, Check, Evidence, Funnel, Provenance, Sample, TestOutcome

DATA_FILE = "data/train-00000-of-00001.parquet"


def write_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Writes every sample to one Parquet file, in order. Raises: `RunFolderError`."""
    _write(path, [_to_row(sample) for sample in samples], _samples_schema())


def read_samples(path: Path) -> list[Sample]:
    """The samples that `write_samples` wrote. Raises: `RunFolderError` where that cannot be read."""
    import pyarrow
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(path, schema=_samples_schema()).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunFolderError(f"{path}: cannot be read, got {reason}; run the same generate command again") from error
    return [_from_row(row) for row in rows]


def write_export(
    folder: Path,
    samples: Iterable[Sample],
    *,
    recipe: str,
    about: str = "",
    command: str = "",
    funnel: Funnel | None = None,
    evidence: Collection[Evidence] = EVIDENCE,
) -> int:
    """How many rows went into `folder`: the kept samples whose evidence is one of `evidence`, with a dataset card.

    The card tells `about` (the recipe's line on itself), `command` and `funnel`. Raises: `RunFolderError`.
    """
    stats = CardStats()
    rows: list[dict[str, Any]] = []
    for sample in samples:
        stats.count(sample)
        if sample.dropped is None and sample.evidence in evidence:
            rows.append(_to_training_row(len(rows), sample))
            stats.add(sample)
    facts = CardFacts(recipe=recipe, about=about, command=command, funnel=funnel, version=version("opencook"))
    _write(folder / DATA_FILE, rows, _training_schema())
    with atomic_file(folder / "README.md") as file:
        file.write(render_card(stats, facts).encode())
    return len(rows)


def _write(path: Path, rows: list[dict[str, Any]], schema: Any) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist(rows, schema=schema)
    with atomic_file(path) as file:
        pyarrow.parquet.write_table(table, file, compression="zstd", compression_level=3, version="2.6")


def _to_row(sample: Sample) -> dict[str, Any]:
    row = dataclasses.asdict(sample)
    row["scores"] = list(sample.scores.items())
    row["provenance"]["templates"] = list(sample.provenance.templates.items())
    return {"id": sample.id, **row}


def _from_row(row: dict[str, Any]) -> Sample:
    del row["id"]  # computed
    row["tests"] = tuple(row["tests"])
    row["scores"] = dict(row["scores"])
    if (check := row["check"]) is not None:
        outcomes = tuple(TestOutcome(**outcome) for outcome in check["outcomes"])
        row["check"] = Check(**{**check, "outcomes": outcomes})
    origin = row["provenance"]
    origin["templates"] = dict(origin["templates"])
    origin |= {name: tuple(origin[name]) for name in ("completions", "asked", "verdicts", "ran")}
    return Sample(**{**row, "provenance": Provenance(**origin)})


def _to_training_row(seq_id: int, sample: Sample) -> dict[str, Any]:
    check = sample.check or Check(status="")
    origin = sample.provenance
    return {
        "seq_id": seq_id,
        "instruction": sample.instruction,
        "output": sample.response,
        "code": sample.code,
        "entry_point": sample.entry_point,
        "testcase": sample.tests,
        "messages": [
            {"role": "user", "content": sample.instruction},
            {"role": "assistant", "content": sample.response},
        ],
        "id": sample.id,
        "evidence": sample.evidence,
        "round_trip": sample.round_trip,
        "status": check.status,
        "tests_passed": check.tests_passed,
        "test_results": [{"test": outcome.test, "passed": outcome.passed} for outcome in check.outcomes],
        "num_candidates": check.num_candidates,
        "num_candidates_passed": check.num_candidates_passed,
        "language": sample.language,
        "locale": sample.locale,
        "scores": _to_json(sample.scores),
        "recipe": sample.recipe,
        "teacher": origin.teacher,
        "judge": origin.judge,
        "templates": _to_json(origin.templates),
        "seed_id": sample.seed_id,
        "seed_source": origin.seed_source,
        "seed_license": origin.seed_license,
        "calls": origin.calls,
        "prompt_tokens": origin.prompt_tokens,
        "completion_tokens": origin.completion_tokens,
        "cost_usd": origin.cost_usd,
    }


def _to_json(names: dict[str, Any]) -> str:
    """A JSON object: its keys differ between recipes, and `datasets` cannot join columns whose fields differ."""
    return json.dumps(names, ensure_ascii=False, sort_keys=True)


def _samples_schema() -> Any:
    import pyarrow as pa

    text, texts, whole = pa.string(), pa.list_(pa.string()), pa.int64()
    outcome = pa.struct({"test": text, "passed": pa.bool_(), "error": text})
    check = {"status": text, "outcomes": pa.list_(outcome), "num_candidates": whole, "num_candidates_passed": whole}
    provenance = {"teacher": text, "judge": text, "templates": pa.map_(text, text)}
    provenance |= {"seed_source": text, "seed_license": text, "completions": texts, "asked": texts}
    provenance |= {"verdicts": texts, "ran": texts}
    provenance |= {"calls": whole, "prompt_tokens": whole, "completion_tokens": whole, "cost_usd": pa.float64()}
    columns = dict.fromkeys(("id", "recipe", "seed_id", "instruction", "response", "code", "entry_point"), text)
    columns |= {"tests": texts, "evidence": text, "round_trip": pa.bool_(), "language": text, "locale": text}
    columns |= {"check": pa.struct(check), "scores": pa.map_(text, pa.float64()), "provenance": pa.struct(provenance)}
    return pa.schema(columns | {"dropped": text, "detail": text})


def _training_schema() -> Any:
    import pyarrow as pa

    text, whole, flag = pa.string(), pa.int64(), pa.bool_()
    columns = dict.fromkeys(("instruction", "output", "code", "entry_point"), text) | {"testcase": pa.list_(text)}
    columns |= {"messages": pa.list_(pa.struct({"role": text, "content": text}))}
    columns |= {"id": text, "evidence": text, "round_trip": flag, "status": text, "tests_passed": whole}
    columns |= {"test_results": pa.list_(pa.struct({"test": text, "passed": flag}))}
    columns |= {"num_candidates": whole, "num_candidates_passed": whole}
    names = "language locale scores recipe teacher judge templates seed_id seed_source seed_license"
    columns |= dict.fromkeys(names.split(), text)
    columns |= {"calls": whole, "prompt_tokens": whole, "completion_tokens": whole, "cost_usd": pa.float64()}
    return pa.schema({"seq_id": whole} | columns)
