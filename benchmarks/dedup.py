"""How fast near-duplicate search is and what it finds: `python benchmarks/dedup.py`, half a minute on one core.

Texts are this interpreter's own standard library files, so figures differ a little between Python versions. Rates are
per CPU second of this process (all its threads). For recall and precision every file gets five edited copies, from one
line in a hundred replaced to one in five, and every pair within a family is compared by true Jaccard similarity on
token 5-gram sets made with `re`, apart from the code under test.
"""

from __future__ import annotations

import os

os.environ.setdefault("RAYON_NUM_THREADS", "1")  # rensa's threads; before it is loaded

import random
import re
import sysconfig
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

from rich.console import Console
from rich.table import Table

from synth.curate.exact import find_exact_duplicates
from synth.curate.near import NearIndex, find_near_duplicates
from synth.curate.shingles import shingle_many

NUM_FILES, NUM_FAMILIES = 1000, 150
SHARES = (0.01, 0.03, 0.07, 0.12, 0.2)
"""Of lines replaced: one line spoils its own shingles and its neighbours'."""


def main() -> None:
    texts = read_sources(NUM_FILES)
    mean_kb = sum(map(len, texts)) / len(texts) / 1000
    console = Console()
    console.print(speed_table(texts, f"{len(texts)} standard library files, {mean_kb:.1f} kB on average"))
    families = [family(text, random.Random(i)) for i, text in enumerate(texts[:NUM_FAMILIES])]
    console.print(quality_table(families))


def read_sources(limit: int) -> list[str]:
    """The first Python files of the standard library, shuffled once, without the installed packages."""
    root = Path(sysconfig.get_paths()["stdlib"])
    paths = [path for path in sorted(root.rglob("*.py")) if "site-packages" not in path.parts]
    random.Random(0).shuffle(paths)
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths[:limit]]


def speed_table(texts: list[str], title: str) -> Table:
    """Documents and megabytes per CPU second, step by step."""
    pattern = re.compile(r"\w+|[^\w\s]")
    index = NearIndex()
    rows = [text[i : i + 1000] for text in texts[:500] for i in range(0, len(text), 1000)]
    runs: list[tuple[str, list[str], Callable[[list[str]], object]]] = [
        ("tokenise with re alone (for comparison)", texts, lambda x: [pattern.findall(text) for text in x]),
        ("exact (SHA-256)", texts, find_exact_duplicates),
        ("shingles", texts, shingle_many),
        ("near, default preset", texts, find_near_duplicates),
        ("near, opencoder preset", texts, lambda x: find_near_duplicates(x, preset="opencoder")),
        ("near, row by row", texts, lambda x: [index.add(text) for text in x]),
        ("near, default preset, 1 kB rows", rows, find_near_duplicates),
    ]
    table = Table("step", "docs / CPU s", "MB / CPU s", title=title)
    for name, inputs, run in runs:
        run(inputs[:50])  # tables and libraries are loaded once, not per document
        index = NearIndex()
        begin = time.process_time()
        run(inputs)
        spent_s = time.process_time() - begin
        table.add_row(name, f"{len(inputs) / spent_s:,.0f}", f"{sum(map(len, inputs)) / spent_s / 1e6:,.0f}")
    return table


def family(text: str, rng: random.Random) -> list[str]:
    """`text` and edited copies of it."""
    lines = text.split("\n")
    copies = [
        "\n".join(
            f"edited_{rng.randrange(10**9)} = {i}" if rng.random() < share else line for i, line in enumerate(lines)
        )
        for share in SHARES
    ]
    return [text, *copies]


def quality_table(families: list[list[str]]) -> Table:
    """Recall and precision of pairs: each is put before an empty index, first one text, then the other."""
    sets = [[shingle_windows(text) for text in texts] for texts in families]
    pairs = [
        (len(a & b) / len(a | b), texts[i], texts[j])
        for texts, windows in zip(families, sets, strict=True)
        for (i, a), (j, b) in combinations(enumerate(windows), 2)
    ]
    table = Table(
        "threshold", "preset", "true pairs", "recall", "precision", title=f"{len(pairs)} pairs of edited copies"
    )
    for threshold, preset in ((0.5, "default"), (0.7, "default"), (0.9, "default"), (0.7, "opencoder")):
        found = [find_near_duplicates([a, b], threshold=threshold, preset=preset)[1] is not None for _, a, b in pairs]
        true = [similarity >= threshold for similarity, _, _ in pairs]
        right = sum(hit and real for hit, real in zip(found, true, strict=True))
        table.add_row(str(threshold), preset, str(sum(true)), f"{right / sum(true):.3f}", f"{right / sum(found):.3f}")
    return table


def shingle_windows(text: str) -> set[tuple[str, ...]]:
    """Every five tokens in a row."""
    tokens = re.findall(r"\w+|[^\w\s]", text)
    return {tuple(tokens[i : i + 5]) for i in range(max(1, len(tokens) - 4))}


if __name__ == "__main__":
    main()
