"""OpenCoder's rule against a plain search."""

from __future__ import annotations

import random
import re

from synth.curate.benchmarks import load_benchmark
from synth.curate.ten_grams import TenGrams


def windows(text: str) -> set[tuple[str, ...]]:
    tokens = re.findall(r"\w+|[^\w\s]", text.lower())
    return {tuple(tokens[i : i + 10]) for i in range(len(tokens) - 9)}


def test_it_finds_what_a_plain_search_finds() -> None:
    tasks = load_benchmark("humaneval").tasks
    grams, told = TenGrams(tasks), {gram for task in tasks for text in task.texts for gram in windows(text)}
    rng = random.Random(5)
    words = [word for task in tasks for text in task.texts for word in text.split(" ")]
    found = 0
    for _ in range(300):
        begin = rng.randrange(len(words))
        text = " ".join([*words[begin : begin + rng.randrange(1, 25)], "pass", *rng.choices(words, k=5)])
        hit = grams.find(text)
        assert (hit is not None) == (not told.isdisjoint(windows(text))), text
        if hit is not None:
            assert tuple(re.findall(r"\w+|[^\w\s]", text[hit.start : hit.end].lower())) in told
            found += 1
    assert 40 < found < 260


def test_boilerplate_counts_too() -> None:
    assert TenGrams(load_benchmark("humaneval").tasks).find("xs = [1, 2, 3, 4, 5, 6, 7, 8]") is not None
