"""How a model is asked and which program its answer is, in the two modes that a benchmark knows.

`base`: the prompt is continued, and the continuation ends where a new top-level statement begins. `chat`: the prompt is
put as a request, and the first fenced block that defines the function is the answer; an answer without one has no
program. What the prompt defines before the function (imports, helpers) goes before the block: the tests use it.
Everything is one pass over the lines. Not covered: repairing answers, such as code outside a fence.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Literal

from finetune.benchmarks import Problem

Mode = Literal["base", "chat"]

STOPS = (
    *("\ndef ", "\nclass ", "\nasync def ", "\n@", "\nif ", "\nfor ", "\nwhile ", "\nprint(", "\nassert ", "\nimport "),
    *("\nfrom ", "\n#", '\n"""', "\n'''", "\n```", "\n<|"),
)
"""Where a continued function body has ended: the start of something else at the top level."""
REQUEST = (
    "Write a Python solution of the following problem. Answer with one self-contained script in a Markdown code block."
)
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^\s`]*)")


def ask(problem: Problem, mode: Mode) -> str:
    """The text to continue, or the user's message."""
    if mode == "base":
        return problem.prompt.rstrip()  # the newline is the model's: its tokenizer may join it with the indentation
    return f"{REQUEST}\n```python\n{problem.prompt.strip()}\n```"


def read_program(problem: Problem, answer: str, mode: Mode) -> str | None:
    """The program in an answer, ready for the tests; `None` where there is no code."""
    if mode == "base":
        body = cut_at_stop(answer)
        return f"{problem.prompt.rstrip()}{body}\n" if body.strip() else None
    defines = re.compile(rf"^(?:async[ \t]+)?def[ \t]+{re.escape(problem.entry_point)}\b", re.MULTILINE)
    block = next((block for block in fenced_blocks(answer) if defines.search(block)), None)
    if block is None:
        return None
    before = defines.search(problem.prompt)
    return f"{problem.prompt[: before.start()] if before else ''}{block}\n"


def cut_at_stop(text: str) -> str:
    """The text up to the first of `STOPS`."""
    found = [place for stop in STOPS if (place := text.find(stop)) >= 0]
    return text[: min(found, default=len(text))]


def fenced_blocks(text: str) -> Iterator[str]:
    """The bodies of the fenced code blocks, dedented; the end of the text closes an open one."""
    fence, body = "", list[str]()
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if not fence:
            fence, body = (mark.group(1) if mark else ""), []
        elif mark and not mark.group(2) and mark.group(1).startswith(fence):
            yield textwrap.dedent("".join(body))
            fence = ""
        else:
            body.append(line)
    if fence:
        yield textwrap.dedent("".join(body))
