"""Whole numbers in given proportions that add up exactly: how many rows each set of a mixture gives."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def apportion(total: int, shares: Sequence[float]) -> list[int]:
    """`total` in parts proportional to `shares`, by the largest remainder; of equal remainders the first.

    Source: Hamilton's method. The parts add up to `total`, and each is its exact share rounded up or down.
    """
    whole = sum(map(Fraction, shares))
    exact = [total * Fraction(share) / whole for share in shares]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def refill(total: int, shares: Sequence[float], capacities: Sequence[int]) -> list[int]:
    """As `apportion`, but none above its capacity: what a part cannot take goes to the others in proportion."""
    parts = [0] * len(shares)
    open_parts = [i for i, share in enumerate(shares) if share and capacities[i]]
    left = total
    while left and open_parts:
        offered = dict(zip(open_parts, apportion(left, [shares[i] for i in open_parts]), strict=True))
        full = [i for i, part in offered.items() if part >= capacities[i]]
        for i in full or open_parts:
            parts[i] = min(offered[i], capacities[i])
        left = total - sum(parts)
        open_parts = [i for i in open_parts if i not in full] if full else []
    return parts
