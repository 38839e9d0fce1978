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
from synth.export import DATA_FILE, read_samples, write_export, write_samples
from synth.files import atomic_file
from synth.sample import EVIDENCE, Check, Funnel, Provenance, Sample, TestOutcome

EDUCATIONAL = ["seq_id", "instruction", "output", "code", "entry_point", "testcase"]


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
        write_export(tmp_path / name, samples, recipe="r")
    for file in ("samples.parquet", DATA_FILE, "README.md"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_training_set_begins_with_the_educational_columns(tmp_path: Path, samples: list[Sample]) -> None:
    write_export(tmp_path, samples, recipe="r")
    assert pyarrow.parquet.read_schema(tmp_path / DATA_FILE).names[:6] == EDUCATIONAL


def test_only_kept_rows_are_exported_and_numbered_in_order(tmp_path: Path, samples: list[Sample]) -> None:
    kept = [sample for sample in samples if sample.dropped is None]
    assert write_export(tmp_path, samples, recipe="r") == len(kept)
    assert [(row["seq_id"], row["id"]) for row in exported(tmp_path)] == [(i, s.id) for i, s in enumerate(kept)]


def test_only_the_evidence_asked_for_is_exported(tmp_path: Path, samples: list[Sample]) -> None:
    write_export(tmp_path, samples, recipe="r", evidence=["seed", "self"])
    assert {row["evidence"] for row in exported(tmp_path)} == {"seed", "self"}


def test_a_row_carries_its_conversation_and_its_test_results(tmp_path: Path) -> None:
    check = Check(status="passed", outcomes=(TestOutcome(test="assert f(1)", passed=True),))
    sample = Sample(recipe="r", seed_id="s", instruction="Ask", response="Answer", tests=("assert f(1)",), check=check)
    write_export(tmp_path, [sample], recipe="r")
    (row,) = exported(tmp_path)
    assert row["messages"] == [{"role": "user", "content": "Ask"}, {"role": "assistant", "content": "Answer"}]
    assert row["test_results"] == [{"test": "assert f(1)", "passed": True}]
    assert (row["output"], row["testcase"], row["tests_passed"]) == ("Answer", ["assert f(1)"], 1)


def test_the_card_adds_up_and_names_the_licences(tmp_path: Path, samples: list[Sample]) -> None:
    funnel = Funnel(seeds=100, kept=38, dropped={"verify.failed": 60, "dedup.near": 2})
    kept = write_export(tmp_path, samples, recipe="educational", funnel=funnel)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    matter = yaml.safe_load(card.split("---")[1])
    assert matter["license_name"] == "Apache-2.0 AND MIT"
    assert matter["size_categories"] == ["n<1K"]
    assert "| `verify.failed` | -60 |" in card
    assert f"| in this dataset | {kept} |" in card


@pytest.mark.train
def test_load_dataset_opens_the_folder(tmp_path: Path, samples: list[Sample]) -> None:
    pytest.importorskip("datasets", reason="needs the train extra")
    kept = write_export(tmp_path / "export", samples, recipe="r")
    # In a process of its own: importing datasets and its threads is nothing this suite should carry.
    program = "import sys, json, datasets; r = datasets.load_dataset(sys.argv[1], split='train', cache_dir=sys.argv[2])"
    program += "; print(json.dumps([r.column_names[:6], len(r), [m['role'] for x in r['messages'] for m in x][:2]]))"
    command = [sys.executable, "-c", program, str(tmp_path / "export"), str(tmp_path / "cache")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(answer) == [EDUCATIONAL, kept, ["user", "assistant"]]


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


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    path.write_text("old")
    with pytest.raises(TypeError), atomic_file(path) as file:
        file.writelines([b"half of the ne", None])  # type: ignore[list-item]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"
