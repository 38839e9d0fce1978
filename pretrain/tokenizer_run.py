"""The tokenizer step of the chain: sample, train, save, compare, and a manifest that says what was done from what."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pretrain.documents import Document, Source, digest, documents, find_sources, sample
from pretrain.errors import ConfigError, TokenizerError, require_train_extra
from pretrain.fertility import SMOLLM2, Fertility, by_language, compare, find_tokenizer
from pretrain.run_folder import hold_folder
from pretrain.tokenizer import (
    FILES,
    LLAMA_CPP_PRE,
    PATTERN,
    fingerprint,
    load_tokenizer,
    save_tokenizer,
    train_tokenizer,
)
from sandbox.console import command_line
from synth.files import atomic_file

OURS = "ours"


def build_tokenizer(
    data: Sequence[Path],
    out: Path,
    *,
    vocab_size: int,
    sample_mb: float,
    others: Sequence[str] = (),
    seed: int = 0,
    restart: bool = False,
) -> dict[str, Any]:
    """The manifest of the tokenizer in `out`, trained now or, from the same inputs, before.

    A finished one is only compared with those of `others` that it was not compared with before.
    Raises: ConfigError, TokenizerError, CorpusError, RunFolderError; `synth.errors.RunFolderError` for a full disk.
    """
    require_train_extra()
    if not 0 < sample_mb < math.inf:  # false of NaN too, which the parser lets through
        raise ConfigError(f"--sample-mb: must be more than 0 and finite, got {sample_mb}; change it")
    if OURS in others:
        raise TokenizerError(f"--compare {OURS}: a name of this table; write ./{OURS} for a folder of that name")
    sources = find_sources(data)
    inputs = {
        "data": digest(sources),
        "vocab_size": vocab_size,
        "sample_mb": sample_mb,
        "seed": seed,
        "pattern": PATTERN,
        "tokenizers": version("tokenizers"),
    }
    with hold_folder(out):
        found = _finished(out, inputs, restart=restart)
        if found is None:
            return _write(out, _build(sources, out, inputs, others))
        new = [name for name in others if name not in found["vocab_sizes"]]
        if not new:
            say(f"{out}: already finished; --restart does it again")
            return found
        say(f"{out}: already finished; comparing with {', '.join(new)}")
        rivals = {name: find_tokenizer(name) for name in new}
        return _write(out, _with_rivals(found, rivals, load_tokenizer(out), sources, seed))


def _build(sources: Sequence[Source], out: Path, inputs: dict[str, Any], others: Sequence[str]) -> dict[str, Any]:
    """The manifest of the tokenizer trained now."""
    started = time.monotonic()
    rivals = _rivals(others)
    (out / "manifest.json").unlink(missing_ok=True)
    sample_mb, vocab_size, seed = inputs["sample_mb"], inputs["vocab_size"], inputs["seed"]
    counted = _Counted(sample(sources, max_bytes=int(sample_mb * 1e6), seed=seed))
    say(f"training {vocab_size:,} tokens on up to {sample_mb:g} MB of {len(sources)} files")
    save_tokenizer(train_tokenizer(counted, vocab_size=vocab_size), out)
    trained_s = time.monotonic() - started
    say(f"trained on {counted.num_bytes / 1e6:.1f} MB in {trained_s:.1f} s; measuring on held-out documents")
    manifest = {
        "stage": "tokenizer",
        "status": "done",
        "command": command_line(),
        "inputs": inputs,
        "fingerprint": fingerprint(out),
        "llama_cpp_pre": LLAMA_CPP_PRE,
        "sample": {"documents": counted.num_documents, "bytes": counted.num_bytes},
    }
    manifest = _with_rivals(manifest, rivals, load_tokenizer(out), sources, seed)
    return manifest | {"train_seconds": round(trained_s, 2), "seconds": round(time.monotonic() - started, 2)}


def _with_rivals(
    manifest: dict[str, Any], rivals: dict[str, Any], ours: Any, sources: Sequence[Source], seed: int
) -> dict[str, Any]:
    """The manifest with figures on held-out documents: ours, these rivals', and those it has."""
    figures = compare({OURS: ours} | rivals, by_language(documents(sources, held_out=True, seed=seed)))
    before = manifest.get("fertility", {})
    sizes = {name: one.get_vocab_size() for name, one in ({OURS: ours} | rivals).items()}
    return manifest | {
        "fertility": {
            language: before.get(language, {}) | {name: as_json(one) for name, one in row.items()}
            for language, row in figures.items()
        },
        "vocab_sizes": manifest.get("vocab_sizes", {}) | sizes,
    }


def _write(out: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    with atomic_file(out / "manifest.json") as file:
        file.write(json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n")
    return manifest


class _Counted:
    """The texts of documents, counted as they pass."""

    def __init__(self, found: Iterator[Document]) -> None:
        self._found = found
        self.num_documents = self.num_bytes = 0

    def __iter__(self) -> Iterator[str]:
        for document in self._found:
            self.num_documents += 1
            self.num_bytes += len(document.text.encode())
            yield document.text


def _finished(out: Path, inputs: dict[str, Any], *, restart: bool) -> dict[str, Any] | None:
    """The manifest in `out` where that run is done and its files are there, unless `restart` asks for it again.

    Raises: TokenizerError where it was made from other inputs, or is another stage's.
    """
    path = out / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        if restart:
            return None
        raise TokenizerError(f"{path}: damaged, got {error!r}; give --restart or another --out") from error
    before = manifest.get("inputs") if isinstance(manifest, dict) else None
    if not isinstance(before, dict) or manifest.get("stage") != "tokenizer":
        raise TokenizerError(f"{path}: not of `pretrain tokenizer`, another stage's; choose another --out")
    if restart:
        return None
    differing = [key for key in inputs if before.get(key) != inputs[key]]
    if differing:
        raise TokenizerError(
            f"{out}: was trained with another {' and '.join(differing)}; give --restart or another --out"
        )
    whole = all((out / name).is_file() for name in FILES) and fingerprint(out) == manifest.get("fingerprint")
    return manifest if whole and "vocab_sizes" in manifest and "fertility" in manifest else None


def _rivals(others: Sequence[str]) -> dict[str, Any]:
    """Name -> tokenizer; without a wish SmolLM2's, where it is in the cache."""
    if others:
        return {name: find_tokenizer(name) for name in others}
    try:
        return {SMOLLM2: find_tokenizer(SMOLLM2)}
    except TokenizerError as error:
        say(f"no tokenizer to compare with: {error}")
        return {}


def as_json(one: Fertility) -> dict[str, float]:
    """The figures as the manifest holds them."""
    return {"bytes": one.num_bytes, "tokens": one.num_tokens, "bytes_per_token": round(one.bytes_per_token, 3)}


def print_table(manifest: dict[str, Any]) -> None:
    """Nothing; the fertility table of a manifest on stdout."""
    from rich.console import Console
    from rich.table import Table

    sizes = manifest["vocab_sizes"]
    table = Table("language", "held-out kB", title="bytes per token (more is better)")
    for name, size in sizes.items():
        table.add_column(f"{Path(name).name} ({size:,})", justify="right")
    for language, row in manifest["fertility"].items():
        kilobytes = f"{row[OURS]['bytes'] / 1000:,.1f}"
        table.add_row(language, kilobytes, *(f"{row[name]['bytes_per_token']:.3f}" for name in sizes))
    Console().print(table)


def say(text: str) -> None:
    """Nothing; one line on stderr."""
    print(f"pretrain: {text}", file=sys.stderr, flush=True)
