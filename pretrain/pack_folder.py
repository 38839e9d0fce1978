"""What a folder of shards holds from before: a manifest, whole shards to go on from, and what has to go.

A shard counts as whole if it was made from the same inputs and passes the checks of opening it, short of reading all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pretrain.errors import ShardError
from pretrain.run_folder import differences
from pretrain.shards import Shard

SCRATCH = ".packing"
"""Where documents are shuffled."""
SUFFIXES = (".json", ".idx", ".bin")


def identity(inputs: dict[str, Any], label: str) -> str:
    """What a shard must have been made from to be taken as it is."""
    own = {key: value for key, value in inputs.items() if key != "files"} | {"files": inputs["files"][label]}
    return json.dumps(own, sort_keys=True)


def read_manifest(out: Path, inputs: dict[str, Any], *, restart: bool) -> dict[str, Any] | None:
    """The manifest in `out`, or `None` where there is none to go by.

    Raises: ShardError where it was packed from other inputs, unless `restart`, or is another stage's.
    """
    path = out / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        if restart:
            return None
        raise ShardError(f"{path}: damaged, got {error!r}; give --restart or another --out") from error
    before = manifest.get("inputs") if isinstance(manifest, dict) else None
    if not isinstance(before, dict) or manifest.get("stage") != "pack":
        raise ShardError(f"{path}: not of `pretrain pack`, another stage's; choose another --out")
    changed = [] if restart else differences(before, inputs)
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ShardError(
            f"{out}: packed from other inputs: {', '.join(changed[:3])}{more}; give --restart or another --out"
        )
    return dict(manifest)


def whole_shards(out: Path, inputs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Label -> facts of those shards that need not be packed again."""
    found: dict[str, dict[str, Any]] = {}
    for label in inputs["files"]:
        try:
            facts = Shard.open(out / label, verify=False).facts
        except ShardError:
            continue
        if facts.get("identity") == identity(inputs, label):
            found[label] = facts
    return found


def clear(out: Path, *, keep: Collection[str]) -> None:
    """Removes all shards but those to keep, and what killed runs left; other files stay."""
    for folder in (out, out / "heldout"):
        for path in folder.glob("*.json"):
            label = path.relative_to(out).with_suffix("").as_posix()
            if label not in keep and path.name != "manifest.json" and _is_shard(path):
                for suffix in SUFFIXES:  # the facts first: without them there is no shard
                    path.with_name(path.stem + suffix).unlink(missing_ok=True)
        for suffix in SUFFIXES:
            for path in folder.glob(f".*{suffix}.*"):  # temporary files of `atomic_file`
                path.unlink()
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    if (out / "heldout").is_dir() and not any((out / "heldout").iterdir()):
        (out / "heldout").rmdir()


def _is_shard(path: Path) -> bool:
    """Whether a JSON file is that of a shard: by what it says or, where it is damaged, by the files beside it."""
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return all(path.with_name(path.stem + suffix).exists() for suffix in SUFFIXES)
    return isinstance(facts, dict) and "sha256_bin" in facts
