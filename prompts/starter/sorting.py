"""Putting items in order."""


# level 2
def from_largest_to_smallest(numbers: list[int]) -> list[int]:
    """Return the numbers sorted from the largest to the smallest.

    >>> from_largest_to_smallest([3, 9, 5])
    [9, 5, 3]
    >>> from_largest_to_smallest([])
    []
    >>> from_largest_to_smallest([2, 2])
    [2, 2]
    >>> from_largest_to_smallest([-6, 0, -1])
    [0, -1, -6]
    >>> from_largest_to_smallest([10, 40, 20, 30])
    [40, 30, 20, 10]
    """
    return sorted(numbers, reverse=True)


# level 2
def sort_letters(word: str) -> str:
    """Return the letters of a lower-case word in alphabetical order, as one string.

    >>> sort_letters("table")
    'abelt'
    >>> sort_letters("")
    ''
    >>> sort_letters("zoo")
    'ooz'
    >>> sort_letters("a")
    'a'
    >>> sort_letters("banana")
    'aaabnn'
    """
    return "".join(sorted(word))


# level 2
def sorted_without_smallest(numbers: list[int]) -> list[int]:
    """Return the numbers in ascending order, leaving out the first of them, which is the smallest. An empty list stays
    empty.

    >>> sorted_without_smallest([9, 2, 7])
    [7, 9]
    >>> sorted_without_smallest([8])
    []
    >>> sorted_without_smallest([])
    []
    >>> sorted_without_smallest([4, 1, 4, 1])
    [1, 4, 4]
    >>> sorted_without_smallest([0, -10])
    [0]
    """
    return sorted(numbers)[1:]


# level 2
def sort_by_last_letter(words: list[str]) -> list[str]:
    """Return the words ordered by their last letter. Words with the same last letter keep their original order, and no
    word is empty.

    >>> sort_by_last_letter(["cab", "tea", "bed"])
    ['tea', 'cab', 'bed']
    >>> sort_by_last_letter(["mat", "cat", "hat"])
    ['mat', 'cat', 'hat']
    >>> sort_by_last_letter([])
    []
    >>> sort_by_last_letter(["oz"])
    ['oz']
    >>> sort_by_last_letter(["sun", "moon", "sea"])
    ['sea', 'sun', 'moon']
    """
    return sorted(words, key=lambda word: word[-1])


# level 2
def sort_ignoring_case(names: list[str]) -> list[str]:
    """Return the names in alphabetical order where upper and lower case count as equal. Names that differ only in case
    keep their original order.

    >>> sort_ignoring_case(["bob", "Al", "cy"])
    ['Al', 'bob', 'cy']
    >>> sort_ignoring_case(["m", "M", "k"])
    ['k', 'm', 'M']
    >>> sort_ignoring_case([])
    []
    >>> sort_ignoring_case(["Zed", "adam"])
    ['adam', 'Zed']
    >>> sort_ignoring_case(["X", "x"])
    ['X', 'x']
    """
    return sorted(names, key=str.lower)


# level 2
def closest_to_target_first(numbers: list[int], target: int) -> list[int]:
    """Return the numbers ordered by their distance from the target, the closest first. Of two numbers that are equally
    far away, the smaller comes first.

    >>> closest_to_target_first([10, 4, 7], 6)
    [7, 4, 10]
    >>> closest_to_target_first([8, 2], 5)
    [2, 8]
    >>> closest_to_target_first([], 0)
    []
    >>> closest_to_target_first([-1, 1, 0], 0)
    [0, -1, 1]
    >>> closest_to_target_first([100, 90, 95], 100)
    [100, 95, 90]
    """
    return sorted(numbers, key=lambda number: (abs(number - target), number))


# level 2
def indices_in_sorted_order(values: list[int]) -> list[int]:
    """Return the indices of the values, ordered so that the index of the smallest value comes first. Indices of equal
    values stay in increasing order.

    >>> indices_in_sorted_order([30, 10, 20])
    [1, 2, 0]
    >>> indices_in_sorted_order([])
    []
    >>> indices_in_sorted_order([5, 5])
    [0, 1]
    >>> indices_in_sorted_order([-2])
    [0]
    >>> indices_in_sorted_order([4, 3, 3, 9])
    [1, 2, 0, 3]
    """
    return sorted(range(len(values)), key=lambda index: values[index])


# level 3
def merge_sorted(first: list[int], second: list[int]) -> list[int]:
    """Return one ascending list of all numbers of two lists that are each already in ascending order. Repeated numbers
    are all kept.

    >>> merge_sorted([2, 8], [3, 9])
    [2, 3, 8, 9]
    >>> merge_sorted([], [7])
    [7]
    >>> merge_sorted([], [])
    []
    >>> merge_sorted([4, 4], [4])
    [4, 4, 4]
    >>> merge_sorted([-5, 60], [0, 1])
    [-5, 0, 1, 60]
    """
    merged = []
    left, right = 0, 0
    while left < len(first) and right < len(second):
        if first[left] <= second[right]:
            merged.append(first[left])
            left += 1
        else:
            merged.append(second[right])
            right += 1
    return merged + first[left:] + second[right:]


# level 3
def natural_order(names: list[str]) -> list[str]:
    """Return the file names, each of which is letters followed by a number, ordered first by the letters and then by
    the value of the number.

    >>> natural_order(["page10", "page9"])
    ['page9', 'page10']
    >>> natural_order(["b1", "a20", "a3"])
    ['a3', 'a20', 'b1']
    >>> natural_order([])
    []
    >>> natural_order(["x007", "x7", "x6"])
    ['x6', 'x007', 'x7']
    >>> natural_order(["img100"])
    ['img100']
    """
    import re

    parts = [re.split("([0-9]+)", name) for name in names]
    parts.sort(key=lambda part: (part[0], int(part[1])))
    return ["".join(part) for part in parts]


# level 4
def bubble_sort_swaps(numbers: list[int]) -> int:
    """Return how many swaps of neighbors bubble sort needs to put the numbers in ascending order, which is the number
    of pairs in which the earlier number is larger than the later one.

    >>> bubble_sort_swaps([3, 2, 1])
    3
    >>> bubble_sort_swaps([])
    0
    >>> bubble_sort_swaps([5, 5, 5])
    0
    >>> bubble_sort_swaps([2, 9, 4])
    1
    >>> bubble_sort_swaps([8, 1, 6, 0])
    5
    """
    from itertools import combinations

    return sum(earlier > later for earlier, later in combinations(numbers, 2))
