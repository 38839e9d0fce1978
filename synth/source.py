"""Source code in any of the sandbox's languages, read without a grammar: its tokens, and the names it defines.

A language is a `Style`: how comments, strings and words are written, and what begins a definition. That is enough to
tell code from comments, to keep brackets and quotes together, and to compare programs; whether a program is valid, the
sandbox judges. All patterns take linear time, because what they read is a model's text.

Not covered: here documents, regular expression literals and the free quoting of Perl and Ruby, which are read as
operators and words. A misread token costs a test, never a wrong verdict.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

MAX_CHARS = 200_000
"""Longer texts are no answer to a programming task, and are read as one token."""


class Token(NamedTuple):
    """One token: where it begins, what it is and how it reads."""

    kind: str
    """`comment`, `string`, `char`, `number`, `word`, `open`, `close`, `line` (its end), `space` or `mark`."""
    text: str
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a language is written, as far as reading it by tokens needs."""

    comments: tuple[str, ...] = ("//",)
    """What begins a comment that ends with its line."""
    blocks: tuple[tuple[str, str], ...] = (("/*", "*/"),)
    """What begins and ends a longer one."""
    lines: str = ""
    """Delimiters of strings that end with their line at the latest."""
    long: str = '"'
    """Delimiters of strings that may run over several lines."""
    chars: bool = False
    """Whether `'x'` is a character; any other apostrophe is then a mark."""
    escapes: bool = True
    """Whether a backslash takes the meaning of the next character away."""
    word: str = r"[^\W\d]\w*"
    defines: str
    """What begins a line that defines a name; the name is the one group that matches."""
    aliases: tuple[str, ...] = ()
    """What fences call the language beside its name."""


TYPED = r"(?!\s*(?:return|else|new|throw|case|using|delete|goto|await)\b)[ \t]*(?:[^\W\d][\w:<>,*&\[\].?]*[ \t]+[*&]*)+"
CLASS = r"(?:[a-z]+[ \t]+){0,4}(?:class|struct|interface|enum|record|trait|module|namespace)[ \t]+([^\W\d]\w*)"
C_DEFINES = rf"{TYPED}([^\W\d]\w*)[ \t]*\([^;\n]*(?:\{{|$)|[ \t]*{CLASS}"
JS_DEFINES = (
    r"[ \t]*(?:export[ \t]+)?(?:default[ \t]+)?(?:async[ \t]+)?(?:function\*?|class|abstract[ \t]+class)[ \t]+([\w$]+)"
    r"|(?:export[ \t]+)?(?:(?:const|let|var)[ \t]+)?([\w$]+)[ \t]*(?::[^=\n]*)?=[ \t]*(?:async[ \t]*)?"
    r"(?:function\b|class\b|\([^()\n]*\)[^=\n]{0,80}=>|\([^()\n]*\)[ \t]*->|->|[\w$]+[ \t]*=>)"
)
LISP_WORD = r"[^\s()\[\]{}\"';,`]+"
LISP_DEFINES = rf"\([ \t]*(?:define|defun|defn-?|defmacro|defstruct|defclass|defmethod|def)[ \t]+\(?({LISP_WORD})"
RUBY_DEFINES = rf"[ \t]*def[ \t]+(?:self\.)?([^\W\d]\w*[?!]?)|[ \t]*{CLASS}"

