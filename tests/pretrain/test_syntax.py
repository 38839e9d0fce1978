"""The rule by which completions of Python functions are judged."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pretrain.syntax import completion_is_valid, cut_completion, function_prompts, parses, valid_share

PROMPT = 'def add(a, b):\n    """Return the sum."""\n'
SOURCES = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[2] / "synth").glob("*.py"))]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1\n", True),
        ("", True),
        ('"\\d"\n', True),  # warns
        ("x = (\n", False),
        ("a\0b", False),
        ("x = '\ud800'", False),
        ("(" * 5000, False),
        ("-" * 200_000 + "1", False),
        ("[" * 90 + "]" * 90, True),
        ("\n" * 1_000_001, False),
    ],
)
def test_parses(code: str, expected: bool) -> None:
    assert parses(code) is expected


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("    return a\n\ndef g():\n    pass\n", "    return a\n\n"),
        ("    return a\nprint(1)\n", "    return a\n"),
        ("    if a:\n        b = (\n\n  1)\n    return b\n# end\n", "    if a:\n        b = (\n\n  1)\n    return b\n"),
        ("    return a\n    retu", "    return a\n"),
        ("def g(): pass\n", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_completion_ends_with_its_function(completion: str, expected: str) -> None:
    assert cut_completion(completion) == expected


def test_the_last_line_stays_where_the_model_ended_it() -> None:
    assert cut_completion("    return a", ended=True) == "    return a"
    assert cut_completion("    return a") == ""


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("    return a + b\n", True),
        ("    return a + b\n\n\nclass (((\n", True),
        ("    pass\n", False),
        ("    ...\n    'again'\n", False),
        ("", False),
        ("  return a\n", False),
        ("    return (a +\n    b", False),
        ("    x = 1\n    return a b\n", False),
        ("return a + b\n", False),
    ],
)
def test_validity(completion: str, expected: bool) -> None:
    assert completion_is_valid(PROMPT, completion) is expected


def test_the_share_counts_valid_ones() -> None:
    assert valid_share([(PROMPT, "    return a\n"), (PROMPT, "    return (\n")]) == 0.5
    with pytest.raises(ValueError, match="nothing to judge"):
        valid_share([])


def test_prompts_are_headers_with_docstrings_of_real_functions() -> None:
    prompts = function_prompts(SOURCES, 40, seed=1)
    assert len(set(prompts)) == 40
    for prompt in prompts:
        function = ast.parse(prompt).body[0]
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        assert len(function.body) == 1
        assert ast.get_docstring(function)
        assert any(prompt in source for source in SOURCES)


def test_prompts_are_seeded() -> None:
    assert function_prompts(SOURCES, 10, seed=1) == function_prompts(SOURCES[::-1], 10, seed=1)
    assert function_prompts(SOURCES, 10, seed=1) != function_prompts(SOURCES, 10, seed=2)


def test_the_real_body_of_a_prompt_is_valid() -> None:
    for prompt in function_prompts(SOURCES, 40, seed=3):
        source = next(text for text in SOURCES if prompt in text)
        body = source[source.index(prompt) + len(prompt) :]
        assert completion_is_valid(prompt, body), prompt


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n",
        "def f():\n    return 1\n",
        'def f():\n    """Doc."""\n',
        'def f():\n    """Doc."""\n    pass\n',
        'def f(): "doc"; return 1\n',
        'class A:\n    def f(self):\n        """Doc."""\n        return 1\n',
    ],
)
def test_functions_that_make_no_prompt(text: str) -> None:
    assert function_prompts([text], 5, seed=0) == []
