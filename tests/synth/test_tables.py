"""Row files, good and broken. Hub datasets are tried without a network: the error must be one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.errors import SeedError
from synth.seeds import open_seeds
from synth.tables import read_hub, read_rows


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.jsonl", b'{"text": "a"}\n\n[1]\n', r"rows\.jsonl:3: a row must be an object, got list"),
        ("rows.jsonl", b'{"text": \n', r"rows\.jsonl:1: not JSON"),
        ("rows.jsonl", b"\xff\xfe", r"rows\.jsonl: cannot be read as jsonl"),
        ("rows.json", b'"text"', r"rows\.json: must be a list of objects, got str"),
        ("rows.json", b"[1, 2]", r"rows\.json:1: a row must be an object, got int"),
        ("rows.parquet", b"PAR1 but not really", r"rows\.parquet: cannot be read as parquet"),
        ("rows.parquet", b"", r"rows\.parquet: cannot be read as parquet"),
        ("rows.arrow", b"not arrow either", r"rows\.arrow: cannot be read as arrow"),
    ],
)
def test_broken_file_is_one_line_that_says_where(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SeedError, match=words) as error:
        list(read_rows(tmp_path / name))
    assert "\n" not in str(error.value)


def test_json_file_with_one_object_a_line_is_read_so(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"text": "a"}\n{"text": "b"}\n')
    assert list(read_rows(tmp_path / "rows.json")) == [("rows.json:1", {"text": "a"}), ("rows.json:2", {"text": "b"})]


@pytest.mark.train
def test_dataset_saved_to_disk_gives_its_training_rows(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the train extra")
    rows = datasets.Dataset.from_list([{"text": "a"}, {"text": "b"}, {"text": "c"}])
    datasets.DatasetDict(train=rows.select([2, 0]), test=rows).save_to_disk(str(tmp_path / "saved"))
    assert [seed.text for seed in open_seeds(str(tmp_path / "saved"))] == ["c", "a"]


@pytest.mark.train
def test_hub_dataset_that_does_not_open_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="needs the train extra")
    with pytest.raises(SeedError, match=r"hf:.*: cannot be opened, got .*; check name, config and split") as error:
        list(read_hub(str(tmp_path / "nothing")))
    assert "\n" not in str(error.value)
