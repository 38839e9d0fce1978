"""A checkpoint as a Hugging Face model folder: weights, tokenizer, generation settings and a model card.

<out>/config.json, model.safetensors, generation_config.json, tokenizer.json, ..., README.md
<out>/model.gguf       with `gguf` (`gguf_file.py`)
<out>/manifest.json    written last: with it the export is finished
Files are made in `.staged` and moved when all are there. Imports nothing heavy: a finished export says so at once.
Not covered: quantised weights, sending to a hub.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pretrain.config import Preset, make_preset
from pretrain.errors import CheckpointError, RunFolderError, TokenizerError
from pretrain.model import llama_config
from pretrain.run_folder import RunFolder, differences, find_checkpoint, hold_folder, read_meta
from pretrain.tokenizer import END_OF_TEXT, IM_END, fingerprint, load_tokenizer
from sandbox.console import command_line

Dtype = Literal["bf16", "fp32"]
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
REPLACED = ("manifest.json", "config.json", "model*.safetensors*", "model.gguf")
"""What an export that is written over another takes away first: half of each must not look like a model."""


def export(
    source: Path,
    out: Path,
    *,
    dtype: Dtype = "bf16",
    gguf: bool = False,
    tokenizer: Path | None = None,
    restart: bool = False,
) -> dict[str, Any]:
    """The manifest of the finished export in `out`; `source` is a run folder or a checkpoint.

    Raises: PretrainError.
    """
    started = time.perf_counter()
    found = find_checkpoint(source)
    meta = read_meta(found)
    inputs = {"identity": meta["identity_sha256"], "trained_on": meta["inputs"], "step": meta["step"], "dtype": dtype}
    with hold_folder(out) as folder:
        manifest = None if restart else _finished(folder, inputs, gguf=gguf)
        if manifest is not None:
            return manifest
        tokenizer = _find_tokenizer(meta, tokenizer)
        preset = make_preset(meta["preset"], where=f"{found}/meta.json")
        model = load_for_export(found, preset)
        _set_ends(model, tokenizer)
        manifest = {
            "stage": "export",
            "status": "done",
            "command": command_line(),
            "checkpoint": str(found),
            "inputs": inputs,
            "parameters": model.num_parameters(),
            "vocab_size": model.config.vocab_size,
            "gguf": "model.gguf" if gguf else None,
            **{key: meta[key] for key in ("step", "tokens", "phase")},
            "preset": preset.name,
            "dtype": dtype,
        }
        staged = out / ".staged"
        shutil.rmtree(staged, ignore_errors=True)
        _write(model.bfloat16() if dtype == "bf16" else model, tokenizer, staged, manifest)
        if gguf:
            from pretrain.gguf_file import write_gguf

            write_gguf(model, tokenizer, staged / "model.gguf", name=f"{preset.name}-base")
        for pattern in REPLACED:
            for stale in out.glob(pattern):
                stale.unlink()
        for file in sorted(staged.iterdir(), key=lambda path: (path.name == "config.json", path.name)):
            file.chmod(0o644)
            file.replace(out / file.name)  # config.json last: with it the model is complete
        staged.rmdir()
        manifest["seconds"] = round(time.perf_counter() - started, 1)
        folder.write_manifest(manifest)
        return manifest


def load_for_export(path: Path, preset: Preset) -> Any:
    """The model of a checkpoint, fp32, on the CPU, with transformers' own attention.

    Raises: CheckpointError where weights and preset do not fit.
    """
    from transformers import LlamaForCausalLM
    from transformers.initialization import no_init_weights

    from pretrain.checkpoint import load_weights

    weights = load_weights(path)
    table = weights.get("model.embed_tokens.weight")
    if table is None:
        raise CheckpointError(f"{path}: holds no model.embed_tokens.weight; give a checkpoint of `pretrain train`")
    config = llama_config(preset.model, vocab_size=len(table))
    config._attn_implementation = "sdpa"
    with no_init_weights():
        model: Any = LlamaForCausalLM(config)
    if preset.model.tied_embeddings:
        weights["lm_head.weight"] = table
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"{path}: weights do not fit its own preset, {reason}; take another checkpoint"
        ) from error
    return model.eval()


def _write(model: Any, tokenizer: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Nothing; the model's files are in `folder`. Raises: RunFolderError."""
    try:
        with _no_progress_bar():
            model.save_pretrained(folder)
        for name in TOKENIZER_FILES:
            shutil.copyfile(tokenizer / name, folder / name)
        (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunFolderError(
            f"{folder.parent}: cannot be written, {reason}; free space or choose another --out"
        ) from error


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """A context in which transformers draws no bar over our one line."""
    from transformers.utils import logging as hf_logging

    bars: Any = hf_logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def model_card(manifest: Mapping[str, Any]) -> str:
    """The README of the model folder."""
    text = files("pretrain").joinpath("templates", "model_card.md").read_text(encoding="utf-8")
    for key in ("preset", "dtype", "phase"):
        text = text.replace(f"[{key}]", str(manifest[key]))
    for key in ("parameters", "vocab_size", "tokens", "step"):
        text = text.replace(f"[{key}]", f"{manifest[key]:,}")
    return text


def _set_ends(model: Any, tokenizer: Path) -> None:
    """Nothing; generation stops at the end of a text and at the end of a turn: a base model meets the first, and what
    is fine-tuned from it the second."""
    from transformers import GenerationConfig

    tokens = load_tokenizer(tokenizer)
    ends = [tokens.token_to_id(END_OF_TEXT), tokens.token_to_id(IM_END)]
    settings: Any = GenerationConfig
    model.generation_config = settings(
        bos_token_id=model.config.bos_token_id, eos_token_id=ends, pad_token_id=model.config.pad_token_id
    )


def _find_tokenizer(meta: Mapping[str, Any], given: Path | None) -> Path:
    """The folder of the run's tokenizer. Raises: TokenizerError where it is another one."""
    folder = given or Path(meta["tokenizer_path"])
    if fingerprint(folder) != meta["tokenizer"]:
        raise TokenizerError(
            f"{folder}: not the tokenizer of this run; give the one it was trained with by --tokenizer"
        )
    return folder


def _finished(folder: RunFolder, inputs: Mapping[str, Any], *, gguf: bool) -> dict[str, Any] | None:
    """The manifest, where the export is there already. Raises: RunFolderError where it is of something else."""
    manifest = folder.read_manifest()
    if manifest is None:
        return None
    changed = differences({key: manifest.get("inputs", {}).get(key) for key in inputs}, inputs)
    if changed:
        raise RunFolderError(
            f"{folder.path}: holds another export: {', '.join(changed)}; --restart replaces it, another --out keeps it"
        )
    if gguf and not manifest["gguf"]:
        return None
    print(f"pretrain: {folder.path}: already finished; --restart begins anew", file=sys.stderr)
    return manifest
