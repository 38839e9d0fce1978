"""Shards are read back exactly, by Megatron-LM's rules too, and any damage is named."""

from __future__ import annotations

import errno
import json
import struct
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pretrain import shards
from pretrain.errors import ShardError
from pretrain.shards import Shard, open_heldout, open_shards, write_shard
from synth.errors import RunFolderError

DOCUMENTS = [[5, 6, 0], [7, 0], [1, 2, 3, 4, 0]]
FACTS: dict[str, Any] = {"bytes": 20, "vocab_size": 8, "tokenizer": "a" * 64, "end_of_text": 0}


def write(prefix: Path, documents: list[list[int]] = DOCUMENTS, **facts: Any) -> Path:
    tokens = np.array([token for document in documents for token in document], np.int32)
    sizes = np.array([len(document) for document in documents], np.int32)
    write_shard(prefix, [(tokens, sizes)], FACTS | facts)
    return prefix


def read_as_megatron(prefix: Path) -> list[list[int]]:
    """The documents, by Megatron-LM's published format and none of our code."""
    index = prefix.with_suffix(".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, num_sequences, num_bounds = struct.unpack("<QBQQ", index[9:34])
    assert (version, code) == (1, 4)
    sizes = struct.unpack_from(f"<{num_sequences}i", index, 34)
    pointers = struct.unpack_from(f"<{num_sequences}q", index, 34 + 4 * num_sequences)
    bounds = struct.unpack_from(f"<{num_bounds}q", index, 34 + 12 * num_sequences)
    assert len(index) == 34 + 12 * num_sequences + 8 * num_bounds
    data = prefix.with_suffix(".bin").read_bytes()
    sequences = [list(struct.unpack_from(f"<{n}i", data, at)) for n, at in zip(sizes, pointers, strict=True)]
    return [list(chain(*sequences[a:b])) for a, b in pairwise(bounds)]


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_documents_come_back(tmp_path: Path) -> None:
    shard = Shard.open(write(tmp_path / "python"))
    assert [shard.document(i).tolist() for i in range(shard.num_documents)] == DOCUMENTS
    assert (shard.name, shard.num_tokens, shard.text_bytes, shard.tokens.dtype) == ("python", 10, 20, np.int32)


def test_megatron_reads_the_same_documents(tmp_path: Path) -> None:
    assert read_as_megatron(write(tmp_path / "python")) == DOCUMENTS


def test_a_name_may_have_dots(tmp_path: Path) -> None:
    write(tmp_path / "c.v1")
    assert list(open_shards([tmp_path])) == ["c.v1"]


@pytest.mark.parametrize("verify", [True, False, None])
def test_a_shard_without_documents_is_one(tmp_path: Path, verify: bool | None) -> None:
    assert Shard.open(write(tmp_path / "python", []), verify=verify).num_documents == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [("tokens", "10"), ("tokens", -10), ("documents", None), ("bytes", True), ("block_bytes", 0), ("blocks_bin", 3)],
)
def test_facts_of_the_wrong_kind_are_refused(tmp_path: Path, key: str, value: object) -> None:
    path = write(tmp_path / "python").with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(ShardError, match=rf"python\.json: not the facts of a shard, {key}"):
        Shard.open(tmp_path / "python")


def test_bytes_without_a_checksum_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "python").with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"blocks_bin": []}))
    with pytest.raises(ShardError, match=r"python\.bin: has 1 blocks, but 0 checksums"):
        Shard.open(tmp_path / "python")


def test_blocks_are_read_in_the_size_they_were_written_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "BLOCK_BYTES", 16)
    write(tmp_path / "python")
    monkeypatch.setattr(shards, "BLOCK_BYTES", 8)
    assert Shard.open(tmp_path / "python").num_tokens == 10


@pytest.mark.parametrize("suffix", [".bin", ".idx"])
def test_one_flipped_bit_is_found(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / "python").with_suffix(suffix)
    flip(path, 35)  # in `.idx` behind the header, where sizes and offsets still fit
    with pytest.raises(ShardError, match=rf"{path}: (damaged, block 0 of 1|its documents end)"):
        Shard.open(tmp_path / "python")


@pytest.mark.parametrize(("verify", "found"), [(False, False), (True, True)])
def test_a_sample_of_blocks_or_all_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verify: bool, found: bool
) -> None:
    monkeypatch.setattr(shards, "BLOCK_BYTES", 4)
    flip(write(tmp_path / "python").with_suffix(".bin"), 8)  # block 2 of 10; the first, sixth and last are looked at
    if found:
        with pytest.raises(ShardError, match="block 2 of 10"):
            Shard.open(tmp_path / "python", verify=verify)
    else:
        Shard.open(tmp_path / "python", verify=verify)


