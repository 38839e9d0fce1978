"""Every source of seeds, each built on the spot; nothing here needs a network."""

from __future__ import annotations

import json
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from synth.errors import SeedError
from synth.seeds import Seed, open_seeds

FUNCTION = (
    'def {name}(n):\n    """Add.\n\n    >>> {name}(1)\n    2\n    >>> {name}(2)\n    3\n    """\n    return n + 1\n'
)


def texts(seeds: list[Seed]) -> list[str]:
    return [seed.text for seed in seeds]


def write_rows(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_starter_set_is_graded_easy_first_with_concepts_in_turn() -> None:
    seeds = list(open_seeds("starter"))
    assert len(seeds) >= 150
    assert all(seed.level and len(seed.tests) >= 5 and seed.license == "Apache-2.0" for seed in seeds)
    assert [seed.level for seed in seeds] == sorted(seed.level or 0 for seed in seeds)
    first = [seed.concept for seed in seeds[:10]]
    assert len(set(first)) == len(first)


def test_source_order_for_zero_and_another_order_for_another_number(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": str(number)} for number in range(100)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    shuffled, again = texts(list(open_seeds(path, seed=3))), texts(list(open_seeds(path, seed=3)))
    assert texts(list(open_seeds(path))) == [row["text"] for row in rows]
    assert shuffled == again != texts(list(open_seeds(path, seed=4)))
    assert sorted(shuffled, key=int) == [row["text"] for row in rows]


def test_package_is_read_without_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "seedlings"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')\n")
    (package / "mod.py").write_text(FUNCTION.format(name="grow"))
    info = tmp_path / "seedlings-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: seedlings\nVersion: 1.2\nLicense-Expression: MIT\n")
    (info / "RECORD").write_text("seedlings/__init__.py,,\nseedlings/mod.py,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    (seed,) = open_seeds("doctest:seedlings")
    assert (seed.source, seed.license) == ("seedlings==1.2:seedlings/mod.py::grow", "MIT")
    assert "seedlings" not in sys.modules


def test_folder_gives_functions_of_python_files_and_texts_of_others(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("# SPDX-License-Identifier: MIT\n" + FUNCTION.format(name="one"))
    (tmp_path / "b.py").write_text("x = 1\n")
    (tmp_path / "c.js").write_text("let x = 1;\n")
    (tmp_path / "notes.md").write_text("Prose.\n")
    (tmp_path / "rows.jsonl").write_text("not for seeds\n")
    seeds = list(open_seeds(str(tmp_path)))
    assert [(seed.source, seed.entry_point, seed.language, seed.license) for seed in seeds] == [
        ("a.py::one", "one", "python", "MIT"),
        ("b.py", "", "python", ""),
        ("c.js", "", "javascript", ""),
        ("notes.md", "", "python", ""),
    ]


def test_python_file_that_does_not_parse_is_still_a_text(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("print '>>> '\n")
    skipped: Counter[str] = Counter()
    assert texts(list(open_seeds(str(tmp_path / "old.py"), skipped=skipped))) == ["print '>>> '\n"]
    assert skipped == {"file.not_python": 1}


def test_same_text_twice_is_one_seed(tmp_path: Path) -> None:
    skipped: Counter[str] = Counter()
    path = write_rows(tmp_path / "rows.jsonl", [{"text": "a"}, {"text": "b"}, {"text": "a"}])
    seeds = list(open_seeds(path, skipped=skipped))
    assert texts(seeds) == ["a", "b"]
    assert skipped == {"seed.duplicate": 1}


def test_row_keeps_its_columns_and_its_place(tmp_path: Path) -> None:
    row = {
        "code": "def f(): return 1",
        "entry_point": "f",
        "tests": "assert f() == 1",
        "license": "MIT",
        "language": None,
    }
    (seed,) = open_seeds(write_rows(tmp_path / "rows.jsonl", [row]))
    assert (seed.text, seed.code, seed.entry_point, seed.tests) == (row["code"], row["code"], "f", (row["tests"],))
    assert (seed.source, seed.license, seed.language) == ("rows.jsonl:1", "MIT", "python")


def test_code_without_tests_is_only_a_text(tmp_path: Path) -> None:
    (seed,) = open_seeds(write_rows(tmp_path / "rows.jsonl", [{"content": "fn main() {}", "language": "Rust"}]))
    assert (seed.text, seed.code, seed.language) == ("fn main() {}", "", "rust")


@pytest.mark.parametrize("suffix", ["json", "parquet", "arrow"])
def test_other_row_files_give_the_seeds_of_json_lines(tmp_path: Path, suffix: str) -> None:
    rows = [{"text": "α", "tests": ["assert 1"]}, {"text": "b", "tests": []}]
    path = tmp_path / f"rows.{suffix}"
    table = pyarrow.Table.from_pylist(rows)
    if suffix == "json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif suffix == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    lines = open_seeds(write_rows(tmp_path / "rows.jsonl", rows))  # type: ignore[arg-type]
    assert [(seed.id, seed.tests) for seed in open_seeds(str(path))] == [(seed.id, seed.tests) for seed in lines]


def test_rows_are_read_lazily(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\nbroken\n')
    assert texts(list(islice(open_seeds(str(path)), 2))) == ["a", "b"]
    with pytest.raises(SeedError, match=r"rows\.jsonl:3: not JSON"):
        list(open_seeds(str(path)))


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"prompt": "a", "answer": "b"}])
    with pytest.raises(
        SeedError, match="needs a column named one of text, code, content, instruction, got prompt, answer"
    ):
        list(open_seeds(path))


@pytest.mark.parametrize("tests", [3, [1], {"a": "b"}])
def test_tests_of_another_kind_are_refused(tmp_path: Path, tests: object) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"text": "a", "tests": tests}])
    with pytest.raises(SeedError, match="tests must be a string or a list of strings"):
        list(open_seeds(path))


