"""Common runs: what agrees, through renaming, and how it is weighed."""

from __future__ import annotations

import re

from synth.curate.benchmarks import Benchmark, Task
from synth.curate.grams import tokenize
from synth.curate.passages import Passage, passages_of
from synth.curate.runs import Run, best_run
from synth.curate.sieve import Sieve

CODE = '''def tally_gnomes(meadow, gnome_hats):
    """Tally the hats that gnomes of the meadow wear on windy evenings, mossy ones twice."""
    wearing = {}
    for hat in gnome_hats:
        if hat not in meadow or len(hat) > 37:
            wearing[hat[::-1]] = wearing.get(hat[::-1], 0) + 2 * len(meadow)
        elif hat.isupper() and meadow[-1] != hat:
            wearing[hat] = 41 - len(hat)
    return {hat: count for hat, count in wearing.items() if count % 7 == 3}
'''
(PASSAGE,) = passages_of(Benchmark(name="b", tasks=(Task(id="b/1", entry_point="tally_gnomes", texts=(CODE,)),)))


def run(text: str, passage: Passage = PASSAGE) -> Run | None:
    (seeds,) = Sieve([passage]).seeds([text])
    return best_run(tokenize(text), passage, seeds[0]) if seeds else None


def rename(code: str, *names: str) -> str:
    for number, name in enumerate(names):
        code = re.sub(rf"\b{name}\b", f"name{number}", code)
    return code


def test_a_copy_is_repeated_as_a_whole() -> None:
    found = run("before\n" + CODE + "after")
    assert found is not None
    assert (found.share, found.start, found.end) == (1.0, 1, 1 + len(PASSAGE.tokens))


def test_code_without_its_docstring_counts_whole() -> None:
    found = run(re.sub(r'\n    """.*"""', "", CODE))
    assert found is not None
    assert found.share > 0.95


def test_prose_without_its_code_counts_whole() -> None:
    found = run("Tally the hats that gnomes of the meadow wear on windy evenings, mossy ones twice.")
    assert found is not None
    assert found.is_hit


def test_renamed_code_agrees_and_says_less() -> None:
    plain = re.sub(r'\n    """.*"""', "", CODE)
    renamed = run(rename(plain, "tally_gnomes", "meadow", "gnome_hats", "wearing", "hat", "count"))
    same = run(plain)
    assert renamed is not None
    assert same is not None
    assert renamed.is_hit
    assert renamed.worth < same.worth


def test_names_must_stand_for_each_other_one_to_one() -> None:
    plain = re.sub(r'\n    """.*"""', "", CODE)
    names = iter(range(10**6))
    ours = ("tally_gnomes", "meadow", "gnome_hats", "wearing", "hat", "count")
    mixed = re.sub(rf"\b(?:{'|'.join(ours)})\b", lambda _: f"n{next(names)}", plain)
    found, renamed = run(mixed), run(rename(plain, *ours))
    assert renamed is not None
    assert found is None or (found.end - found.start, found.worth) < (renamed.end - renamed.start, renamed.worth)


def test_case_and_layout_do_not_count() -> None:
    found = run(CODE.upper().replace("    ", "\t").replace("\n", "\r\n"))
    assert found is not None
    assert found.share == 1.0


def test_a_short_piece_is_no_hit() -> None:
    found = run("hats that gnomes of the meadow wear on")
    assert found is None or not found.is_hit
