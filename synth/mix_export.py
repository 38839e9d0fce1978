"""A mixture on disk: one folder that `load_dataset` opens whole and by subset, appearing complete or not at all.

`data/` all rows, shuffled; `subsets/NAME/` those of a set; `messages/` conversations as JSON Lines; `README.md`;
`manifest.json` what was mixed and the table; `left_out.jsonl` contaminated rows and twins, each with its reason.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from synth.errors import RunFolderError
from synth.files import atomic_file, writable, write_jsonl
from synth.mix import Mixture, Numbers, compose
from synth.mix_card import MixStats, render_mix_card
from synth.mix_config import MixFile
from synth.mix_rows import Found, Spool
from synth.parquet import ShardSize
from synth.splits import TRAIN, VALIDATION, Form, SplitWriter
from synth.training_rows import columns

MANIFEST = "manifest.json"


def make_mix(
    mix: MixFile,
    out: Path,
    *,
    name: str,
    total: int,
    size: ShardSize,
    command: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The manifest of the mixture in `out`. Raises: `SynthError`."""
    _check_free(out)
    with _staged(out) as stage, Spool(stage) as spool:
        mixture, gathered = compose(mix, total, spool, say)
        stats = MixStats()
        configs = _write_rows(mix, mixture, gathered.found, spool, stage, size, stats)
        ours = version("opencook")
        manifest = {
            "mix": name,
            "about": mix.about,
            "command": command,
            "version": ours,
            "total": total,
            "unit": mix.unit,
            "rows": sum(account.train + account.repeats + account.validation for account in mixture.accounts),
            "largest": mixture.largest,
            "table": [asdict(account) | {"short": account.short} for account in mixture.accounts],
            "settings": mix.model_dump(mode="json"),
        }
        write_jsonl(stage / "left_out.jsonl", mixture.left_out)
        card = render_mix_card(mix, mixture, stats, configs, name=name, version=ours)
        for file_name, text in (("README.md", card), (MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False))):
            with atomic_file(stage / file_name) as file:
                file.write(text.encode() + (b"" if text.endswith("\n") else b"\n"))
    return manifest


def _write_rows(
    mix: MixFile, mixture: Mixture, found: Found, spool: Spool, stage: Path, size: ShardSize, stats: MixStats
) -> dict[str, list[str]]:
    """Configuration -> the splits that have rows; `default` is all of them, shuffled."""
    form = Form.of("default", layout=mix.layout, size=size)
    names = columns(mix.layout)
    configs: dict[str, list[str]] = {}
    seen = np.zeros(len(found), bool)

    def write(config: str, data: Path, split: str, rows: Numbers, messages: Path | None = None) -> None:
        if not len(rows):
            return
        configs.setdefault(config, []).append(split)
        with SplitWriter(data, split, form, messages=messages) as writer:
            for number in rows.tolist():
                row = spool.read(number)
                if config == "default":
                    stats.add(row, split, again=bool(seen[number]))
                    seen[number] = True
                writer.add({column: row[column] for column in names})

    for split, sets in ((TRAIN, mixture.train), (VALIDATION, mixture.validation)):
        write("default", stage / "data", split, mixture.shuffled(found, sets, mix.seed), stage / "messages")
        for name, rows in zip(mix.sets, sets, strict=True):
            write(name, stage / "subsets" / name, split, mixture.shuffled(found, [rows], mix.seed))
    return configs


def _check_free(out: Path) -> None:
    """Raises: `RunFolderError` where something else than a mixture is in `out`."""
    try:
        is_mix = "mix" in json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        is_mix = False
    if out.exists() and not is_mix and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(f"{out}: holds something else than a mixture; choose another --out")


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block ends well, and is gone otherwise."""
    out = out.absolute()
    stage, old = out.with_name(f".{out.name}.partial"), out.with_name(f".{out.name}.old")
    with writable(out):
        if old.exists() and not out.exists():  # of a process that was killed, as is what else lies there
            old.replace(out)
        for left in (stage, old):
            shutil.rmtree(left, ignore_errors=True)
        stage.mkdir(parents=True)
    try:
        yield stage
        with writable(out):
            if out.exists():
                out.replace(old)
            stage.replace(out)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