def test_rows_without_text_are_counted(tmp_path: Path) -> None:
    skipped: Counter[str] = Counter()
    path = write_rows(tmp_path / "rows.jsonl", [{"text": None}, {"text": " "}, {"text": "a"}])
    assert texts(list(open_seeds(path, skipped=skipped))) == ["a"]
    assert skipped == {"row.no_text": 2}


def test_empty_source_says_why(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("#" * 100_000)
    with pytest.raises(SeedError, match=r"holds no seeds, got file\.long 1"):
        list(open_seeds(str(tmp_path)))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("startr", "did you mean starter"),
        ("", "no source ''"),
        ("nowhere/rows.jsonl", "give 'starter', 'doctest:PACKAGE"),
        ("doctest:", "name a package"),
        ("doctest:no-such-package-here", "pip install no-such-package-here"),
        ("doctest:../x", "no package '../x'"),
    ],
)
def test_source_that_is_not_there_is_an_error_at_once(spec: str, words: str) -> None:
    with pytest.raises(SeedError, match=words) as error:
        open_seeds(spec)
    assert "\n" not in str(error.value)


def test_file_name_alike_is_suggested(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [{"text": "a"}])
    with pytest.raises(SeedError, match=r"did you mean .*rows\.jsonl"):
        open_seeds(str(tmp_path / "row.jsonl"))


def test_hub_dataset_without_the_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    for spec in ("hf:owner/name", "owner/name-v1.5:config:test"):
        with pytest.raises(SeedError, match=r"hf:owner/name.*pip install 'opencook\[train\]'"):
            list(open_seeds(spec))


def test_row_that_is_no_text_is_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "\\ud800"}\n{"text": "fine", "license": "\\ud800"}\n{"text": "good"}\n')
    skipped: Counter[str] = Counter()
    assert [seed.text for seed in open_seeds(str(path), skipped=skipped)] == ["good"]
    assert skipped["row.no_text"] == 2
