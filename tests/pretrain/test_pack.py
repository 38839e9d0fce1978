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
from pretrain.errors import RunFolderError, ShardError, TokenizerError
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


def test_a_killed_worker_is_one_line(tokenizer: Path, tmp_path: Path) -> None:
    parent, started = start_pack(tokenizer, tmp_path)
    os.kill(started[-1], signal.SIGKILL)
    _, errors = parent.communicate(timeout=20)
    assert parent.returncode == 1
    assert errors == "pretrain pack: a: a worker died, perhaps for want of memory; give fewer --workers\n"
    assert not list((tmp_path / "out").glob("a.*"))
