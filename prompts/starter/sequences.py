"""Number sequences that follow a rule."""


# level 2
def multiplication_row(number: int, count: int) -> list[int]:
    """Return the first count multiples of the number: the number times 1, times 2, and so on.

    >>> multiplication_row(7, 3)
    [7, 14, 21]
    >>> multiplication_row(5, 1)
    [5]
    >>> multiplication_row(0, 2)
    [0, 0]
    >>> multiplication_row(9, 0)
    []
    >>> multiplication_row(-2, 4)
    [-2, -4, -6, -8]
    """
    return [number * factor for factor in range(1, count + 1)]


# level 2
def first_squares(count: int) -> list[int]:
    """Return the first count square numbers, beginning with the square of 0.

    >>> first_squares(4)
    [0, 1, 4, 9]
    >>> first_squares(1)
    [0]
    >>> first_squares(0)
    []
    >>> first_squares(3)
    [0, 1, 4]
    >>> first_squares(2)
    [0, 1]
    """
    return [number**2 for number in range(count)]


# level 1
def range_with_ends(first: int, last: int) -> list[int]:
    """Return all whole numbers from first to last, both included, in ascending order. If last is smaller than first,
    the list is empty.

    >>> range_with_ends(3, 6)
    [3, 4, 5, 6]
    >>> range_with_ends(5, 5)
    [5]
    >>> range_with_ends(5, 4)
    []
    >>> range_with_ends(-2, 1)
    [-2, -1, 0, 1]
    >>> range_with_ends(0, 0)
    [0]
    """
    return list(range(first, last + 1))


# level 2
def running_totals(numbers: list[int]) -> list[int]:
    """Return a list of the same length in which every number is replaced by the sum of all numbers up to and including
    it.

    >>> running_totals([3, 5, 2])
    [3, 8, 10]
    >>> running_totals([])
    []
    >>> running_totals([7])
    [7]
    >>> running_totals([10, -10, 4])
    [10, 0, 4]
    >>> running_totals([0, 0, 1])
    [0, 0, 1]
    """
    from itertools import accumulate

    return list(accumulate(numbers))


# level 2
def doubling_sequence(first: int, count: int) -> list[int]:
    """Return a list of count numbers that begins with first and in which each number is twice the one before it.

    >>> doubling_sequence(3, 4)
    [3, 6, 12, 24]
    >>> doubling_sequence(7, 5)
    [7, 14, 28, 56, 112]
    >>> doubling_sequence(5, 0)
    []
    >>> doubling_sequence(-1, 3)
    [-1, -2, -4]
    >>> doubling_sequence(0, 2)
    [0, 0]
    """
    return [first * 2**step for step in range(count)]


# level 2
def is_evenly_spaced(numbers: list[int]) -> bool:
    """Return whether the difference between each number and the one before it is always the same. Lists of fewer than
    three numbers are evenly spaced.

    >>> is_evenly_spaced([2, 5, 8])
    True
    >>> is_evenly_spaced([2, 5, 9])
    False
    >>> is_evenly_spaced([])
    True
    >>> is_evenly_spaced([10, 0])
    True
    >>> is_evenly_spaced([4, 4, 4])
    True
    >>> is_evenly_spaced([6, 3, 0, 3])
    False
    """
    from itertools import pairwise

    return len({after - before for before, after in pairwise(numbers)}) <= 1


# level 2
def successive_differences(numbers: list[int]) -> list[int]:
    """Return how much each number after the first is larger than the number before it, as a list that is one item
    shorter. An empty list stays empty.

    >>> successive_differences([3, 8, 6])
    [5, -2]
    >>> successive_differences([5])
    []
    >>> successive_differences([])
    []
    >>> successive_differences([4, 4])
    [0]
    >>> successive_differences([0, 10, 30, 60])
    [10, 20, 30]
    """
    return [numbers[index] - numbers[index - 1] for index in range(1, len(numbers))]


# level 3
def look_and_say(digits: str) -> str:
    """Return what is said when the digits are read aloud in runs: for each run of equal digits its length, followed by
    the digit.

    >>> look_and_say("1")
    '11'
    >>> look_and_say("11")
    '21'
    >>> look_and_say("2111")
    '1231'
    >>> look_and_say("")
    ''
    >>> look_and_say("5555555555")
    '105'
    >>> look_and_say("102")
    '111012'
    """
    said = ""
    start = 0
    for index in range(1, len(digits) + 1):
        if index == len(digits) or digits[index] != digits[start]:
            said += f"{index - start}{digits[start]}"
            start = index
    return said


# level 3
def next_row_of_triangle(row: list[int]) -> list[int]:
    """Return the next row of Pascal's triangle: it begins and ends with 1, and between them stand the sums of all
    neighbors of the given row. An empty row is followed by [1].

    >>> next_row_of_triangle([1])
    [1, 1]
    >>> next_row_of_triangle([1, 2, 1])
    [1, 3, 3, 1]
    >>> next_row_of_triangle([])
    [1]
    >>> next_row_of_triangle([1, 1])
    [1, 2, 1]
    >>> next_row_of_triangle([1, 4, 6, 4, 1])
    [1, 5, 10, 10, 5, 1]
    """
    return [left + right for left, right in zip([0, *row], [*row, 0], strict=True)] if row else [1]


# level 4
def repeating_part(numerator: int, denominator: int) -> str:
    """Return the digits of the decimal fraction of numerator / denominator that repeat forever, or "" if the fraction
    ends. The numerator is not negative and the denominator is positive.

    >>> repeating_part(1, 3)
    '3'
    >>> repeating_part(1, 4)
    ''
    >>> repeating_part(1, 6)
    '6'
    >>> repeating_part(22, 7)
    '142857'
    >>> repeating_part(0, 5)
    ''
    >>> repeating_part(5, 12)
    '6'
    """
    digits = ""
    seen: dict[int, int] = {}
    rest = numerator % denominator
    while rest and rest not in seen:
        seen[rest] = len(digits)
        digits += str(rest * 10 // denominator)
        rest = rest * 10 % denominator
    return digits[seen[rest] :] if rest else ""
