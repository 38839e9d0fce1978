"""What the training tests bake with: made-up Python packed into real shards, a two-layer preset, and its records."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

VOCABULARY = 300
TINY: dict[str, Any] = {
    "name": "test",
    "model": {
        "layers": 2,
        "width": 32,
        "heads": 2,
        "kv_heads": 2,
        "head_dim": 16,
        "ffn": 64,
        "vocab_size": VOCABULARY,
        "context": 32,
    },
    "optimizer": {"learning_rate": 1e-2},
    "schedule": {"warmup_steps": 2, "final_learning_rate": 1e-4},
    "train": {
        "tokens": 6 * 4 * 32,
        "batch_sequences": 4,
        "micro_batch": 2,
        "precision": "fp32",
        "log_every_steps": 1,
        "evaluate_every_steps": 100,
        "evaluate_tokens": 512,
        "save_every_steps": 2,
        "keep_checkpoints": 2,
    },
    "anneal": {"tokens": 3 * 4 * 32, "mixture": {"*": 0.8, "synth": 0.2}},
}


Trainer = Callable[..., list[dict[str, Any]]]


@dataclass(frozen=True)
class Oven:
    """Paths of everything a training command takes."""

    tokenizer: Path
    shards: Path
    synth: Path
    """A second folder, with one shard of that name."""


def made_up_python(count: int, *, seed: int) -> list[str]:
    """So many short functions, all different."""
    rng = random.Random(seed)
    names = ["add", "join", "count", "first", "total", "merge"]
    return [
        f"def {rng.choice(names)}_{rng.randrange(1000)}(a, b):\n    return a {rng.choice('+-*')} b * {number}\n"
        for number in range(count)
    ]


def pack(tokenizer: Path, prefix: Path, texts: Sequence[str]) -> None:
    """Writes one shard of these texts."""
    from pretrain.shards import write_shard
    from pretrain.tokenizer import fingerprint, load_tokenizer

    encoder = load_tokenizer(tokenizer)
    documents = [np.array([*encoder.encode(text).ids, 0], np.int32) for text in texts]
    facts = {
        "bytes": sum(len(text.encode()) for text in texts),
        "vocab_size": VOCABULARY,
        "tokenizer": fingerprint(tokenizer),
        "end_of_text": 0,
        "fim_rate": 0.0,
        "spm_rate": 0.0,
        "seed": 0,
    }
    prefix.parent.mkdir(parents=True, exist_ok=True)
    write_shard(prefix, [(document, np.array([len(document)], np.int32)) for document in documents], facts)


def tiny(steps: int = 6, **settings: Any) -> Any:
    """`TINY` for so many steps, under settings such as `train__seed=1`."""
    from pretrain.config import make_preset

    fields = {key: dict(value) if isinstance(value, dict) else value for key, value in TINY.items()}
    fields["train"]["tokens"] = steps * 4 * 32
    for key, value in settings.items():
        section, _, name = key.partition("__")
        fields.setdefault(section, {})[name] = value
    return make_preset(fields, where="test")


def read_steps(out: Path) -> list[dict[str, Any]]:
    """Step, loss, gradient norm and learning rate of every logged step, with every digit."""
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    names = ("step", "loss", "grad_norm", "learning_rate")
    return [{name: record[name] for name in names} for record in records if "loss" in record]


def training_command(oven: Oven, preset: Path, out: Path, *options: str, processes: int = 1) -> list[str]:
    """The command line of a training run."""
    launcher = [sys.executable, "-m", "pretrain.cli"]
    if processes > 1:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        launcher += ["-m", "pretrain.cli"]
    data = ["--shards", str(oven.shards), "--tokenizer", str(oven.tokenizer)]
    return [*launcher, "train", "--preset", str(preset), *data, "--out", str(out), *options]


def environment() -> dict[str, str]:
    """This one, with one torch thread: the tests compare numbers, not speed."""
    return os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
