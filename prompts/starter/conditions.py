"""Decisions with if and else."""


# level 2
def ticket_price(age: int) -> int:
    """Return the ticket price for a visitor: 0 for an age under 6, 5 for an age from 6 to 17, and 12 from 18 on.

    >>> ticket_price(10)
    5
    >>> ticket_price(18)
    12
    >>> ticket_price(17)
    5
    >>> ticket_price(5)
    0
    >>> ticket_price(6)
    5
    >>> ticket_price(64)
    12
    """
    if age < 6:
        return 0
    return 5 if age < 18 else 12


# level 2
def sign_word(number: int) -> str:
    """Return "positive", "negative" or "zero", whichever describes the number.

    >>> sign_word(8)
    'positive'
    >>> sign_word(-8)
    'negative'
    >>> sign_word(0)
    'zero'
    >>> sign_word(1)
    'positive'
    >>> sign_word(-1)
    'negative'
    """
    if number > 0:
        return "positive"
    return "negative" if number < 0 else "zero"


# level 2
def is_between(number: int, low: int, high: int) -> bool:
    """Return whether the number lies from low to high, both ends included.

    >>> is_between(5, 1, 9)
    True
    >>> is_between(1, 1, 9)
    True
    >>> is_between(9, 1, 9)
    True
    >>> is_between(10, 1, 9)
    False
    >>> is_between(-3, -2, 2)
    False
    >>> is_between(4, 4, 4)
    True
    """
    return low <= number <= high


# level 2
def greeting_for_hour(hour: int) -> str:
    """Return "Good morning" for an hour before 12, "Good afternoon" for 12 to 17, and "Good evening" from 18 on.

    >>> greeting_for_hour(8)
    'Good morning'
    >>> greeting_for_hour(11)
    'Good morning'
    >>> greeting_for_hour(12)
    'Good afternoon'
    >>> greeting_for_hour(17)
    'Good afternoon'
    >>> greeting_for_hour(18)
    'Good evening'
    >>> greeting_for_hour(0)
    'Good morning'
    >>> greeting_for_hour(23)
    'Good evening'
    """
    if hour < 12:
        return "Good morning"
    if hour < 18:
        return "Good afternoon"
    return "Good evening"


# level 1
def larger_or_zero(first: int, second: int) -> int:
    """Return the larger of the two numbers, or 0 if they are equal.

    >>> larger_or_zero(3, 8)
    8
    >>> larger_or_zero(8, 3)
    8
    >>> larger_or_zero(5, 5)
    0
    >>> larger_or_zero(-2, -6)
    -2
    >>> larger_or_zero(-1, 1)
    1
    """
    if first == second:
        return 0
    return max(first, second)


# level 2
def shipping_cost(total: int, express: bool) -> int:
    """Return the shipping cost of an order. It is 0 when the total is 50 or more, otherwise 6. Express delivery adds
    10 in both cases.

    >>> shipping_cost(20, False)
    6
    >>> shipping_cost(50, False)
    0
    >>> shipping_cost(49, True)
    16
    >>> shipping_cost(80, True)
    10
    >>> shipping_cost(0, False)
    6
    """
    cost = 0 if total >= 50 else 6
    return cost + 10 if express else cost


# level 2
def traffic_light_action(color: str) -> str:
    """Return what to do at a traffic light: "stop" for red, "wait" for yellow and "go" for green. Upper and lower case
    do not matter, and any other color gives "unknown".

    >>> traffic_light_action("red")
    'stop'
    >>> traffic_light_action("Green")
    'go'
    >>> traffic_light_action("YELLOW")
    'wait'
    >>> traffic_light_action("blue")
    'unknown'
    >>> traffic_light_action("")
    'unknown'
    """
    actions = {"red": "stop", "yellow": "wait", "green": "go"}
    return actions.get(color.lower(), "unknown")


# level 2
def limit_to_range(number: int, low: int, high: int) -> int:
    """Return the number itself if it lies from low to high, low if it is smaller, and high if it is larger.

    >>> limit_to_range(5, 0, 10)
    5
    >>> limit_to_range(-5, 0, 10)
    0
    >>> limit_to_range(15, 0, 10)
    10
    >>> limit_to_range(10, 0, 10)
    10
    >>> limit_to_range(3, 7, 7)
    7
    """
    return max(low, min(number, high))


# level 2
def rock_paper_scissors(first: str, second: str) -> str:
    """Return "first", "second" or "draw" for a game of rock, paper, scissors, given the two moves in lower case. Rock
    beats scissors, scissors beats paper, and paper beats rock.

    >>> rock_paper_scissors("rock", "scissors")
    'first'
    >>> rock_paper_scissors("rock", "paper")
    'second'
    >>> rock_paper_scissors("paper", "paper")
    'draw'
    >>> rock_paper_scissors("scissors", "paper")
    'first'
    >>> rock_paper_scissors("scissors", "rock")
    'second'
    >>> rock_paper_scissors("paper", "rock")
    'first'
    """
    if first == second:
        return "draw"
    beats = {"rock": "scissors", "scissors": "paper", "paper": "rock"}
    return "first" if beats[first] == second else "second"


# level 2
def count_matching_of_three(first: int, second: int, third: int) -> int:
    """Return how many of the three numbers are equal to each other: 3 if all are equal, 2 if exactly two are equal,
    and 0 if all three are different.

    >>> count_matching_of_three(4, 4, 4)
    3
    >>> count_matching_of_three(4, 4, 1)
    2
    >>> count_matching_of_three(2, 7, 2)
    2
    >>> count_matching_of_three(6, 8, 8)
    2
    >>> count_matching_of_three(1, 5, 9)
    0
    """
    different = len({first, second, third})
    return 0 if different == 3 else 4 - different


# level 3
def income_tax(income: int) -> int:
    """Return the tax on an income in whole dollars, rounded down. The first 1000 are free, the part from 1000 to 5000
    is taxed at 10 percent, and the part above 5000 at 20 percent.

    >>> income_tax(1009)
    0
    >>> income_tax(1000)
    0
    >>> income_tax(3000)
    200
    >>> income_tax(5000)
    400
    >>> income_tax(5005)
    401
    >>> income_tax(9000)
    1200
    >>> income_tax(0)
    0
    """
    lower = max(min(income, 5000) - 1000, 0)
    upper = max(income - 5000, 0)
    return (lower * 10 + upper * 20) // 100
