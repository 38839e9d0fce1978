"""What a worker makes of its rows: the tokens of each text, whole or in cut parts, closed by end-of-text."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.train
pytest.importorskip("tokenizers")

from pretrain.encode import Encoder  # noqa: E402
from pretrain.fim import cut  # noqa: E402
from pretrain.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer  # noqa: E402

TEXT = "def increment(number):\n    return number + 1\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_tokenizer([TEXT, TEXT], vocab_size=300), path)
    return path


def encoder(folder: Path, **rates: float) -> Encoder:
    return Encoder.load(folder, **{"fim_rate": 0.0, "spm_rate": 0.0} | rates, seed=0)


def test_each_document_ends_with_end_of_text(folder: Path) -> None:
    library = load_tokenizer(folder)
    found = encoder(folder).encode([(TEXT, True), ("é", True)], allow_cuts=True)
    expected = [[*library.encode(text).ids, 0] for text in (TEXT, "é")]
    assert found.tokens.tolist() == expected[0] + expected[1]
    assert (found.sizes.tolist(), found.text_bytes) == ([len(ids) for ids in expected], len(TEXT) + 2)


@pytest.mark.parametrize("spm_rate", [0.0, 1.0])
def test_the_parts_are_encoded_apart_as_at_inference(folder: Path, spm_rate: float) -> None:
    library, parts = load_tokenizer(folder), cut(TEXT, rate=1, spm_rate=spm_rate, seed=0)
    assert parts is not None
    prefix, middle, suffix = (library.encode(part).ids for part in (parts.prefix, parts.middle, parts.suffix))
    found = encoder(folder, fim_rate=1.0, spm_rate=spm_rate).encode([(TEXT, True)], allow_cuts=True)
    psm = [1, *prefix, 3, *suffix, 2, *middle, 0]
    assert found.tokens.tolist() == ([1, 3, *suffix, 2, *prefix, *middle, 0] if spm_rate else psm)


@pytest.mark.parametrize(("may_cut", "allow_cuts"), [(False, True), (True, False)])
def test_a_row_or_a_shard_can_forbid_cuts(folder: Path, may_cut: bool, allow_cuts: bool) -> None:
    found = encoder(folder, fim_rate=1.0).encode([(TEXT, may_cut)], allow_cuts=allow_cuts)
    assert found.tokens.tolist() == [*load_tokenizer(folder).encode(TEXT).ids, 0]


def test_spelt_special_tokens_are_text(folder: Path) -> None:
    text = "<|endoftext|><|fim_middle|>"
    found = encoder(folder).encode([(text, True)], allow_cuts=True)
    assert min(found.tokens.tolist()[:-1]) >= 32
    assert load_tokenizer(folder).decode(found.tokens.tolist()[:-1]) == text
