from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from pretrain.comparison import compare
from pretrain.errors import ConfigError
from pretrain.sweep_show import sentence

COMPUTE = (1e13, 1e14, 1e15, 1e16)


def sweep(*, worth: float = 1.0, scored: int = 3, compute: Sequence[float] = COMPUTE) -> dict[str, Any]:
    """A sweep whose losses are 0.8 + 60 (worth x C)^-0.15, and twice that in C."""
    losses = [0.8 + 60 * (worth * flops) ** -0.15 for flops in compute]
    points = [
        {"depth": depth, "compute": flops, "bits_per_byte": {"c": 2 * loss, "all": loss}}
        for depth, (flops, loss) in enumerate(zip(compute, losses, strict=True), 1)
    ]
    return {"heldout": {"c": [3, 900, scored]}, "points": points}


def test_better_data_is_worth_its_compute_in_every_language() -> None:
    found = compare(sweep(worth=1.13), sweep())
    assert list(found) == ["all", "c"]
    assert [one.verdict for one in found.values()] == ["better", "better"]
    for one in found.values():
        assert one.worth is not None
        assert one.worth.value == pytest.approx(1.13, rel=1e-3)


def test_the_change_is_the_measured_one_at_the_largest_equal_budget() -> None:
    ours, theirs = sweep(worth=1.13), sweep()
    found = compare(ours, theirs)["all"]
    changes = [
        one["bits_per_byte"]["all"] / other["bits_per_byte"]["all"] - 1
        for one, other in zip(ours["points"], theirs["points"], strict=True)
    ]
    assert (found.compute, found.change.value) == (1e16, changes[-1])
    assert (found.change.low, found.change.high) == (min(changes), max(changes))


def test_worse_data_is_called_worse() -> None:
    assert compare(sweep(worth=0.8), sweep())["all"].verdict == "worse"


def test_data_that_wins_at_some_budgets_only_is_not_told_apart() -> None:
    ours = sweep(worth=1.13)
    ours["points"][0]["bits_per_byte"]["all"] *= 1.05
    assert compare(ours, sweep())["all"].verdict == "not told apart"


def test_a_sweep_is_not_told_apart_from_itself() -> None:
    assert compare(sweep(), sweep())["all"].verdict == "not told apart"


@pytest.mark.parametrize("runs", [2, 3])
def test_few_runs_say_how_the_loss_differs_but_not_how_sure_it_is(runs: int) -> None:
    found = compare(sweep(worth=1.13, compute=COMPUTE[:runs]), sweep(compute=COMPUTE[:runs]))["all"]
    assert found.verdict == "better"
    assert ("no range" if runs == 3 else "no curve through both") in sentence(found)


def test_a_language_whose_loss_does_not_fall_has_no_worth_in_compute() -> None:
    ours, theirs = sweep(worth=1.13), sweep()
    for record, loss in ((ours, 1.9), (theirs, 2.0)):
        for point in record["points"]:
            point["bits_per_byte"]["c"] = loss
    found = compare(ours, theirs)["c"]
    assert (found.worth, found.change.value) == (None, pytest.approx(-0.05))


def test_the_answer_is_one_sentence_with_compute_and_range() -> None:
    text = sentence(compare(sweep(worth=1.13), sweep())["all"])
    assert text.startswith("better data: 1.0")
    assert "at 1.00e+16 FLOPs" in text
    assert "worth 1.13x (1.13 to 1.13 with one run left out) the other's compute" in text


def test_the_figures_are_json_with_their_verdict() -> None:
    told = json.loads(json.dumps(compare(sweep(worth=1.13), sweep())["all"].as_json(), allow_nan=False))
    assert told["verdict"] == "better"
    assert set(told["worth"]) == {"value", "low", "high"}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (sweep(scored=2), "different held-out text"),
        (sweep(compute=COMPUTE[:3]), "different depths"),
        (sweep(compute=[1.02 * flops for flops in COMPUTE]), r"depth 1 took 1e\+13 FLOPs here, 1.02e\+13 there"),
    ],
)
def test_sweeps_of_unlike_conditions_are_not_compared(other: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare(sweep(), other)
