"""A fingerprint of code by tokens, in any language: `fingerprint`. Equal means the same program, reworded.

Comments, layout, the kind of quotes and the names that the code itself gives do not count. Which names those are is
told by where they stand, so now and then one is missed and two copies count as two programs, or a library's name is
taken for the code's own and two programs count as one; Python, which has a grammar here, goes by `controls.structure`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from synth.source import STYLES, Token, defined, tokens

SIGILS = frozenset("$ @ % $#".split())
SIGIL_LANGUAGES = frozenset("php perl raku bash tcl".split())
CAPITAL_VARIABLES = frozenset("erlang prolog".split())
LISPS = frozenset("commonlisp scheme racket clojure".split())
LISP_BINDERS = frozenset("lambda fn define defun defn let let* letrec loop do dolist dotimes for".split())
EQUATIONS = frozenset("haskell ocaml".split())
DECLARATIONS = frozenset(
    "let const var val auto my our local mut def for foreach in fun set "
    "int long double float bool char string String".split()
)
ASSIGNS = frozenset("= := <- += -= *=".split())
END = Token("line", "", 0)


def fingerprint(code: str, language: str) -> str:
    """The tokens of `code` with its own names numbered in the order in which they come."""
    found = [token for token in tokens(code, STYLES[language]) if token.kind not in ("comment", "space")]
    names = defined(code, language)
    own = {*names, *_bound(found, language), *_heads(found, names)}
    numbers: dict[str, str] = {}
    return "\x00".join(_shown(token, own, numbers) for token in found if token.kind != "line")


def _shown(token: Token, own: set[str], numbers: dict[str, str]) -> str:
    if token.kind == "word" and token.text in own:
        return numbers.setdefault(token.text, f"v{len(numbers)}")
    if token.kind == "string" and len(token.text) > 1 and token.text[0] in "\"'" and '"' not in token.text[1:-1]:
        return f'"{token.text[1:-1]}"'
    return token.text


def _bound(found: Sequence[Token], language: str) -> Iterator[str]:
    """Words that stand where the language binds a name."""
    if language in LISPS:
        yield from _bound_in_lists(found)
        return
    if language in EQUATIONS:
        yield from _bound_in_equations(found)
    yield from _parameters(found)
    for before, token, after in zip([END, *found], found, [*found[1:], END], strict=False):
        if token.kind != "word":
            continue
        if (
            after.text in ASSIGNS
            or before.text in DECLARATIONS
            or "|" in (before.text, after.text)
            or (language in SIGIL_LANGUAGES and before.text in SIGILS)
            or (language in CAPITAL_VARIABLES and (token.text[0].isupper() or token.text[0] == "_"))
        ):
            yield token.text


def _parameters(found: Sequence[Token]) -> Iterator[str]:
    """The names in brackets that a block or an arrow follows, as far as 200 tokens: the last word of each part."""
    for number, token in enumerate(found[:-1]):
        if token.text != ")" or not _opens_a_body(found[number + 1]):
            continue
        depth, inner = 1, number - 1
        while inner >= 0 and depth and number - inner < 200:
            depth += (found[inner].kind == "close") - (found[inner].kind == "open")
            if found[inner].kind == "word" and found[inner + 1].text in (",", ")", ":", "="):
                yield found[inner].text
            inner -= 1


def _heads(found: Sequence[Token], names: Sequence[str]) -> Iterator[str]:
    """All words, types too, in the brackets behind the first mention of each defined name."""
    waiting = set(names)
    for number, token in enumerate(found[:-1]):
        if token.text not in waiting:
            continue
        waiting.discard(token.text)
        depth = 0
        for inner in found[number + 1 : number + 200]:
            depth += (inner.kind == "open") - (inner.kind == "close")
            if depth <= 0:
                break
            if inner.kind == "word":
                yield inner.text


def _opens_a_body(token: Token) -> bool:
    return token.kind == "line" or token.text in ("{", "=>", "->", ":", "do", "=", "is", "begin", "<")


def _bound_in_equations(found: Sequence[Token]) -> Iterator[str]:
    """The words of a line up to its `=`, and those between `\\\\` or `fun` and `->`: patterns."""
    begin = 0
    for number, token in enumerate(found):
        if token.text in ("\\", "fun", "function") or token.kind == "line":
            begin = number + 1
        elif token.text in ("=", "->"):
            yield from (t.text for t in found[begin:number] if t.kind == "word" and t.text[0].islower())
            begin = number + 1


def _bound_in_lists(found: Sequence[Token]) -> Iterator[str]:
    """The words of the first list after a binder, and the first of each pair in it."""
    for number, token in enumerate(found):
        if token.text not in LISP_BINDERS:
            continue
        depth, pair = 0, False
        for inner in found[number + 1 : number + 200]:
            depth += (inner.kind == "open") - (inner.kind == "close")
            if inner.kind == "word" and (depth == 1 or (depth == 2 and pair)):
                yield inner.text
            pair = inner.kind == "open"
            if inner.kind == "close" and depth <= 0:
                break
