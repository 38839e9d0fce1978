"""The search over a collection: the same answers by numba and without, by rank, after earlier sets, under a veto."""

import random
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from synth.curate.near import NearIndex, Twin
from synth.curate.search import find_near_duplicates
from synth.curate.shingles import shingle_set
from synth.curate.signature import band_keys

WORDS = [f"{first}{second}" for first in ("alpha", "bravo", "delta", "kilo", "tango") for second in "abcdefghij"]
HOSTILE = [
    "",
    " \n\t",
    "a",
    "\x00\x01",
    "x" * 70_000,
    "\ud800 lone",
    "é̀ ß ſ",
    "你好，世界。" * 3,
    "\U0001f600" * 9,
    "\U0010ffff",
]


def made_up(count: int, seed: int) -> list[str]:
    """Texts of up to 300 words, most of them with edited copies."""
    rng = random.Random(seed)
    texts = list(HOSTILE)
    while len(texts) < count:
        words = rng.choices(WORDS, k=rng.choice((3, 8, 40, 300)))
        texts.append(" ".join(words))
        for _ in range(rng.randrange(4)):
            spoilt = rng.choice((0.0, 0.02, 0.05))
            copy = [rng.choice(WORDS) if rng.random() < spoilt else word for word in words]
            texts.append(rng.choice((" ", " 好 ")).join(copy))
    rng.shuffle(texts)
    return texts


TEXTS = made_up(600, 1)


needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed (extra `curate`)")
BOTH_WAYS = pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=needs_numba)])


@needs_numba
@pytest.mark.parametrize(("threshold", "preset"), [(0.3, "default"), (0.7, "default"), (0.7, "opencoder")])
def test_compiled_and_plain_give_the_same_twins(threshold: float, preset: str) -> None:
    texts = TEXTS if preset == "default" else TEXTS[:100]
    answers = [
        find_near_duplicates(texts, threshold=threshold, preset=preset, compiled=compiled) for compiled in (True, False)
    ]
    assert answers[0] == answers[1]
    assert any(answers[0])


@needs_numba
@pytest.mark.parametrize(("num_perm", "rows"), [(256, 8), (256, 1), (256, 256), (2048, 128)])
def test_compiled_and_plain_give_the_same_shingles_and_keys(num_perm: int, rows: int) -> None:
    from synth.curate import compiled

    texts = TEXTS[:60] + HOSTILE
    sets = [shingle_set(text) for text in texts]
    for mine, theirs in zip(compiled.shingle_many(texts), sets, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    keys = band_keys(np.concatenate(sets), np.cumsum([0, *map(len, sets)]), num_perm, rows)
    np.testing.assert_array_equal(compiled.sketch_many(texts, num_perm, rows), keys)


def test_row_by_row_gives_the_same_twins() -> None:
    index = NearIndex()
    assert list(index.add_many(TEXTS)) == find_near_duplicates(TEXTS)


@BOTH_WAYS
def test_the_highest_rank_survives_whatever_the_input_order(compiled: bool) -> None:
    rng = random.Random(3)
    rank = [rng.random() for _ in TEXTS]
    order = sorted(range(len(TEXTS)), key=lambda i: -rank[i])
    sorted_twins = find_near_duplicates([TEXTS[i] for i in order], compiled=compiled)
    wanted = dict(zip(order, sorted_twins, strict=True))
    for i, twin in enumerate(find_near_duplicates(TEXTS, rank=rank, compiled=compiled)):
        expected = wanted[i]
        assert twin == (expected and Twin(order[expected.index], expected.jaccard))


def test_equal_ranks_leave_the_first() -> None:
    assert find_near_duplicates(TEXTS, rank=[7] * len(TEXTS)) == find_near_duplicates(TEXTS)


class Kept:
    """Earlier survivors in memory."""

    def __init__(self, texts: list[str]) -> None:
        self._sets = [shingle_set(text) for text in texts]
        self._keys = band_keys(np.concatenate(self._sets), np.cumsum([0, *map(len, self._sets)]), 256, 8)

    def __len__(self) -> int:
        return len(self._sets)

    def column(self, band: int) -> list[np.ndarray]:
        return [self._keys[:100, band], self._keys[100:, band]]

    def shingles(self, number: int) -> np.ndarray:
        return self._sets[number]


@BOTH_WAYS
def test_in_two_parts_as_in_one(compiled: bool) -> None:
    whole = find_near_duplicates(TEXTS)
    kept = [i for i in range(300) if whole[i] is None]
    numbers = [*kept, *range(300, len(TEXTS))]  # of earlier texts, then of new ones
    later = find_near_duplicates(TEXTS[300:], earlier=Kept([TEXTS[i] for i in kept]), compiled=compiled)
    assert [twin and Twin(numbers[twin.index], twin.jaccard) for twin in later] == whole[300:]


def test_a_veto_leaves_the_next_best_twin() -> None:
    texts = ["a b c d e f g", "a b c d e f g", "a b c d e f g"]
    assert find_near_duplicates(texts, accept=lambda i, j: (i, j) != (1, 0)) == [None, None, Twin(0, 1.0)]
    assert find_near_duplicates(texts, accept=lambda _, j: j == 1) == [None, None, Twin(1, 1.0)]


def test_texts_may_be_made_as_they_are_read() -> None:
    class Lazy:
        def __len__(self) -> int:
            return len(TEXTS)

        def __getitem__(self, i: int) -> str:
            return TEXTS[i]

    assert find_near_duplicates(Lazy()) == find_near_duplicates(TEXTS)  # type: ignore[arg-type]


def test_few_texts_do_not_start_numba() -> None:
    program = "import sys; from synth.curate.search import find_near_duplicates as find; find(['a'] * 9)"
    program += "; print('numba' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )
