"""Weighted draws: in proportion, the same for the same key, and one line for each fault of a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from synth.draws import draw, read_choices, weighted
from synth.errors import RecipeError


def test_draws_follow_the_weights() -> None:
    drawn = Counter(draw({"often": 9.0, "seldom": 1.0}, key=str(number)) for number in range(4000))
    assert drawn["often"] / 4000 == pytest.approx(0.9, abs=0.02)


def test_the_same_key_draws_the_same() -> None:
    choices = weighted(list("abcdefgh"), where="x")
    assert len({draw(choices, key="0:seed:name") for _ in range(20)}) == 1
    assert len({draw(choices, key=f"{number}:seed:name") for number in range(200)}) == 8


@pytest.mark.parametrize(
    ("name", "text", "choices"),
    [
        ("a.txt", "one\n\n  two \n", {"one": 1.0, "two": 1.0}),
        ("a.yaml", "[one, 2]", {"one": 1.0, 2: 1.0}),
        ("a.yaml", "{one: 3, two: 0.5}", {"one": 3.0, "two": 0.5}),
    ],
)
def test_file_holds_lines_a_list_or_weights(tmp_path: Path, name: str, text: str, choices: dict[object, float]) -> None:
    (tmp_path / name).write_text(text)
    assert read_choices(tmp_path / name) == choices


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "just words", "must be a list or a mapping"),
        ("a.yaml", "{one: -1}", "the weight of 'one' must be above 0, got -1"),
        ("a.yaml", "{one: yes}", "the weight of 'one'"),
        ("a.yaml", "[[1]]", "a choice must be text or a number"),
        ("a.yaml", "{one: [", "cannot be read"),
        ("a.txt", "\n\n", "has no choices"),
    ],
)
def test_fault_of_a_file_is_one_line_that_names_it(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(RecipeError, match=said) as caught:
        read_choices(tmp_path / name)
    assert f"/{name}: " in str(caught.value)
    assert "\n" not in str(caught.value)
