"""Checking whether a value is acceptable."""


# level 1
def is_long_enough(password: str) -> bool:
    """Return whether the password has at least 8 characters.

    >>> is_long_enough("secret99")
    True
    >>> is_long_enough("secret9")
    False
    >>> is_long_enough("")
    False
    >>> is_long_enough("correct horse")
    True
    >>> is_long_enough("12345678")
    True
    """
    return len(password) >= 8


# level 2
def starts_and_ends_alike(word: str) -> bool:
    """Return whether the first and the last character of the word are the same. The word has at least one character.

    >>> starts_and_ends_alike("trout")
    True
    >>> starts_and_ends_alike("salmon")
    False
    >>> starts_and_ends_alike("a")
    True
    >>> starts_and_ends_alike("Anna")
    False
    >>> starts_and_ends_alike("101")
    True
    """
    return word[0] == word[-1]


# level 1
def all_positive(numbers: list[int]) -> bool:
    """Return whether every number in the list is greater than 0. This is true for an empty list.

    >>> all_positive([4, 9])
    True
    >>> all_positive([4, 0])
    False
    >>> all_positive([])
    True
    >>> all_positive([-1, 5])
    False
    >>> all_positive([1])
    True
    """
    return all(number > 0 for number in numbers)


# level 2
def is_valid_username(name: str) -> bool:
    """Return whether the name has from 3 to 12 characters, consists only of the letters a to z in either case, digits
    and underscores, and does not begin with a digit.

    >>> is_valid_username("anna_7")
    True
    >>> is_valid_username("7anna")
    False
    >>> is_valid_username("al")
    False
    >>> is_valid_username("mary ann")
    False
    >>> is_valid_username("_x_")
    True
    >>> is_valid_username("abcdefghijkl")
    True
    >>> is_valid_username("abcdefghijklm")
    False
    """
    from string import ascii_letters, digits

    allowed = ascii_letters + digits + "_"
    return 3 <= len(name) <= 12 and name[0] not in digits and all(character in allowed for character in name)


# level 2
def has_letter_and_digit(password: str) -> bool:
    """Return whether the password contains at least one letter and at least one digit.

    >>> has_letter_and_digit("abc1")
    True
    >>> has_letter_and_digit("abc")
    False
    >>> has_letter_and_digit("123")
    False
    >>> has_letter_and_digit("")
    False
    >>> has_letter_and_digit("? Q9 ?")
    True
    """
    return any(character.isalpha() for character in password) and any(character.isdigit() for character in password)


# level 2
def missing_fields(form: dict[str, str], required: list[str]) -> list[str]:
    """Return the required field names that are not in the form or whose value there is the empty string, in the order
    in which they are required.

    >>> missing_fields({"name": "Jo", "city": ""}, ["name", "city", "zip"])
    ['city', 'zip']
    >>> missing_fields({"name": "Jo"}, ["name"])
    []
    >>> missing_fields({}, ["b", "a"])
    ['b', 'a']
    >>> missing_fields({"x": "1"}, [])
    []
    >>> missing_fields({"phone": " "}, ["phone", "mail"])
    ['mail']
    """
    return [field for field in required if not form.get(field)]


# level 3
def password_problems(password: str) -> list[str]:
    """Return the problems of the password, in this order: "short" if it has fewer than 6 characters, "no digit" if it
    has no digit, and "no capital" if it has no uppercase letter.

    >>> password_problems("Secret1")
    []
    >>> password_problems("abc")
    ['short', 'no digit', 'no capital']
    >>> password_problems("abcdef7")
    ['no capital']
    >>> password_problems("ABCDEF")
    ['no digit']
    >>> password_problems("")
    ['short', 'no digit', 'no capital']
    >>> password_problems("Abcd1")
    ['short']
    """
    problems = []
    if len(password) < 6:
        problems.append("short")
    if not any(character.isdigit() for character in password):
        problems.append("no digit")
    if not any(character.isupper() for character in password):
        problems.append("no capital")
    return problems


# level 3
def passes_luhn(number: str) -> bool:
    """Return whether a string of digits passes the Luhn check: counted from the right, every second digit is doubled,
    9 is subtracted from results above 9, and the sum of all digits must then be divisible by 10.

    >>> passes_luhn("79927398713")
    True
    >>> passes_luhn("79927398710")
    False
    >>> passes_luhn("0")
    True
    >>> passes_luhn("18")
    True
    >>> passes_luhn("81")
    False
    >>> passes_luhn("59")
    True
    """
    total = 0
    for position, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


# level 3
def rows_with_repeated_digit(rows: list[str]) -> list[int]:
    """Return the numbers of the rows, counted from 0, that break the rule that no digit from 1 to 9 stands twice in a
    row. A dot "." is an empty cell and may be repeated.

    >>> rows_with_repeated_digit(["12.", "3.3", "..."])
    [1]
    >>> rows_with_repeated_digit([])
    []
    >>> rows_with_repeated_digit(["987654321"])
    []
    >>> rows_with_repeated_digit(["44", "55", "6."])
    [0, 1]
    >>> rows_with_repeated_digit(["1", "", "..1..1"])
    [2]
    """
    broken = []
    for index, row in enumerate(rows):
        digits = row.replace(".", "")
        if len(set(digits)) < len(digits):
            broken.append(index)
    return broken
