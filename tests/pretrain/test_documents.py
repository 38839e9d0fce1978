"""Documents for the tokenizer: the split, the draw, and files that are not what they seem."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from pretrain.documents import digest, documents, find_sources, sample
from pretrain.errors import CorpusError


def write_corpus(folder: Path, texts: dict[str, list[str]]) -> Path:
    """A corpus folder; keys are `train/python` and the like."""
    for place, some in texts.items():
        (folder / place).mkdir(parents=True)
        pyarrow.parquet.write_table(pyarrow.table({"text": some}), folder / place / "part-00000.parquet")
    (folder / "manifest.json").write_text("{}")
    return folder


def test_a_corpus_folder_brings_its_split(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, {"train/python": ["a", "b"], "train/c": ["c"], "heldout/python": ["d"]})
    sources = find_sources([corpus])
    assert [(d.language, d.text) for d in documents(sources, held_out=False)] == [
        ("c", "c"),
        ("python", "a"),
        ("python", "b"),
    ]
    assert [(d.language, d.text) for d in documents(sources, held_out=True)] == [("python", "d")]


def test_plain_files_are_split_by_their_text_and_each_lies_on_one_side(tmp_path: Path) -> None:
    texts = [f"document {number}\r\n" for number in range(400)]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    sources = find_sources([tmp_path / "a.jsonl"])
    train, held_out = ({d.text for d in documents(sources, held_out=side)} for side in (False, True))
    assert train | held_out == set(texts)
    assert not train & held_out
    assert 5 < len(held_out) < 50


def test_the_sample_takes_languages_in_proportion(tmp_path: Path) -> None:
    texts = {"train/c": [f"c {n}" * 20 for n in range(1000)], "train/python": [f"p {n}" * 20 for n in range(3000)]}
    sources = find_sources([write_corpus(tmp_path, texts)])
    drawn = list(sample(sources, max_bytes=100_000))
    assert sum(len(d.text) for d in drawn) == pytest.approx(100_000, rel=0.1)
    assert sum(d.language == "python" for d in drawn) / len(drawn) == pytest.approx(0.75, abs=0.05)


def test_the_draw_depends_on_text_and_seed_alone(tmp_path: Path) -> None:
    texts = [f"text number {number}" for number in range(300)]
    one = find_sources([write_corpus(tmp_path / "one", {"train/c": texts})])
    other = find_sources([write_corpus(tmp_path / "two", {"train/c": texts[::-1]})])
    drawn = {d.text for d in sample(one, max_bytes=2000)}
    assert drawn == {d.text for d in sample(other, max_bytes=2000)}
    assert drawn != {d.text for d in sample(one, max_bytes=2000, seed=1)}


def test_a_sample_larger_than_the_corpus_is_all_of_it(tmp_path: Path) -> None:
    sources = find_sources([write_corpus(tmp_path, {"train/c": ["a", "b", "c"]})])
    assert [d.text for d in sample(sources, max_bytes=10**9)] == ["a", "b", "c"]


def test_line_ends_and_unicode_survive_reading(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("x = 1\r\n# 中文\r".encode())
    sources = find_sources([tmp_path])
    found = [d.text for side in (True, False) for d in documents(sources, held_out=side)]
    assert found == ["x = 1\r\n# 中文\r"]


def test_the_digest_follows_content(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    before = digest(find_sources([tmp_path]))
    assert digest(find_sources([tmp_path / "a.py"])) == before
    (tmp_path / "a.py").write_text("x = 2\n")
    assert digest(find_sources([tmp_path])) != before


@pytest.mark.parametrize("side", ["train", "heldout"])
def test_an_unfinished_corpus_is_refused(tmp_path: Path, side: str) -> None:
    (write_corpus(tmp_path, {f"{side}/c": ["a"]}) / "manifest.json").unlink()
    with pytest.raises(CorpusError, match=r"unfinished corpus, there is no manifest\.json; run `pretrain data` again"):
        find_sources([tmp_path])


def test_a_folder_of_ones_own_needs_no_manifest_and_may_have_a_train_folder(tmp_path: Path) -> None:
    for name in ("train/a.py", "train/more/b.py", ".git/config", ".lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    assert [source.path.name for source in find_sources([tmp_path])] == ["a.py", "b.py"]


def test_a_bad_line_is_counted_among_all_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n\n{"text": 3}\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl:3: needs a `text`"):
        list(documents(find_sources([tmp_path / "a.jsonl"]), held_out=False))


@pytest.mark.parametrize(("value", "kind"), [(1, "int64"), (["x"], "list<")])
def test_a_text_column_of_something_else_is_named(tmp_path: Path, value: object, kind: str) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"text": [value]}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=f"needs a `text` column of strings, got {kind}"):
        list(documents(find_sources([tmp_path]), held_out=False))


def test_a_text_column_of_categories_is_read(tmp_path: Path) -> None:
    texts = pyarrow.array(["x", "y", "x"]).dictionary_encode()
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "a.parquet")
    sources = find_sources([tmp_path])
    assert [d.text for side in (True, False) for d in documents(sources, held_out=side)] == ["x", "y", "x"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.py", b"\xff\xfe", "cannot be read as UTF-8"),
        ("a.jsonl", b'{"code": 1}\n', "a.jsonl:1: needs a `text` of type string, got code"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', "a.jsonl:1: `text` is not valid Unicode"),
        ("a.jsonl", b"{", "a.jsonl:1: not a line of JSON"),
        ("a.jsonl", b"[1]", "a.jsonl:1: needs a `text` of type string, got list"),
        ("a.jsonl", b'{"text": "\xff"}', "a.jsonl:1: not a line of JSON"),
        ("a.parquet", b"PAR1", "cannot be read as Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        list(documents(find_sources([tmp_path]), held_out=False))


def test_parquet_without_a_text_column_is_named(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"code": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match="needs a `text` column, got code"):
        list(documents(find_sources([tmp_path]), held_out=False))


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no text in it"):
        find_sources([tmp_path])
    with pytest.raises(CorpusError, match="no such file or folder"):
        find_sources([tmp_path / "absent"])
