"""`synth dedup` and `synth decontaminate` as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

SYNTH = Path(sys.executable).with_name("synth")
LONG = "def walk(tree, visit):\n    for node in tree.children:\n        visit(node)\n        walk(node, visit)\n"
ROWS = [
    {"instruction": "Walk a tree.", "output": LONG, "n": 1},
    {"instruction": "Walk a tree.", "output": LONG, "n": 2},
    {"instruction": "Walk a tree!", "output": LONG, "n": 3},
    {"instruction": "Add.", "output": "def add(x, y):\n    return x + y", "n": 4},
]


def synth(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SYNTH, *map(str, arguments)], capture_output=True, text=True, check=False)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_dedup_keeps_the_first_and_names_the_twin_of_the_rest(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = synth("dedup", write(tmp_path / "in.jsonl", ROWS), out, "--json")
    assert json.loads(done.stdout)["dropped"] == {"dedup.exact": 1, "dedup.near": 1}
    assert [row["n"] for row in read(out)] == [1, 4]
    dropped = read(tmp_path / "out.jsonl.dropped.jsonl")
    assert [(drop["row"], drop["reason"], drop["twin"]) for drop in dropped] == [
        (1, "dedup.exact", 0),
        (2, "dedup.near", 0),
    ]
    assert dropped[1]["content"] == ROWS[2]


def test_decontaminate_names_task_and_match(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert synth("decontaminate", write(tmp_path / "in.jsonl", ROWS), out).returncode == 0
    (drop,) = read(tmp_path / "out.jsonl.dropped.jsonl")
    assert (drop["row"], drop["reason"], drop["task"]) == (3, "decontaminate.entry_point", "HumanEval/53")


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    table = pyarrow.Table.from_pylist(
        ROWS, schema=pyarrow.schema({"instruction": "string", "output": "string", "n": "int8"})
    )
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    assert synth("dedup", tmp_path / "in.parquet", tmp_path / "out.parquet").returncode == 0
    assert pyarrow.parquet.read_schema(tmp_path / "out.parquet").equals(table.schema)


def test_an_empty_file_gives_an_empty_file(tmp_path: Path) -> None:
    assert synth("dedup", write(tmp_path / "in.jsonl", []), tmp_path / "out.jsonl").returncode == 0
    assert read(tmp_path / "out.jsonl") == []


def test_lone_surrogates_survive(tmp_path: Path) -> None:
    rows = [{"text": "\ud800 odd"}, {"text": "plain"}]
    assert synth("dedup", write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl").returncode == 0
    assert read(tmp_path / "out.jsonl") == rows


@pytest.mark.parametrize(
    ("content", "flags", "message"),
    [
        ('{"text": "a"}\n{torn\n', (), "in.jsonl:2: not a line of JSON"),
        ("[1]\n", (), "in.jsonl:1: a row must be an object, got list"),
        ('{"x": "a"}\n', (), "no text column known, got x; name one with --field"),
        ('{"text": "a"}\n{"y": 1}\n', (), "row 1 has no 'text', got y"),
        ('{"text": "a"}\n', ("--threshold", "7"), "threshold must be in (0, 1], got 7.0"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path: Path, content: str, flags: tuple[str, ...], message: str
) -> None:
    (tmp_path / "in.jsonl").write_text(content)
    done = synth("dedup", tmp_path / "in.jsonl", tmp_path / "out.jsonl", *flags)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("out", ["out.csv", "out"])
def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path, out: str) -> None:
    done = synth("dedup", write(tmp_path / "in.jsonl", ROWS), tmp_path / out)
    assert "use one of .jsonl, .ndjson, .parquet" in done.stderr


def test_a_report_names_benchmark_item_place_and_score(tmp_path: Path) -> None:
    benchmark = write(tmp_path / "b.jsonl", [{"q": "Count the mossy gnomes that dance around seven lanterns at dusk."}])
    rows = [{"text": "Plain.", "n": 1}, {"text": f"So: {json.loads(benchmark.read_text())['q'].upper()} Ok?", "n": 2}]
    options = ["--against", benchmark, "--benchmark-fields", "prompt=q", "--report", tmp_path / "report.json"]
    done = synth("decontaminate", write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", *options)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["rows"], report["contaminated"], report["rules"]) == (2, 1, {"decontaminate.run": 1})
    assert report["benchmarks"] == [{"name": "b", "tasks": 1, "tasks_found": 1, "rows_by_task": {"b.jsonl:1": 1}}]
    (hit,) = report["hits"]
    assert (hit["row"], hit["task"], hit["score"], hit["field"]) == (1, "b.jsonl:1", 1.0, "text")
    assert rows[1]["text"][hit["start"] : hit["end"]] == hit["text"]


def test_without_entry_points_names_are_no_reason(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", ROWS)
    assert synth("decontaminate", source, tmp_path / "out.jsonl", "--no-entry-points").returncode == 0
    assert len(read(tmp_path / "out.jsonl")) == 4


def test_opencoders_preset_drops_any_shared_ten_tokens(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"text": "xs = [1, 2, 3, 4, 5, 6, 7, 8]"}])
    done = synth("decontaminate", source, tmp_path / "out.jsonl", "--preset", "opencoder", "--json")
    assert json.loads(done.stdout)["dropped"] == {"decontaminate.ten_gram": 1}


def test_a_wrong_benchmark_is_one_line(tmp_path: Path) -> None:
    done = synth("decontaminate", write(tmp_path / "in.jsonl", ROWS), tmp_path / "out.jsonl", "--against", "nope")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "benchmark 'nope': no such file" in done.stderr


def test_dedup_keeps_the_row_with_the_most_stars(tmp_path: Path) -> None:
    rows = [row | {"stars": n, "id": f"r{n}"} for n, row in enumerate(ROWS)]
    done = synth("dedup", write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", "--rank", "stars", "--json")
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == ["r2", "r3"], done.stderr
    drops = read(tmp_path / "out.jsonl.dropped.jsonl")
    assert [(drop["kept"], drop["method"], drop["twin"]) for drop in drops] == [("r2", "near", 2)] * 2
    assert all(0.7 <= drop["similarity"] < 1 for drop in drops)


@pytest.mark.parametrize(("by", "kept"), [("instruction", [1, 4]), ("code", [1, 4]), ("both", [1, 4])])
def test_dedup_by_part_of_a_row(tmp_path: Path, by: str, kept: list[int]) -> None:
    done = synth("dedup", write(tmp_path / "in.jsonl", ROWS), tmp_path / "out.jsonl", "--by", by)
    assert [row["n"] for row in read(tmp_path / "out.jsonl")] == kept, done.stderr


def test_a_second_set_is_compared_with_the_first(tmp_path: Path) -> None:
    options = ("--index", tmp_path / "index", "--field", "output")
    assert synth("dedup", write(tmp_path / "a.jsonl", ROWS[:1]), tmp_path / "a.out.jsonl", *options).returncode == 0
    assert synth("dedup", write(tmp_path / "b.jsonl", ROWS[1:]), tmp_path / "b.out.jsonl", *options).returncode == 0
    assert [row["n"] for row in read(tmp_path / "b.out.jsonl")] == [4]
    drop = read(tmp_path / "b.out.jsonl.dropped.jsonl")[0]
    assert (drop["kept"], drop["twin"], drop["method"]) == ("a.jsonl:0", None, "exact")
