"""The recipe that asks nobody: a documented function becomes a row on the word of its own examples."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from synth.generate import Order, Result, generate
from synth.recipe import open_recipe
from synth.schema import Ask
from synth.seeds import open_seeds

BROKEN = '''def halve(n: int) -> int:
    """Return half of n, rounded down.

    >>> halve(4)
    2
    >>> halve(7)
    4
    """
    return n // 2
'''


def cook(out: Path, **order: object) -> Result:
    return asyncio.run(generate(Order(recipe="docstring", out=out, **order)))  # type: ignore[arg-type]


def test_it_has_no_step_that_asks() -> None:
    assert not [step for step in open_recipe("docstring").steps if isinstance(step, Ask)]


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_rows_carry_the_seeds_own_code_and_the_lower_grade(tmp_path: Path) -> None:
    rows = list(cook(tmp_path / "run", rows=4).samples)
    seeds = {seed.id: seed for seed in open_seeds("starter")}
    kept = [row for row in rows if row.dropped is None]
    assert len(kept) == 4
    for row in kept:
        assert row.evidence == "seed_code"
        assert not row.round_trip
        assert row.code == seeds[row.seed_id].code
        assert row.code.strip() in row.response
        assert seeds[row.seed_id].summary in row.instruction
        assert row.provenance.teacher == ""
        assert row.provenance.calls == 0


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_no_teacher_is_started_or_needed(tmp_path: Path) -> None:
    # nothing listens there: a teacher that was hired would end the run
    assert cook(tmp_path / "run", rows=1, base_urls=("http://127.0.0.1:9/v1",)).batch.num_kept == 1


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_a_function_whose_docstring_is_wrong_about_it_is_turned_away(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    dist = tmp_path / "site" / "halving-1.0.dist-info"
    dist.mkdir()
    (tmp_path / "site" / "halving.py").write_text(BROKEN, encoding="utf-8")
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: halving\nVersion: 1.0\n", encoding="utf-8")
    (dist / "RECORD").write_text("halving.py,,\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path / "site")
        result = cook(tmp_path / "run", seeds="doctest:halving")
    assert [sample.dropped for sample in result.samples] == ["seed.broken"]
