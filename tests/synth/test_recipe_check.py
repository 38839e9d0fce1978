"""What `synth recipes check` doubts, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.errors import RecipeError
from synth.recipe import Recipe, bundled_recipes, open_recipe
from synth.recipe_check import doubts
from synth.scaffold import create

GOOD = """
about: A test.
language: python
steps:
  - sample: {level: [easy, hard]}
  - ask: {template: task.j2, as: task}
  - keep: {if: "task | length > 2", drop: ask.short}
  - ask: {template: judge.j2, role: judge, json: {reason: string, score: integer}}
  - emit: {instruction: "{{ task }}", response: "{{ task }}", scores: [score]}
"""
TEMPLATES = {"task": "A {{ level }} task about {{ seed.text }}", "judge": "Judge {{ task }}"}


def doubts_of(folder: Path, yaml: str = GOOD, **templates: str) -> list[str]:
    (folder / "recipe.yaml").write_text(yaml)
    for name, text in TEMPLATES.items():
        (folder / f"{name}.j2").write_text(templates.pop(name, text))
        (folder / f"{name}.zh.j2").write_text(templates.pop(f"{name}_zh", text))
    for name, text in templates.items():
        (folder / f"{name}.j2").write_text(text)
    return doubts(Recipe(folder))


def test_sound_recipe_has_no_doubts(tmp_path: Path) -> None:
    assert doubts_of(tmp_path) == []


@pytest.mark.parametrize("name", bundled_recipes())
def test_bundled_recipes_have_no_doubts(name: str) -> None:
    assert doubts(open_recipe(name)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("level: [easy, hard]", "level: [easy, hard], extra: [1, 2]", "sample sets `extra`, which nothing reads"),
        ("task | length > 2", "false", "step 3 (keep): `if: false` never holds; no step after it is reached"),
        ("task | length > 2", "1 > 2", "`if: 1 > 2` never holds"),
        ("as: task}", "as: task, when: '2 is none'}", "step 2 (ask): `when: 2 is none` never holds"),
    ],
)
def test_step_that_does_nothing_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert any(said in doubt for doubt in doubts_of(tmp_path, GOOD.replace(old, new)))


def test_attribute_that_no_seed_has_is_named_with_its_line(tmp_path: Path) -> None:
    found = doubts_of(tmp_path, judge="Judge\n{{ task }} of {{ seed.sumary }}", judge_zh="{{ task }}")
    assert found == ["judge.j2:2: no seed has `sumary`; did you mean summary?"]


def test_template_that_no_step_names_is_doubted_but_not_one_that_another_includes(tmp_path: Path) -> None:
    found = doubts_of(tmp_path, judge="{% include 'part.j2' %}", judge_zh="{{ task }}", part="{{ task }}", old="x")
    assert found == ["old.j2: no step names it; use it or delete it"]


def test_languages_that_read_different_variables_are_named(tmp_path: Path) -> None:
    found = doubts_of(tmp_path, task_zh="关于 {{ seed.text }} 的题目")
    assert found == ["task.zh.j2: reads other variables than task.j2: `level` is in one of them alone"]


def test_missing_translation_is_named(tmp_path: Path) -> None:
    doubts_of(tmp_path)
    (tmp_path / "judge.zh.j2").unlink()
    assert doubts(Recipe(tmp_path)) == [
        "judge.j2: no judge.zh.j2 beside it; without it --locale zh and mix are refused"
    ]


def test_new_recipe_is_sound_in_both_languages(tmp_path: Path) -> None:
    recipe = Recipe(create(tmp_path / "my-recipe"))
    assert doubts(recipe) == []
    assert recipe.locales == ("en", "zh")


def test_new_recipe_can_begin_from_another(tmp_path: Path) -> None:
    assert Recipe(create(tmp_path / "mine", "educational")).steps == open_recipe("educational").steps


def test_new_recipe_overwrites_nothing(tmp_path: Path) -> None:
    create(tmp_path / "mine")
    with pytest.raises(RecipeError, match="mine: is there already; choose another name"):
        create(tmp_path / "mine")
    with pytest.raises(RecipeError, match="a recipe's name is letters"):
        create(tmp_path / "my recipe")
