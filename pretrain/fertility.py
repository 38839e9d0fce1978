"""How many bytes a token covers, by language, beside other tokenizers: more is shorter sequences for the same text.

Compare vocabularies of like size: a bigger one always covers more. Not covered: whether a model learns better from it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from pretrain.documents import Document
from pretrain.errors import TokenizerError
from pretrain.tokenizer import read_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SMOLLM2 = "smollm2"
"""The public tokenizer that `finetune` leaves in the cache: 49,152 tokens, digits one by one, for web and code."""
SMOLLM2_FOLDER = "smollm2-135m-instruct"
CHINESE = "chinese (our sample)"
"""A paragraph written for this table; Python packages hold next to no Chinese."""
MAX_BYTES = 4_000_000
"""Held-out bytes per language; the third digit no longer moves."""


@dataclass(frozen=True, slots=True)
class Fertility:
    """What one tokenizer made of one language."""

    num_bytes: int
    num_tokens: int

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes that a token covers on average."""
        return self.num_bytes / self.num_tokens


def fertility(tokenizer: Tokenizer, texts: Sequence[str]) -> Fertility:
    """Over whole documents, special tokens not added. Raises: TokenizerError where there is no text."""
    num_bytes = sum(len(text.encode()) for text in texts)
    if not num_bytes:
        raise TokenizerError("texts: nothing to measure, got 0 bytes; give held-out documents")
    encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return Fertility(num_bytes, sum(len(text.ids) for text in encoded))


def by_language(held_out: Iterable[Document], *, max_bytes: int = MAX_BYTES) -> dict[str, list[str]]:
    """Texts by language, in document order until `max_bytes` is reached, and our Chinese sample."""
    texts: dict[str, list[str]] = defaultdict(list)
    sizes: dict[str, int] = defaultdict(int)
    for document in held_out:
        if document.text and sizes[document.language] < max_bytes:
            texts[document.language].append(document.text)
            sizes[document.language] += len(document.text.encode())
    return {language: texts[language] for language in sorted(texts)} | {CHINESE: [chinese_sample()]}


def compare(tokenizers: Mapping[str, Tokenizer], texts: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Fertility]]:
    """Language -> tokenizer -> figures."""
    return {
        language: {name: fertility(tokenizer, some) for name, tokenizer in tokenizers.items()}
        for language, some in texts.items()
    }


def find_tokenizer(name: str) -> Tokenizer:
    """The tokenizer to compare with: a folder, a `tokenizer.json`, or `smollm2` out of the cache.

    Raises: TokenizerError.
    """
    path = smollm2_folder() if name == SMOLLM2 else Path(name).expanduser()
    path = path / "tokenizer.json" if path.is_dir() else path
    if name == SMOLLM2 and not path.is_file():
        raise TokenizerError(f"{SMOLLM2}: not in {path}; run `finetune chat --prompt hi` once, which puts it there")
    return read_tokenizer(path)


def smollm2_folder() -> Path:
    """Where `finetune` keeps it: `$XDG_CACHE_HOME/opencook`, by default `~/.cache/opencook`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opencook" / SMOLLM2_FOLDER


def chinese_sample() -> str:
    """The bundled paragraph about programming."""
    return files("pretrain").joinpath("samples", "chinese.txt").read_text(encoding="utf-8")
