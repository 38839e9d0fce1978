"""Every source of seeds as one iterator of `Seed`: `open_seeds`.

Sources: the bundled starter set, functions with doctests and the public API of installed packages, folders of files,
row files (JSON Lines, JSON, Parquet, Arrow), and Hugging Face datasets. Seeds come lazily, in an order that depends on
nothing but the source and `seed`, each text once. What a source holds and cannot give is counted by `kind.rule`, not
raised.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from synth import api
from synth.chats import is_chat, read_chat
from synth.doctests import Example
from synth.errors import SeedError
from synth.folders import files_in, language_of, license_tag, read_source
from synth.functions import Function, lift_functions
from synth.modules import NOT_PYTHON, SourceTree
from synth.packages import Package, find_package
from synth.tables import ROW_SUFFIXES, Row, read_hub, read_rows

FORMS = (
    "'starter', 'doctest:PACKAGE[,PACKAGE...]', 'api:PACKAGE[,PACKAGE...]', a folder, a text or code file, a .jsonl, "
    ".json, .parquet or .arrow file, or 'hf:OWNER/NAME[:CONFIG][:SPLIT]'"
)
TEXT_COLUMNS = ("text", "code", "content", "instruction")
SHUFFLE_WINDOW = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What one row starts from."""

    id: str
    """16 hex digits of SHA-256 over `text`."""
    text: str
    """What templates show: source code, or prose."""
    code: str = ""
    """A program that runs alone (imports, helpers, function; no examples); empty unless the seed has tests."""
    entry_point: str = ""
    signature: str = ""
    """One line, such as `def take(n: int, items: list[int]) -> list[int]`."""
    summary: str = ""
    """The docstring's prose on one line, without examples."""
    examples: tuple[Example, ...] = ()
    tests: tuple[str, ...] = ()
    """One for each example; each needs the entry point and nothing else of `code`."""
    language: str = "python"
    level: int | None = None
    """Difficulty from 1, where the source grades it."""
    concept: str = ""
    locale: str = ""
    """The human language it is written in, where that is known: `en` or `zh`."""
    source: str = ""
    """Such as `more-itertools==10.5.0:more_itertools/recipes.py::take` or `rows.jsonl:12`."""
    license: str = ""
    required: tuple[str, ...] = ()
    """Full names of the APIs that an answer must call, such as `numpy.clip`."""
    package: str = ""
    """The package that has them, such as `numpy==2.2.6`."""
    reference: str = ""
    """What is documented of them, without examples."""
    answer: str = ""
    """What a chat log has for an answer; nothing has checked it."""


def open_seeds(spec: str, *, seed: int = 0, skipped: Counter[str] | None = None) -> Iterator[Seed]:
    """The seeds of the source `spec` (one of `FORMS`), lazily and each text once.

    With `seed` 0 they keep the source's order (the starter set: easy first, concepts in turn); any other number
    shuffles them within a window of `SHUFFLE_WINDOW`. What was left out is counted in `skipped` as iteration goes on.
    Raises `SeedError`: at once for a source that is not there, on iteration for one that is empty or malformed.
    """
    counts: Counter[str] = Counter() if skipped is None else skipped
    seeds = _distinct(_open(spec, counts), spec, counts)
    return seeds if seed == 0 else _shuffled(seeds, seed)


def _open(spec: str, skipped: Counter[str]) -> Iterator[Seed]:
    if spec == "starter":
        return _starter(skipped)
    if spec.startswith("doctest:"):
        names = [name.strip() for name in spec.removeprefix("doctest:").split(",") if name.strip()]
        if not names:
            raise SeedError(f"{spec}: must name a package, got none; name a package, such as doctest:more-itertools")
        packages = [find_package(name, spec=spec) for name in names]
        return itertools.chain.from_iterable(_from_package(package, skipped) for package in packages)
    if spec.startswith(api.PREFIX):
        return itertools.chain.from_iterable(_from_apis(package, skipped) for package in api.packages_in(spec))
    if spec.startswith("hf:"):
        return _from_rows(read_hub(spec.removeprefix("hf:")), spec, skipped)
    path = Path(spec).expanduser()
    if path.is_dir() and spec:
        return _from_folder(path, skipped)
    if path.is_file():
        return _from_file(path, skipped)
    is_hub_name = re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w.-]+){0,2}", spec) and path.suffix not in ROW_SUFFIXES
    if is_hub_name and not path.parent.exists():
        return _from_rows(read_hub(spec), f"hf:{spec}", skipped)
    raise SeedError(f"seeds: no source {spec!r}{_near_misses(spec, path)}; give {FORMS}")


