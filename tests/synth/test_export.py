"""Samples to Parquet and back, and the training set as its readers open it."""

import dataclasses
import json
import random
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml

from synth.errors import RunFolderError
from synth.export import read_samples, write_export, write_samples
from synth.files import atomic_file
from synth.parquet import ShardSize
from synth.sample import EVIDENCE, Check, Funnel, Provenance, Sample, TestOutcome
from synth.selection import Selection
from synth.splits import Form

EDUCATIONAL = ["seq_id", "instruction", "output", "code", "entry_point", "testcase"]
FORM = Form.of("educational_instruct")
DATA_FILE = "data/train-00000-of-00001.parquet"


def random_sample(rng: random.Random) -> Sample:
    """A row with every field drawn at random, empty and hostile values among them."""

    def text() -> str:
        alphabet = string.printable + "é你\x00\U0001f600|`{}"
        return "".join(rng.choices(alphabet, k=rng.choice([0, 1, 30])))

    def texts() -> tuple[str, ...]:
        return tuple(text() for _ in range(rng.randrange(4)))

    outcomes = tuple(TestOutcome(test=test, passed=rng.random() < 0.5, error=text()) for test in texts())
    provenance = Provenance(
        teacher=text(),
        judge=text(),
        templates={name: text() for name in texts()},
        seed_license=rng.choice(["MIT", "Apache-2.0"]),
        completions=texts(),
        verdicts=texts(),
        calls=rng.randrange(2**40),
        cost_usd=rng.choice([None, 0.0, rng.random()]),
    )
    return Sample(
        recipe="educational",
        seed_id=text(),
        instruction=text(),
        text=text(),
        response=text(),
        tests=texts(),
        evidence=rng.choice(EVIDENCE),
        round_trip=rng.random() < 0.5,
        check=rng.choice([None, Check(status="passed", outcomes=outcomes, num_candidates=rng.randrange(9))]),
        scores={name: rng.uniform(-1e300, 1e300) for name in texts()},
        provenance=provenance,
        dropped=rng.choice([None, None, "dedup.near"]),
        detail=text(),
    )


@pytest.fixture
def samples() -> list[Sample]:
    rng = random.Random(5)
    return [random_sample(rng) for _ in range(60)]


def exported(folder: Path) -> list[dict[str, Any]]:
    return pyarrow.parquet.read_table(folder / DATA_FILE).to_pylist()


def test_samples_come_back_exactly(tmp_path: Path, samples: list[Sample]) -> None:
    write_samples(tmp_path / "samples.parquet", samples)
    assert read_samples(tmp_path / "samples.parquet") == samples


def test_no_samples_come_back_as_none(tmp_path: Path) -> None:
    write_samples(tmp_path / "samples.parquet", [])
    assert read_samples(tmp_path / "samples.parquet") == []


def test_every_field_of_a_sample_has_a_column(tmp_path: Path, samples: list[Sample]) -> None:
    write_samples(tmp_path / "samples.parquet", samples)
    columns = set(pyarrow.parquet.read_schema(tmp_path / "samples.parquet").names)
    assert columns == {"id", *(field.name for field in dataclasses.fields(Sample))}


