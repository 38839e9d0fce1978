"""Problems that contain smaller copies of themselves."""


# level 3
def nested_sum(items: list[object]) -> int:
    """Return the sum of all whole numbers in a list whose items are numbers or again such lists, nested to any depth.

    >>> nested_sum([6, [2, 9]])
    17
    >>> nested_sum([])
    0
    >>> nested_sum([[], [[]]])
    0
    >>> nested_sum([[[5]], -5, [1]])
    1
    >>> nested_sum([10, 20])
    30
    """
    total = 0
    for item in items:
        if isinstance(item, list):
            total += nested_sum(item)
        elif isinstance(item, int):
            total += item
    return total


# level 3
def nesting_depth(items: list[object]) -> int:
    """Return how deeply lists are nested in the given list. A list without lists in it has depth 1, and every further
    level inside adds 1.

    >>> nesting_depth([4, 5])
    1
    >>> nesting_depth([])
    1
    >>> nesting_depth([[7], 8])
    2
    >>> nesting_depth([[], [[0]]])
    3
    >>> nesting_depth([[[[]]]])
    4
    """
    return 1 + max((nesting_depth(item) for item in items if isinstance(item, list)), default=0)


# level 3
def staircase_ways(steps: int) -> int:
    """Return in how many different ways somebody can climb the given number of steps when every move climbs either one
    step or three steps. There is one way to climb 0 steps.

    >>> staircase_ways(0)
    1
    >>> staircase_ways(2)
    1
    >>> staircase_ways(3)
    2
    >>> staircase_ways(5)
    4
    >>> staircase_ways(10)
    28
    """
    if steps < 3:
        return 1
    return staircase_ways(steps - 1) + staircase_ways(steps - 3)


# level 4
def choices_with_sum(numbers: list[int], target: int) -> int:
    """Return how many ways there are to choose some of the numbers, possibly none, so that the chosen ones add up to
    the target. Equal numbers at different places are different choices.

    >>> choices_with_sum([2, 3, 5], 5)
    2
    >>> choices_with_sum([], 0)
    1
    >>> choices_with_sum([4], 3)
    0
    >>> choices_with_sum([1, 1, 1], 2)
    3
    >>> choices_with_sum([-2, 2, 7], 0)
    2
    """
    if not numbers:
        return int(target == 0)
    first, *rest = numbers
    return choices_with_sum(rest, target) + choices_with_sum(rest, target - first)


# level 4
def tower_moves(disks: int, source: str, target: str, spare: str) -> list[str]:
    """Return the shortest list of moves that brings a tower of disks from the source peg to the target peg, one disk
    at a time and never a larger disk onto a smaller one. A move is the name of the peg it takes from followed by the
    name of the peg it goes to.

    >>> tower_moves(1, "L", "R", "M")
    ['LR']
    >>> tower_moves(2, "L", "R", "M")
    ['LM', 'LR', 'MR']
    >>> tower_moves(0, "L", "M", "R")
    []
    >>> tower_moves(2, "x", "y", "z")
    ['xz', 'xy', 'zy']
    >>> tower_moves(3, "L", "R", "M")
    ['LR', 'LM', 'RM', 'LR', 'ML', 'MR', 'LR']
    """
    if disks == 0:
        return []
    before = tower_moves(disks - 1, source, spare, target)
    after = tower_moves(disks - 1, spare, target, source)
    return [*before, source + target, *after]


# level 4
def words_from_choices(choices: list[str]) -> list[str]:
    """Return all words that take their first letter from the first string, their second letter from the second string,
    and so on. The words come in the order in which a counter turns: the last letter changes fastest.

    >>> words_from_choices(["ab", "xy"])
    ['ax', 'ay', 'bx', 'by']
    >>> words_from_choices(["c", "ao", "t"])
    ['cat', 'cot']
    >>> words_from_choices([])
    ['']
    >>> words_from_choices(["pqr"])
    ['p', 'q', 'r']
    >>> words_from_choices(["ab", ""])
    []
    """
    if not choices:
        return [""]
    endings = words_from_choices(choices[1:])
    return [letter + ending for letter in choices[0] for ending in endings]


# level 5
def ways_to_make_amount(amount: int, coins: list[int]) -> int:
    """Return in how many ways the amount can be paid with coins of the given values, each of which may be used any
    number of times. The order of the coins in a payment does not matter, the coin values are different and positive,
    and there is exactly one way to pay 0.

    >>> ways_to_make_amount(5, [1, 2, 5])
    4
    >>> ways_to_make_amount(0, [7])
    1
    >>> ways_to_make_amount(3, [2])
    0
    >>> ways_to_make_amount(10, [10, 5])
    2
    >>> ways_to_make_amount(4, [])
    0
    >>> ways_to_make_amount(100, [50, 20, 10])
    10
    """
    if amount == 0:
        return 1
    if amount < 0 or not coins:
        return 0
    return ways_to_make_amount(amount - coins[0], coins) + ways_to_make_amount(amount, coins[1:])
