"""Functions by form: what changes a fingerprint and what does not."""

from __future__ import annotations

import ast
import textwrap

import pytest

from synth.curate.fingerprints import MIN_SHARE, Fingerprint, fingerprint, functions_in, share_of

CODE = '''def smooth(values, width):
    """Means over a window."""
    found = []
    for first in range(len(values) - width + 1):
        window = values[first : first + width]
        if not window or max(window) > 10 * min(window):
            continue
        found.append(sum(window) / width)
    return sorted(found, reverse=True)
'''


def of(code: str) -> Fingerprint:
    found = fingerprint(code)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "changed",
    [
        CODE.replace("values", "xs").replace("window", "w").replace("smooth", "g").replace("found", "out"),
        CODE.replace('    """Means over a window."""\n', ""),
        CODE.replace("(values, width)", "(values: list[float], width: int = 3) -> list[float]").replace(" = 3", ""),
        CODE.replace("    found = []", "    found: list[float] = []  # of means"),
        ast.unparse(ast.parse(CODE)),
        textwrap.indent(CODE, "        "),
        "@cached\n" + CODE,
        CODE.replace("        ", "\t\t").replace("    ", "\t"),
    ],
)
def test_names_comments_annotations_and_layout_do_not_count(changed: str) -> None:
    assert fingerprint(changed) == of(CODE)


def test_a_line_added_changes_little_and_other_code_is_other() -> None:
    assert share_of(of(CODE), of(CODE.replace("    return", "    print(found)\n    return"))) > MIN_SHARE
    other = CODE.replace("10 * min(window)", "sum(xs)").replace("sum(window) / width", "first").replace("not ", "")
    assert share_of(of(CODE), of(other)) < 1
    assert (
        share_of(of(CODE), of("def f(a):\n" + "".join(f"    a.b{n}[{n}:] = c if a else d\n" for n in range(9)))) < 0.2
    )


def test_builtins_and_constants_count() -> None:
    assert fingerprint(CODE.replace("max(", "min(")) != of(CODE)
    assert fingerprint(CODE.replace("10", "11")) != of(CODE)


def test_a_function_far_larger_repeats_nothing() -> None:
    large = CODE + "".join(f"    values.m{n}({n}, '{n}')\n" for n in range(100))
    assert share_of(of(CODE), of(large.replace("    return sorted", "    found = sorted"))) == 0


@pytest.mark.parametrize(
    "source",
    [
        "def add(x, y):\n    return x + y",
        "def broken(:\n    pass",
        "",
        "x = 1",
        "def f():\n    return '\0'",
        "def f(): return " + "(" * 5000,
        "def f():\n    return " + "-" * 15000 + "1",
        CODE + "#" * 20_000,
    ],
)
def test_what_says_little_or_cannot_be_parsed_has_none(source: str) -> None:
    assert fingerprint(source) is None


def test_invalid_escapes_are_no_noise() -> None:
    assert fingerprint(CODE.replace("[]", r"['\d']")) is not None


def test_functions_are_found_in_prose_and_in_classes() -> None:
    text = f"Here:\n```python\nclass A:\n{textwrap.indent(CODE, '    ')}\n    x = 1\n```\nAnd\n{CODE}Done."
    assert [fingerprint(text[f.start : f.end]) for f in functions_in(text)] == [of(CODE)] * 2


def test_a_signature_of_many_lines_stays_whole() -> None:
    code = CODE.replace("(values, width):", "(\n    values,\n    width,\n):")
    (function,) = functions_in(code + "\nx = 1\n")
    assert fingerprint(code[function.start : function.end]) == of(CODE)


def test_only_functions_that_overlap_the_range_are_given() -> None:
    text = "def a():\n    pass\ndef b():\n    pass\ndef c():\n    pass\n"
    assert [function.name for function in functions_in(text, text.index("b()"), text.index("b()") + 5)] == ["b"]
