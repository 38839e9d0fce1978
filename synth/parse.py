"""What a completion says, taken out of its text: tagged sections, fenced code, assertions, JSON.

Small models wrap, repeat and forget; these readers accept what a careful person would accept and name what is missing
otherwise. Python is checked by tree-sitter; of the other languages blocks and tests are told apart by tokens
(`source.py`, `statements.py`), and the sandbox judges their syntax. A completion that cannot be read is data:
`Unparsable` carries the drop reason (`parse.no_code`, ...).
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synth.source import MAX_CHARS, STYLES, defined, tags_of, tokens, without_comments
from synth.statements import split_tests

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

FENCE = re.compile(
    r"^[ \t]*(?P<ticks>`{3,}+|~{3,}+)[ \t]*(?P<language>[\w+#.-]*)[^\n]*\n(?P<body>.*?)(?:^[ \t]*(?P=ticks)[ \t]*$|\Z)",
    re.M | re.S,
)
"""A fenced block. The end of a completion closes it too: a stop sequence takes the closing fence away, and completions
that were cut short are dropped before they are read."""


class Unparsable(Exception):
    """This completion has not what was asked for; `reason` is the drop reason."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A program taken out of a completion."""

    code: str
    prose: str = ""
    """What the completion says around the code."""
    functions: tuple[str, ...] = ()
    """Names defined at the top level, in order."""


def read_tags(text: str, names: list[str]) -> dict[str, str]:
    """The content of each `<name>...</name>`, stripped; the first complete pair counts.

    Raises:
        Unparsable: `parse.no_tag` for one that is missing or empty.
    """
    found = {}
    for name in names:
        match = re.search(rf"<{re.escape(name)}>(.*?)</{re.escape(name)}>", text, re.S | re.I)
        if match is None or not match.group(1).strip():
            raise Unparsable("parse.no_tag", f"<{name}> is missing or empty")
        found[name] = match.group(1).strip()
    return found


def read_code(text: str, *, language: str = "python", entry_point: str = "") -> Solution:
    """The program in a completion: the fenced block that defines `entry_point`, else the last one that parses.

    A completion with no fence counts as code when all of it parses and defines something. In other languages than
    Python the blocks are those with the language's tag, or without any, and one that defines something goes before one
    that does not, such as an example of use.

    Raises:
        Unparsable: `parse.no_code`, `parse.syntax`, or `parse.no_entry_point`.
    """
    fences = list(FENCE.finditer(text))
    blocks = _blocks(fences, language, tags_of(language))
    if not fences and defined_names(text, language):
        blocks = [text.strip()]
    if not blocks:
        raise Unparsable("parse.no_code", f"no fenced block of {language} code")
    sound = [block for block in blocks if not has_syntax_error(block, language)]
    if not sound:
        raise Unparsable("parse.syntax", f"no block is valid {language}")
    fitting = [block for block in sound if _defines(block, entry_point, language)] if entry_point else sound
    if not fitting:
        raise Unparsable("parse.no_entry_point", f"no block defines {entry_point}")
    if language != "python":
        fitting = [block for block in fitting if defined_names(block, language)] or fitting
    code = fitting[-1]
    return Solution(code=code, prose=_around(text, fences), functions=defined_names(code, language))


def _blocks(fences: list[re.Match[str]], language: str, tags: frozenset[str]) -> list[str]:
    """What is fenced as code in `language`: with one of its tags, else with none. Python is known by its grammar."""
    chosen = fences
    if language != "python":
        tagged = [fence for fence in fences if fence.group("language").lower() in tags]
        chosen = tagged or [fence for fence in fences if not fence.group("language")]
    return [fence.group("body").strip("\n") for fence in chosen]


def _defines(code: str, name: str, language: str) -> bool:
    """Whether `code` defines `name`; in other languages than Python, naming it is enough, for there are many ways."""
    if language == "python":
        return name in defined_names(code, language)
    return any(token.text == name for token in tokens(code, STYLES[language]) if token.kind == "word")


