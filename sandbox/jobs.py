"""Jobs from outside: what makes one malformed, and the JSON lines that `sandbox verify` reads.

    {"id": "a", "language": "python", "code": "...", "tests": ["assert ..."], "stdin": "", "files": {"data.txt": "..."},
     "calls": [{"entry_point": "f", "args": [1], "kwargs": {}, "expected": 2},
               {"entry_point": "f", "raises": "TypeError"}],
     "mode": "fork", "timeout_s": 5, "memory_mb": 256, "output_kb": 64}

Only `code` is required. `tests` is a string (one test) or a list of strings; `null` is as good as absent.

Not covered: source that does not compile, a NUL in it included. That is a verdict about the program.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from sandbox.languages import find_languages
from sandbox.verdict import Call, Job, JobError, Limits

LIMIT_RANGES = {"timeout_s": (0.01, 3600.0), "memory_mb": (16, 65536), "output_kb": (1, 1024)}
MODES = ("fork", "spawn")
MAX_JOB_CHARS = 8_000_000
MAX_LINE_BYTES = 16 << 20
"""Read at most; JSON of brackets alone takes some twenty times its size in memory."""
MAX_FILES = 1000
MAX_PATH_BYTES = 255
MAX_CALLS = 10_000
MAX_DEPTH = 100
"""Of lists and objects in a call; both ends walk them by recursion."""
TEXT_FIELDS = ("id", "language", "code", "mode", "stdin")
FIELDS = (*TEXT_FIELDS, "tests", "calls", "files", *LIMIT_RANGES)
CALL_FIELDS = ("entry_point", "args", "kwargs", "expected", "raises")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One line of the input: a job, or why it is none."""

    id: str
    """The line's own, where it could be read."""
    job: Job | None
    error: str = ""
    """`jobs.jsonl:3: timeout_s: must be in [0.01, 3600.0], got -1; fix the line`, empty when there is a job."""
    end: int
    """Bytes of the input up to the end of this line."""


def check_job(job: Job) -> None:
    """Nothing; the job can be run. Raises `JobError` with the field, the value and what is allowed."""
    find_languages([job.language])
    for name in LIMIT_RANGES:
        check_limit(name, getattr(job.limits, name))
    if job.mode not in MODES:
        raise JobError(f"mode: must be one of {', '.join(MODES)}, got {shown(job.mode)}")
    for name, used in (("calls", bool(job.calls)), ("mode", job.mode != "fork")):
        if used and job.language != "python":
            raise JobError(f"{name}: only Python has them, got language {job.language!r}; use stdin and tests")
    size = sum(map(len, (job.code, job.stdin, *job.tests, *job.files, *job.files.values()))) + check_calls(job.calls)
    if size > MAX_JOB_CHARS:
        raise JobError(f"job: must have at most {MAX_JOB_CHARS:,} characters in all, got {size:,}")
    check_files(job.files)
    check_text("stdin", job.stdin)


def check_limit(name: str, value: object) -> None:
    """Nothing; the limit is a number in its range (NaN is in none), and whole where it counts whole units."""
    low, high = LIMIT_RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise JobError(f"{name}: must be a number, got {type(value).__name__}")
    if not low <= value <= high:
        raise JobError(f"{name}: must be in [{low}, {high}], got {shown(value)}")
    if name != "timeout_s" and not isinstance(value, int):
        raise JobError(f"{name}: must be a whole number, got {shown(value)}")


def check_files(files: Mapping[str, str]) -> None:
    """Nothing; each file has a place of its own inside the work directory."""
    if len(files) > MAX_FILES:
        raise JobError(f"files: must be at most {MAX_FILES:,}, got {len(files):,}")
    seen: dict[PurePosixPath, str] = {}
    for path, content in files.items():
        pure = check_path(path)
        if pure in seen:
            raise JobError(f"files: {seen[pure]!r} and {path!r} are the same file")
        seen[pure] = path
        check_text(f"files[{path!r}]", content)
    for pure, path in seen.items():
        for parent in pure.parents:
            if parent in seen:
                raise JobError(f"files: {path!r} needs a directory where {seen[parent]!r} is a file")


