"""Tests out of a block of source in any language: `split_tests`.

A statement ends with its line, unless a bracket is open or what follows belongs to it: a deeper line, `else`, `end`, a
chained call. A paragraph of nothing but tests gives one test for each statement; in any other the statements lean on
each other, so it is one test as a whole. Set-up that has no test of its own goes with the next paragraph. Bodies of
`main` and of test functions are looked into; comments, imports and printing are left out.

Not covered: whether a test is valid, which the sandbox says.
"""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise

from synth.source import Style, style_of, tokens, without_comments

MAX_DEPTH = 4
"""Of test functions in classes in modules."""
FAILS = (
    r"\b\w*[aA]ssert\w*|\bexpect\w*|\bensure\b|\bstopifnot\b|\bstop\b|\bpanic\w*|\bdie\b|\braise\b|\bthrow\b|\babort\b"
    r"|\berror\b|\bfail\w*|\bexit\b|\bhalt\b|\bquit\b|\b[Dd]oAssert\b|\bmatch\?"
)
LOOKS_LIKE_A_TEST = {
    "bash": r"\[\[|\[ |\btest\b|\bgrep\b|\bdiff\b|\bcmp\b|\(\(|\bexit\b|\bfalse\b",
    "haskell": r"==|/=|\bTrue\b|\bFalse\b|\ball\b|\band\b|\bnot\b|\bis[A-Z]\w*|\belem\b|[<>]",
    "erlang": rf"{FAILS}|=",
    "prolog": r"\w\(|=|<|>",
    "sql": r"(?i:\bselect\b)",
}
NOISE = re.compile(
    r"#\s*(?:include|lang|pragma|define\s+NDEBUG)\b|import\s+[\w\"'{*(.]|from\s+\S+\s+import\b|using\s+(?:static\s+)?[\w.]+;"
    r"|using\s+namespace\b|use\s+(?:strict|warnings|std|super|Test|v?\d)|['\"]use strict['\"]|package\s+\w+|\(require\b"
    r"|\(use-modules\b|require\s*\(?['\"]|library\(|\(ns\s|-module|-export|-include|:-\s*use_module|open\s+\w+\s*$|<\?php|\?>"
    r"|(?:const|var|let)\s+\{?\s*\w*[aA]ssert\w*\s*\}?\s*=\s*require|set\s+-\w+$|#!"
    r"|console\.(?:log|info)\s*\(|System\.out\.|fmt\.Print|println?!?\s*[(\"' ]|printf\s*[(\"' ]|print\s*[(\"'*]"
    r"|puts\s|echo\s|std::cout|cout\s*<<|Console\.Write|IO\.puts|io:format|io\.write|say\s|cat\(|message\(|writeln|display\s*\(?|disp\("
    r"|\((?:format|display|newline|println|displayln|printf)\b|done_testing|return(?:\s+(?:0|EXIT_SUCCESS|\(\)))?\s*;?\s*$"
    r"|exit\s*\(?\s*0?\s*\)?\s*;?\s*$|process\.exit\(0\)|main\s*\(\s*\)\s*;?$|\w*[tT]est\w*\s*\(\s*\)\s*;?$"
)
"""What a statement may begin with that checks nothing and prepares nothing."""
WRAPPER = re.compile(
    r"\bmain\s*\(|#\[test\]|@Test\b|\b(?:class|struct|module|mod|namespace)\s+\w+|^(?:describe|it|test|suite|context)\s*\("
    r"|\b(?:fn|func|function|void|def|sub|static|public|private|async|proc)\b[^;{]*\b\w*[tT]est\w*\s*[({]"
)
"""Statements whose body holds the tests; a test function without a call would check nothing."""
CLOSERS = frozenset(
    "end endif endwhile endfor endfunction else elseif elsif elif fi done esac then do in rescue ensure catch finally "
    "of after where and or unless until".split()
)
OPERATORS = (".", "|>", "&&", "||", "->", "<<", ">>", "::", "?.", "+", "=>")
DANGLING = re.compile(r"(?:,|\\|&&|\|\||->|=>|=|\+|\||\bdo|\bthen|\band|\bor|\bin)\s*$|^\s*(?:#\[.*\]|@\w+)\s*$")
"""How a line ends that the next one goes on with, an attribute or annotation among them."""


