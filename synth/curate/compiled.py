"""`shingles.py` and `signature.py` as machine code: the same numbers from text, some fifteen times faster.

numba compiles it on first use and keeps the result beside this file or in the user's cache folder. It is the only
module here that imports numba, which takes half a second; `near.py` loads it for inputs worth that and does without
where numba (extra `curate` or `train`) is not installed. Every kernel runs without the interpreter lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from synth.curate import shingles as plain
from synth.curate.shingles import SHINGLE_SIZE
from synth.curate.signature import Keys, factors, walks

Chars = NDArray[np.uint8] | NDArray[np.uint32]

_BLOCK_CHARS = 1 << 18
_BASE = np.uint64(plain.BASE)
_GRAM = plain.GRAM
_GRAM_2, _GRAM_3, _GRAM_4 = (np.uint64(pow(int(_GRAM), power, 1 << 64)) for power in (2, 3, 4))
_MIX = plain.MIX
_SPACE, _WORD = plain.SPACE, plain.WORD
_LAST_KIND = np.uint32(0x32000)
_SIZE = SHINGLE_SIZE  # the sum over a shingle below is written out for five
assert _SIZE == 5
_ZERO, _ONE = np.uint64(0), np.uint64(1)


def sketch_many(texts: Sequence[str], num_perm: int, rows: int) -> Keys:
    """`signature.band_keys` of the distinct shingles of every text."""
    keys = np.empty((len(texts), num_perm // rows), np.uint32)
    for numbers, chars, bounds in _blocks(texts):
        keys[numbers] = _sketch(chars, bounds, plain.kinds(), factors(num_perm), *walks(num_perm), rows)
    return keys


def shingle_many(texts: Sequence[str]) -> list[NDArray[np.uint32]]:
    """`shingles.shingle_set` of every text."""
    sets: list[NDArray[np.uint32]] = [np.empty(0, np.uint32)] * len(texts)
    for numbers, chars, bounds in _blocks(texts):
        hashes, ends = _shingle(chars, bounds, plain.kinds())
        begin = 0
        for number, end in zip(numbers, ends.tolist(), strict=True):
            sets[number] = plain.distinct_short(hashes[begin:end])
            begin = end
    return sets


def closest_survivors(
    shingles: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    groups: NDArray[np.int32],
    order: NDArray[np.int64],
    num_fixed: int,
    threshold: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each set its twin among the survivors before it in `order`, -1 for a survivor, and their similarity.

    `groups`, `(num_sets, num_bands)`, numbers the keys of each band: sets are compared where one number agrees. The
    first `num_fixed` in `order` survive whatever they are like.
    """
    return _closest(shingles, offsets, groups, order, num_fixed, threshold)  # type: ignore[no-any-return]


def _blocks(texts: Sequence[str]) -> Iterator[tuple[list[int], Chars, NDArray[np.int64]]]:
    """The texts by number in groups of about `_BLOCK_CHARS` characters: ASCII ones as bytes, others as code points."""
    held: dict[bool, list[int]] = {True: [], False: []}
    num_chars = {True: 0, False: 0}
    for number, text in enumerate(texts):
        narrow = text.isascii()
        held[narrow].append(number)
        num_chars[narrow] += len(text)
        if num_chars[narrow] >= _BLOCK_CHARS:
            yield _block(texts, held[narrow], narrow)
            held[narrow], num_chars[narrow] = [], 0
    for narrow, numbers in held.items():
        if numbers:
            yield _block(texts, numbers, narrow)


def _block(texts: Sequence[str], numbers: list[int], narrow: bool) -> tuple[list[int], Chars, NDArray[np.int64]]:
    parts = [texts[number] for number in numbers]
    bounds = np.cumsum([0, *map(len, parts)])
    whole = "".join(parts)
    if narrow:
        return numbers, np.frombuffer(whole.encode("ascii"), np.uint8), bounds
    return numbers, np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), np.uint32), bounds


def _jit(function: Callable[..., Any]) -> Any:
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep machine code in: it is made anew in each process
        return numba.njit(nogil=True)(function)


@_jit
def _mix(x: np.uint64) -> np.uint64:
    x = (x ^ (x >> np.uint64(33))) * _MIX
    return x ^ (x >> np.uint64(29))


@_jit
def _grams(chars, kinds, tokens, grams):  # type: ignore[no-untyped-def]
    """Writes the shingles of one text and says how many; `tokens` and `grams` have room for one a character."""
    # No jump depends on the text, since one wrongly foreseen costs as much as five characters. Each character is
    # added to the token in hand, spaces as 0, and one that begins a token moves on to the next place first.
    place = np.int64(0)
    before = np.uint8(_SPACE)
    token, power = _ZERO, _ONE
    for i in range(len(chars)):
        char = np.uint32(chars[i])
        kind = kinds[min(char, _LAST_KIND)]
        begins = kind > (before & _WORD)
        place += begins
        token = _ZERO if begins else token
        power = _ONE if begins else power
        token += np.uint64(char) * power & -np.uint64(kind != _SPACE)
        power *= _BASE
        tokens[place] = token
        before = kind
    num_tokens = place
    for j in range(num_tokens):
        tokens[j] = _mix(tokens[j + 1])
    while num_tokens < _SIZE:
        tokens[num_tokens] = 0
        num_tokens += 1
    for j in range(num_tokens - _SIZE + 1):
        gram = tokens[j] * _GRAM_4 + tokens[j + 1] * _GRAM_3 + tokens[j + 2] * _GRAM_2 + tokens[j + 3] * _GRAM
        gram += tokens[j + 4]
        grams[j] = np.uint32(_mix(gram) >> np.uint64(32))
    return num_tokens - _SIZE + 1


