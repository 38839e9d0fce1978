"""Counting items that meet a condition."""


# level 1
def count_even_numbers(numbers: list[int]) -> int:
    """Return how many numbers in the list are even.

    >>> count_even_numbers([3, 6, 8])
    2
    >>> count_even_numbers([])
    0
    >>> count_even_numbers([0])
    1
    >>> count_even_numbers([7, 9, 11])
    0
    >>> count_even_numbers([-2, -4, 6, 5])
    3
    """
    return sum(1 for number in numbers if number % 2 == 0)


# level 2
def count_empty_strings(words: list[str]) -> int:
    """Return how many strings in the list are empty.

    >>> count_empty_strings(["a", "", "b", ""])
    2
    >>> count_empty_strings([])
    0
    >>> count_empty_strings([""])
    1
    >>> count_empty_strings(["x", "yz"])
    0
    >>> count_empty_strings([" ", "", "", ""])
    3
    """
    return words.count("")


# level 1
def count_above(numbers: list[int], limit: int) -> int:
    """Return how many of the numbers are greater than the limit.

    >>> count_above([5, 12, 9], 8)
    2
    >>> count_above([5, 5, 5], 5)
    0
    >>> count_above([], 0)
    0
    >>> count_above([-1, -3], -2)
    1
    >>> count_above([100, 200, 300], 50)
    3
    """
    return sum(number > limit for number in numbers)


# level 2
def count_commas(text: str) -> int:
    """Return the number of commas in the text.

    >>> count_commas("red, green, blue")
    2
    >>> count_commas("no comma here")
    0
    >>> count_commas("")
    0
    >>> count_commas(",,,")
    3
    >>> count_commas("3,5")
    1
    """
    return text.count(",")


# level 1
def count_true(flags: list[bool]) -> int:
    """Return how many values in the list are True.

    >>> count_true([True, False, True])
    2
    >>> count_true([])
    0
    >>> count_true([False])
    0
    >>> count_true([True])
    1
    >>> count_true([True, True, True, False])
    3
    """
    return sum(flags)


# level 2
def count_letter_any_case(text: str, letter: str) -> int:
    """Return how often the letter occurs in the text, counting its lower case and upper case forms alike.

    >>> count_letter_any_case("Banana", "a")
    3
    >>> count_letter_any_case("Anna", "a")
    2
    >>> count_letter_any_case("Anna", "N")
    2
    >>> count_letter_any_case("", "x")
    0
    >>> count_letter_any_case("Mississippi", "S")
    4
    >>> count_letter_any_case("tree", "o")
    0
    """
    return text.lower().count(letter.lower())


# level 2
def count_each_word(sentence: str) -> dict[str, int]:
    """Return a dictionary from each word of the sentence to how many times it occurs. Words are separated by spaces
    and compared in lower case.

    >>> count_each_word("the cat and the dog")
    {'the': 2, 'cat': 1, 'and': 1, 'dog': 1}
    >>> count_each_word("Yes yes YES")
    {'yes': 3}
    >>> count_each_word("")
    {}
    >>> count_each_word("one")
    {'one': 1}
    >>> count_each_word("to be or not to be")
    {'to': 2, 'be': 2, 'or': 1, 'not': 1}
    """
    counts: dict[str, int] = {}
    for word in sentence.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts


# level 2
def count_value_changes(readings: list[int]) -> int:
    """Return how many items are different from the item just before them. The first item never counts.

    >>> count_value_changes([4, 4, 6, 6, 4])
    2
    >>> count_value_changes([])
    0
    >>> count_value_changes([9])
    0
    >>> count_value_changes([8, 3, 8, 3])
    3
    >>> count_value_changes([5, 5, 5])
    0
    """
    from itertools import pairwise

    return sum(before != after for before, after in pairwise(readings))


# level 2
def count_digits_and_letters(text: str) -> list[int]:
    """Return a list of two numbers: how many characters of the text are digits, and how many are letters.

    >>> count_digits_and_letters("room 101")
    [3, 4]
    >>> count_digits_and_letters("abc")
    [0, 3]
    >>> count_digits_and_letters("")
    [0, 0]
    >>> count_digits_and_letters("2024")
    [4, 0]
    >>> count_digits_and_letters("?! -")
    [0, 0]
    """
    digits = sum(character.isdigit() for character in text)
    letters = sum(character.isalpha() for character in text)
    return [digits, letters]


# level 3
def most_common_letter(text: str) -> str:
    """Return the letter that occurs most often in the text, in lower case and counted without regard to case. If
    several letters are equally common, return the first of them in the alphabet. Without letters, return "".

    >>> most_common_letter("Hello")
    'l'
    >>> most_common_letter("bBaA")
    'a'
    >>> most_common_letter("12 34")
    ''
    >>> most_common_letter("")
    ''
    >>> most_common_letter("Zebra zoo")
    'o'
    """
    letters = [character for character in text.lower() if character.isalpha()]
    return min(letters, key=lambda letter: (-letters.count(letter), letter), default="")


# level 3
def count_items_seen_before(items: list[str]) -> int:
    """Return how many items are repetitions, which means that an equal item stands somewhere earlier in the list.

    >>> count_items_seen_before(["k", "m", "k", "k"])
    2
    >>> count_items_seen_before(["x", "y"])
    0
    >>> count_items_seen_before([])
    0
    >>> count_items_seen_before(["no", "no"])
    1
    >>> count_items_seen_before(["p", "q", "q", "p", "r", "p"])
    3
    """
    return len(items) - len(set(items))
