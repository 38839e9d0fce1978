"""A real tokenizer of 300 tokens, real shards of made-up Python, and a two-layer preset: training in seconds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from oven import TINY, VOCABULARY, Oven, Trainer, made_up_python, pack, read_steps, tiny

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does; the machine may be shared


@pytest.fixture(scope="session")
def oven(tmp_path_factory: pytest.TempPathFactory) -> Oven:
    """Tokenizer and shards, as the commands before training leave them."""
    pytest.importorskip("tokenizers", reason="needs the train extra")
    from pretrain.tokenizer import save_tokenizer, train_tokenizer

    root = tmp_path_factory.mktemp("oven")
    tokenizer = train_tokenizer(made_up_python(200, seed=0), vocab_size=VOCABULARY)
    save_tokenizer(tokenizer, root / "tokenizer")
    for folder, name, count in (
        ("shards", "python", 400),
        ("shards", "c", 200),
        ("shards/heldout", "python", 20),
        ("synth", "synth", 100),
    ):
        pack(root / "tokenizer", root / folder / name, made_up_python(count, seed=count))
    return Oven(root / "tokenizer", root / "shards", root / "synth")


@pytest.fixture
def tiny_preset(tmp_path: Path) -> Path:
    """A preset file: 6 steps of 4 x 32 tokens."""
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(TINY), encoding="utf-8")
    return path


@pytest.fixture
def make_phase(oven: Oven) -> Callable[..., Any]:
    """A maker of stable phases: steps, and settings over `TINY`."""

    def make(steps: int = 6, **settings: Any) -> Any:
        from pretrain.phase import stable_phase

        return stable_phase(tiny(steps, **settings), shards=[oven.shards], tokenizer=oven.tokenizer)

    return make


@pytest.fixture
def train_here(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """A trainer in this process, on one thread: the records of the steps that `run_phase` takes."""
    torch = pytest.importorskip("torch", reason="needs the train extra")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    torch.set_num_threads(1)

    def train(phase: Any, out: Path, **options: Any) -> list[dict[str, Any]]:
        from pretrain.train import run_phase

        run_phase(phase, out, **options)
        return read_steps(out)

    return train
