"""`synth merge`: the shards of a run as one run folder, with the bytes that one process would have written.

Rows are taken by seed position from one shard after the other and curated in that order, up to the shortest prefix of
the seeds that keeps enough; then the ledgers become one. All of it streams: memory is that of the curation's indexes,
and of one slice of rows for each shard.
Not covered: which seeds a shard cooks (`shards.py`).
"""

from __future__ import annotations

import itertools
import math
import shlex
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth.curator import BENCHMARKS, Curator
from synth.engine import Batch, admitted
from synth.errors import RunFolderError, SynthError
from synth.export import ExportWriter, SamplesWriter, StoredSamples, card_facts, count_stored
from synth.figures import RowStats, RunFacts
from synth.generate import Result
from synth.ledger import Ledger
from synth.ledger_file import readable
from synth.report import write_report
from synth.runs import RunFolder, collect_facts, outcome
from synth.sample import Sample
from synth.shards import Shard
from synth.splits import Form

ALIKE = (
    "recipe",
    "about",
    "subset",
    "layout",
    "seeds_source",
    "teacher",
    "judge",
    "locale",
    "languages",
    "against",
    "seed",
)
"""What the manifests of all shards must say alike, beside the recipe's files and the version."""
SLICE = 256
"""Rows curated at once."""
LEDGER_SLICE = 10_000
"""Rows of a ledger in one transaction: the write-ahead log stays small."""


class TooFewRows(SynthError):
    """The seeds that all shards have cooked keep fewer rows than wanted."""

    def __init__(self, message: str, batch: Batch) -> None:
        super().__init__(message)
        self.batch = batch
        """Of those seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A shard that was cooked."""

    folder: RunFolder
    shard: Shard
    facts: dict[str, Any]
    """Its manifest."""

    @property
    def num_rows(self) -> int:
        """Rows it has, kept and dropped."""
        funnel = self.facts["funnel"]
        return int(funnel["seeds"] - funnel["unfinished"])

    def __str__(self) -> str:
        """As one names it in a message."""
        return f"{self.folder.path} (shard {self.shard})"


def open_parts(folders: Sequence[Path]) -> list[Part]:
    """The shards in `folders` in their order, all there and made alike.

    Raises:
        SynthError: they are not; one line that says what to run.
    """
    found = [_open(folder) for folder in folders if RunFolder(folder).manifest.exists()]
    unwritten = [folder for folder in folders if not RunFolder(folder).manifest.exists()]
    if not found:
        raise RunFolderError(
            f"{unwritten[0] if unwritten else '.'}: no finished shard (no manifest.json); run it first"
        )
    parts = sorted(found, key=lambda part: part.shard)
    first = parts[0]
    for one, other in itertools.pairwise(parts):
        if one.shard.count != other.shard.count:
            raise RunFolderError(f"{one} and {other}: not parts of one whole; merge the shards of one N")
        if one.shard == other.shard:
            raise RunFolderError(f"{one} and {other}: the same part twice; leave one out")
    for part in parts[1:]:
        _check_alike(first, part)
    there = {part.shard.index for part in parts}
    if missing := [Shard(index, first.shard.count) for index in range(first.shard.count) if index not in there]:
        where = f"{', '.join(map(str, unwritten))}: not finished" if unwritten else f"{len(missing)} shards not there"
        raise RunFolderError(f"{where}; {_run_again(first, missing)}, then merge all {first.shard.count}")
    return parts


def _open(path: Path) -> Part:
    folder = RunFolder(path)
    facts = folder.read_manifest()
    if "shard" not in facts:
        raise RunFolderError(f"{path}: is no shard but a whole run; merge folders that generate --shard wrote")
    part = Part(folder=folder, shard=Shard.parse(facts["shard"]), facts=facts)
    num_rows = count_stored(folder.samples)
    if num_rows != part.num_rows:
        raise RunFolderError(
            f"{folder.samples}: has {num_rows:,} rows where the manifest tells of {part.num_rows:,}; "
            f"{_run_again(part, [part.shard])}"
        )
    return part


