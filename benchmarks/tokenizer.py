"""What the pre-tokeniser's choices cost: `python benchmarks/tokenizer.py [--data CORPUS] [--mb 12]`.

Every variant is trained on the same text at the same vocabulary, one choice changed at a time, and measured on the same
held-out documents: bytes per token (more is shorter sequences), the share of line ends in Python at which a prompt cut
there has the tokens that the whole text begins with (else a completion starts from tokens no training text had), and
bits per byte of a 5-gram model trained on the same text (less is easier to predict). Then a vocabulary is trained as
`pretrain tokenizer` does it and compared with SmolLM2's. Three minutes on two quiet cores.

Without --data the text is the Python files of this interpreter and its packages, so figures differ between machines.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import sysconfig
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path = [path for path in sys.path if Path(path).resolve() != Path(__file__).parent]  # neighbours hide packages

from pretrain.documents import HELD_OUT_SHARE, Document, documents, find_sources, sample  # noqa: E402
from pretrain.errors import TokenizerError  # noqa: E402
from pretrain.fertility import SMOLLM2, by_language, compare, fertility, find_tokenizer  # noqa: E402
from pretrain.ngram import NgramModel  # noqa: E402
from pretrain.tokenizer import DIGITS, LETTERS, NUM_SPECIAL, PATTERN, SIGNS, SPACES, train_tokenizer  # noqa: E402

THREE_DIGITS = r"\p{N}{1,3}"
INDENTED_LINE = r"(?:[ \t]*\r?\n)+[ \t]*|\s+(?!\S)|\s+"
"""A line break and the next line's indentation as one piece."""
SIGNS_ONLY = r" ?[^\s\p{L}\p{N}]+"
SIGNS_AND_LINE = r" ?[^\s\p{L}\p{N}]+(?:[ \t]*(?:\r?\n)+[ \t]*)?"
VARIANTS = {
    "as shipped": PATTERN,
    "digits in threes": "|".join((LETTERS, THREE_DIGITS, SIGNS, SPACES)),
    "line break + indentation": "|".join((LETTERS, DIGITS, SIGNS_ONLY, INDENTED_LINE)),
    "sign + line break + indentation": "|".join((LETTERS, DIGITS, SIGNS_AND_LINE, INDENTED_LINE)),
    "each space by itself": "|".join((LETTERS, DIGITS, SIGNS, r"\s")),
}
LANGUAGES = ("python", "json", "c")
NUM_CUT_TEXTS, CUT_CHARS = 100, 4000
"""Prompts are cut in the first characters of so many texts."""


def main() -> None:
    parser = argparse.ArgumentParser(description="What the pre-tokeniser's choices cost.")
    parser.add_argument("--data", type=Path, help="corpus folder of `pretrain data`")
    parser.add_argument("--mb", type=float, default=12.0, help="text to train on")
    parser.add_argument("--vocab-size", type=int, default=4096)
    options = parser.parse_args()
    train, held_out = read_corpus(options.data, options.mb) if options.data else read_packages(options.mb)
    texts = by_language(held_out, max_bytes=1_500_000)
    title = f"vocabulary {options.vocab_size:,}, {sum(len(text.encode()) for text in train) / 1e6:.1f} MB of text"
    console = Console()
    console.print(ablation(train, texts, options.vocab_size, title))
    console.print(beside_public(train, texts, options.vocab_size, title))


def read_corpus(folder: Path, megabytes: float) -> tuple[list[str], list[Document]]:
    """Training texts and held-out documents of a corpus folder."""
    sources = find_sources([folder])
    train = [document.text for document in sample(sources, max_bytes=int(megabytes * 1e6))]
    return train, list(documents(sources, held_out=True))