def _near_misses(spec: str, path: Path) -> str:
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=3)
    names = [str(path.parent / name) for name in near] + difflib.get_close_matches(spec, ["starter"])
    return f" (did you mean {' or '.join(names)}?)" if names else ""


def _distinct(seeds: Iterable[Seed], spec: str, skipped: Counter[str]) -> Iterator[Seed]:
    seen: set[str] = set()
    for seed in seeds:
        if seed.id in seen:
            skipped["seed.duplicate"] += 1
            continue
        seen.add(seed.id)
        yield seed
    if not seen:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(skipped.items())) or "nothing in it"
        raise SeedError(f"{spec}: holds no seeds, got {reasons}; name another source: {FORMS}")


def _shuffled(seeds: Iterable[Seed], seed: int) -> Iterator[Seed]:
    """The seeds in an order drawn from `seed`: each comes from a full window, so memory stays bounded."""
    chance = random.Random(seed)
    window: list[Seed] = []
    for item in seeds:
        window.append(item)
        if len(window) == SHUFFLE_WINDOW:
            yield window.pop(chance.randrange(SHUFFLE_WINDOW))
    chance.shuffle(window)
    yield from window


def _starter(skipped: Counter[str]) -> Iterator[Seed]:
    """The bundled functions, by level; within a level one of each concept in turn."""
    with resources.as_file(resources.files("prompts") / "starter") as folder:
        tree = SourceTree(folder, frozenset())
        seeds = [
            _from_function(function, source=f"starter/{path.name}", license="Apache-2.0", concept=path.stem)
            for path in sorted(folder.glob("[!_]*.py"))
            for function in lift_functions(tree, path, skipped)
        ]
    by_level: dict[float, dict[str, list[Seed]]] = defaultdict(lambda: defaultdict(list))
    for seed in seeds:
        by_level[float("inf") if seed.level is None else seed.level][seed.concept].append(seed)
    for level in sorted(by_level):
        for turn in itertools.zip_longest(*by_level[level].values()):
            yield from (seed for seed in turn if seed is not None)


def _from_package(package: Package, skipped: Counter[str]) -> Iterator[Seed]:
    tree = SourceTree(package.root, package.tops)
    for path in package.files:
        inner = path.relative_to(package.root)
        try:
            functions = list(lift_functions(tree, path, skipped))
        except NOT_PYTHON:
            skipped["file.not_python"] += 1
            continue
        source = f"{package.label}:{inner.as_posix()}"
        yield from (_from_function(function, source=source, license=package.license) for function in functions)


def _from_apis(package: Package, skipped: Counter[str]) -> Iterator[Seed]:
    for topic in api.topics(api.read_apis(package, skipped)):
        usage = topic.usage
        yield Seed(
            id=_id(topic.text),
            text=topic.text,
            code=usage.code if usage else "",
            entry_point=usage.entry_point if usage else "",
            signature=usage.signature if usage else "",
            summary=topic.summary,
            examples=usage.examples if usage else (),
            tests=usage.tests if usage else (),
            source=f"{package.label}:{topic.required[0]}",
            license=package.license,
            required=topic.required,
            package=package.label,
            reference=topic.reference,
        )


def _from_folder(folder: Path, skipped: Counter[str]) -> Iterator[Seed]:
    tree = SourceTree(folder, frozenset(entry.stem for entry in folder.iterdir()))
    for path in files_in(folder):
        yield from _from_file(path, skipped, tree=tree)


