"""Tuples: points, pairs and records."""


# level 1
def swap_pair(pair: tuple[int, int]) -> tuple[int, int]:
    """Return the pair with its two members in the opposite order.

    >>> swap_pair((4, 9))
    (9, 4)
    >>> swap_pair((0, 0))
    (0, 0)
    >>> swap_pair((-1, 5))
    (5, -1)
    >>> swap_pair((7, -7))
    (-7, 7)
    >>> swap_pair((20, 3))
    (3, 20)
    """
    first, second = pair
    return second, first


# level 1
def add_points(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    """Return the point whose x is the sum of the two x values and whose y is the sum of the two y values.

    >>> add_points((1, 5), (3, 2))
    (4, 7)
    >>> add_points((0, 0), (0, 0))
    (0, 0)
    >>> add_points((-4, 6), (4, -6))
    (0, 0)
    >>> add_points((10, 20), (0, 1))
    (10, 21)
    >>> add_points((-2, -3), (-5, -1))
    (-7, -4)
    """
    return first[0] + second[0], first[1] + second[1]


# level 1
def smallest_and_largest(numbers: list[int]) -> tuple[int, int]:
    """Return a tuple of the smallest and the largest number of a list that is not empty.

    >>> smallest_and_largest([6, 2, 9])
    (2, 9)
    >>> smallest_and_largest([5])
    (5, 5)
    >>> smallest_and_largest([-3, -8])
    (-8, -3)
    >>> smallest_and_largest([0, 4, 0])
    (0, 4)
    >>> smallest_and_largest([7, 7])
    (7, 7)
    """
    return min(numbers), max(numbers)


# level 2
def divide_with_rest(total: int, size: int) -> tuple[int, int]:
    """Return a tuple of two numbers: how many full boxes of the given size the total fills, and how many are left
    over.

    >>> divide_with_rest(17, 5)
    (3, 2)
    >>> divide_with_rest(12, 6)
    (2, 0)
    >>> divide_with_rest(3, 4)
    (0, 3)
    >>> divide_with_rest(0, 7)
    (0, 0)
    >>> divide_with_rest(100, 1)
    (100, 0)
    """
    return divmod(total, size)


# level 2
def pair_up_neighbors(items: list[str]) -> list[tuple[str, str]]:
    """Return a list of tuples: the first item with the second, the third with the fourth, and so on. A last item
    without a partner is left out.

    >>> pair_up_neighbors(["tea", "milk", "jam", "bun"])
    [('tea', 'milk'), ('jam', 'bun')]
    >>> pair_up_neighbors(["mon", "tue", "wed"])
    [('mon', 'tue')]
    >>> pair_up_neighbors(["solo"])
    []
    >>> pair_up_neighbors([])
    []
    >>> pair_up_neighbors(["left", "right"])
    [('left', 'right')]
    """
    return list(zip(items[::2], items[1::2], strict=False))


# level 2
def name_of_oldest(people: list[tuple[str, int]]) -> str:
    """Return the name of the oldest person in a list of (name, age) tuples. If several are equally old, return the one
    that comes first in the list. An empty list gives "nobody".

    >>> name_of_oldest([("Ann", 30), ("Bob", 41)])
    'Bob'
    >>> name_of_oldest([("Cid", 8), ("Dee", 8)])
    'Cid'
    >>> name_of_oldest([])
    'nobody'
    >>> name_of_oldest([("Eve", 0)])
    'Eve'
    >>> name_of_oldest([("Flo", 77), ("Gil", 76), ("Hal", 70)])
    'Flo'
    """
    if not people:
        return "nobody"
    return max(people, key=lambda person: person[1])[0]


# level 2
def separate_pairs(pairs: list[tuple[str, int]]) -> tuple[list[str], list[int]]:
    """Return a tuple of two lists: all first members of the pairs and all second members, in their original order.

    >>> separate_pairs([("ink", 1), ("pen", 5)])
    (['ink', 'pen'], [1, 5])
    >>> separate_pairs([])
    ([], [])
    >>> separate_pairs([("x", 0)])
    (['x'], [0])
    >>> separate_pairs([("k", 9), ("k", 9)])
    (['k', 'k'], [9, 9])
    >>> separate_pairs([("up", 1), ("down", -1), ("hold", 0)])
    (['up', 'down', 'hold'], [1, -1, 0])
    """
    return [name for name, _ in pairs], [value for _, value in pairs]


# level 2
def total_bill(order: list[tuple[str, int, int]]) -> int:
    """Return the total cost of an order given as tuples of name, price of one piece, and number of pieces.

    >>> total_bill([("pen", 2, 3), ("pad", 5, 1)])
    11
    >>> total_bill([])
    0
    >>> total_bill([("ink", 9, 0)])
    0
    >>> total_bill([("cup", 7, 4)])
    28
    >>> total_bill([("gift", 0, 10), ("bow", 1, 2)])
    2
    """
    return sum(price * pieces for _, price, pieces in order)


# level 3
def rank_players(players: list[tuple[str, int]]) -> list[str]:
    """Return the names of the players, given as (name, points) tuples, from most points to fewest. Players with equal
    points are ordered by name.

    >>> rank_players([("Kim", 5), ("Lea", 9)])
    ['Lea', 'Kim']
    >>> rank_players([("Max", 3), ("Ben", 3), ("Sue", 8)])
    ['Sue', 'Ben', 'Max']
    >>> rank_players([])
    []
    >>> rank_players([("Tom", 0)])
    ['Tom']
    >>> rank_players([("Roy", -1), ("Pia", 0), ("Joe", -1)])
    ['Pia', 'Joe', 'Roy']
    """
    return [name for name, _ in sorted(players, key=lambda player: (-player[1], player[0]))]


# level 3
def bounding_box(points: list[tuple[int, int]]) -> tuple[int, int, int, int]:
    """Return the smallest x, the smallest y, the largest x and the largest y of the points, as one tuple. Without
    points all four are 0.

    >>> bounding_box([(12, 7), (5, 11)])
    (5, 7, 12, 11)
    >>> bounding_box([(3, 3)])
    (3, 3, 3, 3)
    >>> bounding_box([])
    (0, 0, 0, 0)
    >>> bounding_box([(-4, 0), (0, -6), (1, 1)])
    (-4, -6, 1, 1)
    >>> bounding_box([(8, 2), (8, 19)])
    (8, 2, 8, 19)
    """
    if not points:
        return 0, 0, 0, 0
    xs = [x for x, _ in points]
    ys = [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)
