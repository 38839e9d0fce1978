"""Samples to disk and back: `samples.parquet` (every row, kept and dropped) and the training set under `export/`.

The training set has the columns of OpenCoder's opc-sft-stage2 educational subset (`seq_id, instruction, output, code,
entry_point, testcase`) first, then `messages`, verdict, evidence and provenance; `datasets.load_dataset(folder)`
opens it without code. Same samples, same bytes: no clock, no machine name, fixed compression.
Not covered: the words of the dataset card (`card.py`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from synth.card import CardFacts, CardStats, render_card
from synth.errors import RunFolderError
from synth.files import atomic_file, publish, writable
from synth.sample import EVIDENCE, Check, Evidence, Funnel, Provenance, Sample, TestOutcome

DATA_FILE = "data/train-00000-of-00001.parquet"
ROW_GROUP = 4096
SHARD_ROW_GROUP = 256
"""A reader holds a row group, decoded, and `synth merge` reads all shards at once: 8 MB each instead of 38."""
SLICE = 128
"""Rows turned into columns at once: a few milliseconds of work."""


class ParquetStream:
    """A Parquet file that grows row by row in flat memory and takes the place of `path` once the block ends well.

    Row groups are of `row_group` rows whatever the pace, so the same rows give the same bytes. Compression runs in a
    thread. Until the end the rows are in `.NAME.partial`; of two writers at once the later would destroy the earlier's.
    """

    def __init__(self, path: Path, schema: Any, row_group: int = ROW_GROUP) -> None:
        self.num_rows = 0
        self._row_group = row_group
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._slices: list[Any] = []
        self._held = ExitStack()
        self._writing: Future[None] | None = None

    def __enter__(self) -> ParquetStream:
        import pyarrow
        import pyarrow.parquet

        pyarrow.array([])  # its first array looks for pandas, which takes a second: better now than between calls
        with writable(self._path), ExitStack() as held:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = held.enter_context(self._partial.open("wb"))
            held.callback(self._partial.unlink, missing_ok=True)
            self._writer = pyarrow.parquet.ParquetWriter(
                self._file, self._schema, compression="zstd", compression_level=3, version="2.6"
            )
            held.callback(self._abandon)
            self._thread = held.enter_context(ThreadPoolExecutor(1, "parquet"))
            self._held = held.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with writable(self._path), self._held:
            if kind is None:
                self._slice()
                self._write_group()
                self._wait()
                self._writer.close()
                publish(self._file, self._partial, self._path)

    def _abandon(self) -> None:
        """Closes the writer where that was not done, whatever it says of its file."""
        with suppress(Exception):
            self._writer.close()

    def add(self, row: dict[str, Any]) -> None:
        """Appends one row. Raises: `RunFolderError`."""
        self.num_rows += 1
        self._rows.append(row)
        if len(self._rows) == SLICE:
            self._slice()
        if self.num_rows % self._row_group == 0:
            self._write_group()

    def _slice(self) -> None:
        """Turns the newest rows into columns: a few at a time, since calls wait meanwhile."""
        import pyarrow

        if self._rows:
            self._slices.append(pyarrow.RecordBatch.from_pylist(self._rows, schema=self._schema))
            self._rows = []

    def _write_group(self) -> None:
        import pyarrow

        self._wait()
        if self._slices or not self.num_rows:
            table = pyarrow.Table.from_batches(self._slices, schema=self._schema).combine_chunks()
            self._slices = []
            self._writing = self._thread.submit(self._writer.write_table, table, row_group_size=self._row_group)

    def _wait(self) -> None:
        with writable(self._path):
            if self._writing is not None:
                self._writing.result()


class SamplesWriter:
    """`samples.parquet` in the making."""

    def __init__(self, path: Path, row_group: int = ROW_GROUP) -> None:
        self._stream = ParquetStream(path, _samples_schema(), row_group)

    def __enter__(self) -> SamplesWriter:
        self._stream.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._stream.__exit__(*failure)

    def add(self, sample: Sample) -> None:
        """Appends one sample. Raises: `RunFolderError`."""
        self._stream.add(_to_row(sample))


def write_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Writes every sample to one Parquet file, in order. Raises: `RunFolderError`."""
    with SamplesWriter(path) as writer:
        for sample in samples:
            writer.add(sample)


