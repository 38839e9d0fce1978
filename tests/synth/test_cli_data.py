"""`synth export` and `synth mix` as commands, and what their folders are to those who read them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from plain_run import PlainRun, teach
from scripted import Scripted, serve
from sets_on_disk import rows_in, sample, tasks, words, write_rows, write_run

from synth.cli import cli
from synth.files import training_files
from synth.folders import files_in


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, args)))


def told(*args: object) -> dict[str, Any]:
    """What a command prints with --json."""
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    printed: dict[str, Any] = json.loads(result.stdout)
    return printed


@pytest.fixture
def cooked(tmp_path: Path) -> Path:
    """A run with 10 kept rows, 2 of them with nothing run, 3 that only verification dropped, 1 twin of those."""
    rows = [sample(i, evidence="none" if i < 2 else "self", scores={"quality": float(i)}) for i in range(10)]
    rows += [sample(("wrong", i), evidence="none").drop("verify.failed") for i in range(3)]
    again = sample(("wrong", 0), seed_id="another", evidence="none")
    rows += [again.drop("verify.failed"), sample("leak").drop("ask.leak")]
    return write_run(tmp_path / "run", rows, subset="educational_instruct")


def test_all_puts_back_what_only_verification_dropped_but_no_twin(cooked: Path) -> None:
    assert told("export", cooked, "--all")["put_back"] == 3
    rows = rows_in(cooked / "export-all" / "data")
    assert sum(row["dropped"] == "verify.failed" and not row["verified"] for row in rows) == 3
    assert len(rows) == 13


def test_verified_only_has_no_row_without_evidence(cooked: Path) -> None:
    assert told("export", cooked, "--verified-only")["rows"] == 8
    assert {row["verified"] for row in rows_in(cooked / "export-verified" / "data")} == {True}


def test_rows_can_be_chosen_by_score_into_a_folder_of_their_own(cooked: Path, tmp_path: Path) -> None:
    chosen = told("export", cooked, "--min-score", "quality=7", "--out", tmp_path / "best")
    assert (chosen["rows"], chosen["selection"]) == (3, "quality at least 7")
    assert run("export", cooked, "--min-score", "quality=7").exit_code != 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--evidence", "sworn", "--out", "x"], "unknown kind 'sworn'; known: seed"),
        (["--evidence", ",", "--out", "x"], "names no kind"),
        (["--min-score", "quality", "--out", "x"], "must be NAME=NUMBER, got 'quality'"),
        (["--min-score", "quality=nan", "--out", "x"], "must be NAME=NUMBER"),
        (["--all", "--verified-only"], "exclude each other"),
        (["--dry-run"], "go with --push"),
        (["--push", "nobody", "--dry-run"], "must be OWNER/NAME, got 'nobody'"),
    ],
)
def test_a_bad_flag_is_said_before_anything_is_written(cooked: Path, flags: list[str], said: str) -> None:
    result = run("export", cooked, *flags)
    assert said in f"{result.output} {result.exception}"
    assert not list(cooked.glob("export*"))


def test_an_export_made_anew_has_the_bytes_that_the_run_wrote(tmp_path: Path) -> None:
    job = PlainRun(home=tmp_path)
    with serve(Scripted(teach)) as teacher:
        job.cook(teacher.base_url)
    before = job.dataset()
    assert {"export/README.md", "export/messages/train.jsonl"} < before.keys()
    told("export", tmp_path / "run")
    assert job.dataset() == before


def test_mix_prints_what_it_took_and_says_who_is_short(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "evol", [sample(i) for i in range(30)], subset="evol_instruct")
    write_run(tmp_path / "runs" / "edu", [sample(i) for i in range(30, 40)], subset="educational_instruct")
    result = run("mix", "stage2", "--rows", 60, "--runs", tmp_path / "runs", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"] == 28
    assert "short: educational_instruct, package_instruct, mceval_instruct; 20 rows would keep" in result.stderr


def test_mix_takes_sources_shards_and_the_rest_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("sets: {a: {weight: 3}, b: {weight: 1}}\nvalidation: 0")
    paths = [write_rows(tmp_path / f"{name}.jsonl", tasks(name, range(30))) for name in ("a", "b", "c")]
    sources = ["--set", f"a={paths[0]}", "--set", f"b={paths[1]}", "--set", f"a={paths[2]}"]
    told("mix", tmp_path / "mine.yaml", "--rows", 80, "--shard-rows", 30, *sources, "--out", tmp_path / "out")
    assert [path.name for path in training_files(tmp_path / "out")] == [
        f"train-{i:05}-of-00003.parquet" for i in range(3)
    ]


def test_seeds_and_packing_read_the_training_rows_of_a_mixture_once(tmp_path: Path) -> None:
    from pretrain.pack_input import _named_files

    (tmp_path / "mine.yaml").write_text("sets: {a: {weight: 1, sources: rows.jsonl}}\nvalidation: 0.3")
    write_rows(tmp_path / "rows.jsonl", tasks("a", range(40)))
    told("mix", tmp_path / "mine.yaml", "--rows", 40, "--out", tmp_path / "out")
    wanted = [tmp_path / "out" / "data" / "train-00000-of-00001.parquet"]
    assert files_in(tmp_path / "out") == wanted
    assert [path for _, path in _named_files("a", tmp_path / "out")] == wanted


LOAD = """
import json, sys
import datasets
folder, cache, *names = sys.argv[1:]
for name in names:
    for split, rows in datasets.load_dataset(folder, name or None, cache_dir=cache).items():
        print(json.dumps([name, split, sorted(rows["id"]), rows.column_names[:7]]))
"""


@pytest.mark.train
@pytest.mark.parametrize(
    ("layout", "first"),
    [
        ("instructions", ["seq_id", "instruction", "output", "code", "entry_point", "testcase", "tag"]),
        ("documents", ["text", "lang", "seq_id", "tag"]),
    ],
)
def test_load_dataset_opens_a_mixture_whole_and_by_subset(tmp_path: Path, layout: str, first: list[str]) -> None:
    pytest.importorskip("datasets", reason="needs the train extra")
    mix = {"layout": layout, "validation": 0.3, "sets": {}}
    for name in ("evol_instruct", "synthetic_qa"):
        rows = [row | {"text": words((name, row["output"]), 50)} for row in tasks(name, range(30))]
        write_rows(tmp_path / f"{name}.jsonl", rows)
        mix["sets"][name] = {"weight": 1, "sources": f"{name}.jsonl"}  # type: ignore[index]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(mix))
    told("mix", tmp_path / "mine.yaml", "--rows", 50, "--out", tmp_path / "out")
    command = [sys.executable, "-c", LOAD, str(tmp_path / "out"), str(tmp_path / "cache"), "", *mix["sets"]]  # type: ignore[misc]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {(name, split): (ids, names) for name, split, ids, names in map(json.loads, answer.splitlines())}
    assert all(names[: len(first)] == first for _, names in found.values())
    for split in ("train", "validation"):
        parts = [id for name in ("evol_instruct", "synthetic_qa") for id in found[name, split][0]]
        assert sorted(parts) == found["", split][0]
    assert len(found["", "train"][0]) + len(found["", "validation"][0]) == 50