def _check_alike(one: Part, other: Part) -> None:
    """Raises: `RunFolderError` where the two were not made from the same things."""
    for name in ALIKE:
        if one.facts.get(name) != other.facts.get(name):
            said = f"{other.facts.get(name)!r} here and {one.facts.get(name)!r} in {one}"
            raise RunFolderError(f"{other}: another {name.replace('_', ' ')}, {said}; cook one of them again")
    mine, theirs = one.facts["files"], other.facts["files"]
    if changed := [name for name in sorted(mine.keys() | theirs.keys()) if mine.get(name) != theirs.get(name)]:
        raise RunFolderError(
            f"{other}: {', '.join(changed)} of the recipe changed since {one}; run the commands of all shards again "
            "(only what changed is asked again)"
        )
    version, current = other.facts["versions"]["opencook"], one.facts["versions"]["opencook"]
    if version != current:
        raise RunFolderError(f"{other}: opencook {version} here and {current} in {one}; run both with one version")
    mine, theirs = one.facts["seeds_digests"], other.facts["seeds_digests"]
    if changed := [number for number in mine if theirs.get(number, mine[number]) != mine[number]]:
        raise RunFolderError(
            f"{other}: its seeds are not those of {one}, though both are {one.facts['seeds_source']}: the first "
            f"{min(map(int, changed)):,} differ; run the commands of all shards again"
        )


