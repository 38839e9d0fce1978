"""Other forms of a verified row: the instruction as a header to complete, tests in the prompt, code without comments.

A trained model meets tasks in many forms; these keep what was verified and change how it is put. Each form that changes
the code must pass the row's tests again, which is the caller's part. A form that does not fit a row gives `None`.
Not covered: languages other than Python for `docstring`.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synth import source
from synth.controls import FUNCTIONS

SHOWN_TESTS = 3
"""Tests that `asserts` shows: the others stay unseen."""
_COMPLETE = {"en": "Complete this Python function.", "zh": "请补全下面的 Python 函数。"}
_MUST_PASS = {"en": "Your code must pass these tests:", "zh": "你的代码必须能通过以下测试："}


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What a row says in its new form."""

    instruction: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A row as it was verified."""

    instruction: str
    code: str
    entry_point: str
    tests: Sequence[str]
    language: str
    locale: str


def put(form: str, row: Verified) -> Put | None:
    """The row in another form; `None` where that does not fit it."""
    return _FORMS[form](row)


def _docstring(row: Verified) -> Put | None:
    """The header of the function with the instruction as its docstring; the answer has it too."""
    if row.language != "python" or '"""' in row.instruction or "```" in row.instruction or "\\" in row.instruction:
        return None
    function = _function(row.code, row.entry_point)
    if function is None:
        return None
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    lines = row.code.split("\n")
    if first.lineno == function.lineno or (documented and len(function.body) == 1):  # all on one line
        return None
    indent = lines[first.lineno - 1][: first.col_offset]
    said = row.instruction.strip().split("\n")
    docstring = [f'{indent}"""{said[0]}', *(f"{indent}{line}".rstrip() for line in said[1:])]
    docstring = [*docstring[:-1], docstring[-1] + '"""'] if len(said) == 1 else [*docstring, f'{indent}"""']
    begin = first.lineno - 1
    rest = (first.end_lineno or first.lineno) if documented else begin
    code = "\n".join([*lines[:begin], *docstring, *lines[rest:]])
    header = "\n".join([*lines[function.lineno - 1 : begin], *docstring])
    imports = "\n".join(line for line in lines[: function.lineno - 1] if line.startswith(("import ", "from ")))
    shown = f"{imports}\n\n\n{header}" if imports else header
    return Put(instruction=f"{_COMPLETE[row.locale]}\n\n```python\n{shown}\n```", code=code)


def _asserts(row: Verified) -> Put | None:
    """The instruction followed by a few of the tests, where more stay unseen."""
    if len(row.tests) <= SHOWN_TESTS:
        return None
    shown = "\n".join(row.tests[:SHOWN_TESTS])
    said = f"{row.instruction.rstrip()}\n\n{_MUST_PASS[row.locale]}\n\n```{row.language}\n{shown}\n```"
    return Put(instruction=said, code=row.code)


def _bare(row: Verified) -> Put | None:
    """The code without comments, where it has any."""
    if row.language == "python":
        code = without_comments(row.code)
    else:
        code = source.without_comments(row.code, source.style_of(row.language))
    return Put(instruction=row.instruction, code=code) if code.strip() != row.code.strip() else None


_FORMS: dict[str, Callable[[Verified], Put | None]] = {
    "plain": lambda _: None,
    "docstring": _docstring,
    "asserts": _asserts,
    "bare": _bare,
}


def without_comments(code: str) -> str:
    """Python code without its comments, and without the lines that held nothing else; as it is where it is none."""
    try:
        comments = [t for t in tokenize.generate_tokens(io.StringIO(code).readline) if t.type == tokenize.COMMENT]
    except (tokenize.TokenError, SyntaxError):
        return code
    lines: list[str | None] = list(code.split("\n"))
    for comment in comments:
        row, column = comment.start
        left = (lines[row - 1] or "")[:column].rstrip()
        lines[row - 1] = left or None
    return "\n".join(line for line in lines if line is not None)


def _function(code: str, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    with warnings.catch_warnings(action="ignore"):
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    found = [node for node in tree.body if isinstance(node, FUNCTIONS) and node.name == name]
    return found[-1] if found and not found[-1].decorator_list else None
