"""Two sweeps over different data: which data is better, by how much, at which compute, and how sure that is.

Both have the same depths, so that run by run they spent the same compute and were measured on the same held-out text.
The loss is compared at each budget as it was measured; the worth of the data comes from one curve through all runs.
Not covered: the noise of the seed. One run a depth shows it only as far as the depths disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pretrain.errors import ConfigError
from pretrain.fit import Estimate, compute_worth

Verdict = Literal["better", "worse", "not told apart"]
SAME_COMPUTE = 0.01
"""How far, relatively, the compute of two runs of one depth may differ: vocabularies are rarely of quite one size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Our data beside the other's, in one language or over `all` tokens."""

    compute: float
    """FLOPs of the largest runs."""
    ours: float
    """Held-out bits per byte of the largest run on our data."""
    theirs: float
    change: Estimate
    """Our loss over theirs, less one, at the largest budget; its range is over all budgets."""
    worth: Estimate | None
    """The compute that the other data needs over what ours needs for one loss; `None` where no curve fits."""

    @property
    def verdict(self) -> Verdict:
        """Told only where every budget, and every curve with one run left out, says the same."""
        worse = _parts(self.change)
        worse += [1 - part for part in _parts(self.worth)] if self.worth else []
        if all(sign < 0 for sign in worse):
            return "better"
        return "worse" if all(sign > 0 for sign in worse) else "not told apart"

    def as_json(self) -> dict[str, Any]:
        """The figures with their verdict."""
        return {"verdict": self.verdict, **asdict(self)}


def compare(record: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Comparison]:
    """By language, `all` first: our data beside that of `base`; languages that only one sweep measured are left out.

    Raises: ConfigError where the two have other depths, budgets or held-out text.
    """
    check_comparable([point["depth"] for point in record["points"]], record["heldout"], base)
    ours, theirs = record["points"], base["points"]
    for one, other in zip(ours, theirs, strict=True):
        if abs(one["compute"] - other["compute"]) > SAME_COMPUTE * other["compute"]:
            raise ConfigError(
                f"--compare: depth {one['depth']} took {one['compute']:.3g} FLOPs here, {other['compute']:.3g} there; "
                "give both the same --context, --tokens-per-parameter and size of vocabulary"
            )
    names = [name for name in ours[0]["bits_per_byte"] if all(name in point["bits_per_byte"] for point in theirs)]
    return {name: _compare_one(ours, theirs, name) for name in sorted(names, key=lambda name: name != "all")}


def check_comparable(depths: Sequence[int], heldout: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    """Nothing, if a sweep of these depths and held-out text can stand beside `base`. Raises: ConfigError."""
    if list(depths) != (found := [point["depth"] for point in base["points"]]):
        raise ConfigError(
            f"--compare: the sweeps have different depths, {list(depths)} and {found}; give both the same --depths"
        )
    if heldout != base["heldout"]:
        raise ConfigError(
            "--compare: the sweeps have different held-out text; pack both with the same held-out corpus and "
            "tokenizer, and give both the same train.evaluate_tokens"
        )


def _parts(estimate: Estimate) -> list[float]:
    """Value and range, as far as they are known."""
    return [part for part in (estimate.value, estimate.low, estimate.high) if part is not None]


def _compare_one(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], name: str) -> Comparison:
    our_losses, their_losses = ([float(point["bits_per_byte"][name]) for point in points] for points in (ours, theirs))
    our_compute, their_compute = ([float(point["compute"]) for point in points] for points in (ours, theirs))
    changes = [one / other - 1 for one, other in zip(our_losses, their_losses, strict=True)]
    worth = None
    with suppress(ConfigError):  # too few runs, or too little text of a language for its loss to fall with compute
        worth = compute_worth((their_compute, their_losses), (our_compute, our_losses))
    largest = our_compute.index(max(our_compute))
    return Comparison(
        compute=our_compute[largest],
        ours=our_losses[largest],
        theirs=their_losses[largest],
        change=Estimate(changes[largest], min(changes), max(changes)),
        worth=worth,
    )