STYLES: dict[str, Style] = {
    "python": Style(
        comments=("#",),
        blocks=(('"""', '"""'), ("'''", "'''")),  # nearly always docstrings
        lines="\"'",
        long="",
        defines=r"(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)",
        aliases=("py", "python3", "py3"),
    ),
    "javascript": Style(lines="\"'", long="`", word=r"[^\W\d]\w*", defines=JS_DEFINES, aliases=("js", "node", "mjs")),
    "bash": Style(
        comments=("#",),
        blocks=(),
        long="\"'",
        defines=r"[ \t]*(?:function[ \t]+)?([\w-]+)[ \t]*\([ \t]*\)|[ \t]*function[ \t]+([\w-]+)",
        aliases=("sh", "shell", "zsh"),
    ),
    "c": Style(lines='"', long="", chars=True, defines=C_DEFINES, aliases=("h",)),
    "cpp": Style(lines='"', long="", chars=True, defines=C_DEFINES, aliases=("c++", "cc", "cxx", "hpp")),
    "typescript": Style(lines="\"'", long="`", defines=JS_DEFINES, aliases=("ts", "tsx")),
    "java": Style(chars=True, blocks=(("/*", "*/"),), defines=C_DEFINES),
    "go": Style(
        lines='"',
        long="`",
        chars=True,
        defines=r"func[ \t]+(?:\([^()\n]*\)[ \t]*)?(\w+)|type[ \t]+(\w+)",
        aliases=("golang",),
    ),
    "rust": Style(
        chars=True,
        defines=r"[ \t]*(?:pub(?:\([a-z]+\))?[ \t]+)?(?:const[ \t]+|async[ \t]+|unsafe[ \t]+)*"
        r"(?:fn|struct|enum|trait|type)[ \t]+(\w+)",
        aliases=("rs",),
    ),
    "csharp": Style(chars=True, defines=C_DEFINES, aliases=("cs", "c#", "dotnet")),
    "ruby": Style(comments=("#",), blocks=(("=begin", "=end"),), long="\"'", defines=RUBY_DEFINES, aliases=("rb",)),
    "php": Style(
        comments=("//", "#"),
        long="\"'",
        defines=r"[ \t]*(?:(?:public|private|protected|static|final|abstract)[ \t]+)*(?:function|class|trait)"
        r"[ \t]+&?(\w+)",
    ),
    "perl": Style(
        comments=("#",),
        blocks=(("=pod", "=cut"),),
        long="\"'",
        defines=r"[ \t]*(?:sub|package)[ \t]+(\w+)",
        aliases=("pl",),
    ),
    "lua": Style(
        comments=("--",),
        blocks=(("--[[", "]]"),),
        lines="\"'",
        long="",
        defines=r"[ \t]*(?:local[ \t]+)?function[ \t]+(?:\w+[.:])?(\w+)"
        r"|(?:local[ \t]+)?(?:\w+\.)?(\w+)[ \t]*=[ \t]*function\b",
    ),
    "r": Style(
        comments=("#",),
        blocks=(),
        long="\"'",
        word=r"[^\W\d][\w.]*",
        defines=r"([^\W\d][\w.]*)[ \t]*(?:<-|=)[ \t]*function\b",
    ),
    "haskell": Style(
        comments=("--",),
        blocks=(("{-", "-}"),),
        chars=True,
        word=r"[^\W\d][\w']*",
        defines=r"([a-z_][\w']*)(?:[ \t]*,[ \t]*[a-z_][\w']*)*[ \t]*::|(?:data|newtype|type|class)[ \t]+(\w+)",
        aliases=("hs",),
    ),
    "ocaml": Style(
        comments=(),
        blocks=(("(*", "*)"),),
        chars=True,
        word=r"[^\W\d][\w']*",
        defines=r"(?:let|and)[ \t]+(?:rec[ \t]+)?([a-z_][\w']*)|(?:type|module)[ \t]+(\w+)",
        aliases=("ml",),
    ),
    "fortran": Style(
        comments=("!",),
        blocks=(),
        lines="\"'",
        long="",
        escapes=False,
        defines=r"(?i:(?![ \t]*end\b)(?:[^\n!]*?[ \t]|)(?:function|subroutine|module)[ \t]+(\w+))",
        aliases=("f90", "f95", "fortran90"),
    ),
    "pascal": Style(
        comments=("//",),
        blocks=(("{", "}"), ("(*", "*)")),
        lines="'",
        long="",
        escapes=False,
        defines=r"(?i:[ \t]*(?:function|procedure)[ \t]+(?:\w+\.)?(\w+))",
        aliases=("pas", "delphi", "objectpascal"),
    ),
    "erlang": Style(comments=("%",), blocks=(), long="\"'", defines=r"([a-z]\w*)\(", aliases=("erl",)),
    "elixir": Style(
        comments=("#",), blocks=(), defines=r"[ \t]*(?:defp?|defmodule)[ \t]+([^\W\d]\w*[?!]?)", aliases=("ex", "exs")
    ),
    "commonlisp": Style(
        comments=(";",),
        blocks=(("#|", "|#"),),
        word=LISP_WORD,
        defines=LISP_DEFINES,
        aliases=("lisp", "common-lisp", "cl", "sbcl"),
    ),
    "scheme": Style(
        comments=(";",), blocks=(("#|", "|#"),), word=LISP_WORD, defines=LISP_DEFINES, aliases=("scm", "guile")
    ),
    "tcl": Style(comments=("#",), blocks=(), defines=r"[ \t]*proc[ \t]+([^\s{}]+)"),
    "awk": Style(
        comments=("#",), blocks=(), lines='"', long="", defines=r"[ \t]*func(?:tion)?[ \t]+(\w+)", aliases=("gawk",)
    ),
    "prolog": Style(comments=("%",), long="\"'", defines=r"([a-z]\w*)(?:\(|[ \t]*(?::-|-->))", aliases=("swipl",)),
    "d": Style(long='"`', chars=True, defines=C_DEFINES, aliases=("dlang",)),
    "racket": Style(comments=(";",), blocks=(("#|", "|#"),), word=LISP_WORD, defines=LISP_DEFINES, aliases=("rkt",)),
    "crystal": Style(comments=("#",), blocks=(), chars=True, defines=RUBY_DEFINES, aliases=("cr",)),
    "nim": Style(
        comments=("#",),
        blocks=(("#[", "]#"), ("##[", "]##"), ('"""', '"""')),
        lines='"',
        long="",
        chars=True,
        defines=r"[ \t]*(?:proc|func|iterator|template|macro|method|converter)[ \t]+(\w+)",
    ),
    "raku": Style(
        comments=("#",),
        blocks=(("=begin", "=end"),),
        long="\"'",
        word=r"[^\W\d]\w*(?:[-'][^\W\d]\w*)*",
        defines=r"[ \t]*(?:(?:my|our|multi|proto|only)[ \t]+)*(?:sub|method|class)[ \t]+([^\W\d][\w'-]*)",
        aliases=("perl6",),
    ),
    "groovy": Style(long="\"'", defines=C_DEFINES, aliases=("gvy",)),
    "clojure": Style(comments=(";",), blocks=(), word=LISP_WORD, defines=LISP_DEFINES, aliases=("clj", "cljs")),
    "octave": Style(
        comments=("%", "#"),
        blocks=(("%{", "%}"),),
        lines='"',
        long="",
        defines=r"[ \t]*function[ \t]+(?:[^=\n]*=[ \t]*)?(\w+)",
        aliases=("matlab", "m"),
    ),
    "assembly": Style(
        comments=(";",),
        blocks=(),
        lines="\"'",
        long="",
        defines=r"[ \t]*global[ \t]+(\w+)",
        aliases=("asm", "nasm", "x86asm"),
    ),
    "coffeescript": Style(
        comments=("#",), blocks=(("###", "###"),), long="\"'", defines=JS_DEFINES, aliases=("coffee",)
    ),
    "sql": Style(
        comments=("--",),
        long="\"'",
        escapes=False,
        defines=r"(?i:[ \t]*create[ \t]+(?:temp(?:orary)?[ \t]+)?(?:table|view)[ \t]+"
        r"(?:if[ \t]+not[ \t]+exists[ \t]+)?(\w+))",
        aliases=("sqlite", "sqlite3"),
    ),
}
HASH = r"(?<![\w$\\{])#"
"""`$#` and `${#x}` of a shell begin no comment."""
CONTROL = frozenset("if for while switch catch main sizeof elif elsif foreach until unless do return with".split())
"""Words that look as if they were defined where a typed language has a block."""