@_jit
def _shingle(chars, bounds, kinds):  # type: ignore[no-untyped-def]
    """The shingles of each text, repeats included, and where each text's end."""
    room = 0
    for i in range(len(bounds) - 1):
        room = max(room, bounds[i + 1] - bounds[i])
    tokens = np.empty(room + _SIZE + 1, np.uint64)
    grams = np.empty(len(chars) + len(bounds), np.uint32)
    ends = np.empty(len(bounds) - 1, np.int64)
    total = 0
    for i in range(len(bounds) - 1):
        total += _grams(chars[bounds[i] : bounds[i + 1]], kinds, tokens, grams[total:])
        ends[i] = total
    return grams[:total], ends


@_jit
def _sketch(chars, bounds, kinds, factors, begins, steps, rows):  # type: ignore[no-untyped-def]
    """The band keys of each text."""
    num_perm = len(factors)
    num_bands = num_perm // rows
    low = num_perm - 1
    room = 0
    for i in range(len(bounds) - 1):
        room = max(room, bounds[i + 1] - bounds[i])
    tokens = np.empty(room + _SIZE + 1, np.uint64)
    grams = np.empty(room + 1, np.uint32)
    minima = np.empty(num_perm, np.uint32)
    full = np.empty(num_perm, np.bool_)
    keys = np.empty((len(bounds) - 1, num_bands), np.uint32)
    sums = np.empty(num_bands, np.uint64)
    for i in range(len(bounds) - 1):
        num_grams = _grams(chars[bounds[i] : bounds[i + 1]], kinds, tokens, grams)
        minima[:] = 0xFFFFFFFF
        full[:] = False
        for j in range(num_grams):
            place = np.int64(grams[j]) & low
            full[place] = True
            minima[place] = min(minima[place], grams[j])
        sums[:] = 0
        for mine in range(num_perm):
            donor, question = mine, begins[mine]
            while not full[donor]:
                donor = question & low
                question += steps[mine]
            sums[mine % num_bands] += np.uint64(minima[donor]) * factors[mine]
        for band in range(num_bands):
            keys[i, band] = np.uint32(_mix(sums[band]) >> np.uint64(32))
    return keys


@_jit
def _closest(shingles, offsets, groups, order, num_fixed, threshold):  # type: ignore[no-untyped-def]
    num_sets, num_bands = groups.shape
    heads = np.full(groups.max() + 1, -1, np.int32)  # of each group its last survivor, by place in `order`
    earlier = np.empty((num_sets, num_bands), np.int32)  # of each survivor and band the survivor before it
    seen = np.full(num_sets, -1, np.int32)
    twins = np.full(num_sets, -1, np.int64)
    similarities = np.zeros(num_sets, np.float64)
    for place in range(num_sets):
        me = order[place]
        mine = shingles[offsets[me] : offsets[me + 1]]
        best, best_place = 0.0, -1
        for band in range(num_bands if place >= num_fixed else 0):
            other = heads[groups[me, band]]
            while other >= 0:
                if seen[other] != place:
                    seen[other] = place
                    theirs = shingles[offsets[order[other]] : offsets[order[other] + 1]]
                    similarity = _jaccard(mine, theirs, max(threshold, best))
                    if similarity > best or (similarity == best and other < best_place):
                        best, best_place = similarity, other
                other = earlier[other, band]
        if best_place >= 0:
            twins[me], similarities[me] = order[best_place], best
            continue
        for band in range(num_bands):
            earlier[place, band] = heads[groups[me, band]]
            heads[groups[me, band]] = place
    return twins, similarities


@_jit
def _jaccard(left, right, least):  # type: ignore[no-untyped-def]
    """The similarity of two sorted sets, or 0 once it is sure to be below `least`."""
    total = len(left) + len(right)
    enough = least * total / (1 + least) - 1e-6  # so many they must share
    i, j, shared = np.int64(0), np.int64(0), np.int64(0)
    while i < len(left) and j < len(right):
        if shared + min(len(left) - i, len(right) - j) < enough:
            return 0.0
        for _ in range(64):
            x, y = left[i], right[j]
            shared += x == y
            i += x <= y
            j += y <= x
            if i >= len(left) or j >= len(right):
                break
    similarity = shared / (total - shared)
    return similarity if similarity >= least else 0.0
