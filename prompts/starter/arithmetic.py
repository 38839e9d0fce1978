"""Whole-number arithmetic."""


# level 1
def triple(number: int) -> int:
    """Return three times the given number.

    >>> triple(4)
    12
    >>> triple(0)
    0
    >>> triple(-7)
    -21
    >>> triple(15)
    45
    >>> triple(100)
    300
    """
    return number * 3


# level 1
def distance_between(first: int, second: int) -> int:
    """Return how far apart two whole numbers are on the number line. The result is never negative.

    >>> distance_between(3, 10)
    7
    >>> distance_between(10, 3)
    7
    >>> distance_between(-4, 4)
    8
    >>> distance_between(6, 6)
    0
    >>> distance_between(-9, -2)
    7
    """
    return abs(first - second)


# level 1
def is_multiple_of(number: int, divisor: int) -> bool:
    """Return whether the number can be divided by the divisor with no remainder. The divisor is never zero.

    >>> is_multiple_of(12, 4)
    True
    >>> is_multiple_of(13, 4)
    False
    >>> is_multiple_of(0, 9)
    True
    >>> is_multiple_of(5, 10)
    False
    >>> is_multiple_of(-21, 7)
    True
    >>> is_multiple_of(22, 7)
    False
    """
    return number % divisor == 0


# level 1
def square_then_subtract_one(number: int) -> int:
    """Return the square of the number, minus one.

    >>> square_then_subtract_one(3)
    8
    >>> square_then_subtract_one(0)
    -1
    >>> square_then_subtract_one(-5)
    24
    >>> square_then_subtract_one(1)
    0
    >>> square_then_subtract_one(12)
    143
    """
    return number * number - 1


# level 2
def leftover_sweets(sweets: int, children: int) -> int:
    """Return how many sweets remain after each child gets the same number of sweets, as many as possible.

    >>> leftover_sweets(10, 3)
    1
    >>> leftover_sweets(12, 4)
    0
    >>> leftover_sweets(2, 5)
    2
    >>> leftover_sweets(0, 6)
    0
    >>> leftover_sweets(29, 10)
    9
    """
    return sweets % children


# level 2
def round_up_to_multiple(number: int, step: int) -> int:
    """Return the smallest multiple of step that is greater than or equal to the number. The step is positive.

    >>> round_up_to_multiple(7, 5)
    10
    >>> round_up_to_multiple(10, 5)
    10
    >>> round_up_to_multiple(0, 4)
    0
    >>> round_up_to_multiple(1, 60)
    60
    >>> round_up_to_multiple(-7, 5)
    -5
    >>> round_up_to_multiple(19, 1)
    19
    """
    return (number + step - 1) // step * step


# level 2
def sum_of_multiples_below(limit: int, step: int) -> int:
    """Return the sum of all positive multiples of step that are smaller than limit, or 0 if there are none.

    >>> sum_of_multiples_below(10, 3)
    18
    >>> sum_of_multiples_below(9, 3)
    9
    >>> sum_of_multiples_below(5, 5)
    0
    >>> sum_of_multiples_below(0, 2)
    0
    >>> sum_of_multiples_below(21, 10)
    30
    >>> sum_of_multiples_below(4, 1)
    6
    """
    return sum(range(step, limit, step))


# level 3
def halving_steps(number: int) -> list[int]:
    """Return the list that starts with the positive number and goes on halving it, rounding down, until it reaches 1.

    >>> halving_steps(20)
    [20, 10, 5, 2, 1]
    >>> halving_steps(1)
    [1]
    >>> halving_steps(2)
    [2, 1]
    >>> halving_steps(7)
    [7, 3, 1]
    >>> halving_steps(100)
    [100, 50, 25, 12, 6, 3, 1]
    """
    steps = [number]
    while number > 1:
        number //= 2
        steps.append(number)
    return steps


# level 3
def digit_product_steps(number: int) -> int:
    """Return how many times the digits of a non-negative number must be multiplied together, each time replacing the
    number by the product, until a single digit is left. A single digit needs 0 steps.

    >>> digit_product_steps(9)
    0
    >>> digit_product_steps(39)
    3
    >>> digit_product_steps(10)
    1
    >>> digit_product_steps(77)
    4
    >>> digit_product_steps(0)
    0
    >>> digit_product_steps(25)
    2
    """
    from math import prod

    steps = 0
    while number > 9:
        number = prod(map(int, str(number)))
        steps += 1
    return steps
