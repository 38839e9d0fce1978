"""A byte-level BPE tokenizer for code: trained, saved, loaded, and exact on any bytes.

No normaliser and no unknown token: every text decodes to itself. The lowest ids are the special tokens, then the 256
bytes, then merges. A loaded tokenizer reads special tokens only as ids: text that spells `<|im_end|>` is ordinary text.

The pre-tokeniser is the one llama.cpp knows as `qwen2`, so that a GGUF export cuts text alike, and it fits code:
- a piece ends at the line break, so a prompt cut at a line end mostly has the tokens that the whole text begins with
  (82 % of line ends). Pieces that run on into the next line's indentation make Python 5 to 9 % shorter, but keep 21 %;
- a run of indentation is one piece, but for its last space, which goes with the word;
- digits stand alone, so a number has one spelling. Groups of up to three make Python 0.5 to 1.2 % shorter;
- letters take one leading sign with them (` name`, `_name`, `.name`); Chinese runs end at punctuation.
None of this changes what a 5-gram model needs for the same text by more than 1 %.
`benchmarks/tokenizer.py` measures each choice. Not covered: sampling a corpus (`documents.py`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pretrain.errors import TokenizerError, require_train_extra
from synth.files import atomic_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END_OF_TEXT = "<|endoftext|>"
FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX, FIM_PAD = "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"
IM_START, IM_END = "<|im_start|>", "<|im_end|>"
NUM_SPECIAL = 32
_NAMED = (END_OF_TEXT, FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX, FIM_PAD, "<|repo_name|>", "<|file_sep|>", IM_START, IM_END)
SPECIAL_TOKENS = (*_NAMED, *(f"<|reserved_{number}|>" for number in range(len(_NAMED), NUM_SPECIAL)))
"""By id: the first one ends every document."""
MIN_VOCAB_SIZE = NUM_SPECIAL + 256
FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
"""Of a tokenizer folder."""

LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
DIGITS = r"\p{N}"
SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERN = "|".join((LETTERS, DIGITS, SIGNS, SPACES))
LLAMA_CPP_PRE = "qwen2"
"""What `tokenizer.ggml.pre` must say in a GGUF file for llama.cpp to cut text by the same pattern."""
MIN_FREQUENCY = 2
"""A pair seen once teaches nothing that its two parts do not."""
MAX_TRAINING_PIECE = 128
"""Characters. Each merge rescans the pieces it touches: one run of a million letters would make training quadratic."""


def train_tokenizer(texts: Iterable[str], *, vocab_size: int, pattern: str = PATTERN) -> Tokenizer:
    """The tokenizer with exactly `vocab_size` tokens that these texts give; their order does not matter.

    Raises: TokenizerError where the texts hold too few different pairs, or `vocab_size` cannot hold every byte.
    """
    require_train_extra()
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocab_size < MIN_VOCAB_SIZE:
        raise TokenizerError(
            f"vocab_size: must be {MIN_VOCAB_SIZE} or more (special tokens and all bytes), got {vocab_size}"
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.pre_tokenizer = _pre_tokenizer(pattern, max_piece=MAX_TRAINING_PIECE)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=MIN_FREQUENCY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    reached = tokenizer.get_vocab_size()
    if reached != vocab_size:
        raise TokenizerError(
            f"vocab_size: the texts give only {reached} tokens, got {vocab_size}; give more text (--data, --sample-mb) "
            f"or --vocab-size {reached} or less"
        )
    tokenizer.pre_tokenizer = _pre_tokenizer(pattern)
    tokenizer.encode_special_tokens = True
    return tokenizer


def _pre_tokenizer(pattern: str, *, max_piece: int | None = None) -> Any:
    from tokenizers import Regex, pre_tokenizers

    bound = [] if max_piece is None else [pre_tokenizers.FixedLength(max_piece)]
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), *bound, as_bytes])


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Nothing; `folder` then loads with `AutoTokenizer`. Raises: `synth.errors.RunFolderError` for a full disk."""
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END_OF_TEXT,
        "pad_token": FIM_PAD,  # not the end of text, which must stay a label when padding is masked
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000_000,  # the model's context is in its own config
    }
    contents = (tokenizer.to_str(pretty=True), json.dumps(config, indent=2) + "\n", chat_template())
    for name, text in zip(FILES, contents, strict=True):
        with atomic_file(folder / name) as file:
            file.write(text.encode())


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer that `save_tokenizer` wrote; it reads special tokens only as ids, never out of text.

    Raises: TokenizerError.
    """
    require_train_extra()
    tokenizer = read_tokenizer(folder / "tokenizer.json")
    for number, token in enumerate(SPECIAL_TOKENS):
        if tokenizer.id_to_token(number) != token:
            raise TokenizerError(
                f"{folder}: token {number} must be {token}, got {tokenizer.id_to_token(number)}; "
                "give a folder that `pretrain tokenizer` wrote"
            )
    return tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in any `tokenizer.json`, reading text that spells a special token as text.

    Raises: TokenizerError.
    """
    from tokenizers import Tokenizer

    if not path.is_file():
        raise TokenizerError(f"{path}: no such file; give a folder that `pretrain tokenizer` wrote")
    try:
        tokenizer = Tokenizer.from_buffer(path.read_bytes())
    except Exception as error:  # the library raises nothing narrower
        raise TokenizerError(f"{path}: not a tokenizer, got {error}; run `pretrain tokenizer` again") from error
    tokenizer.encode_special_tokens = True
    return tokenizer


