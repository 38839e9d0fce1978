"""What the filters ask about a text, each computed when first asked for: shares, lengths, counts.

Shares of letters and digits are over characters other than white space, so that deep indentation does not count
against a file. Comments are found by their marks alone; not covered: a mark inside a string, and docstrings.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import cached_property

_LETTERS = bytes(range(65, 91)) + bytes(range(97, 123))
_DIGITS = b"0123456789"
_SPACES = b" \t\n\r\f\v"

_HASH_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_SLASH_LINE = re.compile(r"^[ \t]*//[^\n]*$", re.MULTILINE)
# A block that is never closed runs to the end: without that, each of its marks would be searched for to the end.
_SLASH_COMMENT = re.compile(_SLASH_LINE.pattern + r"|/\*.*?(?:\*/|\Z)", re.MULTILINE | re.DOTALL)
_DASH_COMMENT = re.compile(r"^[ \t]*--.*$", re.MULTILINE)
_COMMENTS = (
    dict.fromkeys(
        "python cython shell ruby perl r julia yaml toml cmake makefile meson starlark dockerfile awk".split(),
        _HASH_COMMENT,
    )
    | dict.fromkeys(
        "c cpp cuda javascript typescript rust go java kotlin scala csharp swift php dart css scss less protobuf"
        " thrift glsl opencl zig groovy".split(),
        _SLASH_COMMENT,
    )
    | dict.fromkeys("sql lua haskell".split(), _DASH_COMMENT)
)
_GENERATED = re.compile(
    r"auto-?\s?generated|automatically generated|autogen\b|generated (?:by|from|with|using)\b"
    r"|do not (?:edit|modify)\b|@generated",
    re.IGNORECASE,
)
_GENERATED_CHARS = 200
_TODO = re.compile(r"\b(?:TODO|FIXME)\b|your code here", re.IGNORECASE)
_ASSERT = re.compile(r"\s*(?:assert\b|self\.assert\w*\()")
_HEX = re.compile(r"\b0[xX][0-9a-fA-F]+|\\x[0-9a-fA-F]{2}")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{64,}={0,2}")
_ENCODED = re.compile(
    r"[A-Za-z0-9+/]{64,}={0,2}|(?:\\x[0-9a-fA-F]{2}|0x[0-9a-fA-F]{2},?\s?){8,}|(?:\\u[0-9a-fA-F]{4}){8,}"
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


class Facts:
    """A text, to be asked."""

    def __init__(self, text: str, language: str) -> None:
        self.text = text
        self.language = language

    @cached_property
    def lines(self) -> list[str]:
        """Split at line feeds, ends stripped of carriage returns."""
        return [line.rstrip("\r") for line in self.text.rstrip("\n").split("\n")]

    @cached_property
    def num_lines(self) -> int:
        """Blank ones too."""
        return len(self.lines)

    @cached_property
    def num_chars(self) -> int:
        """Code points."""
        return len(self.text)

    @cached_property
    def num_words(self) -> int:
        """Runs between white space."""
        return len(self._words)

    @cached_property
    def longest_line(self) -> int:
        """In characters."""
        return max(map(len, self.lines))

    @cached_property
    def mean_line(self) -> float:
        """Characters a line, blank lines counted."""
        return sum(map(len, self.lines)) / self.num_lines

    @cached_property
    def whitespace_share(self) -> float:
        """Of all characters."""
        return self._count_ascii(_SPACES) / max(self.num_chars, 1)

    @cached_property
    def letter_share(self) -> float:
        """Of the characters that are not white space; letters of any script."""
        others = sum(map(str.isalpha, "".join(_NOT_ASCII.findall(self.text))))
        return (self._count_ascii(_LETTERS) + others) / self._num_visible

    @cached_property
    def digit_share(self) -> float:
        """Of the characters that are not white space."""
        return self._count_ascii(_DIGITS) / self._num_visible

    @cached_property
    def comment_share(self) -> float:
        """Of all characters; 0 for a language whose comments we cannot tell."""
        return sum(len(comment) for comment in self.comments) / max(self.num_chars, 1)

    @cached_property
    def comments(self) -> list[str]:
        """Comment lines and blocks."""
        pattern = _COMMENTS.get(self.language)
        found: list[str] = pattern.findall(self.text) if pattern else []
        if pattern is _SLASH_COMMENT and found and _is_open(found[-1]):
            start = self.num_chars - len(found.pop())
            found += _SLASH_LINE.findall(self.text, start)
        return found

    @cached_property
    def duplicate_line_share(self) -> float:
        """Of the lines that are not blank, those that repeat an earlier one."""
        stripped = [line for line in map(str.strip, self.lines) if line]
        return 1 - len(set(stripped)) / len(stripped) if stripped else 0.0

    @cached_property
    def is_generated(self) -> bool:
        """Whether its head says that a program wrote it."""
        return _GENERATED.search(self.text, 0, _GENERATED_CHARS) is not None

    @cached_property
    def longest_encoded(self) -> int:
        """Characters of the longest base64, hex-byte or escape run."""
        return max(self._encoded_runs, default=0)

    @cached_property
    def encoded_share(self) -> float:
        """Of all characters, those in such runs."""
        return sum(self._encoded_runs) / max(self.num_chars, 1)

    @cached_property
    def hex_share(self) -> float:
        """Of all characters, those in hexadecimal literals."""
        if not any(mark in self.text for mark in ("0x", "0X", "\\x")):
            return 0.0
        return sum(map(len, _HEX.findall(self.text))) / max(self.num_chars, 1)

    @cached_property
    def todo_share(self) -> float:
        """Comment lines that leave work to do, over all lines."""
        return sum(len(_TODO.findall(comment)) for comment in self.comments) / self.num_lines

    @cached_property
    def assert_share(self) -> float:
        """Of all lines, those that begin with an assertion."""
        return sum(_ASSERT.match(line) is not None for line in self.lines) / self.num_lines

    @cached_property
    def parses(self) -> bool:
        """Whether the Python that runs this parses it, so newer syntax counts as broken; true for other languages."""
        if self.language != "python":
            return True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ast.parse(self.text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return False
        return True

    @cached_property
    def _num_visible(self) -> int:
        return max(self.num_chars - self._count_ascii(_SPACES), 1)

    @cached_property
    def _words(self) -> list[str]:
        return self.text.split()

    @cached_property
    def _encoded_runs(self) -> list[int]:
        # The search is the slowest by far, and few files hold anything it could find.
        has_escapes = any(mark in self.text for mark in ("0x", "\\x", "\\u"))
        if not has_escapes and max(map(len, self._words), default=0) < 64:
            return []
        pattern = _ENCODED if has_escapes else _BASE64
        return [match.end() - match.start() for match in pattern.finditer(self.text)]

    @cached_property
    def _bytes(self) -> bytes:
        return self.text.encode("utf-8", "surrogatepass")

    def _count_ascii(self, chars: bytes) -> int:
        """How many of `chars` there are: deleting bytes is 30 times as fast as a loop over characters."""
        return len(self._bytes) - len(self._bytes.translate(None, chars))


def _is_open(comment: str) -> bool:
    """Whether it is a block comment without its closing mark, of which `/*/` has none."""
    return comment.startswith("/*") and (len(comment) < 4 or not comment.endswith("*/"))
