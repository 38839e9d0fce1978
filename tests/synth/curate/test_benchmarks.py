"""Test sets as files and names: what loads, and what is refused in one line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from synth.curate.benchmarks import load_benchmark, parse_fields

ROW = {
    "task_id": 7,
    "text": "Write a function to find the nth lucky gnome.",
    "code": "def gnome(n):\n    return n",
    "test_list": ["assert gnome(2) == 2"],
}


def write(path: Path, *rows: Any) -> str:
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.jsonl.gz", "mine.json"])
def test_a_file_in_mbpp_form_is_a_benchmark(tmp_path: Path, name: str) -> None:
    benchmark = load_benchmark(write(tmp_path / name, ROW))
    assert benchmark.name == "mine"
    assert [(task.id, task.entry_point, task.texts) for task in benchmark.tasks] == [
        ("MBPP/7", "gnome", (ROW["text"], ROW["code"], "assert gnome(2) == 2"))
    ]


def test_json_may_be_a_list(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps([ROW, ROW | {"task_id": 8}]))
    assert [task.id for task in load_benchmark(str(tmp_path / "mine.json")).tasks] == ["MBPP/7", "MBPP/8"]


def test_parquet_holds_what_json_lines_do(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([ROW]), tmp_path / "mine.parquet")
    assert load_benchmark(str(tmp_path / "mine.parquet")) == load_benchmark(write(tmp_path / "mine.jsonl", ROW))


def test_humanevals_fields_without_solution_or_test_are_enough(tmp_path: Path) -> None:
    row = {"task_id": "zh/1", "prompt": "def f():\n", "entry_point": "f", "natural_language": "Chinese"}
    (task,) = load_benchmark(write(tmp_path / "xl.jsonl", row)).tasks
    assert (task.id, task.texts[0]) == ("zh/1", "def f():\n")


def test_named_columns_are_read(tmp_path: Path) -> None:
    row = {"q": "Sum the gnomes.", "a": "def g(): ...", "cases": ["assert g() is None"], "fn": "g", "key": 3}
    fields = parse_fields("prompt=q, solution=a,test=cases,entry_point=fn,id=key")
    (task,) = load_benchmark(write(tmp_path / "b.jsonl", row), fields).tasks
    assert (task.id, task.entry_point) == ("3", "g")
    assert task.texts == ("Sum the gnomes.", "def g(): ...", "assert g() is None")


def test_tasks_without_an_id_are_named_by_their_line(tmp_path: Path) -> None:
    path = write(tmp_path / "b.jsonl", {"q": "One."}, {"q": "Two."})
    assert [task.id for task in load_benchmark(path, {"prompt": "q"}).tasks] == ["b.jsonl:1", "b.jsonl:2"]


@pytest.mark.parametrize("text", ["", "solution=a", "prompt", "prompt=", "prompt=a,answer=b"])
def test_fields_without_a_prompt_or_with_an_unknown_name_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="--benchmark-fields: must be FIELD=COLUMN"):
        parse_fields(text)


def test_a_named_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=":1: no column 'question', got code, task_id, test_list, text"):
        load_benchmark(write(tmp_path / "b.jsonl", ROW), {"prompt": "question"})


def test_a_named_column_must_hold_text(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wrong type, got int for a text"):
        load_benchmark(write(tmp_path / "b.jsonl", {"q": 5}), {"prompt": "q"})


def test_a_torn_archive_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"{}")[:-4])
    with pytest.raises(ValueError, match="cannot read it as JSONL"):
        load_benchmark(str(tmp_path / "b.jsonl.gz"))


def test_what_is_no_parquet_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "b.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(ValueError, match="cannot read it as parquet"):
        load_benchmark(str(tmp_path / "b.parquet"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "no tasks in it"),
        (("{torn\n",), "cannot read it as JSONL"),
        ((ROW, {"a": 1}), r":2: need HumanEval's fields or MBPP's, got a;"),
        (([1],), ":1: need HumanEval's fields or MBPP's, got list"),
        ((ROW | {"code": 3},), ":1: a field is missing or of the wrong type"),
    ],
)
def test_a_bad_file_is_one_line_with_its_place(tmp_path: Path, rows: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_benchmark(write(tmp_path / "bad.jsonl", *rows))


def test_an_unknown_benchmark_says_what_to_give() -> None:
    with pytest.raises(ValueError, match="no such file or name; give one of humaneval, mbpp"):
        load_benchmark("humanevil")


def test_mbpp_entry_points_are_found_where_the_data_lies_beside_us() -> None:
    path = Path(__file__).parents[4] / "shared" / "data" / "benchmarks" / "mbpp.jsonl"
    if not path.is_file():
        pytest.skip("no MBPP in a folder `shared` beside the repository")
    tasks = load_benchmark(str(path)).tasks
    assert len(tasks) == 974
    assert all(task.entry_point for task in tasks)
