"""Other programs' way through the same texts: `python benchmarks/dedup_peers.py NAME FOLDER LIMIT`, for `dedup.py`.

Prints documents per CPU second (of the whole process, one thread) from text to "which earlier document is this like",
by band keys alone, without looking at the pairs: less work than `synth.curate` does. Both have 256 minima in 32 bands
of 8 over token 5-grams. `rensa` gets hashed shingles from our numpy code, its fastest way in; `datasketch` hashes them
itself, a document at a time.
"""

from __future__ import annotations

import os

os.environ.setdefault("RAYON_NUM_THREADS", "1")  # rensa's threads; before it is loaded

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

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
    import numpy as np
    from rensa import RMinHash

    from synth.curate.shingles import shingle_many

    found: list[int | None] = []
    buckets: dict[tuple[int, bytes], int] = {}
    for begin in range(0, len(texts), 256):
        shingles = shingle_many(texts[begin : begin + 256])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(shingles.hashes, shingles.offsets, BANDS * ROWS, 42)
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
}

if __name__ == "__main__":
    main()
