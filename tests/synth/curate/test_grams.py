"""Tokens, views, and which grams tell a benchmark."""

from __future__ import annotations

import random
import sys

import numpy as np

from synth.curate.grams import digests, is_common, skeleton_of, telling, tokenize
from synth.curate.shingles import shingle_many
from synth.curate.sieve import hash_grams, hash_tokens

LOOP = tokenize("for i in range(len(x)):\n    if x[i] == y:\n        return True\n    return False")


def test_there_are_as_many_tokens_as_shingles_of_one() -> None:
    rng = random.Random(3)
    ranges = ((0, 0x250), (0x2000, 0x2070), (0x3000, 0x3110), (0x4DB0, 0x4E10), (0xF8F0, 0x10000), (0x1F600, 0x1F610))
    chars = [chr(code) for low, high in ranges for code in range(low, high)] + ["\ud800", chr(sys.maxunicode)]
    for _ in range(300):
        text = "x" + "".join(rng.choices(chars, k=30))
        assert len(tokenize(text)) == len(shingle_many([text.lower()], size=1).hashes), ascii(text)


def test_a_skeleton_is_blind_to_names_alone() -> None:
    one, two = (tokenize(f"for {name} in {name}s: total += {name}[0]") for name in ("ant", "bee"))
    assert skeleton_of(one) == skeleton_of(two)
    assert skeleton_of(tokenize("while x: y")) != skeleton_of(tokenize("if x: y"))


def test_arrays_and_lists_see_the_same_skeletons() -> None:
    left, right = (hash_grams(hash_tokens([f"for {n} in {n}s: total += {n}[0]"])[0], 1) for n in ("ant", "bee"))
    np.testing.assert_array_equal(left, right)


def test_what_ordinary_code_has_tells_nothing() -> None:
    assert not any(telling([[skeleton_of(LOOP)]], 1)[0][0][:8])
    assert is_common([tuple(tokenize('if __name__ == "__main__"')[:6])], 0).tolist() == [True]


def test_what_three_tasks_share_tells_nothing() -> None:
    words = [f"gnome{i}" for i in range(9)]
    assert all(telling([[words], [words]], 0)[0][0])
    assert not any(telling([[words]] * 3, 0)[0][0])


def test_marks_and_numbers_tell_nothing() -> None:
    assert not any(telling([[tokenize("[1, 2, 3, 40, 50, 61, 7, 8]")]], 0)[0][0])


def test_digests_stay_what_the_table_was_made_with() -> None:
    assert digests([("a", "b"), ("\ud800",)]).tolist() == [14201462, 1950885]