class StoredSamples:
    """The samples in a file of `write_samples`, to be gone through as often as needed, a few at a time in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Sample]:
        """The samples in order. Raises: `RunFolderError` where the file cannot be read."""
        with _open_stored(self._path) as file:
            # A reader of batches would hold 31 MB whatever their size.
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, use_threads=False).cast(_samples_schema())
                for batch in table.to_batches(SLICE):
                    for row in batch.to_pylist():
                        yield _from_row(row)


def count_stored(path: Path) -> int:
    """How many samples are in a file of `write_samples`. Raises: `RunFolderError` where it cannot be read."""
    with _open_stored(path) as file:
        return int(file.metadata.num_rows)


@contextmanager
def _open_stored(path: Path) -> Iterator[Any]:
    """A Parquet file. Raises: `RunFolderError` for what goes wrong with it in the block."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield file
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{path}: is not there; it comes when the run ends, so run the same generate command again"
        ) from error
    except (OSError, pyarrow.ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunFolderError(f"{path}: cannot be read, got {reason}; run the same generate command again") from error


def read_samples(path: Path) -> list[Sample]:
    """The samples that `write_samples` wrote. Raises: `RunFolderError` where that cannot be read."""
    return list(StoredSamples(path))


class ExportWriter:
    """The training set in the making: the kept samples whose evidence is one of `evidence`, and a card over them."""

    def __init__(self, folder: Path, evidence: Collection[Evidence] = EVIDENCE) -> None:
        self._folder = folder
        self._evidence = evidence
        self._stream = ParquetStream(folder / DATA_FILE, _training_schema())
        self._stats = CardStats()

    def __enter__(self) -> ExportWriter:
        self._stream.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._stream.__exit__(*failure)

    def add(self, sample: Sample) -> None:
        """Appends one sample, if it belongs there. Raises: `RunFolderError`."""
        self._stats.count(sample)
        if sample.dropped is None and sample.evidence in self._evidence:
            self._stream.add(_to_training_row(self._stream.num_rows, sample))
            self._stats.add(sample)

    def write_card(self, facts: CardFacts) -> int:
        """How many rows went into the folder, whose card is written last. Raises: `RunFolderError`."""
        with atomic_file(self._folder / "README.md") as file:
            file.write(render_card(self._stats, facts).encode())
        return self._stream.num_rows


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
    with ExportWriter(folder, evidence) as writer:
        for sample in samples:
            writer.add(sample)
    return writer.write_card(card_facts(recipe=recipe, about=about, command=command, funnel=funnel))


def card_facts(*, recipe: str, about: str = "", command: str = "", funnel: Funnel | None = None) -> CardFacts:
    """The facts of a card that this version of the toolkit writes."""
    return CardFacts(recipe=recipe, about=about, command=command, funnel=funnel, version=version("opencook"))


def _to_row(sample: Sample) -> dict[str, Any]:
    row = fields_of(sample)
    origin = fields_of(sample.provenance)
    origin["templates"] = list(sample.provenance.templates.items())
    check = sample.check
    row["check"] = check and fields_of(check) | {"outcomes": [fields_of(outcome) for outcome in check.outcomes]}
    return {"id": sample.id, **row, "scores": list(sample.scores.items()), "provenance": origin}


def fields_of(record: Any) -> dict[str, Any]:
    """The fields of a dataclass, one level deep: `dataclasses.asdict` copies all that is in them."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


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
        "templates": _templates_to_json(tuple(origin.templates.items())),
        "seed_id": sample.seed_id,
        "seed_source": origin.seed_source,
        "seed_license": origin.seed_license,
        "calls": origin.calls,
        "prompt_tokens": origin.prompt_tokens,
        "completion_tokens": origin.completion_tokens,
        "cost_usd": origin.cost_usd,
    }


_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def _to_json(names: dict[str, Any]) -> str:
    """A JSON object: its keys differ between recipes, and `datasets` cannot join columns whose fields differ."""
    return _encode(names) if names else "{}"


@functools.lru_cache(maxsize=64)  # all rows of a run have the same
def _templates_to_json(templates: tuple[tuple[str, str], ...]) -> str:
    return _to_json(dict(templates))


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
