"""Sets: membership, union, difference."""


# level 1
def number_of_different_items(items: list[str]) -> int:
    """Return how many different items the list contains. Items that are repeated count once.

    >>> number_of_different_items(["on", "off", "on"])
    2
    >>> number_of_different_items([])
    0
    >>> number_of_different_items(["x", "x", "x"])
    1
    >>> number_of_different_items(["Cat", "cat"])
    2
    >>> number_of_different_items(["p", "q", "r", "s"])
    4
    """
    return len(set(items))


# level 2
def has_repeated_item(numbers: list[int]) -> bool:
    """Return whether any number occurs more than once in the list.

    >>> has_repeated_item([5, 8, 5])
    True
    >>> has_repeated_item([5, 8, 6])
    False
    >>> has_repeated_item([])
    False
    >>> has_repeated_item([0, 0])
    True
    >>> has_repeated_item([-1, 1])
    False
    >>> has_repeated_item([9])
    False
    """
    return len(set(numbers)) < len(numbers)


# level 2
def sorted_union(first: list[int], second: list[int]) -> list[int]:
    """Return all numbers that occur in at least one of the two lists, each once, from smallest to largest.

    >>> sorted_union([4, 2], [9, 2])
    [2, 4, 9]
    >>> sorted_union([], [])
    []
    >>> sorted_union([7, 7], [])
    [7]
    >>> sorted_union([-1], [1, 0])
    [-1, 0, 1]
    >>> sorted_union([30, 10], [20])
    [10, 20, 30]
    """
    return sorted(set(first) | set(second))


# level 2
def missing_ingredients(recipe: list[str], pantry: list[str]) -> list[str]:
    """Return the ingredients of the recipe that are not in the pantry, each once and in alphabetical order.

    >>> missing_ingredients(["flour", "egg", "milk"], ["milk", "salt"])
    ['egg', 'flour']
    >>> missing_ingredients(["egg"], ["egg"])
    []
    >>> missing_ingredients([], ["salt"])
    []
    >>> missing_ingredients(["oil", "oil"], [])
    ['oil']
    >>> missing_ingredients(["Rice", "beans"], ["rice"])
    ['Rice', 'beans']
    """
    return sorted(set(recipe) - set(pantry))


# level 2
def in_exactly_one(first: list[int], second: list[int]) -> list[int]:
    """Return the numbers that occur in one of the two lists but not in the other, each once, in ascending order.

    >>> in_exactly_one([5, 6], [6, 7])
    [5, 7]
    >>> in_exactly_one([3, 3], [3])
    []
    >>> in_exactly_one([], [8, 8])
    [8]
    >>> in_exactly_one([], [])
    []
    >>> in_exactly_one([-2, 0], [4])
    [-2, 0, 4]
    """
    return sorted(set(first) ^ set(second))


# level 2
def uses_only_letters_of(word: str, allowed: str) -> bool:
    """Return whether every character of the word is among the allowed characters. The empty word always is.

    >>> uses_only_letters_of("noon", "no")
    True
    >>> uses_only_letters_of("moon", "no")
    False
    >>> uses_only_letters_of("", "abc")
    True
    >>> uses_only_letters_of("a", "")
    False
    >>> uses_only_letters_of("cab", "abcd")
    True
    >>> uses_only_letters_of("Cab", "abcd")
    False
    """
    return set(word) <= set(allowed)


# level 2
def letters_not_used(sentence: str) -> str:
    """Return the letters from a to z that do not occur in the sentence, in alphabetical order. Upper and lower case
    count as the same letter.

    >>> letters_not_used("abcdefghijklmnopqrstuvw")
    'xyz'
    >>> letters_not_used("The five boxing wizards jump quickly")
    ''
    >>> letters_not_used("BCDFGHJKLMNPQRSTVWXYZ")
    'aeiou'
    >>> letters_not_used("")
    'abcdefghijklmnopqrstuvwxyz'
    >>> letters_not_used("Pack my box with five dozen jugs")
    'lqr'
    """
    from string import ascii_lowercase

    used = set(sentence.lower())
    return "".join(letter for letter in ascii_lowercase if letter not in used)


# level 3
def keep_first_occurrences(items: list[str]) -> list[str]:
    """Return the items without repetitions: of equal items only the first stays, and the order is kept.

    >>> keep_first_occurrences(["oak", "elm", "oak", "fir"])
    ['oak', 'elm', 'fir']
    >>> keep_first_occurrences([])
    []
    >>> keep_first_occurrences(["x", "x"])
    ['x']
    >>> keep_first_occurrences(["one", "two"])
    ['one', 'two']
    >>> keep_first_occurrences(["Z", "z", "Z"])
    ['Z', 'z']
    """
    return list(dict.fromkeys(items))


# level 3
def in_at_least_two_lists(lists: list[list[int]]) -> list[int]:
    """Return the numbers that occur in two or more of the lists, each once, in ascending order. A number that is
    repeated within a single list counts only once for that list.

    >>> in_at_least_two_lists([[4, 7], [9, 4], [1, 9]])
    [4, 9]
    >>> in_at_least_two_lists([[5], [6]])
    []
    >>> in_at_least_two_lists([])
    []
    >>> in_at_least_two_lists([[2, 2, 0]])
    []
    >>> in_at_least_two_lists([[8], [], [8, 8], [8]])
    [8]
    """
    seen: set[int] = set()
    repeated: set[int] = set()
    for numbers in lists:
        distinct = set(numbers)
        repeated |= seen & distinct
        seen |= distinct
    return sorted(repeated)