def fingerprint(folder: Path) -> str:
    """The SHA-256 of the folder's `tokenizer.json`, as hex. Raises: TokenizerError."""
    try:
        return hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
    except OSError as error:
        raise TokenizerError(
            f"{folder}: no tokenizer.json, got {error.strerror}; give a folder that `pretrain tokenizer` wrote"
        ) from error


def chat_template() -> str:
    """The Jinja text of our ChatML."""
    return files("pretrain").joinpath("templates", "chatml.jinja").read_text(encoding="utf-8")


def encode_bytes(tokenizer: Tokenizer, data: bytes) -> list[int]:
    """Token ids of any bytes: valid UTF-8 as text, each byte that is not as its own token."""
    ids: list[int] = []
    vocabulary = tokenizer.get_vocab()
    # The error handler turns each invalid byte b into the code point U+DC00 + b, which no valid text holds.
    for text, invalid in re.findall("([^\udc80-\udcff]+)|([\udc80-\udcff]+)", data.decode("utf-8", "surrogateescape")):
        if text:
            ids.extend(tokenizer.encode(text).ids)
        else:
            ids.extend(vocabulary[_byte_characters()[ord(character) - 0xDC00]] for character in invalid)
    return ids


def decode_bytes(tokenizer: Tokenizer, ids: Iterable[int]) -> bytes:
    """The bytes of these tokens, special ones as their names.

    Raises: TokenizerError for an id beyond the vocabulary.
    """
    return b"".join(_token_bytes(tokenizer, ids))


def _token_bytes(tokenizer: Tokenizer, ids: Iterable[int]) -> Iterator[bytes]:
    byte_of = {character: number for number, character in enumerate(_byte_characters())}
    for number in ids:
        token = tokenizer.id_to_token(int(number))
        if token is None:
            raise TokenizerError(f"token {number}: beyond the vocabulary of {tokenizer.get_vocab_size()} tokens")
        yield token.encode() if number < NUM_SPECIAL else bytes(byte_of[character] for character in token)


@cache
def _byte_characters() -> tuple[str, ...]:
    """The character that stands for each byte in a byte-level vocabulary: itself, or one from U+0100 on."""
    from tokenizers import pre_tokenizers

    alphabet, spare = set(pre_tokenizers.ByteLevel.alphabet()), count(256)
    return tuple(chr(byte) if chr(byte) in alphabet else chr(next(spare)) for byte in range(256))
