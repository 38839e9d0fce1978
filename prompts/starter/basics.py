"""First steps: one operator or one call."""


# level 1
def add_ten(number: int) -> int:
    """Return the number plus 10.

    >>> add_ten(5)
    15
    >>> add_ten(0)
    10
    >>> add_ten(-10)
    0
    >>> add_ten(-12)
    -2
    >>> add_ten(90)
    100
    """
    return number + 10


# level 1
def add_three_numbers(first: int, second: int, third: int) -> int:
    """Return the sum of the three numbers.

    >>> add_three_numbers(4, 7, 2)
    13
    >>> add_three_numbers(0, 0, 0)
    0
    >>> add_three_numbers(-5, 5, 8)
    8
    >>> add_three_numbers(-3, -6, -1)
    -10
    >>> add_three_numbers(100, 20, 3)
    123
    """
    return first + second + third


# level 1
def cube_of(side: int) -> int:
    """Return the side multiplied by itself two times, that is, side * side * side.

    >>> cube_of(3)
    27
    >>> cube_of(0)
    0
    >>> cube_of(-2)
    -8
    >>> cube_of(1)
    1
    >>> cube_of(10)
    1000
    """
    return side**3


# level 1
def legs_of_dogs(dogs: int) -> int:
    """Return the total number of legs of the given number of dogs. Every dog has 4 legs.

    >>> legs_of_dogs(3)
    12
    >>> legs_of_dogs(0)
    0
    >>> legs_of_dogs(1)
    4
    >>> legs_of_dogs(25)
    100
    >>> legs_of_dogs(6)
    24
    """
    return dogs * 4


# level 1
def price_after_coupon(price: int, coupon: int) -> int:
    """Return the price minus the value of the coupon.

    >>> price_after_coupon(20, 5)
    15
    >>> price_after_coupon(7, 7)
    0
    >>> price_after_coupon(100, 1)
    99
    >>> price_after_coupon(15, 0)
    15
    >>> price_after_coupon(9, 12)
    -3
    """
    return price - coupon


# level 1
def rectangle_tiles(rows: int, columns: int) -> int:
    """Return the number of tiles in a rectangle of the given number of rows and columns.

    >>> rectangle_tiles(3, 5)
    15
    >>> rectangle_tiles(1, 8)
    8
    >>> rectangle_tiles(0, 4)
    0
    >>> rectangle_tiles(6, 6)
    36
    >>> rectangle_tiles(10, 12)
    120
    """
    return rows * columns


# level 1
def larger_of_two(left: int, right: int) -> int:
    """Return the larger of the two numbers.

    >>> larger_of_two(3, 8)
    8
    >>> larger_of_two(8, 3)
    8
    >>> larger_of_two(-4, -9)
    -4
    >>> larger_of_two(6, 6)
    6
    >>> larger_of_two(0, -1)
    0
    """
    return max(left, right)


# level 1
def to_capital_letters(text: str) -> str:
    """Return the text with all letters in upper case.

    >>> to_capital_letters("hello")
    'HELLO'
    >>> to_capital_letters("Room 5b")
    'ROOM 5B'
    >>> to_capital_letters("")
    ''
    >>> to_capital_letters("ABC")
    'ABC'
    >>> to_capital_letters("what?")
    'WHAT?'
    """
    return text.upper()


# level 1
def join_with_space(first: str, second: str) -> str:
    """Return the first word, a space, and the second word as one string.

    >>> join_with_space("good", "day")
    'good day'
    >>> join_with_space("New", "York")
    'New York'
    >>> join_with_space("", "end")
    ' end'
    >>> join_with_space("x", "")
    'x '
    >>> join_with_space("to be", "or not")
    'to be or not'
    """
    return first + " " + second


# level 1
def total_of_list(amounts: list[int]) -> int:
    """Return the sum of all amounts in the list.

    >>> total_of_list([4, 9])
    13
    >>> total_of_list([])
    0
    >>> total_of_list([7])
    7
    >>> total_of_list([-5, 5, -6])
    -6
    >>> total_of_list([10, 20, 30])
    60
    """
    return sum(amounts)


# level 1
def items_in_reverse(items: list[int]) -> list[int]:
    """Return the items in reverse order.

    >>> items_in_reverse([4, 9, 1])
    [1, 9, 4]
    >>> items_in_reverse([])
    []
    >>> items_in_reverse([7])
    [7]
    >>> items_in_reverse([5, 5, 8])
    [8, 5, 5]
    >>> items_in_reverse([0, -2])
    [-2, 0]
    """
    return items[::-1]
