"""Dictionaries: looking up, building and changing."""


# level 1
def stock_of(stock: dict[str, int], item: str) -> int:
    """Return the number stored for the item in the stock dictionary, or 0 if the item is not in it.

    >>> stock_of({"pen": 4, "ink": 9}, "ink")
    9
    >>> stock_of({"pen": 4, "ink": 9}, "pen")
    4
    >>> stock_of({"pen": 4}, "glue")
    0
    >>> stock_of({}, "pen")
    0
    >>> stock_of({"Pen": 7}, "pen")
    0
    """
    return stock.get(item, 0)


# level 1
def total_of_values(prices: dict[str, int]) -> int:
    """Return the sum of all values of the dictionary.

    >>> total_of_values({"tea": 3, "cake": 5})
    8
    >>> total_of_values({})
    0
    >>> total_of_values({"refund": -8})
    -8
    >>> total_of_values({"a": 1, "b": 1, "c": 1})
    3
    >>> total_of_values({"x": 10, "y": -10, "z": 6})
    6
    """
    return sum(prices.values())


# level 2
def sorted_keys(table: dict[str, int]) -> list[str]:
    """Return the keys of the dictionary as a list in alphabetical order.

    >>> sorted_keys({"pear": 1, "apple": 2})
    ['apple', 'pear']
    >>> sorted_keys({})
    []
    >>> sorted_keys({"z": 0})
    ['z']
    >>> sorted_keys({"south": 3, "north": 2, "east": 9})
    ['east', 'north', 'south']
    >>> sorted_keys({"two": 2, "ten": 10})
    ['ten', 'two']
    """
    return sorted(table)


# level 2
def with_entry(table: dict[str, int], key: str, value: int) -> dict[str, int]:
    """Return a copy of the dictionary in which the key has the given value, added if missing and replaced if present.

    >>> with_entry({"tea": 1}, "jam", 2)
    {'tea': 1, 'jam': 2}
    >>> with_entry({"tea": 1}, "tea", 5)
    {'tea': 5}
    >>> with_entry({}, "k", 0)
    {'k': 0}
    >>> with_entry({"x": 3, "y": 4}, "y", -4)
    {'x': 3, 'y': -4}
    >>> with_entry({"x": 3, "y": 4}, "w", 3)
    {'x': 3, 'y': 4, 'w': 3}
    """
    return {**table, key: value}


# level 1
def number_of_keys(table: dict[str, int]) -> int:
    """Return how many keys the dictionary has.

    >>> number_of_keys({"a": 5, "b": 6})
    2
    >>> number_of_keys({})
    0
    >>> number_of_keys({"only": 0})
    1
    >>> number_of_keys({"x": 1, "y": 1, "z": 1})
    3
    >>> number_of_keys({"": 4})
    1
    """
    return len(table)


# level 2
def swap_keys_and_values(codes: dict[str, str]) -> dict[str, str]:
    """Return a new dictionary in which every value has become a key and its key the value. All values are different.

    >>> swap_keys_and_values({"fr": "France", "it": "Italy"})
    {'France': 'fr', 'Italy': 'it'}
    >>> swap_keys_and_values({})
    {}
    >>> swap_keys_and_values({"a": "a"})
    {'a': 'a'}
    >>> swap_keys_and_values({"up": "down", "down": "up"})
    {'down': 'up', 'up': 'down'}
    >>> swap_keys_and_values({"1": "one"})
    {'one': '1'}
    """
    return {value: key for key, value in codes.items()}


# level 2
def names_of_passing(scores: dict[str, int], limit: int) -> list[str]:
    """Return the names whose score is at least the limit, sorted alphabetically.

    >>> names_of_passing({"Zoe": 70, "Adam": 55, "Mia": 50}, 55)
    ['Adam', 'Zoe']
    >>> names_of_passing({"Zoe": 70, "Adam": 55}, 71)
    []
    >>> names_of_passing({}, 10)
    []
    >>> names_of_passing({"Ben": 0}, 0)
    ['Ben']
    >>> names_of_passing({"Ida": 9, "Ali": 8, "Gus": 3}, 4)
    ['Ali', 'Ida']
    """
    return sorted(name for name, score in scores.items() if score >= limit)


# level 2
def merge_by_adding(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    """Return a dictionary with all keys of both dictionaries. A key that is in both gets the sum of its two values.

    >>> merge_by_adding({"cat": 1}, {"dog": 2})
    {'cat': 1, 'dog': 2}
    >>> merge_by_adding({"cat": 1, "dog": 4}, {"dog": 6})
    {'cat': 1, 'dog': 10}
    >>> merge_by_adding({}, {})
    {}
    >>> merge_by_adding({"x": 5}, {"x": -5})
    {'x': 0}
    >>> merge_by_adding({}, {"only": 3})
    {'only': 3}
    """
    merged = dict(first)
    for key, value in second.items():
        merged[key] = merged.get(key, 0) + value
    return merged


# level 2
def key_with_largest_value(scores: dict[str, int]) -> str:
    """Return the key that has the largest value. If several keys share it, return the one that comes first in the
    alphabet. An empty dictionary gives the empty string.

    >>> key_with_largest_value({"red": 3, "blue": 8})
    'blue'
    >>> key_with_largest_value({"b": 5, "a": 5})
    'a'
    >>> key_with_largest_value({})
    ''
    >>> key_with_largest_value({"low": -7, "lower": -9})
    'low'
    >>> key_with_largest_value({"c": 1, "b": 2, "a": 0})
    'b'
    """
    return min(scores, key=lambda key: (-scores[key], key), default="")


# level 3
def group_by_first_letter(words: list[str]) -> dict[str, list[str]]:
    """Return a dictionary from each first letter to the list of words that start with it. Letters and words keep the
    order in which they first appear, and empty words are left out.

    >>> group_by_first_letter(["ant", "bee", "ape"])
    {'a': ['ant', 'ape'], 'b': ['bee']}
    >>> group_by_first_letter([])
    {}
    >>> group_by_first_letter(["", "x"])
    {'x': ['x']}
    >>> group_by_first_letter(["Sun", "sea", "Sky"])
    {'S': ['Sun', 'Sky'], 's': ['sea']}
    >>> group_by_first_letter(["b", "a", "b"])
    {'b': ['b', 'b'], 'a': ['a']}
    """
    groups: dict[str, list[str]] = {}
    for word in words:
        if word:
            groups.setdefault(word[0], []).append(word)
    return groups


# level 4
def flatten_keys(tree: dict[str, object]) -> list[str]:
    """Return the path of every value that is not a dictionary, with nested keys joined by dots, sorted alphabetically.
    An empty nested dictionary adds no path.

    >>> flatten_keys({"a": 1, "b": {"c": 2, "d": 3}})
    ['a', 'b.c', 'b.d']
    >>> flatten_keys({})
    []
    >>> flatten_keys({"x": {"y": {"z": 0}}})
    ['x.y.z']
    >>> flatten_keys({"k": {}, "j": "v"})
    ['j']
    >>> flatten_keys({"size": {"w": 4}, "name": {"first": "Al"}})
    ['name.first', 'size.w']
    """
    paths = []
    pending = list(tree.items())
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            pending.extend((f"{path}.{key}", inner) for key, inner in value.items())
        else:
            paths.append(path)
    return sorted(paths)
