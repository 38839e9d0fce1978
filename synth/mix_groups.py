"""Which rows are for validation: whole families of rows that go back to one seed, so that no seed is on both sides.

A row belongs to the family of its seed, and where its seed is another row (its instruction or code, as evolved rows
have it), to that row's family. Whether a family is held out is a hash of its seed: the same in every mixture with the
same `seed`, so that no seed held out of one stage is trained on in another.
Not covered: seeds that say the same in other words.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synth.curate.shingles import mix as scramble
from synth.mix_rows import Found, hashed


def families(found: Found) -> NDArray[np.uint64]:
    """A number for the family of each row."""
    seeds = np.asarray(found.seeds, np.uint64)
    parents: dict[int, int] = {}

    def root(name: int) -> int:
        while (above := parents.get(name, name)) != name:
            parents[name] = parents.get(above, above)
            name = above
        return name

    for keys in (np.asarray(found.texts, np.uint64), np.asarray(found.codes, np.uint64)):
        for row in np.flatnonzero(np.isin(keys, seeds)).tolist():  # few rows are the seed of another
            child, own = root(int(keys[row])), root(int(seeds[row]))
            if child != own:
                parents[max(child, own)] = min(child, own)
    if not parents:
        return seeds
    names, places = np.unique(seeds, return_inverse=True)
    return np.array([root(int(name)) for name in names], np.uint64)[places]


def held_out(found: Found, share: float, seed: int) -> NDArray[np.bool_]:
    """Whether each row is for validation."""
    draws = scramble(families(found) ^ np.uint64(hashed(f"held out {seed}".encode())))
    return draws.astype(np.float64) < share * 2.0**64
