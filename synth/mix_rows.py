"""The rows of a mixture's sets: out of run folders, exports, folders, files and the hub, in one form, and spooled.

A row is turned into the columns of a training set once; what choice and order need is kept in memory (`Found`, some
100 bytes a row), the row itself in a file without a name.
Not covered: which rows are chosen (`mix.py`).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synth.curate.decontaminate import Decontaminator
from synth.export import StoredSamples
from synth.files import writable
from synth.folders import files_in
from synth.mix_config import MixError, MixFile, MixSet
from synth.runs import RunFolder
from synth.selection import Selection
from synth.tables import ROW_SUFFIXES, read_hub, read_rows
from synth.training_rows import Layout, Row, row_of_any, row_of_sample

UNUSABLE, NOT_ASKED, CONTAMINATED = "unusable", "not asked for", "contaminated"
BYTES_PER_TOKEN = 4

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class Found:
    """What is kept in memory of the spooled rows: one entry a row in each array."""

    sets: array[int] = field(default_factory=lambda: array("H"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    """In the unit of the mixture: 1, or tokens."""
    passed: array[int] = field(default_factory=lambda: array("q"))
    """Tests passed."""
    scores: array[float] = field(default_factory=lambda: array("d"))
    """Their mean."""
    lengths: array[int] = field(default_factory=lambda: array("Q"))
    digests: array[int] = field(default_factory=lambda: array("Q"))
    """Of all of the row: rows and their order are told apart by it, never by where they stood in a file."""
    seeds: array[int] = field(default_factory=lambda: array("Q"))
    texts: array[int] = field(default_factory=lambda: array("Q"))
    """Of the instruction or document, as the id of a seed made from it would be."""
    codes: array[int] = field(default_factory=lambda: array("Q"))
    """Of the code, likewise."""

    def __len__(self) -> int:
        return len(self.sets)


class Spool:
    """Rows by number, in a temporary file without a name in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends = array("Q", [0])
        with writable(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with its owner

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, content: bytes) -> None:
        """Takes the next row. Raises: `RunFolderError`."""
        with writable(self._folder):
            self._file.seek(self._ends[-1])
            self._file.write(content)
        self._ends.append(self._ends[-1] + len(content))

    def read(self, number: int) -> Row:
        """A row as it was added."""
        begin, end = self._ends[number : number + 2]
        self._file.seek(begin)
        row: Row = json.loads(self._file.read(end - begin))
        return row


@dataclass(slots=True)
class Gathered:
    """All rows of all sets."""

    spool: Spool
    found: Found = field(default_factory=Found)
    read: Counter[str] = field(default_factory=Counter)
    """Set -> rows read."""
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    """Set -> why -> rows."""
    contaminated: list[dict[str, str]] = field(default_factory=list)
    """Which they were: set, id, rule, detail."""


def gather(mix: MixFile, spool: Spool, decontaminator: Decontaminator | None) -> Gathered:
    """The rows of every set that may be used, spooled. Raises: `SynthError`."""
    gathered = Gathered(spool)
    for number, (name, wanted) in enumerate(mix.sets.items()):
        left_out = gathered.left_out[name] = Counter()
        choice = Selection(evidence=frozenset(wanted.evidence) or None, min_scores=wanted.min_scores)
        for row in _rows_of(wanted, mix.layout, name):
            gathered.read[name] += 1
            if row is None:
                left_out[UNUSABLE] += 1
            elif not choice.fits(row["evidence"], scores_of(row)):
                left_out[NOT_ASKED] += 1
            elif hit := decontaminator and decontaminator.find(*_searched(row)):
                left_out[CONTAMINATED] += 1
                told = {"set": name, "id": row["id"], "reason": f"decontaminate.{hit.rule}"}
                gathered.contaminated.append(told | {"detail": f"{hit.task}: {hit.text}"})
            else:
                _note(gathered, number, row, mix.unit)
    return gathered


def _note(gathered: Gathered, number: int, row: Row, unit: str) -> None:
    found, content = gathered.found, _encode(row).encode()
    gathered.spool.add(content)
    text, scores = text_of(row), scores_of(row)
    found.sets.append(number)
    found.sizes.append(_tokens_of(row, text) if unit == "tokens" else 1)
    found.passed.append(row["tests_passed"])
    found.scores.append(sum(scores.values()) / len(scores) if scores else 0.0)
    found.lengths.append(len(text))
    found.digests.append(hashed(content))
    found.seeds.append(hashed((row["seed_id"] or row["id"]).encode()))
    found.texts.append(_as_seed(row.get("text") or row["instruction"]))
    found.codes.append(_as_seed(row["code"]))


def _rows_of(wanted: MixSet, layout: Layout, tag: str) -> Iterator[Row | None]:
    """The rows of the sources of a set; `None` for one without text. Raises: `SynthError`."""
    for source in wanted.sources:
        path = Path(source).expanduser()
        if source.startswith("hf:"):
            yield from _others(read_hub(source.removeprefix("hf:")), layout, tag, source)
        elif (path / "samples.parquet").is_file():
            folder = RunFolder(path)
            if "shard" in folder.read_manifest():
                raise MixError(f"{source}: is a shard, not curated yet; `synth merge` the shards and give that run")
            samples = StoredSamples(folder.samples)
            yield from (row_of_sample(s, layout, tag=tag) for s in samples if s.dropped is None)
        elif path.is_dir():
            files = [file for file in files_in(path) if file.suffix in ROW_SUFFIXES]
            if not files:
                raise MixError(f"{source}: no {', '.join(sorted(ROW_SUFFIXES))} file in it; give a run or an export")
            for file in files:
                yield from _others(read_rows(file), layout, tag, source)
        elif path.is_file() and path.suffix in ROW_SUFFIXES:
            yield from _others(read_rows(path), layout, tag, source)
        else:
            known = ", ".join(sorted(ROW_SUFFIXES))
            raise MixError(f"{source}: no run, export or {known} file there; give one, or hf:OWNER/NAME")


def _others(
    rows: Iterator[tuple[str, Mapping[str, Any]]], layout: Layout, tag: str, source: str
) -> Iterator[Row | None]:
    for _, row in rows:
        made = row_of_any(row, layout, tag=tag, source=Path(source).name if "/" in source else source)
        if made is not None and isinstance(tokens := row.get("num_tokens"), int) and tokens > 0:
            made["num_tokens"] = tokens
        yield made


def text_of(row: Row) -> str:
    """All of the row that is trained on."""
    if "text" in row:
        return str(row["text"])
    return "\n".join(message["content"] for message in row["messages"])


def scores_of(row: Row) -> dict[str, float]:
    """The scores of a row; a stranger's column of that name may hold anything."""
    try:
        scores = json.loads(row["scores"])
    except ValueError:
        return {}
    found = scores.items() if isinstance(scores, dict) else ()
    return {name: float(value) for name, value in found if isinstance(value, int | float) and abs(value) < 1e300}


def _searched(row: Row) -> list[str]:
    return [text_of(row), row["code"], *row["testcase"]]


def _tokens_of(row: Row, text: str) -> int:
    return int(row.get("num_tokens") or -(-len(text.encode()) // BYTES_PER_TOKEN))


def hashed(content: bytes) -> int:
    """64 bits of the SHA-256."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8])


def _as_seed(text: str) -> int:
    """The hash of the id that a seed with this text has; 0 for no text."""
    return hashed(hashlib.sha256(text.encode()).hexdigest()[:16].encode()) if text else 0
