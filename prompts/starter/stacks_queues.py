"""Stacks, queues and undo histories."""


# level 2
def next_in_line(queue: list[str]) -> str:
    """Return the name of the person who is first in the queue, or "nobody" if the queue is empty.

    >>> next_in_line(["Ana", "Ben"])
    'Ana'
    >>> next_in_line(["Cleo"])
    'Cleo'
    >>> next_in_line([])
    'nobody'
    >>> next_in_line(["", "Dan"])
    ''
    >>> next_in_line(["Zed", "Ana", "Ben"])
    'Zed'
    """
    return queue[0] if queue else "nobody"


# level 2
def move_first_to_end(queue: list[str]) -> list[str]:
    """Return the queue with its first member moved to the end. An empty queue stays empty.

    >>> move_first_to_end(["Ana", "Ben", "Cleo"])
    ['Ben', 'Cleo', 'Ana']
    >>> move_first_to_end(["x"])
    ['x']
    >>> move_first_to_end([])
    []
    >>> move_first_to_end(["p", "q"])
    ['q', 'p']
    >>> move_first_to_end(["up", "up", "on"])
    ['up', 'on', 'up']
    """
    return queue[1:] + queue[:1]


# level 2
def apply_stack_commands(commands: list[str]) -> list[str]:
    """Return the stack after all commands, from bottom to top. The command "pop" removes the top item, or does nothing
    if the stack is empty, and any other command is put on top as a new item.

    >>> apply_stack_commands(["cup", "bowl", "pop", "dish"])
    ['cup', 'dish']
    >>> apply_stack_commands([])
    []
    >>> apply_stack_commands(["pop", "x"])
    ['x']
    >>> apply_stack_commands(["m", "pop", "pop"])
    []
    >>> apply_stack_commands(["x", "y", "z", "pop"])
    ['x', 'y']
    """
    stack: list[str] = []
    for command in commands:
        if command != "pop":
            stack.append(command)
        elif stack:
            stack.pop()
    return stack


# level 2
def type_with_backspaces(keys: str) -> str:
    """Return the text that results from pressing the keys one after another, where "<" deletes the last character
    typed so far. Deleting from an empty text does nothing.

    >>> type_with_backspaces("cat<r")
    'car'
    >>> type_with_backspaces("ab<<<c")
    'c'
    >>> type_with_backspaces("")
    ''
    >>> type_with_backspaces("<<")
    ''
    >>> type_with_backspaces("hello")
    'hello'
    """
    typed = ""
    for key in keys:
        typed = typed[:-1] if key == "<" else typed + key
    return typed


# level 3
def evaluate_postfix(tokens: list[str]) -> int:
    """Return the value of an expression in postfix notation, in which every operator, one of + - and *, follows its
    two operands. All other tokens are whole numbers.

    >>> evaluate_postfix(["3", "4", "+"])
    7
    >>> evaluate_postfix(["10", "2", "8", "*", "-"])
    -6
    >>> evaluate_postfix(["5"])
    5
    >>> evaluate_postfix(["2", "3", "+", "4", "*"])
    20
    >>> evaluate_postfix(["-7", "7", "+"])
    0
    """
    stack: list[int] = []
    for token in tokens:
        if token in ("+", "-", "*"):
            right, left = stack.pop(), stack.pop()
            stack.append(left + right if token == "+" else left - right if token == "-" else left * right)
        else:
            stack.append(int(token))
    return stack[0]


# level 3
def last_survivor(people: int, step: int) -> int:
    """Return the number of the person who remains when people numbered from 1 stand in a circle and, counting from
    person 1, every step-th person still in the circle leaves. Both arguments are positive.

    >>> last_survivor(5, 2)
    3
    >>> last_survivor(1, 7)
    1
    >>> last_survivor(6, 1)
    6
    >>> last_survivor(7, 3)
    4
    >>> last_survivor(2, 2)
    1
    """
    from collections import deque

    circle = deque(range(1, people + 1))
    while len(circle) > 1:
        circle.rotate(1 - step)
        circle.popleft()
    return circle[0]


# level 4
def next_warmer_day(temperatures: list[int]) -> list[int]:
    """Return for each day how many days one has to wait for a higher temperature than on that day, or 0 if no later
    day is warmer.

    >>> next_warmer_day([20, 22, 19, 21, 25])
    [1, 3, 1, 1, 0]
    >>> next_warmer_day([])
    []
    >>> next_warmer_day([30, 20, 10])
    [0, 0, 0]
    >>> next_warmer_day([15, 15, 16])
    [2, 1, 0]
    >>> next_warmer_day([7])
    [0]
    """
    waits = [0] * len(temperatures)
    pending: list[int] = []
    for day, temperature in enumerate(temperatures):
        while pending and temperatures[pending[-1]] < temperature:
            earlier = pending.pop()
            waits[earlier] = day - earlier
        pending.append(day)
    return waits


# level 5
def largest_rectangle_of_bars(heights: list[int]) -> int:
    """Return the area of the largest rectangle that fits under neighboring bars, each of which is one unit wide and as
    high as the number says. Heights are not negative, and without bars the area is 0.

    >>> largest_rectangle_of_bars([2, 4, 3])
    6
    >>> largest_rectangle_of_bars([5])
    5
    >>> largest_rectangle_of_bars([])
    0
    >>> largest_rectangle_of_bars([3, 0, 2, 2])
    4
    >>> largest_rectangle_of_bars([1, 6, 5, 5, 2])
    15
    """
    best = 0
    open_bars: list[tuple[int, int]] = []
    for position, height in enumerate([*heights, 0]):
        start = position
        while open_bars and open_bars[-1][1] >= height:
            start, bar = open_bars.pop()
            best = max(best, bar * (position - start))
        open_bars.append((start, height))
    return best