def _from_file(path: Path, skipped: Counter[str], *, tree: SourceTree | None = None) -> Iterator[Seed]:
    """The rows of a row file, the functions with examples of a Python file, else the whole text as one seed."""
    if path.suffix in ROW_SUFFIXES:
        yield from _from_rows(read_rows(path), str(path), skipped)
        return
    text = read_source(path, skipped)
    if text is None:
        return
    tree = tree or SourceTree(path.parent, frozenset())
    name = path.relative_to(tree.root).as_posix()
    functions: list[Function] = []
    if path.suffix == ".py" and ">>>" in text:
        try:
            functions = list(lift_functions(tree, path, skipped))
        except NOT_PYTHON:
            skipped["file.not_python"] += 1
    license = license_tag(text)
    if functions:
        yield from (_from_function(function, source=name, license=license) for function in functions)
    else:
        yield Seed(id=_id(text), text=text, language=language_of(path), source=name, license=license)


def _from_function(function: Function, *, source: str, license: str, concept: str = "") -> Seed:
    level = re.fullmatch(r"#\s*level\s+(\d+)", function.line_above)
    return Seed(
        id=_id(function.text),
        text=function.text,
        code=function.code,
        entry_point=function.name,
        signature=function.signature,
        summary=function.summary,
        examples=function.examples,
        tests=function.tests,
        level=int(level[1]) if level else None,
        concept=concept,
        source=f"{source}::{function.name}",
        license=license,
    )


def _from_rows(rows: Iterable[tuple[str, Row]], spec: str, skipped: Counter[str]) -> Iterator[Seed]:
    for where, row in rows:
        if is_chat(row):
            yield from _from_chat(row, where, skipped)
            continue
        column = next((name for name in TEXT_COLUMNS if name in row), None)
        if column is None:
            wanted = ", ".join(TEXT_COLUMNS)
            found = ", ".join(map(str, row)) or "none"
            raise SeedError(f"{spec}: {where}: needs a column named one of {wanted}, got {found}; rename one")
        text = row[column]
        if not isinstance(text, str) or not text.strip() or not _is_text(row):
            skipped["row.no_text"] += 1
            continue
        yield _from_row(row, text, where)


def _from_chat(row: Row, where: str, skipped: Counter[str]) -> Iterator[Seed]:
    exchange = read_chat(row) if _is_text(row) else "row.no_text"
    if isinstance(exchange, str):
        skipped[exchange] += 1
        return
    text, answer, locale, language = exchange
    license = _word(row, "license")
    yield Seed(id=_id(text), text=text, answer=answer, locale=locale, language=language, source=where, license=license)


def _from_row(row: Row, text: str, where: str) -> Seed:
    tests = _tests(row, where)
    code = _word(row, "code") or text
    entry_point = _word(row, "entry_point")
    return Seed(
        id=_id(text),
        text=text,
        code=code if tests and entry_point else "",
        entry_point=entry_point,
        tests=tests,
        language=_word(row, "language").lower() or "python",
        source=where,
        license=_word(row, "license"),
    )


def _word(row: Row, column: str) -> str:
    value = row.get(column)
    return value.strip() if isinstance(value, str) else ""


def _tests(row: Row, where: str) -> tuple[str, ...]:
    tests = row.get("tests") or []
    if isinstance(tests, str):
        tests = [tests]
    if not isinstance(tests, list) or not all(isinstance(test, str) for test in tests):
        kind = type(tests).__name__
        raise SeedError(f"{where}: tests must be a string or a list of strings, got {kind}; fix the row")
    return tuple(test for test in tests if test.strip())


_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


def _is_text(row: Row) -> bool:
    """Whether all of a row can be written as UTF-8: half of a surrogate pair is valid JSON, but no text."""
    try:
        _encode(row).encode()
        return True
    except UnicodeEncodeError:
        return False


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
