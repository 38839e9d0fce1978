"""The text classifier: what it learns, on examples it never saw, and what it refuses."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import numpy as np
import pytest

from synth import classify
from synth.code_terms import asks_for_code, signs_of_code
from synth.errors import RecipeError

EXAMPLES = Path(classify.__file__).parents[1] / "prompts" / "infinity" / "labelled.jsonl"
UNSEEN = Path(__file__).parent / "unseen_requests.jsonl"
BENCHMARKS = Path(__file__).parents[2].parent / "shared" / "data" / "benchmarks"


def examples_of(path: Path) -> list[tuple[str, int]]:
    return classify.read_examples(path.read_bytes(), path.name)


def test_bundled_examples_are_many_distinct_and_balanced() -> None:
    examples = examples_of(EXAMPLES)
    assert len({text for text, _ in examples}) == len(examples) >= 300
    assert 0.4 <= np.mean([label for _, label in examples]) <= 0.6


def test_five_fold_accuracy_on_the_bundled_examples() -> None:
    examples = examples_of(EXAMPLES)
    random.Random(0).shuffle(examples)
    hits = []
    for fold in range(5):
        trained = classify.train([example for at, example in enumerate(examples) if at % 5 != fold])
        hits += [(trained.probability(text) >= 0.5) == label for text, label in examples[fold::5]]
    assert np.mean(hits) >= 0.88


def test_requests_written_later() -> None:
    trained = classify.load(EXAMPLES)
    found = [(trained.probability(text) >= 0.5, label == 1) for text, label in examples_of(UNSEEN)]
    hits = sum(said and meant for said, meant in found)
    assert hits / sum(said for said, _ in found) >= 0.9  # precision
    assert hits / sum(meant for _, meant in found) >= 0.6  # recall


@pytest.mark.parametrize(("name", "column"), [("mbpp", "text"), ("HumanEval", "prompt")])
def test_benchmark_prompts_are_about_code(name: str, column: str) -> None:
    path = BENCHMARKS / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no {path.name} in a folder named shared beside the repository")
    trained = classify.load(EXAMPLES)
    prompts = [json.loads(line)[column] for line in path.read_text(encoding="utf-8").splitlines()]
    assert np.mean([trained.probability(prompt) >= 0.5 for prompt in prompts]) >= 0.95


def test_training_is_quick_and_gives_the_same_weights_again() -> None:
    examples = examples_of(EXAMPLES)
    begun = time.process_time()
    one = classify.train(examples)
    assert time.process_time() - begun < 2  # 0.15 s on a quiet core
    assert np.array_equal(one.weights, classify.train(examples).weights)


def test_gradient_is_nought_where_it_stops() -> None:
    examples = [("a b", 1), ("b c", 0), ("a c", 1), ("c", 0)]
    trained = classify.train(examples)
    errors = np.array([trained.probability(text) - label for text, label in examples]) / len(examples)
    gradient = classify.L2 * trained.weights.astype(float)
    for error, (text, _) in zip(errors, examples, strict=True):
        buckets, values = classify.features_of(text)
        np.add.at(gradient, buckets, error * values)
    assert np.abs(gradient).max() < 1e-3
    assert abs(errors.sum()) < 1e-3


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "🙂" * 10_000, "a" * 1_000_000])
def test_any_text_has_a_probability(text: str) -> None:
    assert 0 <= classify.load(EXAMPLES).probability(text) <= 1


def test_file_is_trained_on_once_and_anew_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "labelled.jsonl"
    path.write_bytes(EXAMPLES.read_bytes())
    assert classify.load(path) is classify.load(path)
    before = classify.load(path)
    path.write_text('{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n')
    assert classify.load(path) is not before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("broken", r"labelled\.jsonl:1: not JSON"),
        ('\n{"text": "a", "label": 2}', r"labelled\.jsonl:2: must be .*label"),
        ('{"text": "a", "label": true}', "must be"),
        ("[1]", "must be"),
        ('{"text": "a", "label": 1}', "needs examples labelled 0 and 1"),
        ("", "needs examples labelled 0 and 1"),
    ],
)
def test_bad_examples_are_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "labelled.jsonl"
    path.write_text(content)
    with pytest.raises(RecipeError, match=said) as error:
        classify.load(path)
    assert "\n" not in str(error.value)


def test_missing_examples_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.jsonl: cannot be read"):
        classify.load(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    "text", ["sort a list in python", "写一个爬虫", "fix `x = f(y)[0]`:\n```\nx\n```", "SQL?", "c++ 怎么写"]
)
def test_request_for_code_shows(text: str) -> None:
    assert asks_for_code(text)


@pytest.mark.parametrize("text", ["a python bit my dog", "write a letter", "写一首诗", "", "Excellent functionality"])
def test_other_request_does_not(text: str) -> None:
    assert not asks_for_code(text)


def test_signs_are_counted_once_each() -> None:
    assert signs_of_code("SQL sql SQL; a list of lists").plain == 1


@pytest.mark.parametrize("piece", ["a", "aB", "a_", "a(", "<a", "{", "a.", "算"])
def test_hostile_request_takes_little_time(piece: str) -> None:
    begun = time.process_time()
    signs_of_code(piece * 500_000)
    assert time.process_time() - begun < 0.5