@pytest.mark.parametrize(("suffix", "size"), [(".bin", 36), (".idx", 40), (".idx", 0)])
def test_a_file_cut_short_is_named(tmp_path: Path, suffix: str, size: int) -> None:
    path = write(tmp_path / "python").with_suffix(suffix)
    with path.open("r+b") as file:
        file.truncate(size)
    with pytest.raises(ShardError, match=rf"{path}: cut short, {size} bytes"):
        Shard.open(tmp_path / "python", verify=False)


def test_another_kind_of_index_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "python").with_suffix(".idx")
    path.write_bytes(b"TNTIDX\0\0\0" + path.read_bytes()[9:])
    with pytest.raises(ShardError, match="not an index of Megatron-LM's format, begins with b'TNTIDX"):
        Shard.open(tmp_path / "python")


def test_an_index_of_other_tokens_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "python")
    write(tmp_path / "other", [[5, 0], [7, 0], [1, 2, 3, 0]])
    (tmp_path / "other.idx").replace(tmp_path / "python.idx")
    with pytest.raises(ShardError, match=r"python\.idx: its documents end at byte 32, the tokens at 40"):
        Shard.open(tmp_path / "python", verify=False)


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "python")
    with pytest.raises(ShardError, match=r"python\.json: packed with another tokenizer, aaaaaaaaaaaa instead of bbbb"):
        open_shards([tmp_path], tokenizer="b" * 64)


@pytest.mark.parametrize(("vocab_size", "fits"), [(7, False), (8, True), (9, True)])
def test_the_model_must_hold_the_vocabulary(tmp_path: Path, vocab_size: int, fits: bool) -> None:
    write(tmp_path / "python")
    if fits:
        assert open_shards([tmp_path], vocab_size=vocab_size)
    else:
        with pytest.raises(ShardError, match="vocabulary of 8 is larger than the model's of 7"):
            open_shards([tmp_path], vocab_size=vocab_size)


@pytest.mark.parametrize("token", [-1, 8])
def test_ids_outside_the_vocabulary_are_found(tmp_path: Path, token: int) -> None:
    write(tmp_path / "python", [[token, 0]])
    with pytest.raises(ShardError, match=r"token ids outside \[0, 8\)"):
        Shard.open(tmp_path / "python")


def test_an_unfinished_shard_is_named(tmp_path: Path) -> None:
    write(tmp_path / "python").with_suffix(".json").unlink()
    with pytest.raises(ShardError, match="never finished"):
        Shard.open(tmp_path / "python")


@pytest.mark.parametrize("text", ["", "[1]", '{"tokens": 1}', "\udcff", "[" * 100_000])
def test_a_damaged_json_file_is_named(tmp_path: Path, text: str) -> None:
    write(tmp_path / "python").with_suffix(".json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ShardError, match=r"python\.json: (cannot be read|not the facts)"):
        Shard.open(tmp_path / "python")


def test_one_name_in_two_folders_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "python")
    write(tmp_path / "b" / "python")
    with pytest.raises(ShardError, match="'python' is in"):
        open_shards([tmp_path / "a", tmp_path / "b"])


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="no shards in it"):
        open_shards([tmp_path])


def test_held_out_shards_are_apart(tmp_path: Path) -> None:
    write(tmp_path / "python")
    write(tmp_path / "heldout" / "c")
    assert (list(open_shards([tmp_path])), list(open_heldout([tmp_path]))) == (["python"], ["c"])


def test_a_held_out_shard_without_documents_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "heldout" / "c", [])
    write(tmp_path / "heldout" / "python")
    assert list(open_heldout([tmp_path])) == ["python"]


def test_an_empty_held_out_folder_is_none(tmp_path: Path) -> None:
    write(tmp_path / "python")
    (tmp_path / "heldout").mkdir()
    assert open_heldout([tmp_path]) == {}


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def documents() -> Any:
        yield np.zeros(3, np.int32), np.array([3], np.int32)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RunFolderError, match=r"python\.bin: the disk is full"):
        write_shard(tmp_path / "python", documents(), FACTS)
    assert not list(tmp_path.iterdir())


def test_blocks_are_of_the_stated_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "BLOCK_BYTES", 16)
    write(tmp_path / "python")
    facts = json.loads((tmp_path / "python.json").read_text())
    assert (facts["block_bytes"], len(facts["blocks_bin"]), len(facts["blocks_idx"])) == (16, 3, 7)
