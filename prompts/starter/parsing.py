"""Reading values out of text."""


# level 1
def numbers_from_csv(line: str) -> list[int]:
    """Return the whole numbers of a line in which they are separated by commas.

    >>> numbers_from_csv("4,8,15")
    [4, 8, 15]
    >>> numbers_from_csv("7")
    [7]
    >>> numbers_from_csv("-1,0")
    [-1, 0]
    >>> numbers_from_csv("10, 20")
    [10, 20]
    >>> numbers_from_csv("3,3,3")
    [3, 3, 3]
    """
    return [int(part) for part in line.split(",")]


# level 2
def file_extension(filename: str) -> str:
    """Return the part of the file name after its last dot. The name contains at least one dot.

    >>> file_extension("photo.png")
    'png'
    >>> file_extension("archive.tar.gz")
    'gz'
    >>> file_extension(".env")
    'env'
    >>> file_extension("draft.")
    ''
    >>> file_extension("My File.TXT")
    'TXT'
    """
    return filename.split(".")[-1]


# level 1
def user_of_email(email: str) -> str:
    """Return the part of an email address before the "@" sign.

    >>> user_of_email("ann@example.com")
    'ann'
    >>> user_of_email("bob.lee@mail.org")
    'bob.lee'
    >>> user_of_email("x@y")
    'x'
    >>> user_of_email("sales+eu@shop.de")
    'sales+eu'
    >>> user_of_email("@nobody")
    ''
    """
    return email.split("@")[0]


# level 2
def non_blank_lines(text: str) -> list[str]:
    r"""Return the lines of the text that are not empty, in order.

    >>> non_blank_lines("one\ntwo")
    ['one', 'two']
    >>> non_blank_lines("one\n\ntwo\n")
    ['one', 'two']
    >>> non_blank_lines("")
    []
    >>> non_blank_lines("\n\n")
    []
    >>> non_blank_lines("just this")
    ['just this']
    """
    return [line for line in text.split("\n") if line]


# level 2
def parse_setting(line: str) -> tuple[str, str]:
    """Return the name and the value of a line of the form "name = value", without spaces around either. Only the first
    "=" separates them.

    >>> parse_setting("color = blue")
    ('color', 'blue')
    >>> parse_setting("size=10")
    ('size', '10')
    >>> parse_setting("  rule =  a=b ")
    ('rule', 'a=b')
    >>> parse_setting("empty =")
    ('empty', '')
    >>> parse_setting("path = /tmp/x y")
    ('path', '/tmp/x y')
    """
    name, _, value = line.partition("=")
    return name.strip(), value.strip()


# level 2
def add_up_expression(expression: str) -> int:
    """Return the value of an expression that consists of whole numbers joined by plus signs, with or without spaces.

    >>> add_up_expression("4+5")
    9
    >>> add_up_expression("10 + 20 + 3")
    33
    >>> add_up_expression("8")
    8
    >>> add_up_expression("0 + 0")
    0
    >>> add_up_expression("100+  1+1")
    102
    """
    return sum(int(term) for term in expression.split("+"))


# level 2
def parse_yes_no(answer: str) -> int:
    """Return 1 if the answer is "y" or "yes", 0 if it is "n" or "no", and -1 for anything else. Upper and lower case
    and spaces around the answer do not matter.

    >>> parse_yes_no("yes")
    1
    >>> parse_yes_no(" N ")
    0
    >>> parse_yes_no("Y")
    1
    >>> parse_yes_no("NO")
    0
    >>> parse_yes_no("maybe")
    -1
    >>> parse_yes_no("")
    -1
    """
    return {"y": 1, "yes": 1, "n": 0, "no": 0}.get(answer.strip().lower(), -1)


# level 2
def seconds_from_clock(clock: str) -> int:
    """Return the number of seconds in a duration written as "minutes:seconds".

    >>> seconds_from_clock("1:30")
    90
    >>> seconds_from_clock("0:05")
    5
    >>> seconds_from_clock("10:00")
    600
    >>> seconds_from_clock("0:00")
    0
    >>> seconds_from_clock("2:59")
    179
    """
    minutes, seconds = clock.split(":")
    return int(minutes) * 60 + int(seconds)