def check_path(path: str) -> PurePosixPath:
    """The normal form of a path that stays inside the work directory."""
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or path.endswith(("/", "/.")) or pure == PurePosixPath("."):
        raise JobError(f"files: a path must be relative, without '..', and name a file, got {shown(path)}")
    check_text("files", path)
    if "\0" in path or len(path.encode()) > MAX_PATH_BYTES:
        raise JobError(f"files: a path must have at most {MAX_PATH_BYTES} bytes and no NUL, got {shown(path)}")
    return pure


def check_text(name: str, text: str) -> None:
    """Nothing; the text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise JobError(f"{name}: must be valid Unicode, got a lone surrogate at {error.start}") from None


def check_calls(calls: Collection[Call]) -> int:
    """The characters that the calls take as JSON. Raises `JobError` for one that cannot be sent and compared."""
    if len(calls) > MAX_CALLS:
        raise JobError(f"calls: must be at most {MAX_CALLS:,}, got {len(calls):,}")
    size = 0
    for number, call in enumerate(calls):
        where = f"calls[{number}]"
        if not all(part.isidentifier() for part in call.entry_point.split(".")):
            raise JobError(f"{where}.entry_point: must be a name like f or Solution.f, got {shown(call.entry_point)}")
        if call.raises and not all(part.isidentifier() for part in call.raises.split(".")):
            raise JobError(f"{where}.raises: must be the name of an exception, got {shown(call.raises)}")
        if call.raises and call.expected is not None:
            raise JobError(f"{where}: must have one of expected and raises, got both")
        for name, value in (("args", list(call.args)), ("kwargs", call.kwargs), ("expected", call.expected)):
            size += check_json(f"{where}.{name}", value)
    return size


def check_json(name: str, value: object) -> int:
    """The length of the value as JSON. Raises `JobError` where JSON would change it: a tuple, a key that is no text."""
    todo = [(value, 0)]
    while todo:
        one, depth = todo.pop()
        if depth > MAX_DEPTH:
            raise JobError(f"{name}: must be nested at most {MAX_DEPTH} deep")
        if isinstance(one, list):
            todo += [(item, depth + 1) for item in one]
        elif isinstance(one, dict):
            todo += [(item, depth + 1) for pair in one.items() for item in pair]
            if not all(isinstance(key, str) for key in one):
                raise JobError(f"{name}: must have only strings as keys")
        elif not (one is None or isinstance(one, str | int | float)):
            raise JobError(f"{name}: must be plain JSON, got a {type(one).__name__} in it")
    try:
        return len(json.dumps(value))
    except ValueError as error:  # a whole number of too many digits
        raise JobError(f"{name}: cannot be written as JSON ({error})") from None


def shown(value: object) -> str:
    """The value as an error shows it: never long."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of too many digits
        return "a huge number"
    return text if len(text) <= 60 else text[:60] + "..."


def parse_job(line: str) -> Job:
    """The job on one JSON line. Raises `JobError` without a place, which the caller knows."""
    return job_of(parse_object(line))


