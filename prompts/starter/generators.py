"""Lazy iteration with generators and itertools, collected into lists."""


# level 2
def take_from_cycle(items: list[str], count: int) -> list[str]:
    """Return the first count items of an endless repetition of the list, which is not empty.

    >>> take_from_cycle(["tick", "tock"], 5)
    ['tick', 'tock', 'tick', 'tock', 'tick']
    >>> take_from_cycle(["salt", "oil", "rice"], 2)
    ['salt', 'oil']
    >>> take_from_cycle(["x"], 3)
    ['x', 'x', 'x']
    >>> take_from_cycle(["y", "z"], 0)
    []
    >>> take_from_cycle(["p", "q"], 4)
    ['p', 'q', 'p', 'q']
    """
    from itertools import cycle, islice

    return list(islice(cycle(items), count))


# level 2
def numbered_lines(lines: list[str]) -> list[str]:
    """Return the lines with their number, a dot and a space in front of each. The numbers start with 1.

    >>> numbered_lines(["buy milk", "call Bob"])
    ['1. buy milk', '2. call Bob']
    >>> numbered_lines([])
    []
    >>> numbered_lines([""])
    ['1. ']
    >>> numbered_lines(["c", "b", "a"])
    ['1. c', '2. b', '3. a']
    >>> numbered_lines(["1. one"])
    ['1. 1. one']
    """
    return [f"{number}. {line}" for number, line in enumerate(lines, start=1)]


# level 2
def join_lists_in_turn(first: list[int], second: list[int]) -> list[int]:
    """Return the items of two lists in turn: the first item of each, then the second item of each, and so on. It stops
    when the shorter list ends.

    >>> join_lists_in_turn([1, 3], [2, 4])
    [1, 2, 3, 4]
    >>> join_lists_in_turn([5, 6, 7], [0])
    [5, 0]
    >>> join_lists_in_turn([], [8, 9])
    []
    >>> join_lists_in_turn([-1], [-2])
    [-1, -2]
    >>> join_lists_in_turn([9, 9, 9], [1, 1, 1])
    [9, 1, 9, 1, 9, 1]
    """
    from itertools import chain

    return list(chain.from_iterable(zip(first, second, strict=False)))


# level 2
def pairs_of_players(names: list[str]) -> list[str]:
    """Return all games "A-B" in which every player meets every other player once. The first name of each game stands
    earlier in the list, and games are ordered by the place of their first and then of their second player.

    >>> pairs_of_players(["Al", "Bo", "Cy"])
    ['Al-Bo', 'Al-Cy', 'Bo-Cy']
    >>> pairs_of_players(["Bo", "Al"])
    ['Bo-Al']
    >>> pairs_of_players(["Al"])
    []
    >>> pairs_of_players([])
    []
    >>> pairs_of_players(["w", "x", "y", "z"])
    ['w-x', 'w-y', 'w-z', 'x-y', 'x-z', 'y-z']
    """
    from itertools import combinations

    return [f"{first}-{second}" for first, second in combinations(names, 2)]


# level 3
def first_numbers_with_digit(digit: str, count: int) -> list[int]:
    """Return the first count whole numbers, starting the search at 0, whose decimal form contains the digit.

    >>> first_numbers_with_digit("1", 3)
    [1, 10, 11]
    >>> first_numbers_with_digit("0", 4)
    [0, 10, 20, 30]
    >>> first_numbers_with_digit("9", 1)
    [9]
    >>> first_numbers_with_digit("5", 0)
    []
    >>> first_numbers_with_digit("7", 5)
    [7, 17, 27, 37, 47]
    """
    from itertools import count as count_up
    from itertools import islice

    return list(islice((number for number in count_up() if digit in str(number)), count))


# level 3
def runs_of_same_sign(numbers: list[int]) -> list[list[int]]:
    """Return the numbers cut into the longest possible stretches of neighbors that are all negative or all not
    negative.

    >>> runs_of_same_sign([4, 0, -1, -2, 7])
    [[4, 0], [-1, -2], [7]]
    >>> runs_of_same_sign([])
    []
    >>> runs_of_same_sign([-5])
    [[-5]]
    >>> runs_of_same_sign([1, 2])
    [[1, 2]]
    >>> runs_of_same_sign([-1, 1, -1])
    [[-1], [1], [-1]]
    """
    from itertools import groupby

    return [list(run) for _, run in groupby(numbers, key=lambda number: number < 0)]


# level 3
def interleave_all(lists: list[list[int]]) -> list[int]:
    """Return the items of all lists in turn: the first items of all lists, then their second items, and so on. A list
    that has run out of items is skipped.

    >>> interleave_all([[1, 5], [9], [3, 4, 8]])
    [1, 9, 3, 5, 4, 8]
    >>> interleave_all([])
    []
    >>> interleave_all([[], [7]])
    [7]
    >>> interleave_all([[0, 0], [2, 2]])
    [0, 2, 0, 2]
    >>> interleave_all([[6, 5, 4]])
    [6, 5, 4]
    """
    longest = max(map(len, lists), default=0)
    return [items[index] for index in range(longest) for items in lists if index < len(items)]


# level 5
def merge_streams(streams: list[list[int]]) -> list[list[int]]:
    """Return the events of several streams, each an ascending list of times, as one list of [time, stream index] pairs
    ordered by time. Events at the same time are ordered by the index of their stream.

    >>> merge_streams([[1, 9], [4]])
    [[1, 0], [4, 1], [9, 0]]
    >>> merge_streams([[7], [7], [2]])
    [[2, 2], [7, 0], [7, 1]]
    >>> merge_streams([])
    []
    >>> merge_streams([[], [3, 3]])
    [[3, 1], [3, 1]]
    >>> merge_streams([[5], [1, 6], [0]])
    [[0, 2], [1, 1], [5, 0], [6, 1]]
    """
    from heapq import merge

    labeled = [[[time, index] for time in stream] for index, stream in enumerate(streams)]
    return list(merge(*labeled))
