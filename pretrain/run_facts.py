"""What a run of the chain left on disk, read so that nothing missing, cut off or damaged can stop the reading."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pretrain.errors import RunFolderError

STAGES = (
    "corpus",
    "tokenizer",
    "shards",
    "pretrain",
    "synth/starter",
    "synth/library",
    "synth/educational",
    "synth/shards",
    "anneal",
    "base",
    "stage1",
    "stage2",
    "eval",
    "eval/chat-base",
    "eval/chat-stage2",
)
"""Folders of a run in the order of the chain."""

Status = Literal["done", "running", "failed", "interrupted", "unfinished", "damaged", "not run"]
"""As the manifest says, or what the folder tells without one."""
SAID: dict[Any, Status] = {"done": "done", "running": "running", "failed": "failed", "interrupted": "interrupted"}
MAX_LINES = 200_000
"""Of one `metrics.jsonl`, the newest."""


@dataclass(frozen=True, slots=True)
class StageFacts:
    """One stage as it stands on disk."""

    name: str
    status: Status
    manifest: dict[str, Any]
    metrics: list[dict[str, Any]]

    @property
    def seconds(self) -> float | None:
        """Wall clock, where the stage says so."""
        told = number(self.manifest, "seconds")
        return told if told is not None else _between(self.manifest.get("started"), self.manifest.get("finished"))

    @property
    def command(self) -> str:
        """What was run; empty where the stage does not say."""
        told = self.manifest.get("command", "")
        if isinstance(told, list):
            words = [str(word) for word in told]
            return shlex.join([Path(words[0]).name, *words[1:]]) if words else ""
        return told if isinstance(told, str) else ""


def read_run(folder: Path) -> dict[str, StageFacts]:
    """Stage name -> its facts, for every stage of the chain.

    Raises: RunFolderError where the folder holds none of them.
    """
    facts = {name: read_stage(folder, name) for name in STAGES}
    if all(stage.status == "not run" for stage in facts.values()):
        raise RunFolderError(f"{folder}: holds no stage of a run; give the folder that pretrain/launch.sh made")
    return facts


def read_stage(folder: Path, name: str) -> StageFacts:
    """The facts of one stage; a damaged manifest is a status, not an error."""
    path = folder / name
    metrics = read_metrics(path / "metrics.jsonl")
    if not path.is_dir():
        return StageFacts(name, "not run", {}, [])
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        begun = any(child.name not in _children(name) for child in path.iterdir())
        return StageFacts(name, "unfinished" if begun else "not run", {}, metrics)
    except (OSError, ValueError, RecursionError):
        return StageFacts(name, "damaged", {}, metrics)
    if not isinstance(manifest, dict):
        return StageFacts(name, "damaged", {}, metrics)
    return StageFacts(name, _status(manifest.get("status", "done")), manifest, metrics)


def _status(said: Any) -> Status:
    """The status that a manifest says; one that nobody knows is no end."""
    return SAID.get(said, "unfinished") if isinstance(said, str) else "unfinished"


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of a `metrics.jsonl`; a line that is cut off or no object is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")  # splitlines cuts at U+2028 too
    except OSError:
        return []
    records = []
    for line in lines[-MAX_LINES:]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def number(value: Any, *path: str) -> float | None:
    """The finite number at `path` in nested mappings; `None` where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        figure = float(value)
    except OverflowError:  # JSON knows whole numbers of any size
        return None
    return figure if math.isfinite(figure) else None


def numbers(value: Any, *path: str) -> dict[str, float]:
    """Key -> finite number of the mapping at `path`; what is no number is left out."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping):
        return {}
    found = {str(key): number(value, key) for key in value}
    return {key: figure for key, figure in found.items() if figure is not None}


def flatten(value: Any, prefix: str = "", depth: int = 4) -> dict[str, float]:
    """Every finite number in nested mappings under its dotted name."""
    if not isinstance(value, Mapping) or not depth:
        figure = number(value)
        return {} if figure is None else {prefix: figure}
    found: dict[str, float] = {}
    for key, inner in value.items():
        found |= flatten(inner, f"{prefix} · {key}" if prefix else str(key), depth - 1)
    return found


def _children(name: str) -> set[str]:
    """The folders inside a stage's folder that are stages of their own."""
    return {other.split("/")[1] for other in STAGES if other.startswith(f"{name}/")}


def _between(started: Any, finished: Any) -> float | None:
    try:
        return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
    except (TypeError, ValueError):
        return None
