"""Makes `synth/curate/background.npz`: the token grams that ordinary Python code has.

    python benchmarks/background.py [--packages transformers,torch,...] [--min-folders 25]

Reads the standard library of this interpreter and the named installed packages; a gram is common where at least
`--min-folders` folders have it (folders, not files: generated families of files lie together). Takes some minutes
and 2 GB.
Name no package here that `benchmarks/decontaminate.py` calls clean: it would be judged by what it taught.
"""

from __future__ import annotations

import argparse
import importlib.util
import sysconfig
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.curate.grams import GRAM_SIZES, Gram, digests, says_something, skeleton_of, tokenize
from synth.curate.shingles import Hashes
from synth.curate.sieve import hash_grams, hash_tokens

OUT = Path(__file__).parents[1] / "synth" / "curate" / "background.npz"
PACKAGES = (
    "transformers,torch,ray,openai,sympy,numba,setuptools,fontTools,mypy,pandas,networkx,numpy,matplotlib,pygments"
)
MIN_CHARS, MAX_CHARS = 200, 200_000
VIEWS = ("literal", "skeleton")


def main() -> None:
    """Writes the table and prints how much is in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", default=PACKAGES)
    parser.add_argument("--min-folders", type=int, default=25)
    options = parser.parse_args()
    folders = [
        [text for path in paths if MIN_CHARS < len(text := read(path)) < MAX_CHARS]
        for _, paths in groupby(sorted(python_files(options.packages.split(","))), key=lambda path: path.parent)
    ]
    common = {
        name: found_digests(folders, common_grams(folders, view, options.min_folders), view)
        for view, name in enumerate(VIEWS)
    }
    np.savez_compressed(OUT, **{name: np.diff(found, prepend=0).astype(np.uint16) for name, found in common.items()})
    sizes = ", ".join(f"{len(found):,} {name}" for name, found in common.items())
    print(f"{sum(map(len, folders)):,} files in {len(folders):,} folders: {sizes} grams, {OUT.stat().st_size:,} bytes")


def python_files(packages: list[str]) -> Iterator[Path]:
    """The files of the standard library and of installed packages."""
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    yield from (path for path in stdlib.rglob("*.py") if "site-packages" not in path.parts)
    for name in packages:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SystemExit(f"--packages: {name} is not installed; install it or name others")
        yield from Path(spec.origin).parent.rglob("*.py")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def common_grams(folders: list[list[str]], view: int, min_folders: int) -> Hashes:
    """The sorted hashes of the grams that so many folders have."""
    each = [np.unique(hash_grams(hash_tokens(texts)[0], view)) for texts in folders if texts]
    hashes = np.concatenate(each)
    hashes.sort()
    begins = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    return hashes[begins[np.diff(begins, append=len(hashes)) >= min_folders]]


def found_digests(folders: list[list[str]], common: Hashes, view: int) -> NDArray[np.uint32]:
    """The sorted digests of the grams with these hashes, each read where it first stands."""
    found = np.zeros(len(common), bool)
    told: set[Gram] = set()
    for text in (text for texts in folders for text in texts):
        hashes = hash_grams(hash_tokens([text])[0], view)
        places = np.minimum(np.searchsorted(common, hashes), len(common) - 1)
        new = np.flatnonzero((common[places] == hashes) & ~found[places])
        if len(new):
            found[places[new]] = True
            tokens = tokenize(text)
            tokens = skeleton_of(tokens) if view else tokens
            told.update(tuple(tokens[at : at + GRAM_SIZES[view]]) for at in new.tolist())
    return np.unique(digests([gram for gram in told if says_something(gram, view)]))


if __name__ == "__main__":
    main()
