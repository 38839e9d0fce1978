"""`synth export`: the training set of a finished run anew, with another choice of rows, from `samples.parquet`.

No teacher, no sandbox: what was dropped and why is in the file. Rows that verification dropped can be put back, to
measure what verification is worth; they are curated as if they had passed, after those that did.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from synth.curator import BENCHMARKS, Curator
from synth.errors import RunFolderError
from synth.export import ExportWriter, StoredSamples, card_facts
from synth.parquet import ShardSize
from synth.runs import RunFolder
from synth.sample import Funnel, Sample
from synth.selection import Selection, is_unverified
from synth.splits import Form

SLICE = 256
"""Rows curated at once."""


def export_again(run: Path, out: Path, selection: Selection, size: ShardSize) -> dict[str, Any]:
    """What went into `out`, as plain data. Raises: `RunFolderError`."""
    folder = RunFolder(run)
    facts = folder.read_manifest()
    if "shard" in facts:
        raise RunFolderError(f"{run}: is a shard, not curated yet; `synth merge` the shards and export that run")
    form = Form.of_manifest(facts, size=size)
    against = facts.get("against") or BENCHMARKS
    samples: Iterable[Sample] = StoredSamples(folder.samples)
    if selection.with_unverified:
        samples = put_back(samples, against)
    rows, unverified = 0, 0
    with ExportWriter(out, form, selection) as writer:
        for sample in samples:
            writer.add(sample)
            if selection.takes(sample):
                rows += 1
                unverified += sample.dropped is not None
    funnel = Funnel(**facts["funnel"])
    about = facts.get("about", "")
    writer.write_card(
        card_facts(form, recipe=facts["recipe"], about=about, funnel=funnel, selection=selection, against=against)
    )
    told = {"run": str(run), "out": str(out), "subset": form.subset, "selection": str(selection)}
    return told | {"rows": rows, "kept_in_run": funnel.kept, "put_back": unverified}


def put_back(samples: Iterable[Sample], against: Sequence[str] = BENCHMARKS) -> Iterator[Sample]:
    """The samples in order, where of those that only verification dropped the twins of others are dropped as such.

    `samples` is gone through three times.
    """
    curator = Curator(against)
    for chunk in _chunks(sample for sample in samples if sample.dropped is None):
        curator.admit_many(chunk)
    judged = {}
    for chunk in _chunks(sample for sample in samples if is_unverified(sample)):
        passed = [dataclasses.replace(sample, dropped=None, detail="") for sample in chunk]
        for sample, again in zip(chunk, curator.admit_many(passed), strict=True):
            if again.dropped is not None:
                judged[sample.id] = again
    for sample in samples:
        yield judged.get(sample.id, sample) if is_unverified(sample) else sample


def _chunks(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    rows = iter(samples)
    while chunk := list(itertools.islice(rows, SLICE)):
        yield chunk
