"""What a worker of `pretrain pack` does: texts to token ids, some of them cut for FIM, each closed by end-of-text."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pretrain.fim import Parts, Sentinels, arrange, cut
from pretrain.parent import die_with_parent

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from pretrain.pack_input import Row


@dataclass(frozen=True, slots=True)
class Encoded:
    """Documents as tokens, one after the other."""

    tokens: NDArray[np.int32]
    sizes: NDArray[np.int32]
    text_bytes: int


@dataclass(frozen=True, slots=True)
class Encoder:
    """A tokenizer and how documents are cut."""

    tokenizer: Tokenizer
    end_of_text: int
    sentinels: Sentinels
    fim_rate: float
    spm_rate: float
    seed: int

    @classmethod
    def load(cls, folder: Path, *, fim_rate: float, spm_rate: float, seed: int) -> Encoder:
        """The encoder with the tokenizer in `folder`. Raises: TokenizerError."""
        from pretrain.tokenizer import (
            END_OF_TEXT,
            FIM_MIDDLE,
            FIM_PREFIX,
            FIM_SUFFIX,
            SPECIAL_TOKENS,
            load_tokenizer,
        )

        tokenizer = load_tokenizer(folder)
        ids = {name: number for number, name in enumerate(SPECIAL_TOKENS)}
        sentinels = Sentinels(prefix=ids[FIM_PREFIX], middle=ids[FIM_MIDDLE], suffix=ids[FIM_SUFFIX])
        return cls(tokenizer, ids[END_OF_TEXT], sentinels, fim_rate, spm_rate, seed)

    def encode(self, rows: Sequence[Row], *, allow_cuts: bool) -> Encoded:
        """The rows' tokens. Text that spells a special token is encoded as text."""
        plans: list[Parts | None] = []
        pieces: list[str] = []
        for text, may_cut in rows:
            fim_rate = self.fim_rate if may_cut and allow_cuts else 0.0
            parts = cut(text, rate=fim_rate, spm_rate=self.spm_rate, seed=self.seed)
            plans.append(parts)
            pieces += [text] if parts is None else [parts.prefix, parts.middle, parts.suffix]
        encodings = iter(self.tokenizer.encode_batch_fast(pieces, add_special_tokens=False))
        end = np.array([self.end_of_text], np.int32)
        runs: list[NDArray[np.int32]] = []
        sizes: list[int] = []
        for parts in plans:
            if parts is None:
                document = np.array(next(encodings).ids, np.int32)
            else:
                prefix, middle, suffix = (np.array(next(encodings).ids, np.int32) for _ in range(3))
                document = arrange(prefix, middle, suffix, spm=parts.spm, ids=self.sentinels)
            runs += [document, end]
            sizes.append(len(document) + 1)
        text_bytes = sum(len(text.encode()) for text, _ in rows)
        return Encoded(np.concatenate(runs), np.array(sizes, np.int32), text_bytes)


_encoder: Encoder | None = None
"""Of this worker process."""


def set_up(tokenizer: str, fim_rate: float, spm_rate: float, seed: int) -> None:
    """Loads this worker's encoder. The worker ends with its parent, and leaves Ctrl-C to it."""
    global _encoder
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # before the library is loaded: one thread per worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    _encoder = Encoder.load(Path(tokenizer), fim_rate=fim_rate, spm_rate=spm_rate, seed=seed)


def encode_rows(rows: Sequence[Row], *, cut: bool) -> Encoded:
    """The rows' tokens, by this worker's encoder."""
    assert _encoder is not None
    return _encoder.encode(rows, allow_cuts=cut)
