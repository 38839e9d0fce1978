"""Yes-or-no questions about one or two values."""


# level 1
def is_even_number(number: int) -> bool:
    """Return whether the number is even.

    >>> is_even_number(4)
    True
    >>> is_even_number(7)
    False
    >>> is_even_number(0)
    True
    >>> is_even_number(-3)
    False
    >>> is_even_number(-8)
    True
    """
    return number % 2 == 0


# level 1
def is_adult(age: int) -> bool:
    """Return whether the age is 18 or more.

    >>> is_adult(30)
    True
    >>> is_adult(18)
    True
    >>> is_adult(17)
    False
    >>> is_adult(0)
    False
    >>> is_adult(19)
    True
    """
    return age >= 18


# level 1
def is_empty_list(items: list[int]) -> bool:
    """Return whether the list has no items.

    >>> is_empty_list([])
    True
    >>> is_empty_list([5])
    False
    >>> is_empty_list([0])
    False
    >>> is_empty_list([3, 8])
    False
    >>> is_empty_list([0, 0])
    False
    """
    return len(items) == 0


# level 1
def is_question(sentence: str) -> bool:
    """Return whether the sentence ends with a question mark.

    >>> is_question("Who are you?")
    True
    >>> is_question("I am Sam.")
    False
    >>> is_question("")
    False
    >>> is_question("?")
    True
    >>> is_question("Why? Because.")
    False
    """
    return sentence.endswith("?")


# level 1
def have_equal_length(first: str, second: str) -> bool:
    """Return whether the two words have the same number of characters.

    >>> have_equal_length("cat", "dog")
    True
    >>> have_equal_length("cat", "horse")
    False
    >>> have_equal_length("", "")
    True
    >>> have_equal_length("a", "")
    False
    >>> have_equal_length("no", "on")
    True
    """
    return len(first) == len(second)


# level 1
def both_positive(first: int, second: int) -> bool:
    """Return whether both numbers are greater than 0.

    >>> both_positive(3, 5)
    True
    >>> both_positive(3, -5)
    False
    >>> both_positive(-3, 5)
    False
    >>> both_positive(1, 0)
    False
    >>> both_positive(0, 1)
    False
    >>> both_positive(1, 1)
    True
    """
    return first > 0 and second > 0


# level 1
def is_cheaper(price: int, other: int) -> bool:
    """Return whether the price is less than the other price.

    >>> is_cheaper(5, 9)
    True
    >>> is_cheaper(9, 5)
    False
    >>> is_cheaper(7, 7)
    False
    >>> is_cheaper(0, 1)
    True
    >>> is_cheaper(100, 99)
    False
    """
    return price < other


# level 1
def contains_at_sign(address: str) -> bool:
    """Return whether the address contains the character "@".

    >>> contains_at_sign("ann@example.com")
    True
    >>> contains_at_sign("example.com")
    False
    >>> contains_at_sign("")
    False
    >>> contains_at_sign("@")
    True
    >>> contains_at_sign("12 High Street")
    False
    """
    return "@" in address
