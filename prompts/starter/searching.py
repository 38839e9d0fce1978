"""Finding items and positions."""


# level 2
def contains_word(words: list[str], word: str) -> bool:
    """Return whether the word is one of the words in the list.

    >>> contains_word(["sun", "rain"], "rain")
    True
    >>> contains_word(["sun", "rain"], "snow")
    False
    >>> contains_word([], "sun")
    False
    >>> contains_word(["Sun"], "sun")
    False
    >>> contains_word(["go", "no", "go"], "go")
    True
    """
    return word in words


# level 2
def position_of(letter: str, word: str) -> int:
    """Return the index of the first place where the letter occurs in the word, or -1 if it does not occur.

    >>> position_of("n", "banana")
    2
    >>> position_of("b", "banana")
    0
    >>> position_of("z", "banana")
    -1
    >>> position_of("a", "")
    -1
    >>> position_of("e", "tree")
    2
    """
    return word.find(letter)


# level 2
def words_with_letter(words: list[str], letter: str) -> list[str]:
    """Return the words that contain the letter at least once, in their original order.

    >>> words_with_letter(["plum", "pear", "fig"], "p")
    ['plum', 'pear']
    >>> words_with_letter(["plum", "pear", "fig"], "g")
    ['fig']
    >>> words_with_letter(["plum"], "z")
    []
    >>> words_with_letter([], "a")
    []
    >>> words_with_letter(["Ada", "add"], "a")
    ['Ada', 'add']
    """
    return [word for word in words if letter in word]


# level 2
def all_positions(numbers: list[int], wanted: int) -> list[int]:
    """Return the indices of all places where the wanted number stands in the list, in increasing order.

    >>> all_positions([7, 3, 7], 7)
    [0, 2]
    >>> all_positions([7, 3, 7], 3)
    [1]
    >>> all_positions([], 1)
    []
    >>> all_positions([5, 5, 5], 5)
    [0, 1, 2]
    >>> all_positions([0, 2], 9)
    []
    """
    return [index for index, number in enumerate(numbers) if number == wanted]


# level 2
def first_longer_than(words: list[str], length: int) -> str:
    """Return the first word that has more than length characters, or "" if there is none.

    >>> first_longer_than(["an", "old", "house"], 2)
    'old'
    >>> first_longer_than(["an", "old", "house"], 3)
    'house'
    >>> first_longer_than(["an"], 5)
    ''
    >>> first_longer_than([], 0)
    ''
    >>> first_longer_than(["", "x"], 0)
    'x'
    """
    return next((word for word in words if len(word) > length), "")


# level 2
def index_of_maximum(numbers: list[int]) -> int:
    """Return the index of the largest number. If it occurs several times, return the last of its indices. An empty
    list gives -1.

    >>> index_of_maximum([4, 9, 6])
    1
    >>> index_of_maximum([8, 1, 8])
    2
    >>> index_of_maximum([])
    -1
    >>> index_of_maximum([-5, -7])
    0
    >>> index_of_maximum([3, 3, 3, 3])
    3
    """
    return max(range(len(numbers)), key=lambda index: (numbers[index], index), default=-1)


# level 3
def smallest_free_number(taken: list[int]) -> int:
    """Return the smallest whole number, 1 or larger, that is not in the list. The list is in no particular order.

    >>> smallest_free_number([1, 3, 2])
    4
    >>> smallest_free_number([2, 5])
    1
    >>> smallest_free_number([])
    1
    >>> smallest_free_number([1, 1, 2, 4])
    3
    >>> smallest_free_number([0, -1, 1])
    2
    """
    used = set(taken)
    candidate = 1
    while candidate in used:
        candidate += 1
    return candidate


# level 2
def insert_position(ordered: list[int], number: int) -> int:
    """Return the index at which the number must be inserted into the ascending list to keep it ascending. Among equal
    numbers it goes in front of them.

    >>> insert_position([10, 20, 30], 25)
    2
    >>> insert_position([10, 20, 30], 20)
    1
    >>> insert_position([], 5)
    0
    >>> insert_position([4, 4], 4)
    0
    >>> insert_position([1, 6], 9)
    2
    """
    return sum(item < number for item in ordered)


# level 3
def pair_with_sum(numbers: list[int], target: int) -> list[int]:
    """Return the indices of two different places whose numbers add up to the target: the pair whose second index is
    smallest. At most one first index fits it. Without such a pair, return an empty list.

    >>> pair_with_sum([3, 8, 5, 2], 10)
    [1, 3]
    >>> pair_with_sum([4, 4], 8)
    [0, 1]
    >>> pair_with_sum([4], 8)
    []
    >>> pair_with_sum([], 0)
    []
    >>> pair_with_sum([9, -9, 6], 15)
    [0, 2]
    >>> pair_with_sum([1, 5], 7)
    []
    """
    seen: dict[int, int] = {}
    for index, number in enumerate(numbers):
        if target - number in seen:
            return [seen[target - number], index]
        seen[number] = index
    return []


# level 4
def find_in_grid(grid: list[str], word: str) -> list[tuple[int, int]]:
    """Return the (row, column) positions at which the word starts in the grid, read either to the right or downward,
    in the order of rows and then columns. A position from which both directions fit is listed once. The rows are
    equally long, and the word is not empty.

    >>> find_in_grid(["cat", "axe", "tan"], "cat")
    [(0, 0)]
    >>> find_in_grid(["cat", "axe", "tan"], "e")
    [(1, 2)]
    >>> find_in_grid(["sea", "eel", "all"], "el")
    [(1, 1)]
    >>> find_in_grid(["xyz"], "q")
    []
    >>> find_in_grid([], "a")
    []
    >>> find_in_grid(["oo", "oo"], "oo")
    [(0, 0), (0, 1), (1, 0)]
    """
    found = []
    for y, row in enumerate(grid):
        for x in range(len(row)):
            downward = "".join(line[x] for line in grid[y:])
            if row[x:].startswith(word) or downward.startswith(word):
                found.append((y, x))
    return found
