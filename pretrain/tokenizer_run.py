"""The tokenizer step of the chain: sample, train, save, compare, and a manifest that says what was done from what."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pretrain.documents import Document, digest, documents, find_sources, sample
from pretrain.errors import TokenizerError
from pretrain.fertility import SMOLLM2, Fertility, by_language, compare, find_tokenizer
from pretrain.tokenizer import LLAMA_CPP_PRE, PATTERN, fingerprint, load_tokenizer, save_tokenizer, train_tokenizer
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

    Raises: TokenizerError, CorpusError; `synth.errors.RunFolderError` for a full disk.
    """
    started = time.monotonic()
    sources = find_sources(data)
    inputs = {
        "data": digest(sources),
        "vocab_size": vocab_size,
        "sample_mb": sample_mb,
        "seed": seed,
        "pattern": PATTERN,
        "tokenizers": version("tokenizers"),
    }
    if not restart and (found := _finished(out, inputs)) is not None:
        say(f"{out}: already finished; --restart does it again")
        return found
    rivals = _rivals(others)
    (out / "manifest.json").unlink(missing_ok=True)
    counted = _Counted(sample(sources, max_bytes=int(sample_mb * 1e6), seed=seed))
    say(f"training {vocab_size:,} tokens on up to {sample_mb:g} MB of {len(sources)} files")
    save_tokenizer(train_tokenizer(counted, vocab_size=vocab_size), out)
    trained_s = time.monotonic() - started
    say(f"trained on {counted.num_bytes / 1e6:.1f} MB in {trained_s:.1f} s; measuring on held-out documents")
    held_out = by_language(documents(sources, held_out=True, seed=seed))
    figures = compare({OURS: load_tokenizer(out)} | rivals, held_out)
    manifest = {
        "stage": "tokenizer",
        "status": "done",
        "inputs": inputs,
        "fingerprint": fingerprint(out),
        "llama_cpp_pre": LLAMA_CPP_PRE,
        "sample": {"documents": counted.num_documents, "bytes": counted.num_bytes},
        "fertility": {language: {name: as_json(one) for name, one in row.items()} for language, row in figures.items()},
        "vocab_sizes": {OURS: vocab_size} | {name: rival.get_vocab_size() for name, rival in rivals.items()},
        "train_seconds": round(trained_s, 2),
        "seconds": round(time.monotonic() - started, 2),
    }
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


def _finished(out: Path, inputs: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest in `out` where that run is done. Raises: TokenizerError where it was made from other inputs."""
    try:
        manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        before = manifest["inputs"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TokenizerError(
            f"{out}/manifest.json: not ours, got {error!r}; give --restart or another --out"
        ) from error
    differing = [key for key in inputs if before.get(key) != inputs[key]]
    if differing:
        raise TokenizerError(
            f"{out}: was trained with another {' and '.join(differing)}; give --restart or another --out"
        )
    whole = (out / "tokenizer.json").is_file() and fingerprint(out) == manifest["fingerprint"]
    return manifest if whole else None


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
