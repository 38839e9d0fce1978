"""Working on one string, character by character."""


# level 1
def shout(phrase: str) -> str:
    """Return the phrase in capital letters with an exclamation mark added at the end.

    >>> shout("hello")
    'HELLO!'
    >>> shout("Good morning")
    'GOOD MORNING!'
    >>> shout("")
    '!'
    >>> shout("STOP")
    'STOP!'
    >>> shout("run 3 laps")
    'RUN 3 LAPS!'
    """
    return phrase.upper() + "!"


# level 1
def count_spaces(line: str) -> int:
    """Return the number of space characters in the line.

    >>> count_spaces("one two three")
    2
    >>> count_spaces("word")
    0
    >>> count_spaces("")
    0
    >>> count_spaces("   ")
    3
    >>> count_spaces(" edge ")
    2
    """
    return line.count(" ")


# level 2
def drop_dashes(code: str) -> str:
    """Return the code with every dash "-" removed.

    >>> drop_dashes("555-12-34")
    '5551234'
    >>> drop_dashes("abc")
    'abc'
    >>> drop_dashes("--x--")
    'x'
    >>> drop_dashes("")
    ''
    >>> drop_dashes("a-b c-d")
    'ab cd'
    """
    return code.replace("-", "")


# level 2
def last_three_characters(word: str) -> str:
    """Return the last three characters of the word, or the whole word if it is shorter than that.

    >>> last_three_characters("window")
    'dow'
    >>> last_three_characters("cat")
    'cat'
    >>> last_three_characters("hi")
    'hi'
    >>> last_three_characters("")
    ''
    >>> last_three_characters("a b c d")
    'c d'
    """
    return word[-3:]


# level 2
def surround_with_stars(text: str) -> str:
    """Return the text with one star "*" in front of it and one star after it.

    >>> surround_with_stars("note")
    '*note*'
    >>> surround_with_stars("")
    '**'
    >>> surround_with_stars("two words")
    '*two words*'
    >>> surround_with_stars("*")
    '***'
    >>> surround_with_stars("42")
    '*42*'
    """
    return f"*{text}*"


# level 2
def begins_with_capital(word: str) -> bool:
    """Return whether the first character of the word is an uppercase letter. The empty word gives False.

    >>> begins_with_capital("Paris")
    True
    >>> begins_with_capital("paris")
    False
    >>> begins_with_capital("")
    False
    >>> begins_with_capital("X")
    True
    >>> begins_with_capital("9Lives")
    False
    >>> begins_with_capital("mOON")
    False
    """
    return word[:1].isupper()


# level 2
def double_each_letter(word: str) -> str:
    """Return a string in which every character of the word appears twice in a row.

    >>> double_each_letter("abc")
    'aabbcc'
    >>> double_each_letter("")
    ''
    >>> double_each_letter("z")
    'zz'
    >>> double_each_letter("oo")
    'oooo'
    >>> double_each_letter("go!")
    'ggoo!!'
    """
    return "".join(character * 2 for character in word)


# level 2
def hide_all_but_last_four(card: str) -> str:
    """Return the card number with every character except the last four replaced by "#". A card number of four or fewer
    characters is returned unchanged.

    >>> hide_all_but_last_four("12345678")
    '####5678'
    >>> hide_all_but_last_four("4321")
    '4321'
    >>> hide_all_but_last_four("99")
    '99'
    >>> hide_all_but_last_four("")
    ''
    >>> hide_all_but_last_four("ab-cd-ef")
    '####d-ef'
    >>> hide_all_but_last_four("70001")
    '#0001'
    """
    hidden = max(len(card) - 4, 0)
    return "#" * hidden + card[hidden:]


# level 2
def swap_first_and_last(word: str) -> str:
    """Return the word with its first and last characters exchanged. Words of fewer than two characters stay the same.

    >>> swap_first_and_last("table")
    'eablt'
    >>> swap_first_and_last("ox")
    'xo'
    >>> swap_first_and_last("a")
    'a'
    >>> swap_first_and_last("")
    ''
    >>> swap_first_and_last("level")
    'level'
    >>> swap_first_and_last("12 34")
    '42 31'
    """
    if len(word) < 2:
        return word
    return word[-1] + word[1:-1] + word[0]


# level 2
def middle_characters(word: str) -> str:
    """Return the middle character of a word of odd length, or the two middle characters if the length is even. The
    empty word gives the empty string.

    >>> middle_characters("robot")
    'b'
    >>> middle_characters("moon")
    'oo'
    >>> middle_characters("x")
    'x'
    >>> middle_characters("ab")
    'ab'
    >>> middle_characters("")
    ''
    >>> middle_characters("kitchen")
    'c'
    """
    half = len(word) // 2
    if len(word) % 2 == 1:
        return word[half]
    return word[max(half - 1, 0) : half + 1]


# level 3
def alternate_letter_case(sentence: str) -> str:
    """Return the sentence with its letters written alternately in upper and lower case, the first letter upper.
    Characters that are not letters stay as they are and do not take a turn.

    >>> alternate_letter_case("hello")
    'HeLlO'
    >>> alternate_letter_case("a b c")
    'A b C'
    >>> alternate_letter_case("")
    ''
    >>> alternate_letter_case("7 UP, please")
    '7 Up, PlEaSe'
    >>> alternate_letter_case("123")
    '123'
    """
    result = ""
    upper = True
    for character in sentence:
        if character.isalpha():
            result += character.upper() if upper else character.lower()
            upper = not upper
        else:
            result += character
    return result


# level 3
def compress_runs(text: str) -> str:
    """Return the text with every run of equal characters written once, followed by the run length if the run is longer
    than one character.

    >>> compress_runs("aaabcc")
    'a3bc2'
    >>> compress_runs("abc")
    'abc'
    >>> compress_runs("")
    ''
    >>> compress_runs("zzzzzzzzzzzz")
    'z12'
    >>> compress_runs("aaAA")
    'a2A2'
    >>> compress_runs("  x")
    ' 2x'
    """
    from itertools import groupby

    pieces = []
    for character, run in groupby(text):
        length = len(list(run))
        pieces.append(character if length == 1 else f"{character}{length}")
    return "".join(pieces)
