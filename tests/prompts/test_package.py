"""The package recipe in real containers, on a scripted teacher that knows a part of the standard library."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted import Answer, Scripted, serve

from sandbox.image import find_image
from sandbox.verdict import SandboxError, SandboxUnavailable
from synth.generate import Order, Result, generate
from synth.recipe import open_recipe
from synth.sample import Sample
from synth.seeds import Seed, open_seeds

BELOW = "Write a function `share_below(mean, deviation, limit)` that returns the share below the limit in per cent."
BELOW_TESTS = "\n".join(
    f"assert share_below({mean}, {deviation}, {limit}) == {share}"
    for mean, deviation, limit, share in [(0, 1, 0, 50), (0, 1, 1, 84), (10, 2, 8, 16), (5, 5, 5, 50)]
)
PLAIN = "return round(100 * NormalDist(mean, deviation).cdf(limit))"
IN_STEPS = "spread = NormalDist(mu=mean, sigma=deviation)\n    share = spread.cdf(limit)\n    return round(share * 100)"
UNCALLED = "import math\n    return round(50 * (1 + math.erf((limit - mean) / deviation / math.sqrt(2))))"


class Expert:
    """A teacher with the right answer to what it was given one for."""

    def __init__(self, *bodies: str) -> None:
        self.seeds = {seed.entry_point: seed for seed in open_seeds("api:statistics") if seed.entry_point}
        self.bodies = bodies
        """Bodies of `share_below`, one candidate each."""
        self.own: dict[str, str] = {}
        """Entry point -> a program in place of the seed's."""

    def __call__(self, body: dict[str, Any]) -> Answer:
        first, last = body["messages"][0]["content"], body["messages"][-1]["content"]
        if first.startswith("You write programming exercises"):
            return BELOW if "NormalDist.cdf(self, x)" in last else "Write a function that returns what it should."
        if first.startswith("You write tests"):
            return f"```python\n{BELOW_TESTS}\n```"
        if "share_below" in last and self.bodies:
            text = self.bodies[body["seed"] % len(self.bodies)]
            head = "" if text is UNCALLED else "from statistics import NormalDist\n\n\n"
            return f"```python\n{head}def share_below(mean, deviation, limit):\n    {text}\n```"
        named = [name for name in re.findall(r"def (\w+)\(", last) if name in self.seeds]
        return f"```python\n{self.own.get(named[-1], self.seeds[named[-1]].code)}\n```" if named else "I do not know."


@pytest.fixture
def serve_expert() -> Iterator[Any]:
    with serve(Scripted(lambda _: "")) as script:
        yield script


def cook(out: Path, script: Scripted, expert: Expert, **order: Any) -> Result:
    script.answer = expert
    order = {"seeds": "api:statistics", **order}
    return asyncio.run(generate(Order(recipe="package", out=out, base_urls=(script.base_url,), **order)))


def row_of(result: Result, api: str) -> Sample:
    return next(row for row in result.samples if row.provenance.seed_source.endswith(f":{api}"))


def test_it_speaks_both_languages_and_fills_the_package_subset() -> None:
    recipe = open_recipe("package")
    assert recipe.locales == ("en", "zh")
    assert recipe.subset == "package_instruct"


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_the_solver_sees_the_documentation_but_neither_examples_nor_the_seeds_code(locale: str) -> None:
    recipe = open_recipe("package")
    template = "solve.j2" if locale == "en" else "solve.zh.j2"
    assert recipe.sees_only_the_instruction(template)
    seed = Expert().seeds["apply_mean"]
    question = recipe.render("question.j2", locale, {"seed": seed, "task": "Average.", "locale": locale})
    assert "Return the sample arithmetic mean of data." in question
    assert "`statistics.mean`" in question
    assert "Fraction(13, 21)" not in question
    assert "return mean(data)" not in question


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_documented_examples_judge_rows_that_make_the_round_trip(tmp_path: Path, serve_expert: Scripted) -> None:
    result = cook(tmp_path / "run", serve_expert, Expert())
    rows = list(result.samples)
    kept = [row for row in rows if row.dropped is None]
    funnel = result.batch.funnel
    assert funnel.kept == len(kept) >= 8
    assert funnel.seeds == len(rows) == funnel.kept + sum(funnel.dropped.values())
    for row in kept:
        assert (row.evidence, row.round_trip) == ("seed", True)
        assert row.provenance.seed_license == "PSF-2.0"
        assert "of the standard library" in row.instruction
        assert "From the documentation" not in row.instruction


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_a_right_answer_that_does_not_call_the_api_is_dropped(tmp_path: Path, serve_expert: Scripted) -> None:
    expert = Expert()
    expert.own["apply_mean"] = "import statistics\n\n\ndef apply_mean(data):\n    return sum(data) / len(data)\n"
    row = row_of(cook(tmp_path / "run", serve_expert, expert), "statistics.mean")
    assert row.dropped == "calls.missing"
    assert row.detail == "no candidate calls statistics.mean"


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize(
    ("bodies", "end"),
    [((PLAIN, IN_STEPS), "agreement"), ((PLAIN,), "self"), ((UNCALLED,), "calls.missing")],
    ids=["two ways", "one way", "without the API"],
)
def test_without_plain_examples_the_teachers_inputs_are_agreed_on(
    tmp_path: Path, serve_expert: Scripted, bodies: tuple[str, ...], end: str
) -> None:
    row = row_of(cook(tmp_path / "run", serve_expert, Expert(*bodies)), "statistics.NormalDist.cdf")
    assert (row.dropped or row.evidence) == end


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_an_image_without_the_package_ends_the_run_before_the_first_call(
    tmp_path: Path, serve_expert: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "kitchenware-1.2.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site" / "kitchenware.py").write_text('def boil(egg):\n    """Returns the egg, boiled."""\n')
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kitchenware\nVersion: 1.2\n")
    (info / "RECORD").write_text("kitchenware.py,,\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(SandboxUnavailable, match=r"sandbox build .*--packages kitchenware==1\.2"):
        cook(tmp_path / "run", serve_expert, Expert(), seeds="api:kitchenware")
    assert serve_expert.received == []


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_a_library_from_the_index_runs_in_an_image_that_has_it(tmp_path: Path, serve_expert: Scripted) -> None:
    seeds = _seeds_in_an_image("api:more-itertools")
    expert = Expert()
    expert.seeds = {seed.entry_point: seed for seed in seeds if seed.entry_point}
    result = cook(tmp_path / "run", serve_expert, expert, seeds="api:more-itertools", rows=5)
    kept = [row for row in result.samples if row.dropped is None]
    assert len(kept) == 5
    assert all("from the package `more-itertools`" in row.instruction for row in kept)


def _seeds_in_an_image(spec: str) -> list[Seed]:
    from synth.api import packages_of
    from synth.errors import SeedError

    try:
        find_image(packages=packages_of(spec))
    except (SandboxError, SeedError) as missing:
        pytest.skip(str(missing))
    return list(open_seeds(spec))
