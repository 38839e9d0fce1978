"""Does a completion of a Python function parse? One rule for every model, so that shares compare.

The rule: the completion ends before its first line that is not blank and not indented (the function is over); where no
such line came and the model was stopped by its token limit, the unfinished last line goes too. What is left, behind the
prompt, must parse whole, and hold a statement besides the docstring that is not `pass` or a bare constant. Nothing is
dropped to make it parse. Not covered: whether the code is right, which `finetune eval` tests.
"""

from __future__ import annotations

import ast
import random
import warnings
from collections.abc import Iterable, Iterator

MAX_PROMPT_CHARS = 1200
MAX_CODE_CHARS = 1_000_000
"""More is not parsed: time and stack grow with it."""


def parses(code: str) -> bool:
    """Whether this is Python, of the running interpreter's version."""
    return _tree(code) is not None


def cut_completion(completion: str, *, ended: bool = False) -> str:
    """The completion up to the end of the function; `ended`: the model stopped by itself, its last line is whole."""
    lines = completion.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.strip() and line[0] not in " \t":
            return "".join(lines[:number])
    if lines and not ended and not lines[-1].endswith(("\n", "\r")):
        lines.pop()
    return "".join(lines)


def completion_is_valid(prompt: str, completion: str, *, ended: bool = False) -> bool:
    """Whether prompt and cut completion are one function with a body."""
    tree = _tree(prompt + cut_completion(completion, ended=ended))
    if tree is None or not tree.body:
        return False
    function = tree.body[-1]
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return any(_does_something(statement) for statement in function.body)


def valid_share(completions: Iterable[tuple[str, str]], *, ended: bool = False) -> float:
    """The share of (prompt, completion) pairs that are valid. Raises: ValueError where there is none."""
    verdicts = [completion_is_valid(prompt, completion, ended=ended) for prompt, completion in completions]
    if not verdicts:
        raise ValueError("completions: nothing to judge, got none")
    return sum(verdicts) / len(verdicts)


def function_prompts(texts: Iterable[str], n: int, seed: int) -> list[str]:
    """Up to `n` different prompts, header and docstring of top-level functions with a body, in a seeded order."""
    prompts = sorted({prompt for text in texts for prompt in _prompts(text)})
    return random.Random(seed).sample(prompts, min(n, len(prompts)))


def _prompts(text: str) -> Iterator[str]:
    tree = _tree(text)
    lines = text.splitlines(keepends=True) if tree is not None else []
    for node in tree.body if tree is not None else []:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or ast.get_docstring(node) is None:
            continue
        if not any(_does_something(statement) for statement in node.body):
            continue
        prompt = "".join(lines[node.lineno - 1 : node.body[0].end_lineno])
        if len(prompt) <= MAX_PROMPT_CHARS and _is_header_with_docstring(prompt):
            yield prompt


def _is_header_with_docstring(prompt: str) -> bool:
    """False where code shares the docstring's line, or `splitlines` counted a form feed that the parser does not."""
    tree = _tree(prompt)
    if tree is None or len(tree.body) != 1 or not prompt.endswith("\n"):
        return False
    function = tree.body[0]
    return isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and len(function.body) == 1


def _does_something(statement: ast.stmt) -> bool:
    trivial = isinstance(statement, ast.Pass)
    return not trivial and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))


def _tree(code: str) -> ast.Module | None:
    if len(code) > MAX_CODE_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes, which are somebody else's
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: a NUL or half a surrogate pair
        return None
