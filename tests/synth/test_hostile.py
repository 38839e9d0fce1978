"""Odd recipes, odd answers, odd code: one line, a dropped row, or the same dataset; never a traceback, never chance."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from scripted import Scripted, reply_body, serve

from sandbox.verdict import Job, Verdict
from synth import controls, parse
from synth.budget import Budget
from synth.calls import Price
from synth.engine import Batch, cook
from synth.errors import RecipeError, SynthError
from synth.kitchen import Kitchen
from synth.ledger import Ledger
from synth.mutate import mutated_calls
from synth.recipe import Recipe
from synth.sample import Sample
from synth.seeds import Seed
from synth.teacher import Limits, Teacher
from synth.verify import Runner

ASK = "about: t\nsteps:\n  - ask: {template: t.j2, as: a}\n"
TWO = ASK + "  - ask: {template: u.j2, as: b}\n  - emit: {instruction: '{{ a }}', response: r}\n"
FIVE = "about: t\nsteps:\n  - ask: {template: t.j2, as: a, candidates: 5}\n  - emit: {instruction: x, response: r}\n"


def recipe_of(tmp_path: Path, text: str, template: bytes = b"number {{ seed.text }}") -> Recipe:
    folder = tmp_path / "mine"
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(text)
    (folder / "t.j2").write_bytes(template)
    (folder / "u.j2").write_text("{{ a }} again {{ seed.text }}")
    return Recipe(folder)


class Outcome(NamedTuple):
    batch: Batch
    samples: list[Sample]


def run(tmp_path: Path, text: str, answer: Any, *, num_seeds: int = 20, at_once: int = 4, **settings: Any) -> Any:
    recipe, script = recipe_of(tmp_path, text), Scripted(answer)

    async def main() -> Any:
        with serve(script), Ledger(tmp_path / "run") as ledger:
            async with Teacher(
                name="t", model="s", base_url=script.base_url, api_key="k", limits=Limits(concurrency=16)
            ) as teacher:
                kitchen = Kitchen(recipe=recipe, ledger=ledger, teacher=teacher, **settings)
                seeds = (Seed(id=f"s{i}", text=str(i)) for i in range(num_seeds))
                samples: list[Sample] = []
                batch = await cook(kitchen, seeds, rows=None, at_once=at_once, admit=list, emit=samples.append)
                return Outcome(batch, samples), len(script.received), ledger.paid.calls

    return asyncio.run(main())


def number(body: dict[str, Any]) -> int:
    return int(body["messages"][-1]["content"].split()[-1])


def test_limited_run_gives_the_same_rows_again(tmp_path: Path) -> None:
    def slow(body: dict[str, Any]) -> str:
        time.sleep(0.3 if number(body) in (2, 7) else 0.02)
        return "x"

    runs = [run(tmp_path, TWO, slow, budget=Budget(max_calls=13), at_once=n)[0] for n in (4, 4, 1, 8)]
    assert [(r.samples, r.batch.funnel) for r in runs[1:]] == [(runs[0].samples, runs[0].batch.funnel)] * 3


def test_calls_in_flight_at_the_limit_reach_the_ledger(tmp_path: Path) -> None:
    def slow(body: dict[str, Any]) -> str:
        time.sleep(0.6 if number(body) == 1 else 0.1)
        return "x"

    _, sent, paid = run(tmp_path, FIVE, slow, budget=Budget(max_calls=8), num_seeds=2)
    assert sent == paid == 8


def test_twin_jobs_run_once_and_agree_with_the_ledger(tmp_path: Path) -> None:
    class Fickle:
        image_digest, supervisor_version, runs = "i", "v", 0

        def run(self, _: Job) -> Verdict:
            self.runs += 1
            passed = self.runs == 1
            time.sleep(0.05)
            return Verdict(status="passed" if passed else "failed")

    async def main() -> list[str]:
        with Ledger(tmp_path) as ledger, ThreadPoolExecutor(4) as threads:
            runner = Runner(Fickle(), ledger, threads)  # type: ignore[arg-type]
            return [v.status for v in await asyncio.gather(*(runner.run(Job(code="x"), "p", {}) for _ in range(4)))]

    assert asyncio.run(main()) == ["passed"] * 4


@pytest.mark.parametrize(
    "test",
    [
        "assert f(1) == {[1]: 2}",
        "assert f(1) == {{1}, {2}}",
        "assert f(1) == 0x" + "f" * 4000,
        "assert f(0x" + "f" * 4000 + ") == 1",
        "assert f(" + "+".join("1" * 900) + ") == 1",
    ],
)
def test_hostile_literals_are_no_tests(test: str) -> None:
    assert controls.corrupted(test) is None
    assert mutated_calls([test], 3) is not None


def test_value_that_cannot_be_built_is_no_literal() -> None:
    assert not controls.is_literal("{[]: 1}")


@pytest.fixture
def usual_recursion_limit() -> Iterator[None]:
    """Python's own: torch.compile, which an earlier test may have used, doubles it."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("usual_recursion_limit")
