"""Words and sentences."""


# level 1
def count_words(sentence: str) -> int:
    """Return the number of words in the sentence. Words are separated by one or more spaces.

    >>> count_words("good morning everyone")
    3
    >>> count_words("hello")
    1
    >>> count_words("")
    0
    >>> count_words("  wide   gap  ")
    2
    >>> count_words("a b c d e")
    5
    """
    return len(sentence.split())


# level 2
def last_word(sentence: str) -> str:
    """Return the last word of a sentence whose words are separated by spaces. The sentence has at least one word.

    >>> last_word("we are home")
    'home'
    >>> last_word("single")
    'single'
    >>> last_word("blue sky")
    'sky'
    >>> last_word("it is 5 pm")
    'pm'
    >>> last_word("Stop right there!")
    'there!'
    """
    return sentence.split()[-1]


# level 1
def join_with_commas(words: list[str]) -> str:
    """Return one string of all words, with a comma and a space between them.

    >>> join_with_commas(["ham", "eggs"])
    'ham, eggs'
    >>> join_with_commas([])
    ''
    >>> join_with_commas(["solo"])
    'solo'
    >>> join_with_commas(["x", "y", "z"])
    'x, y, z'
    >>> join_with_commas(["New York", "Rome"])
    'New York, Rome'
    """
    return ", ".join(words)


# level 2
def spaces_to_underscores(title: str) -> str:
    """Return the title in lower case with each space replaced by an underscore.

    >>> spaces_to_underscores("My Holiday Photos")
    'my_holiday_photos'
    >>> spaces_to_underscores("notes")
    'notes'
    >>> spaces_to_underscores("")
    ''
    >>> spaces_to_underscores("A  B")
    'a__b'
    >>> spaces_to_underscores("Chapter 2")
    'chapter_2'
    """
    return "_".join(title.lower().split(" "))


# level 1
def word_lengths(words: list[str]) -> list[int]:
    """Return a list with the length of each word, in the same order.

    >>> word_lengths(["sun", "moon"])
    [3, 4]
    >>> word_lengths([])
    []
    >>> word_lengths([""])
    [0]
    >>> word_lengths(["a", "bb", "a"])
    [1, 2, 1]
    >>> word_lengths(["ice cream", "pie"])
    [9, 3]
    """
    return [len(word) for word in words]


# level 2
def initials(full_name: str) -> str:
    """Return the first letter of each word of the name in upper case, each followed by a dot.

    >>> initials("Ada Lovelace")
    'A.L.'
    >>> initials("grace brewster hopper")
    'G.B.H.'
    >>> initials("Plato")
    'P.'
    >>> initials("")
    ''
    >>> initials("jean-luc  picard")
    'J.P.'
    """
    return "".join(word[0].upper() + "." for word in full_name.split())


# level 2
def longest_word_length(sentence: str) -> int:
    """Return the number of characters in the longest word of the sentence, or 0 if it has no words.

    >>> longest_word_length("the quick fox")
    5
    >>> longest_word_length("")
    0
    >>> longest_word_length("I am")
    2
    >>> longest_word_length("extraordinary day")
    13
    >>> longest_word_length("   ")
    0
    """
    return max((len(word) for word in sentence.split()), default=0)


# level 2
def reverse_each_word(sentence: str) -> str:
    """Return the sentence with the letters of every word reversed while the words keep their places. Words are
    separated by single spaces.

    >>> reverse_each_word("live on time")
    'evil no emit'
    >>> reverse_each_word("abc")
    'cba'
    >>> reverse_each_word("")
    ''
    >>> reverse_each_word("no one")
    'on eno'
    >>> reverse_each_word("Hi, Bob")
    ',iH boB'
    """
    return " ".join(word[::-1] for word in sentence.split(" "))


# level 2
def shorten_with_dots(text: str, width: int) -> str:
    """Return the text unchanged if it has at most width characters. Otherwise return its first width characters
    followed by three dots.

    >>> shorten_with_dots("a long story", 6)
    'a long...'
    >>> shorten_with_dots("short", 5)
    'short'
    >>> shorten_with_dots("short", 4)
    'shor...'
    >>> shorten_with_dots("", 0)
    ''
    >>> shorten_with_dots("abc", 0)
    '...'
    """
    if len(text) <= width:
        return text
    return text[:width] + "..."


# level 2
def capitalize_after_periods(text: str) -> str:
    """Return the text with the first letter of each sentence in upper case and everything else unchanged. Sentences
    are separated by a period and one space.

    >>> capitalize_after_periods("it rained. we stayed in.")
    'It rained. We stayed in.'
    >>> capitalize_after_periods("")
    ''
    >>> capitalize_after_periods("hello")
    'Hello'
    >>> capitalize_after_periods("Yes. no. MAYBE.")
    'Yes. No. MAYBE.'
    >>> capitalize_after_periods("version 1.2 is out. get it.")
    'Version 1.2 is out. Get it.'
    """
    return ". ".join(part[:1].upper() + part[1:] for part in text.split(". "))


# level 2
def words_only_in_first(first: str, second: str) -> list[str]:
    """Return the words of the first sentence that do not occur in the second one, in their order in the first. Words
    are separated by spaces.

    >>> words_only_in_first("the red car", "a red bus")
    ['the', 'car']
    >>> words_only_in_first("one two", "two one")
    []
    >>> words_only_in_first("", "anything")
    []
    >>> words_only_in_first("go on go", "on")
    ['go', 'go']
    >>> words_only_in_first("Tea time", "tea time")
    ['Tea']
    """
    known = second.split()
    return [word for word in first.split() if word not in known]


# level 3
def wrap_words(text: str, width: int) -> list[str]:
    """Return the text broken into lines of at most width characters, putting as many whole words on each line as fit.
    A word longer than width gets a line of its own.

    >>> wrap_words("the old man and the sea", 10)
    ['the old', 'man and', 'the sea']
    >>> wrap_words("short", 10)
    ['short']
    >>> wrap_words("", 5)
    []
    >>> wrap_words("in our day", 3)
    ['in', 'our', 'day']
    >>> wrap_words("tiny enormous end", 4)
    ['tiny', 'enormous', 'end']
    >>> wrap_words("ab cd", 5)
    ['ab cd']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


# level 3
def title_case_except(title: str, small_words: list[str]) -> str:
    """Return the title with each word in lower case and a capital first letter, except that the small words stay
    completely in lower case unless they are the first word. The small words are given in lower case.

    >>> title_case_except("the lord of the rings", ["of", "the"])
    'The Lord of the Rings'
    >>> title_case_except("WAR AND PEACE", ["and"])
    'War and Peace'
    >>> title_case_except("", ["a"])
    ''
    >>> title_case_except("of mice", ["of"])
    'Of Mice'
    >>> title_case_except("a day at a time", [])
    'A Day At A Time'
    """
    words = title.lower().split()
    return " ".join(
        word if word in small_words and position > 0 else word.capitalize() for position, word in enumerate(words)
    )
