"""Rewritten code and other forms of a row stand only where they pass the row's tests again, in the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import Answer, Scripted, serve

from synth.generate import Order, generate
from synth.sample import Sample

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("pool")]
RECIPE = """
about: t
language: python
steps:
  - write: {template: say.j2, as: instruction}
  - ask: {template: solve.j2, as: solutions, candidates: 2, temperature: [0, 0.5], code: python}
  - run: {code: solutions, tests: null, evidence: [seed], min_tests: 2}
MORE
  - emit: {instruction: "{{ instruction }}", response: "{{ code }}", scores: [pass_ratio, difficulty]}
"""
GOOD = "def triple(n):\n    return 3 * n  # three times"
SEED = '{"text": "triple", "code": "def triple(n):\\n    return n * 3\\n", "entry_point": "triple", "tests": %s}'
TESTS = '["assert triple(1) == 3", "assert triple(2) == 6", "assert triple(5) == 15", "assert triple(-4) == -12"]'


def cook(tmp_path: Path, more: str, answer: Callable[[dict[str, Any]], Answer]) -> Sample:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE.replace("MORE", more))
    (folder / "say.j2").write_text("Triple the number.")
    (folder / "solve.j2").write_text("{{ instruction }}")
    (folder / "refine.j2").write_text("Comment this: {{ code }}")
    (tmp_path / "seeds.jsonl").write_text(SEED % TESTS)
    with serve(Scripted(answer)) as script:
        order = Order(recipe=str(folder), out=tmp_path / "run", seeds=str(tmp_path / "seeds.jsonl"))
        order = Order(**{name: getattr(order, name) for name in order.__slots__} | {"base_urls": (script.base_url,)})
        (sample,) = asyncio.run(generate(order)).samples
    return sample


def answering(refined: str) -> Callable[[dict[str, Any]], Answer]:
    return lambda body: f"```python\n{refined if 'Comment' in body['messages'][-1]['content'] else GOOD}\n```"


REFINE = "  - ask: {template: refine.j2, as: refined, code: python}\n  - rerun: {code: refined, else: %s}"


def test_refined_code_that_still_passes_is_the_rows(tmp_path: Path) -> None:
    refined = "def triple(n):\n    # add it up\n    return n + n + n"
    sample = cook(tmp_path, REFINE % "drop", answering(refined))
    assert (sample.dropped, sample.code, sample.evidence) == (None, refined, "seed")
    assert sample.response == refined


def test_refined_code_that_fails_drops_the_row_or_leaves_it(tmp_path: Path) -> None:
    wrong = "def triple(n):\n    # better\n    return n + n"
    for otherwise, ended in (("drop", "rerun.failed"), ("keep", None)):
        (tmp_path / otherwise).mkdir()
        sample = cook(tmp_path / otherwise, REFINE % otherwise, answering(wrong))
        assert sample.dropped == ended
        assert sample.code == GOOD


@pytest.mark.parametrize(("form", "shown"), [("docstring", '"""Triple the number."""'), ("asserts", "assert triple(")])
def test_form_is_run_again_and_says_the_same(tmp_path: Path, form: str, shown: str) -> None:
    sample = cook(tmp_path, f"  - augment: {{{form}: 1}}", answering(GOOD))
    assert sample.dropped is None
    assert shown in sample.instruction
    assert sample.check is not None
    assert sample.check.tests_passed == len(sample.tests) > 3


def test_bare_form_has_no_comments(tmp_path: Path) -> None:
    assert cook(tmp_path, "  - augment: {bare: 1}", answering(GOOD)).code == "def triple(n):\n    return 3 * n"


def test_difficulty_follows_the_share_of_candidates_that_passed(tmp_path: Path) -> None:
    def half(body: dict[str, Any]) -> Answer:
        return f"```python\n{GOOD if body['temperature'] == 0 else 'def triple(n): return n'}\n```"

    assert cook(tmp_path, "", half).scores == {"pass_ratio": 0.5, "difficulty": 3.0}
