"""Simple codes and secret writing."""


# level 2
def letter_number(letter: str) -> int:
    """Return the place of a lower-case letter in the alphabet, where "a" has the number 1 and "z" the number 26.

    >>> letter_number("a")
    1
    >>> letter_number("b")
    2
    >>> letter_number("z")
    26
    >>> letter_number("m")
    13
    >>> letter_number("e")
    5
    """
    return ord(letter) - ord("a") + 1


# level 1
def write_backwards(message: str) -> str:
    """Return the message written backwards, from its last character to its first.

    >>> write_backwards("stop")
    'pots'
    >>> write_backwards("")
    ''
    >>> write_backwards("a b")
    'b a'
    >>> write_backwards("noon")
    'noon'
    >>> write_backwards("Hi!")
    '!iH'
    """
    return message[::-1]


# level 2
def word_score(word: str) -> int:
    """Return the sum of the places of the word's letters in the alphabet, where "a" counts 1 and "z" counts 26. The
    word is in lower case.

    >>> word_score("abc")
    6
    >>> word_score("")
    0
    >>> word_score("z")
    26
    >>> word_score("hello")
    52
    >>> word_score("aa")
    2
    """
    return sum(ord(letter) - 96 for letter in word)


# level 2
def replace_by_table(message: str, table: dict[str, str]) -> str:
    """Return the message with every character that is a key of the table replaced by its value. Other characters stay.

    >>> replace_by_table("hello", {"e": "3", "o": "0"})
    'h3ll0'
    >>> replace_by_table("abc", {})
    'abc'
    >>> replace_by_table("", {"a": "b"})
    ''
    >>> replace_by_table("abba", {"a": "b", "b": "a"})
    'baab'
    >>> replace_by_table("x-y", {"-": " minus "})
    'x minus y'
    """
    return "".join(table.get(character, character) for character in message)


# level 2
def every_nth_letter(message: str, step: int) -> str:
    """Return the hidden message formed by the letters number step, 2 * step, 3 * step and so on, where the first
    letter has the number 1. The step is positive.

    >>> every_nth_letter("xhxixx", 2)
    'hix'
    >>> every_nth_letter("abc", 1)
    'abc'
    >>> every_nth_letter("abc", 4)
    ''
    >>> every_nth_letter("", 3)
    ''
    >>> every_nth_letter("..c..a..t", 3)
    'cat'
    """
    return message[step - 1 :: step]


# level 3
def mirror_alphabet(message: str) -> str:
    """Return the message with each lower-case letter from a to z replaced by the letter equally far from the other end
    of the alphabet: "a" by "z", "b" by "y", and so on. Other characters stay.

    >>> mirror_alphabet("abc")
    'zyx'
    >>> mirror_alphabet("wizard")
    'draziw'
    >>> mirror_alphabet("")
    ''
    >>> mirror_alphabet("m n")
    'n m'
    >>> mirror_alphabet("Hello!")
    'Hvool!'
    """
    from string import ascii_lowercase

    return message.translate(str.maketrans(ascii_lowercase, ascii_lowercase[::-1]))


# level 3
def pig_latin(word: str) -> str:
    """Return the lower-case word in a secret language: a word that begins with a vowel (a, e, i, o or u) gets "way" at
    its end, and otherwise all letters before the first vowel move to the end, followed by "ay".

    >>> pig_latin("apple")
    'appleway'
    >>> pig_latin("banana")
    'ananabay'
    >>> pig_latin("string")
    'ingstray'
    >>> pig_latin("hmm")
    'hmmay'
    >>> pig_latin("i")
    'iway'
    """
    rest = word.lstrip("bcdfghjklmnpqrstvwxyz")
    if rest == word:
        return word + "way"
    return rest + word[: len(word) - len(rest)] + "ay"


# level 3
def to_morse(word: str) -> str:
    """Return the Morse code of a word made only of the letters s, o, e, t and a, in lower or upper case. The codes are
    s "...", o "---", e ".", t "-" and a ".-", and the letters are separated by one space.

    >>> to_morse("sos")
    '... --- ...'
    >>> to_morse("Tea")
    '- . .-'
    >>> to_morse("")
    ''
    >>> to_morse("e")
    '.'
    >>> to_morse("oat")
    '--- .- -'
    """
    codes = {"s": "...", "o": "---", "e": ".", "t": "-", "a": ".-"}
    return " ".join(codes[letter] for letter in word.lower())


# level 4
def zigzag_rows(message: str, rows: int) -> str:
    """Return the message in rail fence code: its characters are written in a zigzag down and up over the given number
    of rows, and the rows are then read one after another from top to bottom. With one row nothing changes.

    >>> zigzag_rows("wearefound", 3)
    'wenerfudao'
    >>> zigzag_rows("abcdef", 2)
    'acebdf'
    >>> zigzag_rows("plain", 1)
    'plain'
    >>> zigzag_rows("", 4)
    ''
    >>> zigzag_rows("ab", 5)
    'ab'
    >>> zigzag_rows("stairs", 4)
    'stsari'
    """
    lines = [""] * rows
    row, direction = 0, 1
    for character in message:
        lines[row] += character
        if not 0 <= row + direction < rows:
            direction = -direction
        if rows > 1:
            row += direction
    return "".join(lines)


# level 5
def expand_repeats(code: str) -> str:
    """Return the text that a code stands for. In the code, a number directly followed by a part in square brackets
    means that part repeated that many times, parts may be nested, and other letters stand for themselves.

    >>> expand_repeats("3[ab]c")
    'abababc'
    >>> expand_repeats("xyz")
    'xyz'
    >>> expand_repeats("2[a3[b]]")
    'abbbabbb'
    >>> expand_repeats("")
    ''
    >>> expand_repeats("10[-]2[]")
    '----------'
    >>> expand_repeats("0[gone]stay")
    'stay'
    """
    outer: list[tuple[str, int]] = []
    text, number = "", 0
    for character in code:
        if character.isdigit():
            number = number * 10 + int(character)
        elif character == "[":
            outer.append((text, number))
            text, number = "", 0
        elif character == "]":
            before, times = outer.pop()
            text = before + text * times
        else:
            text += character
    return text