# level 2
def numbers_in_text(text: str) -> list[int]:
    """Return all numbers that are written in the text as runs of digits, in order. Signs and dots are not part of a
    number.

    >>> numbers_in_text("3 apples and 12 pears")
    [3, 12]
    >>> numbers_in_text("none")
    []
    >>> numbers_in_text("a1b22c333")
    [1, 22, 333]
    >>> numbers_in_text("")
    []
    >>> numbers_in_text("-5 or 2.75")
    [5, 2, 75]
    >>> numbers_in_text("007")
    [7]
    """
    spaced = "".join(character if character.isdecimal() else " " for character in text)
    return [int(digits) for digits in spaced.split()]


# level 3
def parse_query(query: str) -> dict[str, str]:
    """Return a dictionary of the "key=value" pairs of a query string, which are separated by "&". A key without "="
    gets the empty value, a repeated key keeps its last value, and empty pieces are skipped.

    >>> parse_query("page=2&sort=name")
    {'page': '2', 'sort': 'name'}
    >>> parse_query("debug")
    {'debug': ''}
    >>> parse_query("")
    {}
    >>> parse_query("a=1&a=2")
    {'a': '2'}
    >>> parse_query("x=&&y=3=4")
    {'x': '', 'y': '3=4'}
    """
    result = {}
    for piece in query.split("&"):
        if piece:
            key, _, value = piece.partition("=")
            result[key] = value
    return result


# level 3
def expand_page_ranges(pages: str) -> list[int]:
    """Return the page numbers that a text such as "1-3,7" names, in the order written. Pieces are separated by commas,
    and a piece is one number or a range "first-last" with both ends included. The empty text gives an empty list.

    >>> expand_page_ranges("1-3,7")
    [1, 2, 3, 7]
    >>> expand_page_ranges("5")
    [5]
    >>> expand_page_ranges("")
    []
    >>> expand_page_ranges("9,2-2,4-5")
    [9, 2, 4, 5]
    >>> expand_page_ranges("10-12")
    [10, 11, 12]
    """
    numbers: list[int] = []
    for piece in pages.split(","):
        if piece:
            first, _, last = piece.partition("-")
            numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


# level 4
def split_outside_quotes(line: str) -> list[str]:
    """Return the fields of a line separated by commas, where a comma between two double quotes does not separate. The
    quotes themselves are removed, and every other character is kept.

    >>> split_outside_quotes('a,"b,c",d')
    ['a', 'b,c', 'd']
    >>> split_outside_quotes("x,y")
    ['x', 'y']
    >>> split_outside_quotes("")
    ['']
    >>> split_outside_quotes('"one, two"')
    ['one, two']
    >>> split_outside_quotes(",,")
    ['', '', '']
    >>> split_outside_quotes('he said "a,b" twice, ok')
    ['he said a,b twice', ' ok']
    """
    fields = [""]
    quoted = False
    for character in line:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            fields.append("")
        else:
            fields[-1] += character
    return fields


# level 5
def evaluate_arithmetic(expression: str) -> int:
    """Return the value of an expression of non-negative whole numbers, the operators + - *, and parentheses. There are
    no spaces, * binds more tightly than + and -, and operators of the same kind go from left to right.

    >>> evaluate_arithmetic("2+3*4")
    14
    >>> evaluate_arithmetic("(2+3)*4")
    20
    >>> evaluate_arithmetic("10-4-3")
    3
    >>> evaluate_arithmetic("7")
    7
    >>> evaluate_arithmetic("2*(1+(5-3))*10")
    60
    >>> evaluate_arithmetic("0-(8-9)")
    1
    """
    import re

    rank = {"(": 0, ")": 1, "+": 1, "-": 1, "*": 2}
    values: list[int] = []
    operators: list[str] = []
    for token in re.findall("[0-9]+|.", f"({expression})"):
        if token.isdigit():
            values.append(int(token))
            continue
        while token != "(" and rank[operators[-1]] >= rank[token]:
            right, left = values.pop(), values.pop()
            values.append({"+": left + right, "-": left - right, "*": left * right}[operators.pop()])
        if token == ")":
            operators.pop()
        else:
            operators.append(token)
    return values[0]
