"""The tokenizer: exact on any input, special tokens only by id, and the labels its chat template marks."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tokenizers")

from pretrain.errors import TokenizerError
from pretrain.tokenizer import (
    END_OF_TEXT,
    IM_END,
    MIN_VOCAB_SIZE,
    NUM_SPECIAL,
    SPECIAL_TOKENS,
    decode_bytes,
    encode_bytes,
    fingerprint,
    load_tokenizer,
    save_tokenizer,
    train_tokenizer,
)

pytestmark = pytest.mark.train

ROOT = Path(__file__).parents[2]
TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "synth").glob("*.py"))]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(TEXTS, vocab_size=2000)


@pytest.fixture(scope="module")
def folder(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(tokenizer, path)
    return path


def random_text(rng: random.Random) -> str:
    """Pieces of every kind: control characters, emoji, combining marks, CRLF, Chinese, long runs, any code point."""
    kinds = [
        "\0\x01\x1f\x7f\x85\ufeff\u2028",
        "\r\n\t ",
        "é́ñß",
        "中文分词，。",
        "👩‍👩‍👧🏽🇩🇪",
        "abcXYZ_(){}[]=:\"'",
        "0123456789٣",
    ]
    pieces = []
    for _ in range(rng.randrange(12)):
        letters = rng.choice([*kinds, chr(rng.choice([rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)]))])
        pieces.append("".join(rng.choices(letters, k=rng.choice([1, 3, 40, 700]))))
    return "".join(pieces)


def test_any_text_decodes_to_itself(tokenizer: Any) -> None:
    rng = random.Random(0)
    for _ in range(300):
        text = random_text(rng)
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_real_code_decodes_to_itself(tokenizer: Any) -> None:
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


@pytest.mark.parametrize("size", [0, 1, 50, 5000])
def test_any_bytes_decode_to_themselves(tokenizer: Any, size: int) -> None:
    for seed in range(20):
        data = random.Random(seed).randbytes(size)
        assert decode_bytes(tokenizer, encode_bytes(tokenizer, data)) == data


def test_every_byte_and_every_broken_sequence_survives(tokenizer: Any) -> None:
    surrogate, overlong, cut = b"\xed\xa0\x80", b"\xc0\xaf", "中".encode()[:2]
    for data in (bytes(range(256)), surrogate, overlong, cut, b"def f():\xff\n" + cut):
        assert decode_bytes(tokenizer, encode_bytes(tokenizer, data)) == data


def test_valid_bytes_encode_as_their_text(tokenizer: Any) -> None:
    assert encode_bytes(tokenizer, TEXTS[0].encode()) == tokenizer.encode(TEXTS[0]).ids


def test_a_token_beyond_the_vocabulary_is_an_error(tokenizer: Any) -> None:
    with pytest.raises(TokenizerError, match="token 2000: beyond the vocabulary of 2000"):
        decode_bytes(tokenizer, [5, 2000])


def test_special_tokens_have_the_lowest_ids(tokenizer: Any) -> None:
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(NUM_SPECIAL))


def test_text_that_spells_special_tokens_is_ordinary_text(tokenizer: Any, folder: Path) -> None:
    text = f"a{IM_END} {END_OF_TEXT}<|im_start|>system\n"
    for one in (tokenizer, load_tokenizer(folder)):
        ids = one.encode(text).ids
        assert min(ids) >= NUM_SPECIAL
        assert one.decode(ids) == text


def test_vocabulary_size_is_exact(tokenizer: Any) -> None:
    assert tokenizer.get_vocab_size() == 2000
    assert train_tokenizer(TEXTS[:1], vocab_size=MIN_VOCAB_SIZE).get_vocab_size() == MIN_VOCAB_SIZE


def test_too_little_text_says_what_was_reached() -> None:
    with pytest.raises(TokenizerError, match=r"give only 2\d\d tokens, got 5000"):
        train_tokenizer(["def f(): pass\n"], vocab_size=5000)


def test_a_vocabulary_without_room_for_all_bytes_is_an_error() -> None:
    with pytest.raises(TokenizerError, match="must be 288 or more"):
        train_tokenizer(TEXTS, vocab_size=287)


def test_training_is_deterministic_and_blind_to_order(folder: Path, tmp_path: Path) -> None:
    save_tokenizer(train_tokenizer(reversed(TEXTS), vocab_size=2000), tmp_path)
    assert fingerprint(tmp_path) == fingerprint(folder)


@pytest.mark.parametrize("run", ["a", " ", "\n", "=", "7", "中", " \n"])
def test_a_run_of_hundred_thousand_takes_linear_time(tokenizer: Any, run: str) -> None:
    text = run * 100_000
    started = time.process_time()
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert time.process_time() - started < 5  # linear: 0.2 s; quadratic would be an hour


def test_training_survives_one_endless_word() -> None:
    endless = "".join(random.Random(0).choices("abcdefghij", k=200_000))
    started = time.process_time()
    train_tokenizer([*TEXTS, endless], vocab_size=1000)
    assert time.process_time() - started < 20  # 1.5 s; without the bound each merge rescans the word


def test_digits_stand_alone_and_a_line_break_ends_a_piece(tokenizer: Any) -> None:
    pieces = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str("x = 123\n        y.name()\n")]
    assert pieces == ["x", "Ġ=", "Ġ", "1", "2", "3", "Ċ", "Ġ" * 7, "Ġy", ".name", "()Ċ"]


def test_a_prompt_cut_after_a_line_break_tokenises_as_in_training(tokenizer: Any) -> None:
    whole = 'def f(a):\n    """Add one."""\n    return a + 1\n'
    prompt = whole[: whole.index("    return")]
    ids = tokenizer.encode(prompt).ids
    assert tokenizer.encode(whole).ids[: len(ids)] == ids


def test_transformers_loads_it_and_agrees(tokenizer: Any, folder: Path) -> None:
    auto = pytest.importorskip("transformers").AutoTokenizer.from_pretrained(folder)
    assert auto(TEXTS[0], add_special_tokens=True)["input_ids"] == tokenizer.encode(TEXTS[0]).ids
    assert auto.decode(auto(TEXTS[0])["input_ids"]) == TEXTS[0]
    assert (auto.eos_token_id, auto.pad_token_id, len(auto)) == (0, SPECIAL_TOKENS.index("<|fim_pad|>"), 2000)


def test_chat_mask_is_exactly_the_assistants_words_and_their_end(folder: Path) -> None:
    auto = pytest.importorskip("transformers").AutoTokenizer.from_pretrained(folder)
    answers = ["print(1)\n", "  两个 spaces"]
    messages = [{"role": "system", "content": "Be brief."}]
    for answer in answers:
        messages += [{"role": "user", "content": "assistant?"}, {"role": "assistant", "content": answer}]
    encoded = auto.apply_chat_template(messages, return_assistant_tokens_mask=True, return_dict=True)
    marked = [token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mask]
    assert auto.decode(marked) == "".join(answer + IM_END for answer in answers)


def test_generation_prompt_is_a_prefix_of_the_conversation(folder: Path) -> None:
    auto = pytest.importorskip("transformers").AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]
    prompt = auto.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
    assert prompt == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    assert auto.apply_chat_template(messages, tokenize=False) == prompt + "yes<|im_end|>\n"


def test_finetunes_template_says_the_same(folder: Path) -> None:
    auto = pytest.importorskip("transformers").AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]
    theirs = (ROOT / "finetune" / "templates" / "chatml.jinja").read_text(encoding="utf-8")
    ours = auto.apply_chat_template(messages, tokenize=False)
    assert auto.apply_chat_template(messages, tokenize=False, chat_template=theirs) == ours
    assert [len(auto.encode(token)) for token in ("<|im_start|>", "<|im_end|>")] == [1, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"{", "not a tokenizer"), (b"\xff\xfe", "not a tokenizer"), (b"{}", "not a tokenizer")],
)
def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TokenizerError, match=message):
        load_tokenizer(tmp_path)


def test_somebody_elses_tokenizer_is_refused(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    text = json.dumps(content).replace("<|endoftext|>", "<s>")
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(TokenizerError, match=r"token 0 must be <\|endoftext\|>, got <s>"):
        load_tokenizer(tmp_path)


def test_fingerprint_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"no tokenizer\.json"):
        fingerprint(tmp_path)