def test_the_same_samples_give_the_same_bytes(tmp_path: Path, samples: list[Sample]) -> None:
    for name in ("one", "two"):
        write_samples(tmp_path / name / "samples.parquet", samples)
        write_export(tmp_path / name, samples, FORM, recipe="r")
    for file in ("samples.parquet", DATA_FILE, "README.md"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_training_set_begins_with_the_educational_columns(tmp_path: Path, samples: list[Sample]) -> None:
    write_export(tmp_path, samples, FORM, recipe="r")
    assert pyarrow.parquet.read_schema(tmp_path / DATA_FILE).names[:6] == EDUCATIONAL


def test_only_kept_rows_are_exported_and_numbered_in_order(tmp_path: Path, samples: list[Sample]) -> None:
    kept = [sample for sample in samples if sample.dropped is None]
    assert write_export(tmp_path, samples, FORM, recipe="r") == len(kept)
    assert [(row["seq_id"], row["id"]) for row in exported(tmp_path)] == [(i, s.id) for i, s in enumerate(kept)]


def test_only_the_evidence_asked_for_is_exported(tmp_path: Path, samples: list[Sample]) -> None:
    write_export(tmp_path, samples, FORM, recipe="r", selection=Selection(evidence=frozenset({"seed", "self"})))
    assert {row["evidence"] for row in exported(tmp_path)} == {"seed", "self"}


def test_a_row_carries_its_conversation_and_its_test_results(tmp_path: Path) -> None:
    check = Check(status="passed", outcomes=(TestOutcome(test="assert f(1)", passed=True),))
    sample = Sample(recipe="r", seed_id="s", instruction="Ask", response="Answer", tests=("assert f(1)",), check=check)
    write_export(tmp_path, [sample], FORM, recipe="r")
    (row,) = exported(tmp_path)
    assert row["messages"] == [{"role": "user", "content": "Ask"}, {"role": "assistant", "content": "Answer"}]
    assert row["test_results"] == [{"test": "assert f(1)", "passed": True}]
    assert (row["output"], row["testcase"], row["tests_passed"]) == ("Answer", ["assert f(1)"], 1)


def test_the_card_adds_up_and_names_the_licences(tmp_path: Path, samples: list[Sample]) -> None:
    funnel = Funnel(seeds=100, kept=38, dropped={"verify.failed": 60, "dedup.near": 2})
    kept = write_export(tmp_path, samples, FORM, recipe="educational", funnel=funnel)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    matter = yaml.safe_load(card.split("---")[1])
    assert matter["license_name"] == "Apache-2.0 AND MIT"
    assert matter["size_categories"] == ["n<1K"]
    assert "| `verify.failed` | -60 | 40 | 40.0% |" in card
    assert f"| in this dataset | {kept} |" in card


def test_rows_are_spread_over_shards_in_order(tmp_path: Path, samples: list[Sample]) -> None:
    kept = [sample.id for sample in samples if sample.dropped is None]
    write_export(tmp_path, samples, Form.of("x", size=ShardSize(rows=15)), recipe="r")
    files = sorted((tmp_path / "data").iterdir())
    names = [f"train-{number:05}-of-{len(files):05}.parquet" for number in range(-(-len(kept) // 15))]
    assert [file.name for file in files] == names
    assert [row["id"] for file in files for row in pyarrow.parquet.read_table(file).to_pylist()] == kept


def test_a_shard_ends_by_its_megabytes_too(tmp_path: Path) -> None:
    samples = [Sample(recipe="r", seed_id=str(i), instruction="i", response="x" * 10_000) for i in range(512)]
    write_export(tmp_path, samples, Form.of("x", size=ShardSize(megabytes=3)), recipe="r")
    counts = [pyarrow.parquet.read_metadata(file).num_rows for file in sorted((tmp_path / "data").iterdir())]
    assert counts == [256, 256]  # two conversations of 10 kB a row, looked at every 128 rows


def test_another_export_leaves_no_shard_of_the_last(tmp_path: Path, samples: list[Sample]) -> None:
    write_export(tmp_path, samples, Form.of("x", size=ShardSize(rows=5)), recipe="r")
    for name in ("data/.train-00007", "data/..train-00007.partial", "messages/.train.jsonl.partial"):
        (tmp_path / name).write_text("of a process that was killed")
    write_export(tmp_path, samples, FORM, recipe="r")
    assert [file.name for file in (tmp_path / "data").iterdir()] == [Path(DATA_FILE).name]
    assert [file.name for file in (tmp_path / "messages").iterdir()] == ["train.jsonl"]


def test_a_failed_export_leaves_the_old_shards(tmp_path: Path, samples: list[Sample]) -> None:
    write_export(tmp_path, samples, FORM, recipe="r")
    before = (tmp_path / DATA_FILE).read_bytes()
    broken = [dataclasses.replace(samples[0], dropped=None, code=7)]  # type: ignore[arg-type]
    with pytest.raises(pyarrow.ArrowException):
        write_export(tmp_path, broken, FORM, recipe="r")
    assert [file.read_bytes() for file in (tmp_path / "data").iterdir()] == [before]


def test_conversations_are_json_lines_too(tmp_path: Path, samples: list[Sample]) -> None:
    write_export(tmp_path, samples, FORM, recipe="r")
    lines = (tmp_path / "messages" / "train.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    wanted = [{name: row[name] for name in ("messages", "id", "evidence")} for row in exported(tmp_path)]
    assert [json.loads(line) for line in lines] == wanted


def test_documents_begin_with_text_and_language_and_have_no_conversation(tmp_path: Path) -> None:
    sample = Sample(recipe="r", seed_id="s", instruction="i", response="o", text="A document", language="rust")
    write_export(tmp_path, [sample], FORM, recipe="r")
    write_export(tmp_path, [sample], Form.of("synthetic_qa"), recipe="r")
    (row,) = exported(tmp_path)
    assert list(row.items())[:2] == [("text", "A document"), ("lang", "rust")]
    assert row["tag"] == "synthetic_qa"
    assert not (tmp_path / "messages" / "train.jsonl").exists()


def test_rows_that_only_verification_dropped_are_put_back_labelled(tmp_path: Path) -> None:
    rows = [
        Sample(recipe="r", seed_id=str(number), instruction="i", response="o", dropped=reason)
        for number, reason in enumerate([None, "verify.failed", "dedup.near", "ask.leak"])
    ]
    rows.append(Sample(recipe="r", seed_id="no answer", instruction="i", dropped="verify.failed"))
    write_export(tmp_path, rows, FORM, recipe="r", selection=Selection(with_unverified=True))
    found = [(row["dropped"], row["verified"], row["evidence"]) for row in exported(tmp_path)]
    assert found == [(None, False, "none"), ("verify.failed", False, "none")]
    assert "1 rows **failed** verification" in (tmp_path / "README.md").read_text()


def test_rows_are_chosen_by_scores_that_they_have(tmp_path: Path) -> None:
    scores: list[dict[str, float]] = [{"quality": 3}, {"quality": 2.9}, {}]
    rows = [Sample(recipe="r", seed_id=str(i), scores=each) for i, each in enumerate(scores)]
    assert write_export(tmp_path, rows, FORM, recipe="r", selection=Selection(min_scores={"quality": 3})) == 1


LOAD = """
import json, sys
import datasets
folder, cache, *names = sys.argv[1:]
for name in names:
    for split, rows in datasets.load_dataset(folder, name or None, cache_dir=cache).items():
        print(json.dumps([name, split, len(rows), rows.column_names[:7], rows[0]]))
"""


@pytest.mark.train
@pytest.mark.parametrize(
    ("subset", "first"),
    [
        ("educational_instruct", [*EDUCATIONAL, "tag"]),
        ("synthetic_code_snippet", ["text", "lang", "seq_id", "tag"]),
        ("my own: set", [*EDUCATIONAL, "tag"]),
    ],
)
def test_load_dataset_opens_the_subset_by_name(
    tmp_path: Path, samples: list[Sample], subset: str, first: list[str]
) -> None:
    pytest.importorskip("datasets", reason="needs the train extra")
    form = Form.of(subset)
    kept = write_export(tmp_path / "export", samples, form, recipe="r")
    # In a process of its own: importing datasets and its threads is nothing this suite should carry.
    command = [sys.executable, "-c", LOAD, str(tmp_path / "export"), str(tmp_path / "cache"), form.subset, ""]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line, name in zip(answer.split("\n")[:-1], [form.subset, ""], strict=True):
        found, split, count, names, row = json.loads(line)
        assert (found, split, count, names[: len(first)]) == (name, "train", kept, first)
        # What OpenCoder's own loader reads of an instruction set.
        assert {type(row["instruction"]), type(row["output"])} == {str}


def test_an_unreadable_samples_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "samples.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(RunFolderError, match=r"samples\.parquet: cannot be read, got [^\n]*; run"):
        read_samples(tmp_path / "samples.parquet")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_leaves_nothing(small_disk: Path) -> None:
    rng = random.Random(1)
    samples = [Sample(recipe="r", seed_id=str(i), response=rng.randbytes(500).hex()) for i in range(400)]
    with pytest.raises(RunFolderError, match=r"samples\.parquet: the disk is full; free some space"):
        write_samples(small_disk / "samples.parquet", samples)
    assert list(small_disk.iterdir()) == []


def test_samples_of_a_version_without_text_still_read(tmp_path: Path, samples: list[Sample]) -> None:
    write_samples(tmp_path / "new.parquet", samples)
    table = pyarrow.parquet.read_table(tmp_path / "new.parquet").drop_columns(["text"])
    pyarrow.parquet.write_table(table, tmp_path / "old.parquet")
    assert read_samples(tmp_path / "old.parquet") == [dataclasses.replace(sample, text="") for sample in samples]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    path.write_text("old")
    with pytest.raises(TypeError), atomic_file(path) as file:
        file.writelines([b"half of the ne", None])  # type: ignore[list-item]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"
