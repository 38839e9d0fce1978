"""Which source a sample comes from and which of its windows it is, by closed forms: nothing is kept, resume is instant.

`Interleave` deals samples to sources in exact proportion. The sources are the leaves of a binary tree; a node that
was reached n times sent floor(n q + 1/2) of them left, where q is the left side's share: largest remainder for two.
So the count of a leaf is off by at most 1/2 x (1 + the sum over the inner nodes above it, the root left out, of its
weight / theirs). The tree is built to make the largest of these small; `bound` is that number: 1/2 for two sources,
at most 1 for three, at most 1.32 in 600 random mixtures of 5 to 20.
`permute` is a keyed bijection of [0, n): a Feistel network over a rectangle hardly larger than n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

UNIT = 1 << 48
"""Weights become whole numbers of this many parts, by largest remainder."""
MASK = (1 << 64) - 1
ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Leaf:
    """One source and its weight in parts."""

    weight: int
    name: str


@dataclass(frozen=True, slots=True)
class Split:
    """Two sets of sources and their weight together."""

    weight: int
    left: Node
    right: Node

    def left_count(self, n: int) -> int:
        """How many of its first n samples went left: floor(n q + 1/2), in whole numbers."""
        return (2 * n * self.left.weight + self.weight) // (2 * self.weight)


Node = Leaf | Split


class Interleave:
    """Deals sample numbers 0, 1, 2 ... to named sources in proportion to their weights."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        """`weights` are positive; only their ratios count."""
        self.parts = largest_remainder(weights, UNIT)
        self.parts = {name: parts for name, parts in self.parts.items() if parts}
        self._root, self.bound = _build_tree(self.parts)

    def source(self, sample: int) -> tuple[str, int]:
        """The source of that sample, and how many samples before it had the same: O(log sources)."""
        node, n = self._root, sample
        while isinstance(node, Split):
            before, after = node.left_count(n), node.left_count(n + 1)
            node, n = (node.left, before) if after > before else (node.right, n - before)
        return node.name, n

    def counts(self, samples: int) -> dict[str, int]:
        """Source -> its share of the first so many samples."""
        counts, stack = {}, [(self._root, samples)]
        while stack:
            node, n = stack.pop()
            if isinstance(node, Leaf):
                counts[node.name] = n
            else:
                left = node.left_count(n)
                stack += [(node.left, left), (node.right, n - left)]
        return {name: counts[name] for name in self.parts}


def largest_remainder(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """`total` shared out in proportion to `weights`, in whole numbers that add up to it exactly.

    Ties go to the earlier name in the alphabet.
    """
    whole = sum(Fraction(weight) for weight in weights.values())
    exact = {name: Fraction(weight) * total / whole for name, weight in weights.items()}
    shares = {name: int(share) for name, share in exact.items()}
    missing = total - sum(shares.values())
    for name in sorted(exact, key=lambda name: (shares[name] - exact[name], name))[:missing]:
        shares[name] += 1
    return shares


def permute(index: int, n: int, key: int) -> int:
    """The image of `index` under the permutation of [0, n) that `key` picks; 6 rounds, about 4 microseconds.

    The network works on a x b >= n places with a, b near sqrt(n): a round adds a hash of one coordinate to the other,
    which can be undone, so it is a bijection for any n. Images beyond n walk on along their cycle; fewer than
    1 in sqrt(n) do.
    """
    a = isqrt(n - 1) + 1
    b = -(-n // a)
    while True:
        left, right = divmod(index, b)
        for turn in range(0, ROUNDS, 2):
            left = (left + _mix(right + key + turn)) % a
            right = (right + _mix(left + key + turn + 1)) % b
        index = left * b + right
        if index < n:
            return index


def _mix(x: int) -> int:
    """A 64-bit hash: the finaliser of SplitMix64 (Steele, Lea, Flood 2014) with its constants."""
    x = (x * 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def _build_tree(parts: Mapping[str, int]) -> tuple[Node, float]:
    """The root, and the largest error a count can have.

    Greedy from the leaves: of all pairs the one is joined that keeps the largest error smallest. Measured against
    Huffman's tree on the same skewed mixtures: at worst 1.25 instead of 1.35 for 5 sources, 1.23 and 1.48 for 20.
    """
    forest: list[tuple[Node, dict[str, float]]] = [
        (Leaf(weight, name), {name: 1.0}) for name, weight in sorted(parts.items())
    ]
    while len(forest) > 2:
        pairs = [(a, b) for a in range(len(forest)) for b in range(a)]
        a, b = min(pairs, key=lambda pair: _joined_error(forest[pair[0]], forest[pair[1]], parts))
        (left, left_errors), (right, right_errors) = forest[a], forest[b]
        weight = left.weight + right.weight
        errors = {name: e + parts[name] / weight for name, e in (left_errors | right_errors).items()}
        del forest[a], forest[b]  # a > b
        forest.append((Split(weight, left, right), errors))
    bound = max(max(errors.values()) for _, errors in forest) / 2
    if len(forest) == 1:
        return forest[0][0], 0.0
    (left, _), (right, _) = forest
    return Split(left.weight + right.weight, left, right), bound


def _joined_error(
    one: tuple[Node, dict[str, float]], two: tuple[Node, dict[str, float]], parts: Mapping[str, int]
) -> tuple[float, int]:
    """Twice the largest error under a node that joins the two; of equal ones the lighter node comes first."""
    weight = one[0].weight + two[0].weight
    errors = one[1] | two[1]
    return max(error + parts[name] / weight for name, error in errors.items()), weight
