"""The rows of a training set, in two layouts, out of samples and out of anybody's rows.

`instructions` has the columns of OpenCoder's opc-sft sets first (`seq_id, instruction, output, code, entry_point,
testcase, tag`), `documents` those of its annealing corpus (`text, lang`); then come ours: conversation, verdict,
evidence, provenance. Not covered: which rows are taken (`selection.py`, `mix.py`).
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from synth.sample import EVIDENCE, Check, Sample

Layout = Literal["instructions", "documents"]
Row = dict[str, Any]

DOCUMENT_SUBSETS = frozenset({"synthetic_code_snippet", "synthetic_qa", "algorithmic_corpus"})
"""OpenCoder's annealing sets; all other subsets hold instructions unless their recipe emits `text`."""
ROLES = frozenset({"system", "user", "assistant", "tool"})

_OUTCOME_FIELDS = {"test": str, "passed": bool}
_MESSAGE_FIELDS = {"role": str, "content": str}
_FIRST: dict[Layout, tuple[str, ...]] = {
    "instructions": ("seq_id", "instruction", "output", "code", "entry_point", "testcase", "tag", "messages"),
    "documents": ("text", "lang", "seq_id", "tag", "instruction", "output", "code", "entry_point", "testcase"),
}
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("seq_id", "tests_passed", "num_candidates", "num_candidates_passed"), int),
    **dict.fromkeys(("calls", "prompt_tokens", "completion_tokens"), int),
    **dict.fromkeys(("round_trip", "verified"), bool),
    "cost_usd": float,
    "testcase": [str],
    "messages": [_MESSAGE_FIELDS],
    "test_results": [_OUTCOME_FIELDS],
}
"""What is in a column; text where nothing is said."""
_SHARED = """
id evidence verified dropped round_trip status tests_passed test_results num_candidates num_candidates_passed language
locale scores recipe teacher judge templates seed_id seed_source seed_license calls prompt_tokens completion_tokens
cost_usd
""".split()
_EMPTY: dict[Any, Any] = {str: "", int: 0, bool: False, float: None}
_NULLABLE = frozenset({"dropped", "cost_usd"})
_JSON = frozenset({"scores", "templates"})
"""Columns with a JSON object as text."""


def layout_of(subset: str) -> Layout:
    """The layout that OpenCoder's set of that name has; instructions for any other name."""
    return "documents" if subset in DOCUMENT_SUBSETS else "instructions"


def columns(layout: Layout) -> tuple[str, ...]:
    """The names of the columns, in order."""
    return (*_FIRST[layout], *_SHARED)


def arrow_schema(layout: Layout) -> Any:
    """The columns with their Arrow types."""
    import pyarrow as pa

    plain = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), float: pa.float64()}

    def arrow(kind: Any) -> Any:
        if isinstance(kind, list):
            return pa.list_(arrow(kind[0]))
        if isinstance(kind, dict):
            return pa.struct({name: arrow(field) for name, field in kind.items()})
        return plain[kind]

    return pa.schema({name: arrow(_KINDS.get(name, str)) for name in columns(layout)})


def row_of_sample(sample: Sample, layout: Layout, *, tag: str = "") -> Row:
    """A sample as a training row. `seq_id` is the writer's to set."""
    check = sample.check or Check(status="")
    origin = sample.provenance
    row: Row = {
        "seq_id": 0,
        "instruction": sample.instruction,
        "output": sample.response,
        "code": sample.code,
        "entry_point": sample.entry_point,
        "testcase": sample.tests,
        "tag": tag,
        "id": sample.id,
        "evidence": sample.evidence,
        "verified": sample.dropped is None and sample.evidence != "none",
        "dropped": sample.dropped,
        "round_trip": sample.round_trip,
        "status": check.status,
        "tests_passed": check.tests_passed,
        "test_results": [{"test": outcome.test, "passed": outcome.passed} for outcome in check.outcomes],
        "num_candidates": check.num_candidates,
        "num_candidates_passed": check.num_candidates_passed,
        "language": sample.language,
        "locale": sample.locale,
        "scores": _to_json(sample.scores),
        "recipe": sample.recipe,
        "teacher": origin.teacher,
        "judge": origin.judge,
        "templates": _templates_to_json(tuple(origin.templates.items())),
        "seed_id": sample.seed_id,
        "seed_source": origin.seed_source,
        "seed_license": origin.seed_license,
        "calls": origin.calls,
        "prompt_tokens": origin.prompt_tokens,
        "completion_tokens": origin.completion_tokens,
        "cost_usd": origin.cost_usd,
    }
    if layout == "documents":
        text = sample.text or f"{sample.instruction}\n\n{sample.response}"
        return {"text": text, "lang": sample.language, **row}
    return row | {"messages": _conversation(sample.instruction, sample.response)}


