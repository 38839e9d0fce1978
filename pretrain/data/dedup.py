"""Duplicates across the whole corpus: equal texts first, then near ones. The first in source order stays.

Both searches are `synth.curate`'s. OpenCoder keeps the most starred copy; packages have no stars, so rank is order.
"""

from __future__ import annotations

from collections.abc import Sequence

from pretrain.data.document import Document
from synth.curate.exact import find_exact_duplicates
from synth.curate.search import find_near_duplicates


def exact_reasons(documents: Sequence[Document]) -> list[str | None]:
    """`dedup.exact` for each document whose text stood before."""
    first = find_exact_duplicates(document.text for document in documents)
    return [None if index is None else "dedup.exact" for index in first]


def near_reasons(documents: Sequence[Document]) -> list[str | None]:
    """`dedup.near` for each document with a twin among the survivors before it."""
    twins = find_near_duplicates([document.text for document in documents])
    return [None if twin is None else "dedup.near" for twin in twins]
