"""`synth mix`: several sets as one, in the proportions asked for, each row once, with an account of all the others.

Every row that was read ends in one column of the table: left out (unusable, not asked for, contaminated, twin of
another), used (training or validation), or not needed. What is chosen depends on the rows and the seed alone: not on
the order of files, and a larger mixture of the same rows holds the smaller one, up to rounding.
Memory: some 100 bytes a row, and 400 for the search of near twins; the rows themselves lie in a temporary file.
Not covered: the words of the card (`mix_card.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.curate.decontaminate import Decontaminator, load_benchmark
from synth.curate.shingles import mix as scramble
from synth.mix_config import MixError, MixFile
from synth.mix_groups import held_out
from synth.mix_rows import CONTAMINATED, NOT_ASKED, UNUSABLE, Found, Gathered, Spool, gather, hashed
from synth.mix_twins import find_twins
from synth.quota import apportion, refill

Numbers = NDArray[np.int64]


@dataclass(slots=True, kw_only=True)
class Account:
    """What became of the rows of one set; in rows, but for `wanted`, `given` and `short`."""

    name: str
    wanted: int
    """Its share of the whole, in the unit of the mixture."""
    given: int = 0
    read: int = 0
    unusable: int = 0
    not_asked: int = 0
    contaminated: int = 0
    twins_within: int = 0
    twins_across: int = 0
    """Twins of a row of an earlier set."""
    not_needed: int = 0
    train: int = 0
    """Different rows for training."""
    repeats: int = 0
    """Training rows that are there again."""
    validation: int = 0

    @property
    def short(self) -> int:
        """How much is missing, in the unit of the mixture."""
        return max(0, self.wanted - self.given)

    @property
    def adds_up(self) -> bool:
        """Whether every row that was read is accounted for."""
        left_out = self.unusable + self.not_asked + self.contaminated + self.twins_within + self.twins_across
        return self.read == left_out + self.not_needed + self.train + self.validation


@dataclass(slots=True, kw_only=True)
class Mixture:
    """Rows chosen, and the account of it."""

    accounts: list[Account]
    train: list[Numbers] = field(default_factory=list)
    """For each set, the rows in the order drawn; repeated ones come again at the end."""
    validation: list[Numbers] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    """Contaminated rows and twins: set, id, reason, detail."""
    largest: int = 0
    """How much the sets that have rows would give without one being short."""

    def shuffled(self, found: Found, sets: Sequence[Numbers], seed: int) -> Numbers:
        """The rows of several sets in one order that depends on them and the seed alone."""
        rows = np.concatenate([*sets, np.empty(0, np.int64)])
        copies = np.concatenate([_copies(chosen) for chosen in (*sets, rows[:0])])
        digests = np.asarray(found.digests, np.uint64)[rows]
        key = scramble(digests ^ np.uint64(hashed(f"order {seed}".encode())))
        return rows[np.lexsort([digests, scramble(key + copies)])]


def compose(mix: MixFile, total: int, spool: Spool, say: Callable[[str], None]) -> tuple[Mixture, Gathered]:
    """The rows of a mixture of `total` rows or tokens. Raises: `MixError`, `SynthError`."""
    gathered = gather(mix, spool, _decontaminator(mix))
    found = gathered.found
    say(f"{gathered.read.total():,} rows read, {len(found):,} usable; looking for twins")
    names = list(mix.sets)
    accounts = {name: Account(name=name, wanted=0, read=gathered.read[name]) for name in names}
    for name, why in gathered.left_out.items():
        account = accounts[name]
        account.unusable, account.not_asked, account.contaminated = why[UNUSABLE], why[NOT_ASKED], why[CONTAMINATED]
    mixture = Mixture(accounts=list(accounts.values()))
    mixture.left_out = sorted(gathered.contaminated, key=lambda told: (names.index(told["set"]), *told.values()))
    free = _drop_twins(mix, mixture, gathered)
    apart = held_out(found, mix.validation, mix.seed)
    draws = scramble(np.asarray(found.digests, np.uint64) ^ np.uint64(hashed(f"draw {mix.seed}".encode())))
    sets = np.asarray(found.sets)
    order = np.lexsort([np.asarray(found.digests, np.uint64), draws])
    order = order[free[order]]
    rows_of = [order[sets[order] == number] for number in range(len(names))]
    sizes = np.asarray(found.sizes, np.int64)
    repeats = [each.max_repeats or mix.max_repeats for each in mix.sets.values()]
    capacities = [
        int((sizes[rows] * np.where(apart[rows], 1, times)).sum()) for rows, times in zip(rows_of, repeats, strict=True)
    ]
    quotas = _quotas(mix, mixture, total, capacities)
    for account, rows, quota in zip(mixture.accounts, rows_of, quotas, strict=True):
        _choose(mixture, account, rows, quota, sizes, apart)
    assert all(account.adds_up for account in mixture.accounts), "every row read is accounted for"
    return mixture, gathered


def _decontaminator(mix: MixFile) -> Decontaminator | None:
    if not mix.decontaminate:
        return None
    try:
        benchmarks = [load_benchmark(name) for name in mix.decontaminate]
        # A document may well define some `add` or `search`.
        return Decontaminator(benchmarks, use_entry_points=mix.layout == "instructions")
    except ValueError as error:
        raise MixError(f"decontaminate: {error}") from None


def _drop_twins(mix: MixFile, mixture: Mixture, gathered: Gathered) -> NDArray[np.bool_]:
    """Whether each row is free to be chosen; the others are twins."""
    found, spool, names = gathered.found, gathered.spool, list(mix.sets)
    free = np.ones(len(found), bool)
    for row, other, how, similarity in find_twins(found, spool, mix.compare, mix.twins):
        free[row] = False
        account = mixture.accounts[found.sets[row]]
        if found.sets[row] == found.sets[other]:
            account.twins_within += 1
        else:
            account.twins_across += 1
        method, _, by = how.partition(" ")
        stays = f"{spool.read(other)['id']} of {names[found.sets[other]]}"
        told = {"set": account.name, "id": spool.read(row)["id"], "reason": f"dedup.{method}"}
        mixture.left_out.append(told | {"detail": f"{by} {similarity:.2f} like {stays}"})
    return free


def _quotas(mix: MixFile, mixture: Mixture, total: int, capacities: Sequence[int]) -> list[int]:
    """What each set gives. Raises: `MixError` for a set that is short where none may be."""
    shares = [each.share for each in mix.sets.values()]
    wanted = apportion(total, shares)
    for account, quota in zip(mixture.accounts, wanted, strict=True):
        account.wanted = quota
    has_rows = [(share, capacity) for share, capacity in zip(shares, capacities, strict=True) if capacity]
    if not has_rows:
        raise MixError(f"no set has a row that can be used, got {_left_out(mixture)}; give other sources")
    mixture.largest = int(min(capacity / share for share, capacity in has_rows) * sum(share for share, _ in has_rows))
    short = [i for i, quota in enumerate(wanted) if quota > capacities[i]]
    if short and mix.short == "fail":
        told = ", ".join(f"{mixture.accounts[i].name} has {capacities[i]:,} of {wanted[i]:,}" for i in short)
        raise MixError(f"short: {told} {mix.unit}; give it more sources, a smaller scale, or `short: keep`")
    if mix.short == "refill":
        return refill(total, shares, capacities)
    return [min(quota, capacity) for quota, capacity in zip(wanted, capacities, strict=True)]


def _left_out(mixture: Mixture) -> str:
    """`900 read, 12 unusable, 888 contaminated`."""
    names = ("read", "unusable", "not_asked", "contaminated", "twins_within", "twins_across")
    sums = {name: sum(getattr(account, name) for account in mixture.accounts) for name in names}
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sums.items() if count or name == "read")


def _choose(
    mixture: Mixture, account: Account, rows: Numbers, quota: int, sizes: Numbers, apart: NDArray[np.bool_]
) -> None:
    """Takes the first rows in drawn order until the quota is reached, then training rows again."""
    chosen = _until(rows, quota, sizes)
    train, validation = chosen[~apart[chosen]], chosen[apart[chosen]]
    again = rows[:0]
    if (missing := quota - int(sizes[chosen].sum())) > 0 and len(train):
        times = -(-missing // int(sizes[train].sum()))
        again = _until(np.tile(train, times), missing, sizes)
    account.given = int(sizes[chosen].sum() + sizes[again].sum())
    account.train, account.repeats, account.validation = len(train), len(again), len(validation)
    account.not_needed = len(rows) - len(chosen)
    mixture.train.append(np.concatenate([train, again]))
    mixture.validation.append(validation)


def _until(rows: Numbers, quota: int, sizes: Numbers) -> Numbers:
    """The first rows that reach the quota together."""
    before = np.cumsum(sizes[rows]) - sizes[rows]
    return rows[before < quota]


def _copies(rows: Numbers) -> NDArray[np.uint64]:
    """For each entry how often its row was there before."""
    seen: Counter[int] = Counter()
    copies = np.zeros(len(rows), np.uint64)
    if len(np.unique(rows)) == len(rows):
        return copies
    for place, row in enumerate(rows.tolist()):
        copies[place] = seen[row]
        seen[row] += 1
    return copies