def row_of_any(row: Mapping[str, Any], layout: Layout, *, tag: str, source: str) -> Row | None:
    """Somebody's row in `layout`, `None` where it has no text for that.

    Instructions are read from `messages`, `instruction` (with `input`) and `output` or `response`, or `prompt` and
    `completion`; documents also from `text` or `content`. Of our own columns those are taken over whose type fits.
    """
    body = _chat_body(row) if layout == "instructions" else _document_body(row)
    if body is None:
        return None
    names = columns(layout)
    taken = {name: row[name] for name in names if name in row and _fits(row[name], name)}
    license = row.get("license") if isinstance(row.get("license"), str) else ""
    new = (
        _blank_row(layout)
        | {"evidence": "none", "seed_license": license, "seed_source": source, "locale": "en"}
        | taken
        | body
    )
    if new["evidence"] not in EVIDENCE:
        new["evidence"] = "none"
    if not new["id"]:
        content = "\x00".join((new.get("text") or "", new["instruction"], new["output"]))
        new["id"] = hashlib.sha256(content.encode()).hexdigest()[:16]
    return new | {"tag": tag, "verified": new["evidence"] != "none" and new["dropped"] is None}


def _chat_body(row: Mapping[str, Any]) -> Row | None:
    messages = row.get("messages")
    if messages is not None:
        if not _is_conversation(messages):
            return None
        asked = next((m["content"] for m in messages if m["role"] == "user"), None)
        answered = messages[-1]["content"] if messages[-1]["role"] == "assistant" else ""
        if asked is None:
            return None
        said: Any = [{"role": message["role"], "content": message["content"]} for message in messages]
    else:
        asked, answered = _asked(row), _first_text(row, "output", "response", "completion")
        said = _conversation(asked, answered)
    body = {"instruction": asked, "output": answered, "messages": said}
    return body if asked.strip() and answered.strip() and _is_text(asked + answered) else None


def _document_body(row: Mapping[str, Any]) -> Row | None:
    text = _first_text(row, "text", "content")
    if not text and (body := _chat_body(row)) is not None:
        text = f"{body['instruction']}\n\n{body['output']}"
    if not text.strip() or not _is_text(text):
        return None
    return {"text": text, "lang": _first_text(row, "lang", "language", "program_lang")}


def _asked(row: Mapping[str, Any]) -> str:
    asked, given = _first_text(row, "instruction", "prompt"), _first_text(row, "input")
    return f"{asked}\n\n{given}" if asked and given.strip() else asked


def _first_text(row: Mapping[str, Any], *names: str) -> str:
    return next((row[name] for name in names if isinstance(row.get(name), str) and row[name]), "")


def _is_conversation(messages: Any) -> bool:
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(_is_like(message, _MESSAGE_FIELDS) and message["role"] in ROLES for message in messages)
    )


def _is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: half of a surrogate pair is valid JSON, but no text."""
    try:
        text.encode()
        return True
    except UnicodeEncodeError:
        return False


def _fits(value: Any, name: str) -> bool:
    """Whether a stranger's value may stand in our column of that name."""
    if name == "seq_id" or (value is None and name not in _NULLABLE):
        return False
    return value is None or (_is_like(value, _KINDS.get(name, str)) and _is_text(_encode(value)))


def _is_like(value: Any, kind: Any) -> bool:
    if isinstance(kind, list):
        return isinstance(value, list | tuple) and all(_is_like(item, kind[0]) for item in value)
    if isinstance(kind, dict):
        return isinstance(value, Mapping) and all(_is_like(value.get(key), field) for key, field in kind.items())
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, kind)


@functools.cache
def _blank_row(layout: Layout) -> Row:
    """A row that says nothing; not to be changed."""
    return {name: _blank(name) for name in columns(layout)}


def _blank(name: str) -> Any:
    kind = _KINDS.get(name, str)
    return None if name in _NULLABLE else [] if isinstance(kind, list) else "{}" if name in _JSON else _EMPTY[kind]


def _conversation(instruction: str, response: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": instruction}, {"role": "assistant", "content": response}]


_encode: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def _to_json(names: Mapping[str, Any]) -> str:
    """A JSON object: its keys differ between recipes, and `datasets` cannot join columns whose fields differ."""
    return _encode(names) if names else "{}"


@functools.lru_cache(maxsize=64)  # all rows of a run have the same
def _templates_to_json(templates: tuple[tuple[str, str], ...]) -> str:
    return _to_json(dict(templates))