class Interleaved:
    """The rows of all shards by seed position, up to the first position that has no row."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self.seeds = 0
        """Rows given so far."""
        self.gap: Part | None = None
        """The shard that has no further row, once they ended."""

    def __iter__(self) -> Iterator[Sample]:
        streams = [iter(StoredSamples(part.folder.samples)) for part in self._parts]
        for part, stream in itertools.cycle(zip(self._parts, streams, strict=True)):
            sample = next(stream, None)
            if sample is None:
                self.gap = part
                self._check_end(part, streams)
                return
            self.seeds += 1
            yield sample

    def _check_end(self, gap: Part, streams: Sequence[Iterator[Sample]]) -> None:
        """Raises: `RunFolderError` for rows past the end of the seeds."""
        for part, stream in zip(self._parts, streams, strict=True):
            if gap.facts["complete"] and next(stream, None) is not None:
                raise RunFolderError(
                    f"{part}: has rows past the {self.seeds:,} seeds that {gap} found; give both the same seeds, then "
                    "run their commands again"
                )


def merge(
    folders: Sequence[Path],
    out: Path,
    *,
    rows: int | None,
    command: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """The run in `out` that the shards make together: `rows` kept ones, or all.

    Raises:
        TooFewRows: the shards must cook more seeds; nothing is written.
        SynthError: they do not fit together, or cannot be read; one line.
    """
    parts = open_parts(folders)
    folder = RunFolder(out)
    form = Form.of_manifest(parts[0].facts)
    batch, stats = Batch(), RowStats()
    with Ledger(folder.path) as ledger:
        with SamplesWriter(folder.samples) as samples, ExportWriter(folder.export, form) as export:
            say(f"rows of {len(parts)} shards")
            for sample in _prefix(parts, rows, batch):
                samples.add(sample)
                export.add(sample)
                stats.add(sample)
        for part in parts:
            say(f"ledger of shard {part.shard}")
            differing = merge_ledger(ledger.path, part.folder.path / "ledger.sqlite")
            if differing:
                say(
                    f"{part}: {differing:,} calls were made by another shard too and answered otherwise; its rows keep "
                    "the answer they came from, the ledger the other"
                )
        ledger.note_progress({"kept": batch.num_kept, "dropped": dict(batch.dropped), "seeds": batch.seeds})
        facts = _facts(parts[0], folder, ledger, command)
    about = parts[0].facts["about"]
    against = _against(parts[0].facts)
    export.write_card(card_facts(form, recipe=facts.recipe, about=about, funnel=batch.funnel, against=against))
    stored = StoredSamples(folder.samples)
    with Ledger(folder.path, read_only=True) as ledger:
        write_report(folder.report, stored, batch.funnel, facts, ledger=ledger)
    folder.write_manifest(_manifest(parts, rows, batch, facts))
    return Result(folder=folder, batch=batch, facts=facts, samples=stored, stats=stats)


def _prefix(parts: Sequence[Part], rows: int | None, batch: Batch) -> Iterator[Sample]:
    """The rows of the shortest prefix that keeps `rows`, curated and counted in `batch`.

    Raises:
        TooFewRows: it ends neither there, nor with the seeds, nor at a limit.
    """
    interleaved = Interleaved(parts)
    for sample in _curated(interleaved, _against(parts[0].facts)):
        batch.count(sample)
        yield sample
        if rows is not None and batch.num_kept >= rows:
            return
    gap = interleaved.gap
    assert gap is not None, "the rows came to an end"
    if gap.facts["stopped_by"]:
        batch.stop(f"shard {gap.shard}: {gap.facts['stopped_by']}")
    elif not gap.facts["complete"]:
        raise TooFewRows(_advice(parts, rows, batch), batch)


def _against(facts: dict[str, Any]) -> Sequence[str]:
    """The benchmarks that a run is kept clear of."""
    return facts.get("against") or BENCHMARKS


def _curated(samples: Iterable[Sample], against: Sequence[str]) -> Iterator[Sample]:
    """The rows in order, contaminated ones and duplicates dropped."""
    curator, rows = Curator(against), iter(samples)
    while chunk := list(itertools.islice(rows, SLICE)):
        yield from admitted(chunk, curator.admit_many)


def _advice(parts: Sequence[Part], rows: int | None, batch: Batch) -> str:
    """What to run, so that the shards reach far enough at the yield seen so far."""
    first = parts[0]
    wanted = [part.facts["rows"] for part in parts]
    if rows is None or None in wanted:
        short = [part.shard for part in parts if not part.facts["complete"]]
        said = f"{first.folder.path.parent}: {len(short)} of {len(parts)} shards have not cooked all their seeds"
        return f"{said}; {_run_again(first, short)} without --rows, or give this command --rows"
    more_seeds = batch.seeds_for(rows)
    seeds = batch.seeds + more_seeds + math.isqrt(more_seeds)  # half of the time the expected number is too few
    short = [part.shard for part in parts if part.num_rows < part.shard.num_seeds(seeds)]
    more = math.ceil(max(wanted) * seeds / max(batch.seeds, 1)) + len(parts)
    return (
        f"{first.folder.path.parent}: the first {batch.seeds:,} seeds, which all shards have cooked, keep "
        f"{batch.num_kept:,} of {rows:,} rows; {_run_again(first, short, rows=more)}, then this command"
    )


def _run_again(part: Part, shards: Sequence[Shard], rows: int | None = None) -> str:
    """`run ... --shard 3/8`, after the command of `part`; for several shards also which."""
    words = _without(shlex.split(part.facts["command"]), "--shard", "--rows" if rows is not None else "--shard")
    more = [] if rows is None else ["--rows", str(rows)]
    if len(shards) == 1:
        return f"run `{shlex.join([*words, *more, '--shard', str(shards[0])])}`"
    named = ", ".join(str(shard.index) for shard in shards)
    return f"run `{shlex.join([*words, *more])} --shard I/{part.shard.count}` for I = {named}"


def _without(words: list[str], *flags: str) -> list[str]:
    """The words of a command without `flags` and their values."""
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] in flags:
            kept.pop()
        elif not any(word.startswith(f"{flag}=") for flag in flags):
            kept.append(word)
    return kept


def merge_ledger(into: Path, source: Path) -> int:
    """How many completions both had under one key with different texts; `into` has all facts of both afterwards.

    What `into` has under a key stays. Raises: `RunFolderError`.
    """
    if not source.exists():
        raise RunFolderError(f"{source}: not there; the rows of this shard came from it, so put it back")
    differing = 0
    with readable(into), closing(sqlite3.connect(into.absolute().as_uri(), uri=True, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA cache_size=-65536")
        with readable(source):
            db.execute("ATTACH ? AS part", (f"{source.absolute().as_uri()}?mode=ro",))
            spans = [(table, _spans(db, table)) for table in ("completions", "verdicts")]
        (differing,) = db.execute(
            "SELECT count(*) FROM part.completions AS p JOIN main.completions AS m USING (key) WHERE p.text != m.text"
        ).fetchone()
        for table, starts in spans:
            for start in starts:
                db.execute(
                    f"INSERT OR IGNORE INTO main.{table} SELECT * FROM part.{table} WHERE rowid >= ? AND rowid < ?",
                    (start, start + LEDGER_SLICE),
                )
        # One session a row, as its process last knew it: merging twice adds no time.
        db.execute("DELETE FROM main.sessions WHERE started IN (SELECT started FROM part.sessions)")
        db.execute("INSERT INTO main.sessions(started, last_seen) SELECT started, last_seen FROM part.sessions")
    return int(differing)


def _spans(db: sqlite3.Connection, table: str) -> range:
    """The first row numbers of slices that cover a table of the attached ledger."""
    first, last = db.execute(f"SELECT min(rowid), max(rowid) FROM part.{table}").fetchone()
    return range(0) if first is None else range(first, last + 1, LEDGER_SLICE)


def _facts(part: Part, folder: RunFolder, ledger: Ledger, command: str) -> RunFacts:
    named = {name: part.facts[name] for name in ("recipe", "teacher", "seeds_source")}
    return collect_facts(folder, ledger.spent(), command=command, **named)


def _manifest(parts: Sequence[Part], rows: int | None, batch: Batch, facts: RunFacts) -> dict[str, Any]:
    """That of the first shard, with what holds of the whole in place of what holds of a part."""
    common = {
        name: value for name, value in parts[0].facts.items() if name not in ("shard", "complete", "seeds_digests")
    }
    whole = outcome(facts, batch.funnel, rows=rows, stopped_by=batch.stopped_by)
    return common | whole | {"shards": len(parts)}