def parse_object(line: str) -> dict[str, Any]:
    """The JSON object on the line."""
    try:
        data = json.loads(line, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise JobError(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise JobError(f"must be an object with `code`, got {type(data).__name__}")
    return data


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object. Raises `JobError` when a key comes twice: which of the two was meant cannot be known."""
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in data if keys.count(key) > 1)
        raise JobError(f"{shown(twice)} is there twice; keep one")
    return data


def job_of(data: Mapping[str, Any]) -> Job:
    """The job, checked."""
    check_names(data, FIELDS, "")
    if "code" not in data:
        raise JobError("`code` is missing")
    texts = {name: want(data, name, str) for name in TEXT_FIELDS if data.get(name) is not None}
    limits = {name: limit_of(name, data[name]) for name in LIMIT_RANGES if data.get(name) is not None}
    job = Job(**texts, tests=tests_of(data), calls=calls_of(data), files=files_of(data), limits=Limits(**limits))
    check_job(job)
    return job


def check_names(data: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Nothing; every key is known. Raises `JobError` with the nearest known one."""
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(key[:40], known, n=1)
            raise JobError(f"{where}unknown field {shown(key)}" + (f"; did you mean {near[0]!r}?" if near else ""))


def want(data: Mapping[str, Any], name: str, kind: type, where: str = "") -> Any:
    """The field's value, of that type."""
    if not isinstance(data[name], kind):
        raise JobError(f"{where}{name}: must be {kind.__name__}, got {type(data[name]).__name__}")
    return data[name]


def limit_of(name: str, value: Any) -> Any:
    """The limit's value; `256.0` is whole."""
    check_limit(name, int(value) if name != "timeout_s" and isinstance(value, float) and value.is_integer() else value)
    return value if name == "timeout_s" else int(value)


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


def calls_of(data: Mapping[str, Any]) -> tuple[Call, ...]:
    """The calls: none, or a list of objects."""
    calls = data.get("calls")
    if calls is None:
        return ()
    if not isinstance(calls, list):
        raise JobError(f"calls: must be a list of objects, got {type(calls).__name__}")
    return tuple(call_of(call, f"calls[{number}]") for number, call in enumerate(calls))


def call_of(data: object, where: str) -> Call:
    """One call."""
    if not isinstance(data, dict):
        raise JobError(f"{where}: must be an object with `entry_point`, got {type(data).__name__}")
    check_names(data, CALL_FIELDS, f"{where}: ")
    if "entry_point" not in data:
        raise JobError(f"{where}: `entry_point` is missing")
    if ("expected" in data) == ("raises" in data):
        raise JobError(
            f"{where}: must have one of expected and raises, got {'both' if 'raises' in data else 'neither'}"
        )
    kinds = {"entry_point": str, "args": list, "kwargs": dict, "raises": str}
    given = {name: want(data, name, kind, f"{where}.") for name, kind in kinds.items() if name in data}
    if given.get("raises") == "":
        raise JobError(f"{where}.raises: must be the name of an exception, got ''")
    return Call(**{**given, "args": tuple(given.get("args", ()))}, expected=data.get("expected"))


def files_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Path -> content."""
    files = data.get("files")
    if files is None:
        return {}
    if not isinstance(files, dict) or not all(isinstance(content, str) for content in files.values()):
        raise JobError("files: must be an object of path: content, both strings")
    return files


def read_requests(file: BinaryIO, name: str, check: Callable[[Job], None] = lambda _: None) -> Iterator[Request]:
    """The request on each line that is not blank; no line, however long, takes more than `MAX_LINE_BYTES`.

    `check` raises `JobError` for a job that is sound and can still not be run here.
    """
    number = end = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        end += len(raw)
        job, identity, error = None, "", ""
        try:
            if len(raw) > MAX_LINE_BYTES:
                end += skip_line(file, raw)
                raise JobError(f"a line must have at most {MAX_LINE_BYTES:,} bytes")
            line = decode(raw)
            if not line.strip():
                continue
            data = parse_object(line)
            identity = data["id"] if isinstance(data.get("id"), str) else ""
            wanted = job_of(data)
            check(wanted)
            job = wanted
        except JobError as bad:
            error = f"{name}:{number}: {bad}; fix the line"
        yield Request(id=identity, job=job, error=error, end=end)


def skip_line(file: BinaryIO, read: bytes) -> int:
    """The bytes that were left of the line, which are thrown away."""
    skipped = 0
    while read and not read.endswith(b"\n"):
        read = file.readline(1 << 20)
        skipped += len(read)
    return skipped


def decode(raw: bytes) -> str:
    """The line as text."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise JobError(f"must be UTF-8, got byte {raw[error.start]:#04x} at {error.start}") from None
