"""Dice, cards, boards and scores."""


# level 1
def dice_total(first: int, second: int, bonus: int) -> int:
    """Return the total of two dice plus the bonus.

    >>> dice_total(3, 5, 0)
    8
    >>> dice_total(6, 6, 2)
    14
    >>> dice_total(1, 1, -1)
    1
    >>> dice_total(2, 4, 10)
    16
    >>> dice_total(5, 1, 3)
    9
    """
    return first + second + bonus


# level 2
def is_even_double(first: int, second: int) -> bool:
    """Return whether two dice show the same number and that number is even, such as two fours.

    >>> is_even_double(4, 4)
    True
    >>> is_even_double(3, 3)
    False
    >>> is_even_double(2, 4)
    False
    >>> is_even_double(6, 6)
    True
    >>> is_even_double(1, 2)
    False
    """
    return first == second and first % 2 == 0


# level 2
def lives_left(lives: int, mistakes: int) -> int:
    """Return how many lives a player has left when every mistake costs one life. There are never fewer than 0.

    >>> lives_left(3, 1)
    2
    >>> lives_left(3, 3)
    0
    >>> lives_left(2, 5)
    0
    >>> lives_left(9, 0)
    9
    >>> lives_left(1, 0)
    1
    """
    return max(lives - mistakes, 0)


# level 2
def winner_of_round(scores: dict[str, int]) -> str:
    """Return the name of the player with the highest score, or "tie" if several players share the highest score. There
    is at least one player.

    >>> winner_of_round({"Ann": 8, "Bob": 5})
    'Ann'
    >>> winner_of_round({"Ann": 8, "Bob": 8})
    'tie'
    >>> winner_of_round({"Cat": 0})
    'Cat'
    >>> winner_of_round({"x": -1, "y": -2, "z": -2})
    'x'
    >>> winner_of_round({"p": 3, "q": 9, "r": 9})
    'tie'
    """
    best = max(scores.values())
    winners = [name for name, score in scores.items() if score == best]
    return winners[0] if len(winners) == 1 else "tie"


# level 2
def hidden_word(word: str, guessed: str) -> str:
    """Return the word with every letter that has not been guessed replaced by an underscore.

    >>> hidden_word("apple", "pe")
    '_pp_e'
    >>> hidden_word("tree", "")
    '____'
    >>> hidden_word("go", "og")
    'go'
    >>> hidden_word("", "abc")
    ''
    >>> hidden_word("banana", "n")
    '__n_n_'
    """
    return "".join(letter if letter in guessed else "_" for letter in word)


# level 2
def hand_value(cards: list[str]) -> int:
    """Return the sum of the card values, where "J", "Q" and "K" count 10, "A" counts 11, and any other card counts the
    number written on it.

    >>> hand_value(["7", "K"])
    17
    >>> hand_value(["A", "A"])
    22
    >>> hand_value([])
    0
    >>> hand_value(["10", "2", "3"])
    15
    >>> hand_value(["Q", "J", "A"])
    31
    """
    values = {"J": 10, "Q": 10, "K": 10, "A": 11}
    return sum(values.get(card) or int(card) for card in cards)


# level 3
def bulls_and_cows(secret: str, guess: str) -> tuple[int, int]:
    """Return two numbers for a guess of the same length as the secret: how many of its digits stand at the right
    place, and how many other digits occur in the secret at a different place. No digit occurs twice in either.

    >>> bulls_and_cows("1357", "1735")
    (1, 3)
    >>> bulls_and_cows("042", "042")
    (3, 0)
    >>> bulls_and_cows("123", "456")
    (0, 0)
    >>> bulls_and_cows("", "")
    (0, 0)
    >>> bulls_and_cows("5678", "8671")
    (2, 1)
    """
    bulls = sum(left == right for left, right in zip(secret, guess, strict=True))
    shared = sum(digit in secret for digit in guess)
    return bulls, shared - bulls


# level 3
def knight_moves(column: int, row: int) -> int:
    """Return how many squares a chess knight can jump to from the given square of an empty 8 by 8 board, whose columns
    and rows are numbered from 1 to 8. A knight jumps two squares in one direction and one square sideways.

    >>> knight_moves(4, 4)
    8
    >>> knight_moves(1, 1)
    2
    >>> knight_moves(1, 4)
    4
    >>> knight_moves(2, 1)
    3
    >>> knight_moves(5, 2)
    6
    >>> knight_moves(7, 7)
    4
    """
    jumps = [(right, up) for right in range(-2, 3) for up in range(-2, 3) if abs(right * up) == 2]
    return sum(column + right in range(1, 9) and row + up in range(1, 9) for right, up in jumps)


# level 4
def tic_tac_toe_winner(board: list[str]) -> str:
    """Return "X" or "O", whichever has three in a row, column or diagonal of a 3 by 3 board, or "" if neither has. The
    board is given as three strings of three characters, and at most one player has three in a line.

    >>> tic_tac_toe_winner(["XXX", "OO.", "..."])
    'X'
    >>> tic_tac_toe_winner(["OX.", "OX.", "O.X"])
    'O'
    >>> tic_tac_toe_winner(["X.O", "OX.", "..X"])
    'X'
    >>> tic_tac_toe_winner(["...", "...", "..."])
    ''
    >>> tic_tac_toe_winner(["XXO", "XO.", "O.."])
    'O'
    >>> tic_tac_toe_winner(["O.X", ".OX", "..X"])
    'X'
    """
    columns = ["".join(row[index] for row in board) for index in range(3)]
    falling = "".join(board[index][index] for index in range(3))
    rising = "".join(board[2 - index][index] for index in range(3))
    lines = [*board, *columns, falling, rising]
    return next((player for player in "XO" if player * 3 in lines), "")


# level 5
def bowling_score(rolls: list[int]) -> int:
    """Return the score of a finished game of ten-pin bowling from the pins of every roll. Each of the ten frames
    scores its pins. A frame that clears all ten pins in two rolls adds the next roll, and one that does it in a single
    roll adds the next two rolls. The extra rolls after the tenth frame count only as such additions.

    >>> bowling_score([3, 5, 6, 2, 7, 1, 0, 9, 4, 4, 8, 0, 2, 6, 1, 5, 3, 3, 9, 0])
    78
    >>> bowling_score([10, 3, 6, 5, 1, 7, 2, 0, 8, 4, 3, 2, 2, 6, 1, 1, 4, 5, 0])
    79
    >>> bowling_score([7, 3, 4, 2, 9, 0, 6, 1, 5, 4, 8, 1, 0, 7, 2, 5, 3, 6, 1, 1])
    79
    >>> bowling_score([0, 10, 6, 4, 8, 2, 5, 5, 10, 9, 0, 7, 1, 10, 3, 4, 2, 8, 10])
    149
    >>> bowling_score([4, 3, 10, 10, 6, 3, 0, 5, 9, 1, 2, 7, 10, 1, 6, 10, 10, 5])
    136
    >>> bowling_score([2, 0, 1, 8, 5, 5, 10, 7, 2, 3, 6, 0, 4, 9, 0, 6, 3, 10, 4, 6])
    110
    """
    score = start = 0
    for _ in range(10):
        if rolls[start] == 10:
            score += sum(rolls[start : start + 3])
            start += 1
        elif rolls[start] + rolls[start + 1] == 10:
            score += sum(rolls[start : start + 3])
            start += 2
        else:
            score += rolls[start] + rolls[start + 1]
            start += 2
    return score
