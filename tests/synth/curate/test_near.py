"""MinHash-LSH against true Jaccard, computed on token windows."""

import random
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from synth.curate.near import PRESETS, NearIndex, Twin, rows_for, shape_of
from synth.curate.search import find_near_duplicates
from synth.curate.shingles import jaccard, shingle_set
from synth.curate.signature import signatures

BASES = [path.read_text(encoding="utf-8")[:4000] for path in sorted(Path(re.__file__).parent.parent.glob("*.py"))[:60]]


def edited(text: str, share: float, rng: random.Random) -> str:
    """`text` with about that share of its lines replaced."""
    return "\n".join(f"new {rng.random()}" if rng.random() < share else line for line in text.split("\n"))


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    rng = random.Random(7)
    texts = [edited(base, share, rng) for base in BASES for share in (0, 0.02, 0.05, 0.1, 0.3)]
    rng.shuffle(texts)
    return [*texts, "", "a b", "a b", " ", "你好世界", "你好世界"]


def greedy(texts: list[str], threshold: float) -> list[Twin | None]:
    """The answer by comparing every pair."""
    sets = [shingle_set(text) for text in texts]
    twins: list[Twin | None] = []
    for i in range(len(texts)):
        scored = [(jaccard(sets[i], sets[j]), -j) for j in range(i) if twins[j] is None]
        best = max(scored, default=(0.0, 0))
        twins.append(Twin(-best[1], best[0]) if best[0] >= threshold else None)
    return twins


def test_batch_and_row_by_row_agree(corpus: list[str]) -> None:
    index = NearIndex()
    assert [index.add(text) for text in corpus] == find_near_duplicates(corpus)


def test_batches_of_any_size_agree(corpus: list[str]) -> None:
    index = NearIndex()
    answers = [twin for begin in range(0, len(corpus), 7) for twin in index.add_many(corpus[begin : begin + 7])]
    assert answers == find_near_duplicates(corpus)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_nearly_every_true_twin_is_found(corpus: list[str], threshold: float) -> None:
    truth, found = greedy(corpus, threshold), find_near_duplicates(corpus, threshold=threshold)
    wanted = [i for i, twin in enumerate(truth) if twin is not None]
    assert sum(found[i] is not None for i in wanted) >= 0.95 * len(wanted)


def test_every_twin_has_the_similarity_it_claims(corpus: list[str]) -> None:
    for i, twin in enumerate(find_near_duplicates(corpus)):
        if twin is not None:
            true = jaccard(shingle_set(corpus[i]), shingle_set(corpus[twin.index]))
            assert twin.jaccard == true >= 0.7


def test_twins_are_earlier_survivors(corpus: list[str]) -> None:
    twins = find_near_duplicates(corpus)
    assert all(twin is None or (twin.index < i and twins[twin.index] is None) for i, twin in enumerate(twins))


def test_survivors_have_no_twin_left(corpus: list[str]) -> None:
    survivors = [text for text, twin in zip(corpus, find_near_duplicates(corpus), strict=True) if twin is None]
    assert find_near_duplicates(survivors) == [None] * len(survivors)


@pytest.mark.parametrize("text", ["", " ", "a", "a b c d", "def f(): pass", "求最大值", "\ud800"])
def test_a_repeated_text_is_its_own_twin_however_short(text: str) -> None:
    assert find_near_duplicates([text, "something else entirely", text]) == [None, None, Twin(0, 1.0)]


def test_no_texts_have_no_twins() -> None:
    assert find_near_duplicates([]) == []


def test_opencoder_preset_finds_only_near_identity(corpus: list[str]) -> None:
    found = [twin for twin in find_near_duplicates(corpus, preset="opencoder") if twin is not None]
    assert 0 < len(found) < sum(twin is not None for twin in find_near_duplicates(corpus))


@pytest.mark.parametrize(("threshold", "rows"), [(0.5, 4), (0.7, 8), (0.8, 8), (0.9, 16), (1.0, 256), (0.01, 1)])
def test_bands_follow_the_threshold(threshold: float, rows: int) -> None:
    assert rows_for(threshold, PRESETS["default"].num_perm) == rows


@pytest.mark.parametrize("threshold", [0, -1, 1.01, float("nan")])
def test_impossible_thresholds_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"threshold must be in \(0, 1\]"):
        NearIndex(threshold=threshold)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="known: default, opencoder"):
        find_near_duplicates(["a"], preset="fast")


def test_unrelated_files_are_not_twins() -> None:
    twins = find_near_duplicates(BASES)
    pairs = [
        (a, b) for a, b in combinations(range(len(BASES)), 2) if jaccard(*map(shingle_set, (BASES[a], BASES[b]))) >= 0.7
    ]
    assert sum(twin is not None for twin in twins) <= len(pairs)


def plain(texts: list[str], threshold: float, preset: str) -> list[Twin | None]:
    """The same search by a dict of bands as they are, text by text."""
    shape = shape_of(threshold, preset)
    buckets: dict[tuple[int, ...], list[int]] = {}
    twins: list[Twin | None] = []
    for i, text in enumerate(texts):
        shingles = shingle_set(text)
        minima = signatures(shingles, np.array([0, len(shingles)]), shape.num_perm)[0].reshape(shape.rows, -1)
        bands = [(band, *minima[:, band]) for band in range(shape.num_bands)]
        best: Twin | None = None
        for j in sorted({j for band in bands for j in buckets.get(band, ())}):
            similarity = jaccard(shingle_set(text), shingle_set(texts[j]))
            if similarity >= threshold and (best is None or similarity > best.jaccard):
                best = Twin(j, similarity)
        if best is None:
            for band in bands:
                buckets.setdefault(band, []).append(i)
        twins.append(best)
    return twins


@pytest.mark.parametrize(
    ("threshold", "preset"),
    [(0.1, "default"), (0.5, "default"), (0.7, "default"), (1.0, "default"), (0.7, "opencoder")],
)
def test_the_answers_are_those_of_a_plain_table(corpus: list[str], threshold: float, preset: str) -> None:
    rng = random.Random(11)
    words = [" ".join(rng.choices("abc", k=rng.randrange(9))) for _ in range(100)]  # short: many twins, many ties
    texts = rng.sample([*corpus, *words], 250 if preset == "default" else 60)
    answers = plain(texts, threshold, preset)
    assert find_near_duplicates(texts, threshold=threshold, preset=preset) == answers
    for at_once in (1, 3, 32):
        index = NearIndex(threshold=threshold, preset=preset)
        parts = [index.add_many(texts[begin : begin + at_once]) for begin in range(0, len(texts), at_once)]
        assert [twin for part in parts for twin in part] == answers
