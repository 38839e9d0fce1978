"""What `pack` may be given, and how it names what it may not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pretrain import pack_input
from pretrain.errors import ShardError
from pretrain.pack_input import digest, find_sources, read_rows


def write_parquet(path: Path, columns: dict[str, list[Any]]) -> Path:
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_a_corpus_has_two_sides_by_language(tmp_path: Path) -> None:
    for name in ("train/python/part-00001", "train/python/part-00000", "train/c/part-00000", "heldout/c/part-00000"):
        write_parquet(tmp_path / f"{name}.parquet", {"text": ["x"]})
    (tmp_path / "manifest.json").write_text("{}")
    sources = find_sources([str(tmp_path)])
    assert [source.label for source in sources] == ["c", "python", "heldout/c"]
    assert [path.name for path in sources[1].paths] == ["part-00000.parquet", "part-00001.parquet"]


def test_equal_names_are_joined_in_the_order_given(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"text": "{name}"}}\n')
    sources = find_sources([f"x={tmp_path}/b.jsonl", f"x={tmp_path}/a.jsonl"])
    assert [text for text, _ in read_rows(sources[0].paths, Counter())] == ["b", "a"]


def test_a_folder_gives_its_data_files_but_no_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/a.jsonl", "a.parquet", ".cache/c.jsonl", ".d.jsonl", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jsonl").mkdir()
    (source,) = find_sources([f"x={tmp_path}"])
    assert [path.relative_to(tmp_path).as_posix() for path in source.paths] == ["a.parquet", "b/a.jsonl"]


@pytest.mark.parametrize("item", ["", "x="])
def test_an_empty_path_is_not_the_current_folder(item: str) -> None:
    with pytest.raises(ShardError, match="no path in it"):
        find_sources([item])


def test_an_unfinished_corpus_is_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train" / "c" / "part-00000.parquet", {"text": ["x"]})
    with pytest.raises(ShardError, match="unfinished corpus"):
        find_sources([str(tmp_path)])


def test_held_out_text_cannot_slip_in_under_a_name(tmp_path: Path) -> None:
    for side in ("train", "heldout"):
        write_parquet(tmp_path / side / "c" / "part-00000.parquet", {"text": ["x"]})
    with pytest.raises(ShardError, match="held-out text included; give it without a name"):
        find_sources([f"all={tmp_path}"])


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ({"text": ["a"], "content": ["b"]}, [("a", True)]),
        ({"content": ["b"]}, [("b", True)]),
        ({"instruction": ["q"], "output": ["a"]}, [("q\n\na", False)]),
        ({"instruction": ["q"], "response": ["a"]}, [("q\n\na", False)]),
        ({"instruction": ["q"], "output": [None], "response": ["a"]}, [("q\n\na", False)]),
        ({"instruction": ["q"], "input": ["i"], "output": ["a"]}, [("q\n\ni\n\na", False)]),
        (
            {"instruction": ["q", "r"], "input": ["", None], "output": ["a", "b"]},
            [("q\n\na", False), ("r\n\nb", False)],
        ),
        ({"text": [None], "content": ["b"]}, [("b", True)]),
    ],
)
def test_columns(tmp_path: Path, columns: dict[str, list[Any]], rows: list[tuple[str, bool]]) -> None:
    assert list(read_rows([write_parquet(tmp_path / "a.parquet", columns)], Counter())) == rows
    lines = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert list(read_rows([tmp_path / "a.jsonl"], Counter())) == rows


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"a\.jsonl: cannot be read, got No such file"):
        digest([tmp_path / "a.jsonl"])


def test_a_parquet_file_without_text_names_its_columns(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", {"body": ["x"], "instruction": ["y"]})
    with pytest.raises(ShardError, match=r"a\.parquet: needs a column text .* got body, instruction"):
        list(read_rows([path], Counter()))


@pytest.mark.parametrize(
    ("content", "where"),
    [(b'{"text": "a"}\n{"text": ', ":2: no line of JSON"), (b'{"text": "\xff"}', ":1: no line of JSON")],
)
def test_a_damaged_line_is_named(tmp_path: Path, content: bytes, where: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(ShardError, match=where):
        list(read_rows([path], Counter()))


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", b"text"])
def test_a_damaged_parquet_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(ShardError, match=r"a\.parquet: not a Parquet file"):
        list(read_rows([path], Counter()))


def test_line_ends_survive(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a\\r\\nb\\u2028c\\r"}\n')
    assert list(read_rows([path], Counter())) == [("a\r\nb\u2028c\r", True)]


def test_digest_sees_size_beginning_and_end_of_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_input, "WHOLE_FILE_BYTES", 10)
    monkeypatch.setattr(pack_input, "EDGE_BYTES", 4)
    path = tmp_path / "a"
    digests = set()
    for content in (b"0123456789ab", b"x123456789ab", b"0123456789ax", b"0123456789abc", b"0123", b"0x23"):
        path.write_bytes(content)
        digests.add(digest([path]))
    assert len(digests) == 6
