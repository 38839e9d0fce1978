"""Stage 1 against a plain search, and its bounds."""

from __future__ import annotations

import pytest

from synth.curate.benchmarks import load_benchmark
from synth.curate.grams import GRAM_SIZES, grams_of, skeleton_of, tokenize
from synth.curate.passages import Passage, passages_of
from synth.curate.sieve import MIN_GRAMS, Sieve


@pytest.fixture(scope="module")
def passages() -> tuple[Passage, ...]:
    return passages_of(load_benchmark("humaneval"))[:60]


def plain_seeds(text: str, passage: Passage) -> set[tuple[int, int]]:
    """Every place where a telling gram of the passage stands in the text."""
    tokens = tokenize(text)
    seeds = set()
    for view, size in enumerate(GRAM_SIZES):
        ours, theirs = (skeleton_of(some) if view else some for some in (tokens, passage.tokens))
        for begin, gram in enumerate(grams_of(ours, size)):
            for place, other in enumerate(grams_of(theirs, size)):
                if passage.telling[view][place] and gram == other:
                    seeds.add((begin, place))
    return seeds


def test_a_passage_alone_gives_the_seeds_of_a_plain_search(passages: tuple[Passage, ...]) -> None:
    sieve = Sieve(passages)
    for number in range(0, len(passages), 7):
        text = passages[number].text
        assert set(sieve.seeds([text])[0][number]) == plain_seeds(text, passages[number])


def test_company_changes_nothing(passages: tuple[Passage, ...]) -> None:
    sieve = Sieve(passages)
    texts = ["", "x", *(passage.text[:200] for passage in passages), "\ud800", *(p.text[-99:] for p in passages)]
    assert sieve.seeds(texts) == [sieve.seeds([text])[0] for text in texts]


def test_shared_grams_far_apart_are_no_candidate(passages: tuple[Passage, ...]) -> None:
    passage = passages[0]
    tells = [place for place, yes in enumerate(passage.telling[0]) if yes]
    pieces = [" ".join(passage.tokens[place : place + GRAM_SIZES[0]]) for place in tells[:: GRAM_SIZES[0] * 2]]
    assert len(pieces) >= MIN_GRAMS
    near, far = (("\n" + "pad " * count).join(pieces) for count in (1, 500))
    assert 0 in Sieve(passages[:1]).seeds([near])[0]
    assert Sieve(passages[:1]).seeds([far]) == [{}]


def test_endless_repeats_of_a_gram_are_passed_over(passages: tuple[Passage, ...]) -> None:
    (found,) = Sieve(passages[:1]).seeds([passages[0].text * 1000])
    assert len(found[0]) < 100 * len(passages[0].tokens)


def test_no_texts_and_no_passages_give_nothing(passages: tuple[Passage, ...]) -> None:
    assert Sieve(passages).seeds([]) == []
    assert Sieve([]).seeds(["x"]) == [{}]