def _around(text: str, fences: list[re.Match[str]]) -> str:
    """What `text` says outside its fences, empty where it has none."""
    if not fences:
        return ""
    starts, ends = [fence.start() for fence in fences], [fence.end() for fence in fences]
    parts = [text[begin:end] for begin, end in zip([0, *ends], [*starts, len(text)], strict=True)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts).strip())


def read_asserts(text: str, *, language: str = "python") -> tuple[str, ...]:
    """The tests of a completion without repeats: in Python its top-level assertions, as written.

    In other languages a test is what the sandbox's `tests_are` says, one statement or several that belong together.

    Raises:
        Unparsable: `parse.no_tests` when there is none.
    """
    if language != "python":
        fences = list(FENCE.finditer(text))
        blocks = _blocks(fences, language, tags_of(language, tests=True)) if fences else [text]
        tests = dict.fromkeys(test for block in blocks for test in split_tests(block[:MAX_CHARS], language))
        if not tests:
            raise Unparsable("parse.no_tests", f"no {language} test")
        return tuple(tests)
    asserts: dict[str, None] = {}
    for body in [fence.group("body") for fence in FENCE.finditer(text)] or [text]:
        source = body.encode("utf-8", "replace")
        for node in _parser().parse(source).root_node.children:
            if node.type == "assert_statement" and not node.has_error:
                asserts[source[node.start_byte : node.end_byte].decode()] = None
    if not asserts:
        raise Unparsable("parse.no_tests", "no assert statement")
    return tuple(asserts)


def read_json(text: str, fields: dict[str, str]) -> dict[str, Any]:
    """The first JSON object in a completion, with exactly `fields` (name -> string, integer, number, boolean, array).

    Raises:
        Unparsable: `parse.json`.
    """
    start = text.find("{")
    try:
        data, _ = json.JSONDecoder().raw_decode(text[start:]) if start >= 0 else (None, 0)
        json.dumps(data, ensure_ascii=False).encode()  # half of a surrogate pair is JSON, but no text
    except (ValueError, RecursionError) as error:
        raise Unparsable("parse.json", str(error)) from None
    if not isinstance(data, dict):
        raise Unparsable("parse.json", "no JSON object")
    for name, kind in fields.items():
        if name not in data or not _is_kind(data[name], kind):
            raise Unparsable("parse.json", f"{name} is missing or not of type {kind}")
    return {name: data[name] for name in fields}


def json_schema(fields: dict[str, str]) -> dict[str, Any]:
    """The `response_format` that makes a server produce what `read_json` reads."""
    properties = {name: {"type": kind} for name, kind in fields.items()}
    schema = {"type": "object", "properties": properties, "required": list(fields), "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


JSON_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
}


def _is_kind(value: object, kind: str) -> bool:
    # bool is an int in Python, but `true` is no number in JSON
    return isinstance(value, JSON_KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def has_syntax_error(code: str, language: str = "python") -> bool:
    """Whether tree-sitter finds an error in Python `code`; an empty program counts as one in any language."""
    if language != "python":
        return not without_comments(code, STYLES[language]).strip()
    root = _tree(code)
    return root.has_error or not root.child_count


@functools.lru_cache(maxsize=64)
def defined_names(code: str, language: str = "python") -> tuple[str, ...]:
    """Functions and classes defined at the top level of `code`, in order; empty when it does not parse."""
    if language != "python":
        return defined(code, language)
    if has_syntax_error(code, language):
        return ()
    names = []
    for node in _tree(code).children:
        inner: Node | None = node.child_by_field_name("definition") if node.type == "decorated_definition" else node
        name = inner.child_by_field_name("name") if inner and inner.type in DEFINITIONS else None
        if name is not None and name.text is not None:
            names.append(name.text.decode())
    return tuple(names)


DEFINITIONS = ("function_definition", "class_definition")


@functools.lru_cache(maxsize=64)  # a block is looked at several times in a row
def _tree(code: str) -> Node:
    return _parser().parse(code.encode("utf-8", "replace")).root_node


@functools.cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_python

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