def test_structure_survives_a_long_chain() -> None:
    code = "def f(x):\n    if x == 0: return 0\n" + "".join(f"    elif x == {i}: return {i}\n" for i in range(400))
    assert controls.structure(code) == code


@pytest.mark.parametrize("value", ["1e20", "{'_', 'a'}", "{'_': 0}", "-1e300"])
def test_corrupted_value_differs(value: str) -> None:
    twin = controls.corrupted(f"assert f(1) == {value}")
    assert twin is not None
    assert eval(twin.split("== ")[1]) != eval(value)


def test_sets_are_written_alike_in_every_process() -> None:
    script = (
        "from synth.mutate import mutated_calls as m; from synth.controls import corrupted as c;"
        "t = \"assert f({'a','b','c'}, 1) == {1, 'x', 'y'}\"; print(m([t], 9), c(t))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(said) == 1


@pytest.mark.parametrize("text", ['{"a": "\\ud83d x"}', '{"a":' + "[" * 100_000])
def test_hostile_json_is_unparsable(text: str) -> None:
    with pytest.raises(parse.Unparsable, match=r"parse\.json"):
        parse.read_json(text, {"a": "string"})


@pytest.mark.parametrize("price", ["nan,1", "-1,2", "inf,1"])
def test_price_is_finite_and_not_negative(price: str) -> None:
    with pytest.raises(SynthError, match="--price"):
        Price.parse(price)


@pytest.mark.parametrize("name", ["run#1", "run?x", "100%41"])
def test_ledger_opens_read_only_whatever_the_folder_is_called(tmp_path: Path, name: str) -> None:
    Ledger(tmp_path / name).close()
    with Ledger(tmp_path / name, read_only=True) as ledger:
        assert ledger.spent().calls == 0


EMIT = "  - emit: {instruction: x, response: r}\n"


@pytest.mark.parametrize(
    "text",
    [
        "about: t\nsteps: []\n",
        ASK + EMIT + "1: x\n",
        "about: t\nsteps:\n  - ask: [1]\n" + EMIT,
        "about: t\nsteps:\n  - ask: t.j2\n" + EMIT,
        "about: t\nsteps:\n  - on: {}\n" + EMIT,
        ASK + EMIT + EMIT,
        ASK.replace("as: a", "as: a, code: rubi") + EMIT,
        "about: t\nsteps:\n  - sample: {l: {}}\n" + EMIT,
        "about: t\nsteps:\n  - sample: {l: {a: .inf}}\n" + EMIT,
        ASK + "  - run: {code: a, tests: a}\n" + EMIT,
    ],
)
def test_odd_recipe_is_refused_at_load_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_of(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("template", [b"caf\xe9", b"{% include 't.j2' %}"])
def test_odd_template_is_refused_at_load(tmp_path: Path, template: bytes) -> None:
    with pytest.raises(RecipeError, match=r"mine/t.j2: "):
        recipe_of(tmp_path, ASK + EMIT, template)


@pytest.mark.parametrize(
    "change",
    [{"choices": [{"index": 0, "finish_reason": "stop"}]}, {"usage": {"prompt_tokens": None, "completion_tokens": 1}}],
)
def test_malformed_answer_stops_in_one_line(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(SynthError, match="check that it is an OpenAI-compatible endpoint"):
        run(tmp_path, ASK + EMIT, lambda _: (200, {**reply_body("x"), **change}), num_seeds=1)


def test_score_that_is_no_number_drops_the_row(tmp_path: Path) -> None:
    text = ASK + "  - emit: {instruction: x, response: r, scores: [a]}\n"
    batch, _, _ = run(tmp_path, text, lambda _: "fine", num_seeds=1)
    assert batch.samples[0].dropped == "emit.score"


def test_expression_that_fails_on_its_values_stops_in_one_line(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, ASK + EMIT, b"{{ seed.level + 1 }}")
    with pytest.raises(RecipeError, match=r"mine/t.j2: "):
        recipe.render("t.j2", "en", {"seed": Seed(id="s", text="x")})
