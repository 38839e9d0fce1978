"""What a base model learnt: bits per byte by language, valid Python, pass@k, and what costs nothing beside it.

With `baseline`, on the very same documents: an untrained model of that shape, a token n-gram, zlib and xz. The n-gram
has read as many training tokens as the model (at most `baselines.NGRAM_TOKENS`), of every shard its share. pass@k is
`finetune eval --mode base`, run as a command. Imports nothing heavy: a finished evaluation says so at once.
Not covered: chat models, which `finetune eval` measures.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pretrain.errors import CheckpointError, PretrainError, RunFolderError
from pretrain.run_folder import RunFolder, differences, hold_folder, read_inputs
from sandbox.console import INTERRUPTED, command_line

if TYPE_CHECKING:
    from pretrain.heldout import Score


def evaluate(
    model: Path,
    *,
    shards: Sequence[Path],
    benchmark: str | None = None,
    limit: int | None = None,
    baseline: bool = False,
    max_tokens: int = 262_144,
    prompts: int = 100,
    batch: int = 8,
    out: Path | None = None,
    restart: bool = False,
) -> dict[str, Any]:
    """The manifest of the finished evaluation in `out`; `model` is an export, a run folder or a checkpoint.

    Raises: PretrainError.
    """
    started = time.perf_counter()
    out = out or model.parent / "eval"
    with hold_folder(out) as folder:
        exported = _exported(model, out, restart=restart)
        options = {"benchmark": benchmark, "limit": limit, "baseline": baseline, "max_tokens": max_tokens}
        inputs = {"weights": _weights_hash(exported), "prompts": prompts} | options | _text_inputs(shards, exported)
        manifest = None if restart else _finished(folder, inputs)
        if manifest is not None:
            return manifest
        tokens_seen = _tokens_seen(exported)
        manifest = {"stage": "eval", "status": "done", "command": command_line(), "inputs": inputs}
        manifest["model"] = str(exported)
        if benchmark is not None:  # before the rest: a missing engine is told at once, and what it did is kept
            at = out / f"{benchmark}-base"
            manifest["benchmark"] = run_benchmark(exported, benchmark, at, limit=limit, restart=restart)
        manifest |= measure(
            exported,
            shards,
            tokens_seen=tokens_seen,
            baseline=baseline,
            max_tokens=max_tokens,
            num_prompts=prompts,
            batch=batch,
        )
        manifest["seconds"] = round(time.perf_counter() - started, 1)
        folder.write_manifest(manifest)
        return manifest


def measure(
    model_folder: Path,
    shard_folders: Sequence[Path],
    *,
    tokens_seen: int | None,
    baseline: bool,
    max_tokens: int,
    num_prompts: int,
    batch: int,
) -> dict[str, Any]:
    """The figures that need no benchmark. `tokens_seen` is what the model was trained on, `None` if nobody knows."""
    from pretrain import heldout
    from pretrain.baselines import compressors, train_ngram
    from pretrain.continuations import load_base, valid_python
    from pretrain.shards import open_heldout
    from pretrain.tokenizer import fingerprint, load_tokenizer

    loaded = load_base(model_folder)
    vocab_size = loaded.model.config.vocab_size
    held = open_heldout(list(shard_folders), tokenizer=fingerprint(model_folder), vocab_size=vocab_size)
    sizes = heldout.token_bytes(model_folder)

    def score(model: Any) -> dict[str, Score]:
        return {
            name: heldout.score_shard(
                model,
                shard,
                token_bytes=sizes,
                context=loaded.context,
                batch=batch,
                max_tokens=max_tokens,
                device=model.device,
            )
            for name, shard in held.items()
        }

    _say(f"bits per byte on {', '.join(held)}")
    scores = score(loaded.model)
    weights = {name: scored.text_bytes for name, scored in scores.items()}
    result: dict[str, Any] = {
        "heldout_bits_per_byte": _with_all({name: scored.bits_per_byte for name, scored in scores.items()}, weights),
        "heldout": {
            name: {"documents": scored.documents, "tokens": scored.tokens, "bytes": scored.text_bytes}
            for name, scored in scores.items()
        },
        "context": loaded.context,
    }
    ngram = None
    if baseline:
        _say("baselines on the same documents")
        ngram, num_tokens = train_ngram(shard_folders, vocab_size=vocab_size, tokens_seen=tokens_seen)
        documents = {name: heldout.first_documents(shard, max_tokens) for name, shard in held.items()}
        baselines = {
            "untrained": {name: scored.bits_per_byte for name, scored in score(loaded.untrained()).items()},
            "ngram": {
                name: ngram.bits_per_byte(shard.tokens, token_bytes=sizes, max_tokens=max_tokens)
                for name, shard in held.items()
            },
            **compressors(documents, load_tokenizer(model_folder)),
        }
        result["baselines"] = {name: _with_all(values, weights) for name, values in baselines.items()}
        result["ngram_tokens"] = num_tokens
        whole = result["heldout_bits_per_byte"]["all"]
        result["share_of"] = {name: round(whole / values["all"], 4) for name, values in result["baselines"].items()}
    if "python" in held:
        _say(f"completing {num_prompts} held-out functions")
        result["valid_python"] = valid_python(loaded, held["python"], ngram, num_prompts=num_prompts, batch=batch)
    return result


def run_benchmark(
    model: Path, benchmark: str, out: Path, *, limit: int | None, restart: bool = False
) -> dict[str, Any]:
    """The manifest of `finetune eval --mode base` on this model.

    Raises: PretrainError where it fails, KeyboardInterrupt where it was interrupted.
    """
    command = [sys.executable, "-m", "finetune.cli", "eval", "--model", str(model), "--benchmark", benchmark]
    command += ["--mode", "base", "--out", str(out), "--json", *(["--limit", str(limit)] if limit else [])]
    command += ["--restart"] if restart else []
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False
    )  # it tells its progress on our stderr
    if done.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if done.returncode != 0:
        raise PretrainError(f"finetune eval: ended with {done.returncode}, as told above; mend it and run this again")
    return dict(json.loads(done.stdout))


def _with_all(values: Mapping[str, float], weights: Mapping[str, int]) -> dict[str, float]:
    """The values and, as `all`, their mean by bytes."""
    bits = sum(values[name] * weights[name] for name in values)
    return {name: round(value, 4) for name, value in values.items()} | {"all": round(bits / sum(weights.values()), 4)}


def _exported(model: Path, out: Path, *, restart: bool) -> Path:
    """The folder of the exported model: `model` itself, or an export of that run in `out`."""
    if (model / "config.json").is_file():
        return model
    if not model.is_dir():
        raise CheckpointError(f"{model}: no such folder; give an exported model, a run or a checkpoint")
    from pretrain.export import export

    export(model, out / "model", dtype="fp32", restart=restart)
    return out / "model"


def _tokens_seen(exported: Path) -> int | None:
    """What its manifest says; `None` for a model that `pretrain export` did not write."""
    try:
        return int(json.loads((exported / "manifest.json").read_text(encoding="utf-8"))["tokens"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _weights_hash(exported: Path) -> str:
    """SHA-256 over the weights. Raises: CheckpointError where there are none."""
    digest = hashlib.sha256()
    found = sorted(exported.glob("*.safetensors"))
    if not found:
        raise CheckpointError(f"{exported}: no *.safetensors in it; give an exported model, a run or a checkpoint")
    for path in found:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _text_inputs(shards: Sequence[Path], tokenizer: Path) -> dict[str, str]:
    """Hashes of the tokenizer, of what the n-gram reads and of what all are measured on.

    Raises: RunFolderError where nothing is held out; ShardError, TokenizerError.
    """
    from pretrain.shards import open_heldout
    from pretrain.tokenizer import fingerprint

    held = open_heldout(list(shards), tokenizer=fingerprint(tokenizer), verify=False)
    if not held:
        raise RunFolderError(f"{shards[0]}: no heldout folder in it; pack a corpus that holds packages out")
    hashes = {f"held-out {name}": shard.facts["sha256_bin"] for name, shard in held.items()}
    return read_inputs(shards, tokenizer) | hashes


def _finished(folder: RunFolder, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The manifest, where the evaluation is there already. Raises: RunFolderError where it is of something else."""
    manifest = folder.read_manifest()
    if manifest is None:
        return None
    changed = differences(manifest.get("inputs", {}), inputs)
    if changed:
        raise RunFolderError(
            f"{folder.path}: holds another evaluation: {', '.join(changed[:5])}; --restart begins anew, another --out "
            "keeps both"
        )
    _say(f"{folder.path}: already finished; --restart begins anew")
    return manifest


def _say(text: str) -> None:
    print(f"pretrain: {text}", file=sys.stderr, flush=True)