def read_packages(megabytes: float) -> tuple[list[str], list[Document]]:
    """Training texts and held-out documents out of this interpreter's own files, whole packages held out."""
    folders = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py")) if path.stat().st_size < 200_000]
    random.Random(0).shuffle(paths)
    sides: dict[bool, list[str]] = {True: [], False: []}
    missing = {False: megabytes * 1e6, True: megabytes * 1e6 * HELD_OUT_SHARE}
    for path in paths:
        top = next(path.relative_to(folder).parts[0] for folder in reversed(folders) if path.is_relative_to(folder))
        held_out = random.Random(top).random() < HELD_OUT_SHARE
        if missing[held_out] > 0:
            text = path.read_text(encoding="utf-8", errors="replace")
            missing[held_out] -= len(text.encode())
            sides[held_out].append(text)
    return sides[False], [Document(text, "python", 0.0) for text in sides[True]]


def ablation(train: list[str], texts: dict[str, list[str]], vocab_size: int, title: str) -> Table:
    """One row per variant."""
    shown = {language: texts[language] for language in LANGUAGES if language in texts}
    columns = [f"{language}, bytes/token" for language in shown]
    table = Table("variant", *columns, "line ends kept", "5-gram, bits/byte", title=title)
    for name, pattern in VARIANTS.items():
        tokenizer = train_tokenizer(train, vocab_size=vocab_size, pattern=pattern)
        covered = [f"{fertility(tokenizer, some).bytes_per_token:.3f}" for some in shown.values()]
        kept = f"{share_of_stable_cuts(tokenizer, texts['python'][:NUM_CUT_TEXTS]):.1%}"
        table.add_row(name, *covered, kept, f"{ngram_bits(tokenizer, train, texts['python']):.3f}")
    return table


def share_of_stable_cuts(tokenizer: Any, texts: Sequence[str]) -> float:
    """At how many line ends the tokens of the text so far are those that the whole text begins with."""
    kept = total = 0
    for text in (whole_text[:CUT_CHARS] for whole_text in texts):
        whole = tokenizer.encode(text).ids
        ends = list(accumulate(len(line) for line in text.splitlines(keepends=True)))[:-1]
        for end in random.Random(0).sample(ends, min(20, len(ends))):
            part = tokenizer.encode(text[:end]).ids
            kept += whole[: len(part)] == part
            total += 1
    return kept / total


def ngram_bits(tokenizer: Any, train: list[str], held_out: list[str]) -> float:
    """Held-out bits per byte of a 5-gram model of these tokens."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    token_bytes = np.array([0 if number < NUM_SPECIAL else len(token) for token, number in vocabulary])
    model = NgramModel.train(join(tokenizer, train), vocab_size=tokenizer.get_vocab_size())
    return model.bits_per_byte(join(tokenizer, held_out), token_bytes=token_bytes)


def join(tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    """The tokens of all texts, each with its end."""
    return np.concatenate([np.array([*one.ids, 0], dtype=np.int32) for one in tokenizer.encode_batch_fast(texts)])


def beside_public(train: list[str], texts: dict[str, list[str]], vocab_size: int, title: str) -> Table:
    """Bytes per token of ours, at this vocabulary and at the public one's, and of SmolLM2's."""
    started = time.perf_counter()
    tokenizers = {f"ours {vocab_size:,}": train_tokenizer(train, vocab_size=vocab_size)}
    seconds = time.perf_counter() - started
    try:
        public = find_tokenizer(SMOLLM2)
        tokenizers[f"{SMOLLM2} {public.get_vocab_size():,}"] = public
        tokenizers[f"ours {public.get_vocab_size():,}"] = train_tokenizer(train, vocab_size=public.get_vocab_size())
    except TokenizerError as error:
        print(error)
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    table = Table("language", *tokenizers, title=f"{title}: trained in {seconds:.1f} s, peak of all {memory_gb:.1f} GB")
    for language, row in compare(tokenizers, texts).items():
        table.add_row(language, *(f"{one.bytes_per_token:.3f}" for one in row.values()))
    return table


if __name__ == "__main__":
    main()