def style_of(language: str, *, tests: bool = False) -> Style:
    """How `language`, or a test in it, is written: the sandbox tests assembly from C."""
    return STYLES["c" if tests and language == "assembly" else language]


@functools.cache
def tags_of(language: str, *, tests: bool = False) -> frozenset[str]:
    """What a fence may call the language, or a test in it, in lower case."""
    own = frozenset((language, *STYLES[language].aliases))
    return own | tags_of("c") if tests and language == "assembly" else own


def tokens(text: str, style: Style) -> list[Token]:
    """All of `text` as tokens; a text beyond `MAX_CHARS` is one."""
    return list(_tokens(text, style)) if len(text) <= MAX_CHARS else [Token("mark", text, 0)]


def _tokens(text: str, style: Style) -> Iterator[Token]:
    for match in _lexer(style).finditer(text):
        yield Token(match.lastgroup or "mark", match[0], match.start())


@functools.cache
def _lexer(style: Style) -> re.Pattern[str]:
    """One pattern with a group for each kind; unfinished comments and strings run to the end that they could have."""
    escape = r"\\(?:[\s\S]|\Z)|" if style.escapes else ""
    stop = r"\\" if style.escapes else ""
    blocks = [rf"{re.escape(begin)}[\s\S]*?(?:{re.escape(end)}|\Z)" for begin, end in style.blocks]
    comments = [f"{HASH if opener == '#' else re.escape(opener)}[^\n]*" for opener in style.comments]
    strings = [rf"{d}(?:{escape}[^{d}{stop}])*(?:{d}|\Z)" for d in style.long]
    strings += [rf"{d}(?:{escape}[^{d}{stop}\n])*(?:{d}|(?=\n)|\Z)" for d in style.lines]
    groups = {
        "comment": "|".join(blocks + comments) or r"(?!)",
        "char": r"'(?:\\[^\n']{1,8}|\\'|[^\\'\n])'" if style.chars else r"(?!)",
        "string": "|".join(strings) or r"(?!)",
        "number": r"(?<![\w.])\d\w*(?:\.\d\w*)?",
        "word": style.word,
        "open": r"[(\[{]",
        "close": r"[)\]}]",
        "line": r"\n",
        "space": r"[^\S\n]+",
        "mark": r"<-|[=!<>~:/]+|&&|\|\||->|[^\s]",
    }
    return re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in groups.items()))


def defined(code: str, language: str) -> tuple[str, ...]:
    """The names that lines of `code` define, in order, each once; some may be missing where the style is unusual."""
    found = _definitions(STYLES[language]).finditer(code[:MAX_CHARS])
    names = (next((group for group in match.groups() if group), "") for match in found)
    return tuple(dict.fromkeys(name for name in names if name and name not in CONTROL))


@functools.cache
def _definitions(style: Style) -> re.Pattern[str]:
    return re.compile(f"^(?:{style.defines})", re.M)


def without_comments(text: str, style: Style) -> str:
    """`text` without its comments, and without the lines that held nothing else."""
    lines, line, commented = [], "", False
    for token in [*tokens(text, style), Token("line", "\n", len(text))]:
        if token.kind == "comment":
            commented = True
        elif token.kind != "line":
            line += token.text
        else:
            if line.strip() or not commented:
                lines.append(line.rstrip())
            line, commented = "", False
    return "\n".join(lines)
