"""Samples to disk and back: `samples.parquet` (every row, kept and dropped) and the training set under `export/`.

A training set is `data/train-*.parquet`, the same conversations as `messages/train.jsonl` for trainers that read JSON
Lines, and a card; `datasets.load_dataset(folder)` opens it without code. Same samples, same bytes: no clock, no machine
name, fixed compression.
Not covered: the columns (`training_rows.py`), the words of the card (`card.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from synth.card import CardFacts, CardStats, render_card
from synth.curator import BENCHMARKS
from synth.errors import RunFolderError
from synth.files import atomic_file
from synth.parquet import ROW_GROUP, SLICE, ParquetStream
from synth.sample import Check, Funnel, Provenance, Sample, TestOutcome
from synth.selection import KEPT, Selection
from synth.splits import TRAIN, Form, SplitWriter
from synth.training_rows import row_of_sample

_LATER_COLUMNS = frozenset({"text"})
"""What files of earlier versions need not have."""


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
                table = _completed(file.read_row_group(group, use_threads=False))
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
    """The training set of a run in the making: the rows that `selection` takes, and a card over them."""

    def __init__(self, folder: Path, form: Form, selection: Selection = KEPT) -> None:
        self._folder = folder
        self._form = form
        self._selection = selection
        self._split = SplitWriter(folder / "data", TRAIN, form, messages=folder / "messages")
        self._stats = CardStats()

    def __enter__(self) -> ExportWriter:
        self._split.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._split.__exit__(*failure)

    def add(self, sample: Sample) -> None:
        """Appends one sample, if it belongs there. Raises: `RunFolderError`."""
        self._stats.count(sample)
        if self._selection.takes(sample):
            self._split.add(row_of_sample(sample, self._form.layout, tag=self._form.subset))
            self._stats.add(sample)

    def write_card(self, facts: CardFacts) -> int:
        """How many rows went into the folder, whose card is written last. Raises: `RunFolderError`."""
        with atomic_file(self._folder / "README.md") as file:
            file.write(render_card(self._stats, facts).encode())
        return self._split.num_rows


def write_export(
    folder: Path,
    samples: Iterable[Sample],
    form: Form,
    *,
    recipe: str,
    about: str = "",
    funnel: Funnel | None = None,
    selection: Selection = KEPT,
) -> int:
    """How many rows went into `folder`: the samples that `selection` takes, with a dataset card.

    The card tells `about` (the recipe's line on itself) and `funnel`. Raises: `RunFolderError`.
    """
    with ExportWriter(folder, form, selection) as writer:
        for sample in samples:
            writer.add(sample)
    return writer.write_card(card_facts(form, recipe=recipe, about=about, funnel=funnel, selection=selection))


def card_facts(
    form: Form,
    *,
    recipe: str,
    about: str = "",
    funnel: Funnel | None = None,
    selection: Selection = KEPT,
    against: Sequence[str] = BENCHMARKS,
) -> CardFacts:
    """The facts of a card that this version of the toolkit writes."""
    return CardFacts(
        recipe=recipe,
        subset=form.subset,
        layout=form.layout,
        about=about,
        funnel=funnel,
        selection=str(selection),
        benchmarks=tuple(Path(name).name for name in against),
        version=version("opencook"),
    )


def _completed(table: Any) -> Any:
    """The rows under today's columns: those that an earlier version did not have yet are empty."""
    import pyarrow

    for number, column in enumerate(_samples_schema()):
        if column.name not in table.column_names and column.name in _LATER_COLUMNS:
            table = table.add_column(number, column, pyarrow.repeat(pyarrow.scalar("", column.type), table.num_rows))
    return table.cast(_samples_schema())


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


def _samples_schema() -> Any:
    import pyarrow as pa

    text, texts, whole = pa.string(), pa.list_(pa.string()), pa.int64()
    outcome = pa.struct({"test": text, "passed": pa.bool_(), "error": text})
    check = {"status": text, "outcomes": pa.list_(outcome), "num_candidates": whole, "num_candidates_passed": whole}
    provenance = {"teacher": text, "judge": text, "templates": pa.map_(text, text)}
    provenance |= {"seed_source": text, "seed_license": text, "completions": texts, "asked": texts}
    provenance |= {"verdicts": texts, "ran": texts}
    provenance |= {"calls": whole, "prompt_tokens": whole, "completion_tokens": whole, "cost_usd": pa.float64()}
    columns = dict.fromkeys(("id", "recipe", "seed_id", "instruction", "response", "text", "code", "entry_point"), text)
    columns |= {"tests": texts, "evidence": text, "round_trip": pa.bool_(), "language": text, "locale": text}
    columns |= {"check": pa.struct(check), "scores": pa.map_(text, pa.float64()), "provenance": pa.struct(provenance)}
    return pa.schema(columns | {"dropped": text, "detail": text})
