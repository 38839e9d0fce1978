"""Which packages are held out: by a hash of the name, so that a longer list never moves one to the other side."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pretrain.errors import SourceError


def held_out_repos(repos: Iterable[str], share: float) -> set[str]:
    """The packages of the held-out side, about `share` of all and at least one; none for a share of 0.

    Raises: SourceError where there is but one package, which cannot stand on both sides.
    """
    ranked = sorted({repo: _rank(repo) for repo in repos}.items(), key=lambda item: (item[1], item[0]))
    if share == 0:
        return set()
    if len(ranked) < 2:
        raise SourceError(
            f"--held-out {share}: needs two packages or folders with text, got {len(ranked)};"
            " give more, or --held-out 0 and no held-out text"
        )
    chosen = {repo for repo, rank in ranked if rank < share} or {ranked[0][0]}
    return chosen if len(chosen) < len(ranked) else chosen - {ranked[-1][0]}


def _rank(repo: str) -> float:
    """In [0, 1), from the name without its version."""
    name = repo.partition("==")[0].lower()
    digest = hashlib.sha256(f"held out: {name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
