"""Controls in languages without a grammar, by tokens: the function that tests call, a stub, a corrupted twin.

What `controls.py` does for Python with `ast`, less sharply. Not covered: comparisons with a computed value, and stubs
in languages whose functions have declared types; there, the corrupted twin alone shows that a test tells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from synth.fingerprint import LISPS
from synth.source import Token, style_of, tokens

EQUALITY = frozenset("== === =:= eq -eq =@= is".split())
INEQUALITY = frozenset("!= !== <> /= ~= ne -ne =/= =\\=".split())
"""Of use only in a test that fails by a statement of its own, such as `if f(1) != 2 { panic(...) }`."""
PLAIN_EQUALITY = frozenset("ocaml pascal sql bash erlang prolog".split())
"""Languages in which `=` compares."""
EQUALITY_CALLS = re.compile(
    r"(?:[aA]ssert|expect)_?\w*?_?(?:[eE]q(?:ual)?s?|[sS]ame|[iI]s)|strictEqual|deepStrictEqual|deepEqual|equal|identical"
    r"|is_deeply|is|all\.equal|assert|equals|DeepEqual",
)
"""Functions, methods and macros that compare their first two arguments; with one alone they are no comparison."""
LISP_EQUALITY = frozenset(
    "= == eq eql equal equalp eq? eqv? equal? string=? string= char=? check-equal? assert-equal".split()
)
BOUNDS = frozenset(["\n", *"; && || and or then ? , : |> | FROM from".split()])
"""What an operand of a comparison ends with, at its own depth."""
TRUTHS = {"true": "false", "True": "False", "TRUE": "FALSE", "#t": "#f", "#true": "#false"}
OPPOSITE = TRUTHS | {false: true for true, false in TRUTHS.items()}
# `NA`, because `stopifnot(NULL == 3)` holds in R. PHP, Perl and Raku take nothing for 0, so tests that expect 0 with
# `==` do not tell there.
STUBS = {
    "javascript": "function {name}() {{ return undefined; }}",
    "typescript": "function {name}(...rest: any[]): any {{ return undefined; }}",
    "coffeescript": "{name} = -> undefined",
    "bash": "{name}() {{ :; }}",
    "ruby": "def {name}(*rest, **options)\n  nil\nend",
    "crystal": "def {name}(*rest)\n  nil\nend",
    "php": "<?php\nfunction {name}(...$rest) {{ return null; }}",
    "perl": "sub {name} {{ return; }}",
    "raku": "sub {name}(|) {{ Nil }}",
    "lua": "function {name}(...) return nil end",
    "r": "{name} <- function(...) NA",
    "groovy": "def {name}(Object... rest) {{ null }}",
    "haskell": "{name} :: a\n{name} = undefined",
    "scheme": "(define ({name} . rest) #f)",
    "racket": "(define ({name} . rest) (void))",
    "commonlisp": "(defun {name} (&rest rest) (declare (ignore rest)) nil)",
    "clojure": "(defn {name} [& rest] nil)",
    "tcl": "proc {name} {{args}} {{}}",
    "octave": "function result = {name}(varargin)\n  result = [];\nend",
}


def entry_point(tests: Iterable[str], functions: Iterable[str], language: str) -> str:
    """The name of `functions` that most tests mention, the later one of equals; empty when none is mentioned."""
    style = style_of(language, tests=True)
    mentioned = Counter(word for test in tests for word in {t.text for t in tokens(test, style) if t.kind == "word"})
    names = list(dict.fromkeys(functions))
    best = max(names, key=lambda name: (mentioned[name], names.index(name)), default="")
    return best if mentioned[best] else ""


def stub(name: str, language: str) -> str | None:
    """A program whose `name` does nothing; `None` where the language wants to know the types."""
    template = STUBS.get(language)
    return template.format(name=name) if template and name else None


def corrupted(test: str, language: str, names: Collection[str] = ()) -> str | None:
    """The test with the literal that it expects changed to another; `None` where none is found.

    `names` are what the solution defines: the side of a comparison that has one of them is not the expected one. An
    honest solution that passes the test must fail this one.
    """
    ignored = {"space", "comment", *(["line"] if language in LISPS else [])}
    found = [t for t in tokens(test, style_of(language, tests=True)) if t.kind not in ignored]
    sides = list(_expected(found, language, frozenset(names))) or ([found] if language == "prolog" else [])
    for expected in reversed(sides):
        for literal in reversed(expected):
            other = _other(literal)
            if other is not None:
                return test[: literal.start] + other + test[literal.start + len(literal.text) :]
    return None


def _expected(found: Sequence[Token], language: str, names: frozenset[str]) -> Iterator[Sequence[Token]]:
    """The sides of comparisons that the solution has no part in, the likeliest last."""
    fails_itself = any(t.text in ("if", "unless", "cond") for t in found)
    for number, token in enumerate(_asked(found) if language == "sql" else found):
        sides: list[Sequence[Token]] = []
        start = number - 1
        if language in LISPS:
            if token.text in LISP_EQUALITY and number and found[number - 1].text == "(":
                sides = _forms(found, number + 1)
        elif _is_call(found, number, language):
            sides = _arguments(found, number + 1)[:2]
        elif _compares(token.text, language, fails_itself):
            left = _left(found, number)
            start = number - len(left) - 1
            sides = [left, _right(found, number)]
        if len(sides) == 2 and not _is_negated(found, start):
            yield from (side for side in sides if side and not names & {t.text for t in side})


def _compares(text: str, language: str, fails_itself: bool) -> bool:
    return text in EQUALITY or (text == "=" and language in PLAIN_EQUALITY) or (fails_itself and text in INEQUALITY)


def _is_call(found: Sequence[Token], number: int, language: str) -> bool:
    token = found[number]
    if token.kind != "word" or (token.text == "assert" and language != "octave"):  # elsewhere a message comes second
        return False
    operator = language == "coffeescript" and token.text in EQUALITY
    return not operator and EQUALITY_CALLS.fullmatch(token.text) is not None


def _is_negated(found: Sequence[Token], number: int) -> bool:
    """Whether `!` or `not` stands before the brackets that end at `number`; `assert!` is a name."""
    while number >= 0 and found[number].kind == "open":
        number -= 1
    if number < 0 or found[number].text not in ("!", "not"):
        return False
    before = found[number - 1] if number else None
    return not (before and before.kind == "word" and before.start + len(before.text) == found[number].start)


def _asked(found: Sequence[Token]) -> Sequence[Token]:
    """What the last query of a test selects, without where from."""
    depth, begin, end = 0, 0, len(found)
    for number, token in enumerate(found):
        depth += (token.kind == "open") - (token.kind == "close")
        if depth == 0 and token.text.lower() in ("select", "from"):
            begin, end = (number, len(found)) if token.text.lower() == "select" else (begin, min(end, number))
    return [
        token if begin <= number < end else token._replace(kind="space", text="") for number, token in enumerate(found)
    ]


def _left(found: Sequence[Token], number: int) -> Sequence[Token]:
    depth, start = 0, number
    while start and (depth or not (found[start - 1].kind == "open" or found[start - 1].text in BOUNDS)):
        start -= 1
        depth += (found[start].kind == "close") - (found[start].kind == "open")
    return found[start:number]


def _right(found: Sequence[Token], number: int) -> Sequence[Token]:
    depth, end = 0, number + 1
    while end < len(found):
        token = found[end]
        if depth == 0 and end > number + 1 and (token.kind == "close" or token.text in BOUNDS):
            break
        if depth == 0 and end > number + 1 and token.text == "{" and found[end - 1].text.strip(">"):
            break  # but `vector<int>{1}` is a value
        depth += (token.kind == "open") - (token.kind == "close")
        if depth < 0:
            break
        end += 1
    return found[number + 1 : end]


def _arguments(found: Sequence[Token], start: int) -> list[Sequence[Token]]:
    """What stands between the commas after a function's name, with brackets around them or not."""
    if start < len(found) and found[start].text == "!":
        start += 1
    start += start < len(found) and found[start].text == "("
    sides, depth, begin = [], 0, start
    for end in range(start, len(found)):
        if depth == 0 and (found[end].text in (",", ";") or found[end].kind == "close"):
            sides.append(found[begin:end])
            begin = end + 1
            if found[end].text != ",":
                return sides
        depth += (found[end].kind == "open") - (found[end].kind == "close")
    return [*sides, found[begin:]]


def _forms(found: Sequence[Token], start: int) -> list[Sequence[Token]]:
    """The forms up to the bracket that closes; a quote belongs to the form behind it."""
    forms, depth, begin = [], 0, start
    for end in range(start, len(found)):
        depth += (found[end].kind == "open") - (found[end].kind == "close")
        if depth < 0:
            break
        if depth == 0 and found[end].text not in ("'", "`", "#"):
            forms.append(found[begin : end + 1])
            begin = end + 1
    return forms


def _other(token: Token) -> str | None:
    """Another literal of the same type; `None` where the token is none, or none that is safely changed."""
    text = token.text
    if text in OPPOSITE:
        return OPPOSITE[text]
    if token.kind == "char" and len(text) == 3:
        return "'b'" if text[1] == "a" else "'a'"
    if token.kind == "string" and len(text) > 1 and text[-1] == text[0]:
        return f"{text[:-1]}_{text[-1]}"
    if number := re.fullmatch(r"(\d{1,18})((?:\.\d+)?(?:[a-zA-Z]\w*)?)", text):
        if text.startswith("0") and len(text) > 1 and text[1] not in ".uUiIlLfFdD":
            return None  # another base
        return f"{int(number[1]) + 1}{number[2]}"
    return None
