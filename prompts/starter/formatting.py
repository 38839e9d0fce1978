"""Turning values into readable text."""


# level 2
def pad_with_zeros(number: int, width: int) -> str:
    """Return the non-negative number as text, with zeros in front so that it has at least width digits.

    >>> pad_with_zeros(7, 3)
    '007'
    >>> pad_with_zeros(42, 2)
    '42'
    >>> pad_with_zeros(1234, 2)
    '1234'
    >>> pad_with_zeros(0, 5)
    '00000'
    >>> pad_with_zeros(90, 4)
    '0090'
    """
    return str(number).zfill(width)


# level 2
def introduce(name: str, age: int) -> str:
    """Return the sentence "NAME is AGE years old." with the name and the age filled in.

    >>> introduce("Omar", 12)
    'Omar is 12 years old.'
    >>> introduce("Li", 90)
    'Li is 90 years old.'
    >>> introduce("Mary Ann", 1)
    'Mary Ann is 1 years old.'
    >>> introduce("", 5)
    ' is 5 years old.'
    >>> introduce("R2D2", 0)
    'R2D2 is 0 years old.'
    """
    return f"{name} is {age} years old."


# level 2
def with_percent_sign(number: int) -> str:
    """Return the number as text, directly followed by a percent sign.

    >>> with_percent_sign(50)
    '50%'
    >>> with_percent_sign(0)
    '0%'
    >>> with_percent_sign(-3)
    '-3%'
    >>> with_percent_sign(100)
    '100%'
    >>> with_percent_sign(7)
    '7%'
    """
    return f"{number}%"


# level 2
def plural_phrase(count: int, noun: str) -> str:
    """Return the count, a space and the noun, with an "s" added to the noun unless the count is 1.

    >>> plural_phrase(3, "dog")
    '3 dogs'
    >>> plural_phrase(1, "dog")
    '1 dog'
    >>> plural_phrase(0, "apple")
    '0 apples'
    >>> plural_phrase(11, "car")
    '11 cars'
    >>> plural_phrase(1, "hour")
    '1 hour'
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# level 2
def star_bars(amounts: list[int]) -> list[str]:
    """Return one string for each amount: the amount itself, a colon, a space, and as many stars "*" as the amount
    says.

    >>> star_bars([2, 4])
    ['2: **', '4: ****']
    >>> star_bars([])
    []
    >>> star_bars([0])
    ['0: ']
    >>> star_bars([1, 1])
    ['1: *', '1: *']
    >>> star_bars([6, 0, 3])
    ['6: ******', '0: ', '3: ***']
    """
    return [f"{amount}: {'*' * amount}" for amount in amounts]


# level 2
def center_in_box(word: str, width: int) -> str:
    """Return the word between two bars "|", centered in a field of the given width by adding spaces. If the number of
    spaces is odd, the extra space goes to the right. The word is never longer than width.

    >>> center_in_box("hi", 6)
    '|  hi  |'
    >>> center_in_box("hi", 5)
    '| hi  |'
    >>> center_in_box("", 3)
    '|   |'
    >>> center_in_box("full", 4)
    '|full|'
    >>> center_in_box("a", 8)
    '|   a    |'
    """
    left = (width - len(word)) // 2
    right = width - len(word) - left
    return "|" + " " * left + word + " " * right + "|"


# level 2
def list_with_and(items: list[str]) -> str:
    """Return the items as English text: one item alone, two items joined by " and ", and more items joined by ", "
    with " and " before the last. An empty list gives "".

    >>> list_with_and(["tea", "milk", "jam"])
    'tea, milk and jam'
    >>> list_with_and(["salt", "oil"])
    'salt and oil'
    >>> list_with_and(["rice"])
    'rice'
    >>> list_with_and([])
    ''
    >>> list_with_and(["w", "x", "y", "z"])
    'w, x, y and z'
    """
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]


# level 2
def ordinal(number: int) -> str:
    """Return the positive number with its English ending: "st" after 1, "nd" after 2, "rd" after 3 and "th" after any
    other last digit. Numbers that end in 11, 12 or 13 always take "th".

    >>> ordinal(1)
    '1st'
    >>> ordinal(22)
    '22nd'
    >>> ordinal(13)
    '13th'
    >>> ordinal(103)
    '103rd'
    >>> ordinal(10)
    '10th'
    >>> ordinal(11)
    '11th'
    >>> ordinal(212)
    '212th'
    """
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return str(number) + {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


# level 3
def group_digits(number: int, separator: str) -> str:
    """Return the non-negative number as text with its digits in groups of three, counted from the right, and the
    separator between the groups.

    >>> group_digits(1234567, ",")
    '1,234,567'
    >>> group_digits(999, ",")
    '999'
    >>> group_digits(1000, ".")
    '1.000'
    >>> group_digits(0, " ")
    '0'
    >>> group_digits(45000, "'")
    "45'000"
    """
    groups = []
    while number >= 1000:
        number, group = divmod(number, 1000)
        groups.append(f"{group:03d}")
    groups.append(str(number))
    return separator.join(reversed(groups))


# level 3
def align_columns(rows: list[tuple[str, int]]) -> list[str]:
    """Return one line per row: the name followed by dots and then the number, with as many dots as needed to make
    every line equally long. The longest line has exactly two dots.

    >>> align_columns([("tea", 3), ("coffee", 12)])
    ['tea......3', 'coffee..12']
    >>> align_columns([("x", 1)])
    ['x..1']
    >>> align_columns([])
    []
    >>> align_columns([("ab", 100), ("abcd", 1)])
    ['ab..100', 'abcd..1']
    >>> align_columns([("", 0), ("q", 5)])
    ['...0', 'q..5']
    """
    width = max((len(name) + len(str(number)) for name, number in rows), default=0) + 2
    return [name + str(number).rjust(width - len(name), ".") for name, number in rows]
