"""Lists: picking, changing and combining items."""


# level 1
def double_each(numbers: list[int]) -> list[int]:
    """Return a new list with every number multiplied by two, in the same order.

    >>> double_each([5, 8])
    [10, 16]
    >>> double_each([])
    []
    >>> double_each([0, -3])
    [0, -6]
    >>> double_each([50])
    [100]
    >>> double_each([7, 7, 2])
    [14, 14, 4]
    """
    return [number * 2 for number in numbers]


# level 2
def first_two_items(items: list[str]) -> list[str]:
    """Return a list of the first two items, or all of them if there are fewer than two.

    >>> first_two_items(["tea", "milk", "jam"])
    ['tea', 'milk']
    >>> first_two_items(["salt"])
    ['salt']
    >>> first_two_items([])
    []
    >>> first_two_items(["b", "a"])
    ['b', 'a']
    >>> first_two_items(["x", "x", "y", "z"])
    ['x', 'x']
    """
    return items[:2]


# level 2
def add_to_front(items: list[int], item: int) -> list[int]:
    """Return a new list that begins with the item and goes on with all the given items in their order.

    >>> add_to_front([6, 8], 9)
    [9, 6, 8]
    >>> add_to_front([], 1)
    [1]
    >>> add_to_front([0], 0)
    [0, 0]
    >>> add_to_front([-1, 30], -2)
    [-2, -1, 30]
    >>> add_to_front([4, 4, 4], 40)
    [40, 4, 4, 4]
    """
    return [item, *items]


# level 2
def without_first_and_last(items: list[int]) -> list[int]:
    """Return the items with the first one and the last one left out. With two items or fewer nothing is left.

    >>> without_first_and_last([9, 5, 7, 1])
    [5, 7]
    >>> without_first_and_last([3, 8, 3])
    [8]
    >>> without_first_and_last([1, 2])
    []
    >>> without_first_and_last([6])
    []
    >>> without_first_and_last([])
    []
    """
    return items[1:-1]


# level 2
def every_second_item(items: list[str]) -> list[str]:
    """Return the items at positions 0, 2, 4 and so on, starting with the first item.

    >>> every_second_item(["tea", "milk", "jam", "bun"])
    ['tea', 'jam']
    >>> every_second_item(["one"])
    ['one']
    >>> every_second_item([])
    []
    >>> every_second_item(["mon", "tue", "wed"])
    ['mon', 'wed']
    >>> every_second_item(["x", "y"])
    ['x']
    """
    return items[::2]


# level 2
def negate_all(numbers: list[int]) -> list[int]:
    """Return a list with the sign of every number changed: 5 becomes -5 and -5 becomes 5.

    >>> negate_all([5, -5])
    [-5, 5]
    >>> negate_all([])
    []
    >>> negate_all([0])
    [0]
    >>> negate_all([-8, -1, 20])
    [8, 1, -20]
    >>> negate_all([13, 2])
    [-13, -2]
    """
    return [-number for number in numbers]


# level 2
def keep_longer_than(words: list[str], length: int) -> list[str]:
    """Return the words that have more characters than the given length, in their original order.

    >>> keep_longer_than(["fig", "apple", "kiwi"], 3)
    ['apple', 'kiwi']
    >>> keep_longer_than(["fig", "apple"], 5)
    []
    >>> keep_longer_than([], 2)
    []
    >>> keep_longer_than(["a", "", "bb"], 0)
    ['a', 'bb']
    >>> keep_longer_than(["river", "sea", "ocean"], 2)
    ['river', 'sea', 'ocean']
    """
    return [word for word in words if len(word) > length]


# level 2
def replace_negatives_with_zero(numbers: list[int]) -> list[int]:
    """Return a list of the same length in which every negative number is replaced by 0.

    >>> replace_negatives_with_zero([4, -2, 7])
    [4, 0, 7]
    >>> replace_negatives_with_zero([-1, -9])
    [0, 0]
    >>> replace_negatives_with_zero([])
    []
    >>> replace_negatives_with_zero([0, 5])
    [0, 5]
    >>> replace_negatives_with_zero([-30, 30, -30])
    [0, 30, 0]
    """
    return [max(number, 0) for number in numbers]


# level 2
def pairwise_sums(numbers: list[int]) -> list[int]:
    """Return the sums of each number and the number right after it. Lists of fewer than two numbers give an empty
    list.

    >>> pairwise_sums([1, 5, 10])
    [6, 15]
    >>> pairwise_sums([3, 4])
    [7]
    >>> pairwise_sums([9])
    []
    >>> pairwise_sums([])
    []
    >>> pairwise_sums([-2, 2, -2, 2])
    [0, 0, 0]
    >>> pairwise_sums([0, 0, 6])
    [0, 6]
    """
    from itertools import pairwise

    return [left + right for left, right in pairwise(numbers)]


# level 2
def split_in_half(items: list[int]) -> list[list[int]]:
    """Return a list of two lists: the first half of the items and the second half. If the number of items is odd, the
    middle item goes to the second half.

    >>> split_in_half([8, 6, 4, 2])
    [[8, 6], [4, 2]]
    >>> split_in_half([5, 1, 9])
    [[5], [1, 9]]
    >>> split_in_half([7])
    [[], [7]]
    >>> split_in_half([])
    [[], []]
    >>> split_in_half([0, 10])
    [[0], [10]]
    """
    middle = len(items) // 2
    return [items[:middle], items[middle:]]


# level 3
def alternate_from_both_ends(items: list[int]) -> list[int]:
    """Return the items taken in turn from the front and from the back: first, last, second, second to last, and so on
    until every item has been taken once.

    >>> alternate_from_both_ends([15, 25, 35, 45])
    [15, 45, 25, 35]
    >>> alternate_from_both_ends([7, 8, 9])
    [7, 9, 8]
    >>> alternate_from_both_ends([5])
    [5]
    >>> alternate_from_both_ends([])
    []
    >>> alternate_from_both_ends([2, 1])
    [2, 1]
    >>> alternate_from_both_ends([3, 1, 4, 1, 5, 9])
    [3, 9, 1, 5, 4, 1]
    """
    result = []
    low, high = 0, len(items) - 1
    while low <= high:
        result.append(items[low])
        if low < high:
            result.append(items[high])
        low += 1
        high -= 1
    return result


# level 3
def chunk_items(items: list[int], size: int) -> list[list[int]]:
    """Return the items cut into consecutive lists of the given size. The last list is shorter when the items do not
    divide evenly. The size is positive.

    >>> chunk_items([6, 0, 8, 3, 5], 2)
    [[6, 0], [8, 3], [5]]
    >>> chunk_items([4, 2, 6], 3)
    [[4, 2, 6]]
    >>> chunk_items([], 7)
    []
    >>> chunk_items([11, 12], 5)
    [[11, 12]]
    >>> chunk_items([0, 0, 1], 1)
    [[0], [0], [1]]
    """
    return [items[start : start + size] for start in range(0, len(items), size)]
