"""Jobs from outside: what makes one malformed, and the JSON lines that `sandbox verify` reads.

    {"id": "a", "language": "python", "code": "...", "tests": ["assert ..."], "stdin": "", "files": {"data.txt": "..."},
     "timeout_s": 5, "memory_mb": 256, "output_kb": 64}

Only `code` is required. `tests` is a string (one test) or a list of strings.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from sandbox.languages import find_languages
from sandbox.verdict import Job, JobError, Limits

LIMIT_RANGES = {"timeout_s": (0.01, 3600.0), "memory_mb": (16, 65536), "output_kb": (1, 1024)}
MAX_JOB_CHARS = 8_000_000
TEXT_FIELDS = ("id", "language", "code", "stdin")
FIELDS = (*TEXT_FIELDS, "tests", "files", *LIMIT_RANGES)


def check_job(job: Job) -> None:
    """Nothing; the job can be run. Raises `JobError` with the field, the value and what is allowed."""
    find_languages([job.language])
    for name, (low, high) in LIMIT_RANGES.items():
        value = getattr(job.limits, name)
        if not (math.isfinite(value) and low <= value <= high):
            raise JobError(f"{name}: must be in [{low}, {high}], got {value}")
    size = sum(map(len, (job.code, job.stdin, *job.tests, *job.files, *job.files.values())))
    if size > MAX_JOB_CHARS:
        raise JobError(f"job: must have at most {MAX_JOB_CHARS:,} characters in all, got {size:,}")
    for path, content in job.files.items():
        check_path(path)
        check_text(f"files[{path!r}]", content)
    check_text("stdin", job.stdin)


def check_path(path: str) -> None:
    """Nothing; the path stays inside the work directory."""
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or path.endswith("/") or pure == PurePosixPath("."):
        raise JobError(f"files: a path must be relative and without '..', got {path!r}")
    if "\0" in path or len(path) > 255:
        raise JobError(f"files: a path must have at most 255 characters and no NUL, got {path[:60]!r}")
    check_text("files", path)


def check_text(name: str, text: str) -> None:
    """Nothing; the text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise JobError(f"{name}: must be valid Unicode, got a lone surrogate at {error.start}") from None


def parse_job(line: str) -> Job:
    """The job on one JSON line. Raises `JobError` without a place, which the caller knows."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise JobError(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise JobError(f"must be an object with `code`, got {type(data).__name__}")
    for key in data:
        if key not in FIELDS:
            near = difflib.get_close_matches(key, FIELDS, n=1)
            raise JobError(f"unknown field {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    if "code" not in data:
        raise JobError("`code` is missing")
    texts = {name: want(data, name, str) for name in TEXT_FIELDS if data.get(name) is not None}
    limits = {name: number(data, name) for name in LIMIT_RANGES if data.get(name) is not None}
    job = Job(**texts, tests=tests_of(data), files=files_of(data), limits=Limits(**limits))
    check_job(job)
    return job


def want(data: Mapping[str, Any], name: str, kind: type) -> Any:
    """The field's value, of that type."""
    if not isinstance(data[name], kind):
        raise JobError(f"{name}: must be {kind.__name__}, got {type(data[name]).__name__}")
    return data[name]


def number(data: Mapping[str, Any], name: str) -> Any:
    """The limit's value; whole where the limit counts whole units."""
    value = data[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise JobError(f"{name}: must be a number, got {type(value).__name__}")
    return value if name == "timeout_s" else int(value) if math.isfinite(value) else value


def tests_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The tests: none, one string, or a list of strings."""
    tests = data.get("tests")
    if tests is None:
        return ()
    if isinstance(tests, str):
        return (tests,)
    if not isinstance(tests, list) or not all(isinstance(test, str) for test in tests):
        raise JobError("tests: must be a string or a list of strings")
    return tuple(tests)


def files_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Path -> content."""
    files = data.get("files") or {}
    if not isinstance(files, dict) or not all(isinstance(content, str) for content in files.values()):
        raise JobError("files: must be an object of path: content, both strings")
    return files


def read_jobs(lines: Iterable[bytes], name: str) -> Iterator[Job]:
    """The job of each line that is not blank. Raises `JobError` as `name:line: what`."""
    for number_, raw in enumerate(lines, 1):
        try:
            line = raw.decode()
            if line.strip():
                yield parse_job(line)
        except UnicodeDecodeError as error:
            raise JobError(f"{name}:{number_}: must be UTF-8, got byte {raw[error.start]:#04x}") from None
        except JobError as error:
            raise JobError(f"{name}:{number_}: {error}; fix the line or take it out") from None
