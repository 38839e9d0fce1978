"""Packing keeps every document, whatever the number of workers, and goes on where it was stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pretrain import pack as packing
from pretrain.errors import ConfigError, RunFolderError, ShardError, TokenizerError
from pretrain.fim import Sentinels, restore
from pretrain.pack import pack
from pretrain.run_folder import hold_folder
from pretrain.shards import Shard, open_heldout, open_shards

pytestmark = pytest.mark.train
tokenizers = pytest.importorskip("tokenizers")
pyarrow = pytest.importorskip("pyarrow")

from pretrain.tokenizer import (  # noqa: E402
    FIM_MIDDLE,
    FIM_PREFIX,
    FIM_SUFFIX,
    fingerprint,
    load_tokenizer,
    save_tokenizer,
    train_tokenizer,
)

TEXTS = [f"def function_{i}(x):\r\n\treturn x + {i}  # 你好 é\n" * (1 + i % 5) for i in range(120)]
HELD_OUT = [f"class Held{i}:\n    value = {i}\n" * 3 for i in range(9)]
HOSTILE = ["<|endoftext|> in a document <|fim_middle|> and <|fim_prefix|><|im_end|>", "\x00\u200b\U0001f600" * 20]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_tokenizer(TEXTS + HELD_OUT, vocab_size=330), folder)
    return folder


def write_parquet(path: Path, columns: dict[str, Sequence[Any]]) -> Path:
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_parquet(folder / "train" / "python" / "part-00000.parquet", {"text": TEXTS[:70]})
    write_parquet(folder / "train" / "python" / "part-00001.parquet", {"text": TEXTS[70:]})
    write_parquet(folder / "train" / "c" / "part-00000.parquet", {"text": HOSTILE})
    write_parquet(folder / "heldout" / "python" / "part-00000.parquet", {"text": HELD_OUT})
    (folder / "manifest.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def packed(corpus: Path, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packed")
    pack([str(corpus)], tokenizer, out, workers=1)
    return out


def texts_of(shard: Shard, tokenizer: Path) -> list[str]:
    """The documents as text again, cuts undone."""
    library = load_tokenizer(tokenizer)
    ids = Sentinels(*(library.token_to_id(name) for name in (FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX)))
    documents = [shard.document(i) for i in range(shard.num_documents)]
    assert all(document[-1] == 0 and not (document[:-1] == 0).any() for document in documents)
    return [library.decode(restore(document[:-1], ids).tolist(), skip_special_tokens=False) for document in documents]


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("manifest.json", ".lock")
    }


def test_every_document_comes_back(packed: Path, tokenizer: Path) -> None:
    shards = open_shards([packed], tokenizer=fingerprint(tokenizer), vocab_size=330)
    assert sorted(texts_of(shards["python"], tokenizer)) == sorted(TEXTS)
    assert sorted(texts_of(shards["c"], tokenizer)) == sorted(HOSTILE)  # spelt special tokens are text


def test_documents_are_shuffled(packed: Path, tokenizer: Path) -> None:
    places = [TEXTS.index(text) for text in texts_of(open_shards([packed])["python"], tokenizer)]
    assert places != sorted(places)
    assert abs(np.corrcoef(places, range(len(places)))[0, 1]) < 0.3


def test_held_out_documents_are_never_cut(packed: Path, tokenizer: Path) -> None:
    held, train = open_heldout([packed])["python"], open_shards([packed])["python"]
    assert sorted(texts_of(held, tokenizer)) == sorted(HELD_OUT)
    prefix = load_tokenizer(tokenizer).token_to_id(FIM_PREFIX)
    assert (held.facts["fim_rate"], (held.tokens == prefix).sum()) == (0.0, 0)
    assert 30 < (train.tokens == prefix).sum() < 90  # half of 120


def test_text_bytes_are_counted(packed: Path) -> None:
    assert open_shards([packed])["python"].text_bytes == sum(len(text.encode()) for text in TEXTS)


def test_the_number_of_workers_changes_nothing(
    packed: Path, corpus: Path, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "BATCH_CHARACTERS", 300)  # many batches, other than those of `packed`
    pack([str(corpus)], tokenizer, tmp_path, workers=3)
    assert files_of(tmp_path) == files_of(packed)


def test_a_finished_pack_says_so_at_once(packed: Path, corpus: Path, tokenizer: Path) -> None:
    before = files_of(packed)
    started = time.perf_counter()
    manifest = pack([str(corpus)], tokenizer, packed)
    assert time.perf_counter() - started < 1
    assert manifest == json.loads((packed / "manifest.json").read_text())
    assert files_of(packed) == before


def test_other_settings_are_refused(packed: Path, corpus: Path, tokenizer: Path) -> None:
    with pytest.raises(ShardError, match=r"packed from other inputs: fim_rate 0.5 -> 0.1; give --restart"):
        pack([str(corpus)], tokenizer, packed, fim_rate=0.1)


def test_other_data_are_refused(packed: Path, corpus: Path, tokenizer: Path, tmp_path: Path) -> None:
    path = tmp_path / "more.jsonl"
    path.write_text('{"text": "x = 1"}\n')
    with pytest.raises(ShardError, match=r"other inputs: files\.more none ->"):
        pack([str(corpus), f"more={path}"], tokenizer, packed)


def test_a_stopped_pack_goes_on(packed: Path, corpus: Path, tokenizer: Path, tmp_path: Path) -> None:
    pack([str(corpus)], tokenizer, tmp_path, workers=1)
    finished = (tmp_path / "c.json").stat().st_mtime_ns
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "python.json").unlink()  # as if it had been killed within this shard
    (tmp_path / ".python.bin.abcdefgh").write_bytes(b"half")
    (tmp_path / ".packing").mkdir()
    pack([str(corpus)], tokenizer, tmp_path, workers=1)
    assert files_of(tmp_path) == files_of(packed)
    assert (tmp_path / "c.json").stat().st_mtime_ns == finished


def test_restart_leaves_no_shard_of_other_data(tokenizer: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x = 1"}\n')
    pack([f"old={path}"], tokenizer, tmp_path / "out", workers=1)
    pack([f"new={path}"], tokenizer, tmp_path / "out", workers=1, restart=True)
    assert list(open_shards([tmp_path / "out"])) == ["new"]


def test_instructions_are_joined_and_never_cut(tokenizer: Path, tmp_path: Path) -> None:
    rows = {"instruction": ["Add one to the number x, please."] * 20, "output": ["x + 1"] * 20, "code": ["?"] * 20}
    write_parquet(tmp_path / "export" / "data" / "train.parquet", rows)
    pack([f"synth={tmp_path}/export"], tokenizer, tmp_path / "out", fim_rate=1.0, workers=1)
    shard = open_shards([tmp_path / "out"])["synth"]
    library = load_tokenizer(tokenizer)
    assert library.decode(shard.document(0)[:-1].tolist()) == "Add one to the number x, please.\n\nx + 1"
    assert not (shard.tokens == library.token_to_id(FIM_PREFIX)).any()


def test_rows_left_out_are_counted(tokenizer: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x"}\n{"text": " "}\n{"no": 1}\n[]\n{"text": "\\ud800"}\n\n{"content": "y"}\n')
    manifest = pack([f"a={path}"], tokenizer, tmp_path / "out", workers=1)
    assert manifest["shards"]["a"]["dropped"] == {"pack.empty": 1, "pack.no_text": 2, "pack.not_unicode": 1}
    assert manifest["shards"]["a"]["documents"] == 2


def pack_two(tokenizer: Path, out: Path, **options: Any) -> dict[str, Any]:
    """Shards a and b."""
    for name in ("a", "b"):
        (out.parent / f"{name}.jsonl").write_text("".join(json.dumps({"text": name + t}) + "\n" for t in TEXTS[:9]))
    return pack([f"{name}={out.parent}/{name}.jsonl" for name in ("a", "b")], tokenizer, out, workers=1, **options)


def test_restart_packs_damaged_shards_again(tokenizer: Path, tmp_path: Path) -> None:
    pack_two(tokenizer, tmp_path / "out")
    before = files_of(tmp_path / "out")
    (tmp_path / "out" / "a.bin").write_bytes(before["a.bin"][::-1])  # size, index and inputs are still right
    pack_two(tokenizer, tmp_path / "out", restart=True)
    assert files_of(tmp_path / "out") == before


@pytest.mark.parametrize("lost", ["a.bin", "a.idx", "a.json"])
def test_a_finished_shard_that_was_lost_is_packed_again_alone(
    tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lost: str
) -> None:
    first = pack_two(tokenizer, tmp_path / "out")
    before, kept = files_of(tmp_path / "out"), (tmp_path / "out" / "b.bin").stat().st_mtime_ns
    (tmp_path / "out" / lost).unlink()
    again = pack_two(tokenizer, tmp_path / "out")
    assert "finished before, but a is missing or damaged and packed again" in capsys.readouterr().err
    assert files_of(tmp_path / "out") == before
    assert again["shards"] == first["shards"]
    assert (tmp_path / "out" / "b.bin").stat().st_mtime_ns == kept


def test_a_shard_of_other_inputs_is_not_taken_for_a_finished_one(tokenizer: Path, tmp_path: Path) -> None:
    pack_two(tokenizer, tmp_path / "out")
    before = files_of(tmp_path / "out")
    facts = json.loads(before["a.json"]) | {"identity": "other"}
    (tmp_path / "out" / "a.json").write_text(json.dumps(facts))
    pack_two(tokenizer, tmp_path / "out")
    assert files_of(tmp_path / "out") == before


def test_a_damaged_shard_of_other_data_goes_and_strange_files_stay(tokenizer: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name, content in {
        "old.bin": "x",
        "old.idx": "x",
        "old.json": "{",
        "notes.json": "{}",
        "more.json": "[",
    }.items():
        (out / name).write_text(content)
    pack_two(tokenizer, out)
    assert (
        sorted(path.name for path in out.glob("*.json")) == "a.json b.json manifest.json more.json notes.json".split()
    )
    assert not list(out.glob("old.*"))


def test_restart_without_held_out_text_leaves_none_behind(corpus: Path, tokenizer: Path, tmp_path: Path) -> None:
    pack([str(corpus)], tokenizer, tmp_path / "out", workers=1)
    pack_two(tokenizer, tmp_path / "out", restart=True)
    assert open_heldout([tmp_path / "out"]) == {}
    assert not (tmp_path / "out" / "heldout").exists()


@pytest.mark.parametrize("restart", [False, True])
def test_the_folder_of_another_stage_is_left_alone(tokenizer: Path, tmp_path: Path, restart: bool) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text('{"stage": "tokenizer", "inputs": {}}')
    with pytest.raises(ShardError, match=r"not of `pretrain pack`, another stage's; choose another --out"):
        pack_two(tokenizer, tmp_path / "out", restart=restart)
    assert (tmp_path / "out" / "manifest.json").exists()


def test_a_refused_tokenizer_costs_no_shard(tokenizer: Path, tmp_path: Path) -> None:
    pack_two(tokenizer, tmp_path / "out")
    before = files_of(tmp_path / "out")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "tokenizer.json").write_text("{}")
    with pytest.raises(TokenizerError):
        pack_two(tmp_path / "bad", tmp_path / "out", restart=True)
    assert files_of(tmp_path / "out") == before


def test_the_manifest_says_by_which_command(tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/bin/pretrain", "pack", "--out", "my shards"])
    assert pack_two(tokenizer, tmp_path / "out")["command"] == "pretrain pack --out 'my shards'"


@pytest.mark.parametrize("rate", [float("nan"), 1.5])
def test_a_rate_that_is_none_is_refused(tokenizer: Path, tmp_path: Path, rate: float) -> None:
    with pytest.raises(ConfigError, match=r"--fim-rate: must be in \[0, 1\]"):
        pack_two(tokenizer, tmp_path / "out", fim_rate=rate)


def test_data_without_a_text_is_refused(tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": ""}\n')
    with pytest.raises(ShardError, match="no row has a text"):
        pack([f"a={tmp_path}/a.jsonl"], tokenizer, tmp_path / "out", workers=1)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_folder_without_a_tokenizer_is_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        pack([str(corpus)], tmp_path, tmp_path / "out")


def test_one_pack_at_a_time(corpus: Path, tokenizer: Path, tmp_path: Path) -> None:
    with hold_folder(tmp_path), pytest.raises(RunFolderError, match="another process"):
        pack([str(corpus)], tokenizer, tmp_path)


def start_pack(tokenizer: Path, folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A pack of 15 MB of text that is under way, and the processes that it started."""
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": text * 40}) + "\n" for text in TEXTS * 30))
    program = "from pretrain.cli_pack import pack; pack()"
    arguments = ["--data", f"a={folder}/a.jsonl", "--tokenizer", tokenizer, "--out", folder / "out", "--workers", "2"]
    parent = subprocess.Popen([sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 20
    started: list[int] = []
    while len(started) < 3 and time.monotonic() < deadline:  # what tracks their semaphores, and two workers
        time.sleep(0.05)
        started = [int(pid) for pid in children.read_text().split()]
    assert len(started) == 3
    return parent, started


def test_workers_end_with_a_killed_parent(tokenizer: Path, tmp_path: Path) -> None:
    parent, started = start_pack(tokenizer, tmp_path)
    parent.kill()
    parent.communicate(timeout=10)
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)


def test_a_pack_killed_midway_goes_on_to_the_same_bytes(tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    parent, _ = start_pack(tokenizer, tmp_path / "one")
    parent.kill()
    parent.communicate(timeout=10)
    data = [f"a={tmp_path}/one/a.jsonl"]
    pack(data, tokenizer, tmp_path / "one" / "out", workers=2)
    pack(data, tokenizer, tmp_path / "two", workers=1)
    assert files_of(tmp_path / "one" / "out") == files_of(tmp_path / "two")


def test_a_killed_worker_is_one_line(tokenizer: Path, tmp_path: Path) -> None:
    parent, started = start_pack(tokenizer, tmp_path)
    os.kill(started[-1], signal.SIGKILL)
    _, errors = parent.communicate(timeout=20)
    assert parent.returncode == 1
    assert errors == "pretrain pack: a: a worker died, perhaps for want of memory; give fewer --workers\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