def split_tests(block: str, language: str) -> list[str]:
    """The tests in `block`, each as the sandbox takes it, without repeats."""
    return list(dict.fromkeys(_tests(block, language, MAX_DEPTH)))


def _tests(block: str, language: str, depth: int) -> Iterator[str]:
    style = style_of(language, tests=True)
    waiting: list[str] = []
    for paragraph in paragraphs(block, style, ends_lines=language != "sql"):
        loose: list[str] = []
        for statement in paragraph:
            body = _body(statement, style) if depth and WRAPPER.search(statement.partition("{")[0]) else None
            if body is not None and is_test(body, language):
                yield from _tests(body, language, depth - 1)
            elif not NOISE.match(statement) or is_test(statement.partition(";")[2], language):
                loose.append(statement)
        yield from _grouped(loose, waiting, language)


def _grouped(statements: Sequence[str], waiting: list[str], language: str) -> Iterator[str]:
    """The tests of one paragraph; set-up that has none of its own is left in `waiting`."""
    checks = [number for number, statement in enumerate(statements) if is_test(statement, language)]
    if not checks:
        waiting += statements
    elif not waiting and len(checks) == len(statements):
        yield from statements
    else:
        yield "\n".join([*waiting, *statements[: checks[-1] + 1]])
        waiting.clear()


def is_test(statement: str, language: str) -> bool:
    """Whether a statement has what it takes to fail."""
    return _test_pattern(language).search(statement) is not None


@functools.cache
def _test_pattern(language: str) -> re.Pattern[str]:
    return re.compile(LOOKS_LIKE_A_TEST.get(language, FAILS))


def paragraphs(block: str, style: Style, *, ends_lines: bool = True) -> list[list[str]]:
    """The statements of each paragraph, without comments; a paragraph ends with a blank line between statements.

    Where `ends_lines` is false a statement ends with a semicolon instead of its line.
    """
    text = textwrap.dedent(without_comments(block.expandtabs(4), style)).strip("\n")
    found: list[list[str]] = [[]]
    statement: list[str] = []
    lines = _logical_lines(text, style)
    for line, following in pairwise([*lines, ""]):
        if line.strip() or statement:
            statement.append(line)
        if not line.strip() and not statement:
            found.append([])
        if statement and not _goes_on(statement, following, ends_lines):
            found[-1].append("\n".join(statement).rstrip())
            statement = []
    return [paragraph for paragraph in found if paragraph]


def _logical_lines(text: str, style: Style) -> list[str]:
    """The lines, where a line break inside brackets or a string is none."""
    lines, line, depth = [], "", 0
    for token in tokens(text, style):
        if token.kind == "line" and not depth:
            lines.append(line)
            line = ""
            continue
        depth = max(0, depth + (token.kind == "open") - (token.kind == "close"))
        line += token.text
    return [*lines, line]


def _goes_on(statement: list[str], following: str, ends_lines: bool) -> bool:
    """Whether the line that follows belongs to the statement."""
    if not following.strip():
        return False
    if not ends_lines:
        return not statement[-1].rstrip().endswith(";")
    word = re.match(r"\s*(\w+|\W)", following)
    return (
        _indent(following) > _indent(statement[0])
        or (word is not None and (word[1].lower() in CLOSERS or word[1] in ")]}"))
        or following.lstrip().startswith(OPERATORS)
        or DANGLING.search(statement[-1]) is not None
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _body(statement: str, style: Style) -> str | None:
    """What stands between the first brace and the one that closes it; `None` where there is no such pair."""
    start, depth = -1, 0
    for token in tokens(statement, style):
        if token.text == "{" and token.kind == "open":
            start = token.start + 1 if start < 0 else start
            depth += 1
        elif token.text == "}" and token.kind == "close" and depth:
            depth -= 1
            if not depth:
                return statement[start : token.start]
    return None
