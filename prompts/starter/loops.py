"""Loops that build up a result step by step."""


# level 2
def countdown(start: int) -> list[int]:
    """Return the whole numbers from start down to 1. If start is 0 or negative, the list is empty.

    >>> countdown(3)
    [3, 2, 1]
    >>> countdown(1)
    [1]
    >>> countdown(0)
    []
    >>> countdown(-4)
    []
    >>> countdown(2)
    [2, 1]
    """
    return list(range(start, 0, -1))


# level 1
def sum_of_even_items(numbers: list[int]) -> int:
    """Return the sum of the even numbers in the list, ignoring the odd ones.

    >>> sum_of_even_items([3, 6, 10])
    16
    >>> sum_of_even_items([])
    0
    >>> sum_of_even_items([7, 1])
    0
    >>> sum_of_even_items([-4, 9, 2])
    -2
    >>> sum_of_even_items([8])
    8
    """
    return sum(number for number in numbers if number % 2 == 0)


# level 1
def odd_numbers_up_to(limit: int) -> list[int]:
    """Return all odd numbers from 1 up to the limit, including the limit itself if it is odd.

    >>> odd_numbers_up_to(7)
    [1, 3, 5, 7]
    >>> odd_numbers_up_to(6)
    [1, 3, 5]
    >>> odd_numbers_up_to(1)
    [1]
    >>> odd_numbers_up_to(0)
    []
    >>> odd_numbers_up_to(-5)
    []
    """
    return list(range(1, limit + 1, 2))


# level 2
def repeat_word(word: str, times: int) -> list[str]:
    """Return a list that contains the word the given number of times.

    >>> repeat_word("ha", 3)
    ['ha', 'ha', 'ha']
    >>> repeat_word("ha", 0)
    []
    >>> repeat_word("", 2)
    ['', '']
    >>> repeat_word("knock", 1)
    ['knock']
    >>> repeat_word("x", 4)
    ['x', 'x', 'x', 'x']
    """
    return [word] * times


# level 2
def savings_after_years(start: int, yearly: int, years: int) -> list[int]:
    """Return the balance at the end of each year when the same amount is added once every year to the starting amount.

    >>> savings_after_years(100, 50, 3)
    [150, 200, 250]
    >>> savings_after_years(0, 10, 2)
    [10, 20]
    >>> savings_after_years(500, 0, 1)
    [500]
    >>> savings_after_years(80, 20, 0)
    []
    >>> savings_after_years(30, -10, 4)
    [20, 10, 0, -10]
    """
    return [start + yearly * year for year in range(1, years + 1)]


# level 2
def doublings_to_reach(start: int, goal: int) -> int:
    """Return how many times start must be doubled until it is at least as large as goal. Start is positive.

    >>> doublings_to_reach(1, 8)
    3
    >>> doublings_to_reach(1, 9)
    4
    >>> doublings_to_reach(5, 5)
    0
    >>> doublings_to_reach(10, 3)
    0
    >>> doublings_to_reach(3, 100)
    6
    """
    count = 0
    while start < goal:
        start *= 2
        count += 1
    return count


# level 2
def take_until_zero(numbers: list[int]) -> list[int]:
    """Return the numbers that come before the first 0. If there is no 0, return all of them.

    >>> take_until_zero([4, 9, 0, 5])
    [4, 9]
    >>> take_until_zero([0, 1])
    []
    >>> take_until_zero([6, -2])
    [6, -2]
    >>> take_until_zero([])
    []
    >>> take_until_zero([8, 0, 0, 8])
    [8]
    """
    taken = []
    for number in numbers:
        if number == 0:
            break
        taken.append(number)
    return taken


# level 2
def alternating_sum(numbers: list[int]) -> int:
    """Return the first number minus the second plus the third minus the fourth, and so on. An empty list gives 0.

    >>> alternating_sum([10, 3, 2])
    9
    >>> alternating_sum([7])
    7
    >>> alternating_sum([])
    0
    >>> alternating_sum([5, 5])
    0
    >>> alternating_sum([1, -1, 1, -1])
    4
    """
    total = 0
    sign = 1
    for number in numbers:
        total += sign * number
        sign = -sign
    return total


# level 2
def number_staircase(height: int) -> list[str]:
    """Return one string per step of a staircase: the first is "1", the second "12", the third "123", and so on up to
    the given height, which is at most 9.

    >>> number_staircase(3)
    ['1', '12', '123']
    >>> number_staircase(1)
    ['1']
    >>> number_staircase(0)
    []
    >>> number_staircase(5)
    ['1', '12', '123', '1234', '12345']
    >>> number_staircase(2)
    ['1', '12']
    """
    return ["123456789"[:length] for length in range(1, height + 1)]


# level 3
def longest_rising_streak(numbers: list[int]) -> int:
    """Return the length of the longest stretch of neighboring numbers in which each is larger than the one before it.
    An empty list gives 0.

    >>> longest_rising_streak([2, 5, 9, 4, 6])
    3
    >>> longest_rising_streak([9, 7, 5])
    1
    >>> longest_rising_streak([])
    0
    >>> longest_rising_streak([4, 4, 5])
    2
    >>> longest_rising_streak([-3, -2, 0, 8])
    4
    """
    best = streak = 0
    previous = 0
    for number in numbers:
        streak = streak + 1 if streak and number > previous else 1
        best = max(best, streak)
        previous = number
    return best


# level 3
def simulate_bouncing_ball(height: int, minimum: int) -> list[int]:
    """Return the heights that a ball reaches after each bounce. Every bounce reaches two thirds of the height before
    it, rounded down, and bounces lower than the minimum are left out. The minimum is positive.

    >>> simulate_bouncing_ball(27, 5)
    [18, 12, 8, 5]
    >>> simulate_bouncing_ball(10, 7)
    []
    >>> simulate_bouncing_ball(9, 6)
    [6]
    >>> simulate_bouncing_ball(0, 1)
    []
    >>> simulate_bouncing_ball(100, 20)
    [66, 44, 29]
    """
    bounces = []
    height = height * 2 // 3
    while height >= minimum:
        bounces.append(height)
        height = height * 2 // 3
    return bounces
