"""Other programs' way through the same texts: `python benchmarks/dedup_peers.py NAME FOLDER LIMIT`, for `dedup.py`.

Prints documents per CPU second (of the whole process, one thread) from text to "which earlier document is this like",
by band keys alone, without looking at the pairs: less work than `synth.curate` does. Both have 256 minima in 32 bands
of 8 over token 5-grams. `rensa` gets hashed shingles as numpy arrays, its fastest way in: of tokens found by `re`, or
(`rensa-ours`) from our own numpy code; `datasketch` hashes them itself, a document at a time.
"""

from __future__ import annotations

import os

os.environ.setdefault("RAYON_NUM_THREADS", "1")  # rensa's threads; before it is loaded

import hashlib
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BANDS, ROWS = 32, 8


def main() -> None:
    name, folder, limit = sys.argv[1:]
    paths = sorted(Path(folder).glob("*.py"))
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths[:: max(1, len(paths) // int(limit))]]
    run = PEERS[name]
    run(texts[:20])  # libraries and tables are loaded once
    begin = time.process_time()
    found = run(texts)
    spent_s = time.process_time() - begin
    print(len(texts) / spent_s, sum(twin is not None for twin in found), len(texts))


def datasketch(texts: list[str]) -> list[str | None]:
    from datasketch import MinHash, MinHashLSH

    token = re.compile(r"\w+|[^\w\s]")
    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    found: list[str | None] = []
    for number, text in enumerate(texts):
        tokens = token.findall(text)
        windows = {" ".join(tokens[i : i + 5]).encode("utf-8", "replace") for i in range(max(1, len(tokens) - 4))}
        minhash = MinHash(num_perm=BANDS * ROWS)
        minhash.update_batch(windows)
        twins = index.query(minhash)
        found.append(min(twins) if twins else None)
        if not twins:
            index.insert(f"{number:09d}", minhash)
    return found


def rensa(texts: list[str]) -> list[int | None]:
    """Fed by numpy: tokens by `re`, each hashed once, windows of five summed as whole arrays."""
    import numpy as np

    token = re.compile(r"\w+|[^\w\s]")
    known: dict[str, int] = {}

    def feed(batch: list[str]) -> tuple[Any, Any]:
        hashes, offsets = [], [0]
        for text in batch:
            tokens = token.findall(text)
            for word in {word for word in tokens if word not in known}:
                known[word] = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest())
            numbers = np.fromiter(map(known.__getitem__, tokens), np.uint64, len(tokens))
            size = max(1, len(numbers) - 4)
            padded = np.concatenate([numbers, np.zeros(size + 4 - len(numbers), np.uint64)])
            grams = np.zeros(size, np.uint64)
            for shift in range(5):
                grams = grams * np.uint64(0x9E3779B97F4A7C15) + padded[shift : shift + size]
            hashes.append(grams)
            offsets.append(offsets[-1] + size)
        return np.concatenate(hashes), np.array(offsets, np.int64)

    return _rensa(texts, feed)


def rensa_ours(texts: list[str]) -> list[int | None]:
    """Fed by our own numpy code."""
    from synth.curate.shingles import shingle_many

    return _rensa(texts, shingle_many)


def _rensa(texts: list[str], feed: Callable[[list[str]], Any]) -> list[int | None]:
    import numpy as np
    from rensa import RMinHash

    found: list[int | None] = []
    buckets: dict[tuple[int, bytes], int] = {}
    for begin in range(0, len(texts), 256):
        hashes, offsets = feed(texts[begin : begin + 256])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, BANDS * ROWS, 42)
        minima = np.array(matrix.to_rows(), np.uint64).reshape(-1, BANDS, ROWS)
        for number, bands in enumerate(minima, begin):
            keys = [(band, row.tobytes()) for band, row in enumerate(bands)]
            twins = [buckets[key] for key in keys if key in buckets]
            found.append(min(twins) if twins else None)
            if not twins:
                buckets.update(dict.fromkeys(keys, number))
    return found


PEERS: dict[str, Callable[[list[str]], list[str | None] | list[int | None]]] = {
    "datasketch": datasketch,
    "rensa": rensa,
    "rensa-ours": rensa_ours,
}

if __name__ == "__main__":
    main()
