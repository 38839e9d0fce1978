"""Near duplicates of a whole collection, which need not fit in memory.

Texts are read twice: all of them in order for their band keys, then those that share a band with another, which alone
can be twins. A billion characters take a few CPU seconds with numba and some twenty times that without; the answers
are the same. Memory: 130 bytes a text, and 300 for one that shares a band; keys above 512 MB and shingles above 16 MB
lie in nameless files in `TMPDIR`. Not covered: more than 4 billion texts; several machines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from synth.curate.candidates import number_groups, scratch, sharing
from synth.curate.near import THRESHOLD, NearIndex, Shape, Twin, keys_of, shape_of
from synth.curate.shingles import distinct_each, shingle_many
from synth.curate.signature import Keys
from synth.curate.survivors import ShingleStore

Numbers = NDArray[np.int64]
Accept = Callable[[int, int], bool]

_BATCH = 256
_WORTH_CHARS = 1 << 25  # from here on numba's own start is won back; without its cache, from ten times that on


class Earlier(Protocol):
    """Survivors of earlier searches, such as `index.DiskIndex` holds."""

    def __len__(self) -> int: ...

    def column(self, band: int) -> list[NDArray[np.uint32]]:
        """Their keys in one band, in order, in parts."""
        ...

    def shingles(self, number: int) -> NDArray[np.uint32]:
        """The shingle set of one."""
        ...


def find_near_duplicates(
    texts: Sequence[str],
    *,
    threshold: float = THRESHOLD,
    preset: str = "default",
    rank: Sequence[Any] | None = None,
    earlier: Earlier | None = None,
    accept: Accept | None = None,
    compiled: bool | None = None,
) -> list[Twin | None]:
    """For each text its twin among the survivors before it (the most similar, then the first); `None`: it survives.

    "Before" is input order; with `rank`, one sort key a text, it is largest key first, of equals the first. Texts of
    `earlier` come before all and survive; `Twin.index` counts them first, then `texts`. With `accept` two are twins
    only if `accept(number, survivor)` holds too, counted alike. `compiled` says whether numba is used; `None`: where it
    is installed and wins time.

    Raises: `ValueError` for an unknown preset or a threshold outside (0, 1]; `OSError` where `TMPDIR` is full.
    """
    shape = shape_of(threshold, preset)
    machine = _machine(texts, compiled)
    base = 0 if earlier is None else len(earlier)
    keys = scratch(shape.num_bands, len(texts))
    for begin in range(0, len(texts), _BATCH):
        batch = [texts[i] for i in range(begin, min(begin + _BATCH, len(texts)))]
        keys[:, begin : begin + len(batch)] = _sketch(batch, shape, machine).T

    def column(band: int) -> NDArray[np.uint32]:
        return keys[band] if earlier is None else np.concatenate([*earlier.column(band), keys[band]])

    numbers = sharing(map(column, range(shape.num_bands)), base, len(texts))
    twins: list[Twin | None] = [None] * len(texts)
    if not len(numbers):
        return twins
    num_fixed = int(np.searchsorted(numbers, base))
    store = ShingleStore()
    if earlier is not None:
        store.add([earlier.shingles(number) for number in numbers[:num_fixed].tolist()])
    for begin in range(num_fixed, len(numbers), _BATCH):
        store.add(_shingle([texts[i - base] for i in numbers[begin : begin + _BATCH].tolist()], machine))
    suspects = _Suspects(numbers, _order(numbers, num_fixed, base, rank), num_fixed, store)
    columns = (column(band)[numbers] for band in range(shape.num_bands))
    if machine is None or accept is not None:
        found = _one_by_one(suspects, np.stack(list(columns), axis=1), threshold, preset, accept)
    else:
        found = _at_once(suspects, number_groups(columns, len(numbers), shape.num_bands), threshold, machine)
    for number, twin in found:
        twins[number - base] = twin
    return twins


class _Suspects(NamedTuple):
    """The texts that share a band, by place in `numbers`, ascending."""

    numbers: Numbers
    order: Numbers
    """Places, first to survive first; the first `num_fixed` survive whatever they are like."""
    num_fixed: int
    store: ShingleStore


def _order(numbers: Numbers, num_fixed: int, base: int, rank: Sequence[Any] | None) -> Numbers:
    later = list(range(num_fixed, len(numbers)))
    if rank is not None:
        later.sort(key=lambda place: rank[int(numbers[place]) - base], reverse=True)  # stable in reverse, too
    return np.array([*range(num_fixed), *later], np.int64)


def _at_once(
    suspects: _Suspects, groups: NDArray[np.int32], threshold: float, machine: ModuleType
) -> Iterator[tuple[int, Twin]]:
    shingles, offsets = suspects.store.all()
    twins, similarities = machine.closest_survivors(
        shingles, offsets, groups, suspects.order, suspects.num_fixed, threshold
    )
    for place in np.flatnonzero(twins >= 0).tolist():
        twin = Twin(int(suspects.numbers[twins[place]]), float(similarities[place]))
        yield int(suspects.numbers[place]), twin


def _one_by_one(
    suspects: _Suspects, keys: Keys, threshold: float, preset: str, accept: Accept | None
) -> Iterator[tuple[int, Twin]]:
    index = NearIndex(threshold=threshold, preset=preset)
    ordered = suspects.numbers[suspects.order].tolist()  # numbers as the index counts them

    def both(place: int, other: int) -> bool:
        return accept is None or accept(ordered[place], ordered[other])

    begin = 0
    while begin < len(ordered):
        fixed = begin < suspects.num_fixed
        end = min(begin + _BATCH, suspects.num_fixed if fixed else len(ordered))
        places = suspects.order[begin:end]
        sets = [suspects.store.read(place) for place in places.tolist()]
        if fixed:
            index.keep(sets, keys[places])
        else:
            for number, twin in zip(ordered[begin:end], index.add_batch(sets, keys[places], both), strict=True):
                if twin is not None:
                    yield number, Twin(ordered[twin.index], twin.jaccard)
        begin = end


def _sketch(texts: list[str], shape: Shape, machine: ModuleType | None) -> Keys:
    """The band keys of texts, `(num_texts, num_bands)`."""
    if machine is not None:
        return machine.sketch_many(texts, shape.num_perm, shape.rows)  # type: ignore[no-any-return]
    return keys_of(distinct_each(shingle_many(texts)), shape)


def _shingle(texts: list[str], machine: ModuleType | None) -> list[NDArray[np.uint32]]:
    return distinct_each(shingle_many(texts)) if machine is None else machine.shingle_many(texts)


def _machine(texts: Sequence[str], compiled: bool | None) -> ModuleType | None:
    """`compiled.py`, or `None` where numba is not installed or not worth its start."""
    if compiled is None:
        some = [len(texts[i]) for i in range(min(len(texts), _BATCH))]
        worth = len(texts) * sum(some) >= len(some) * (
            _WORTH_CHARS if "numba" not in sys.modules else _WORTH_CHARS >> 4
        )
        compiled = worth and bool(some) and find_spec("numba") is not None
    if not compiled:
        return None
    from synth.curate import compiled as machine  # starts numba

    return machine
