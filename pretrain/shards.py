"""Token shards on disk: `<name>.bin`, `<name>.idx` (Megatron-LM's indexed dataset) and `<name>.json` (what they hold).

`.bin` is little-endian int32 token ids, document after document, each closed by the end-of-text token. `.idx` is
`MMIDIDX\\0\\0`, version 1 (u64), dtype code 4 (u8), counts of sequences and of document bounds (u64 each), then sizes
(int32), byte offsets (int64) and document bounds (int64). The JSON file comes last: a shard without it does not exist.
A shard is checked when it is opened: sizes, header, index and a few blocks of tokens always; every byte with `verify`.
Not covered: Megatron's sequence modes (multimodal data), and more than one sequence per document.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pretrain.errors import ShardError
from synth.files import atomic_file

HEADER = struct.Struct("<9sQBQQ")
MAGIC, VERSION, INT32 = b"MMIDIDX\0\0", 1, 4
BLOCK_BYTES = 64 << 20
"""Of `.bin` and `.idx`, each with a checksum of its own."""
WHOLE_BYTES = 4 << 30
"""Up to here every byte is read when a shard is opened (SHA-256 runs at 1 to 2 GB/s); beyond, three blocks are."""
REPACK = "pack it again with `pretrain pack --restart`"
FACTS: dict[str, type] = {
    **dict.fromkeys(("tokens", "documents", "bytes", "vocab_size", "end_of_text", "block_bytes"), int),
    **dict.fromkeys(("tokenizer", "sha256_bin", "sha256_idx"), str),
    **dict.fromkeys(("blocks_bin", "blocks_idx"), list),
}
"""What the JSON file says at least."""

Tokens = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Shard:
    """One packed source of text, memory-mapped."""

    prefix: Path
    """Its path without suffix."""
    tokens: Tokens
    """All of them, in the shuffled order of the documents."""
    offsets: NDArray[np.int64]
    """Where each document begins in `.bin`, in bytes."""
    sizes: NDArray[np.int32]
    """Tokens of each document, the end-of-text included."""
    facts: dict[str, Any]
    """The JSON file."""

    @classmethod
    def open(
        cls, prefix: Path, *, tokenizer: str | None = None, vocab_size: int | None = None, verify: bool | None = True
    ) -> Shard:
        """The shard `prefix`.bin, .idx, .json, checked.

        `tokenizer` is the fingerprint it must have, `vocab_size` the model's, which must hold all its ids. `verify`
        reads every byte; `None` does so up to `WHOLE_BYTES`.
        Raises: ShardError.
        """
        facts = _read_facts(prefix)
        _check_origin(prefix, facts, tokenizer, vocab_size)
        try:
            return cls._map(prefix, facts, verify)
        except OSError as error:
            raise ShardError(f"{prefix}: cannot be read, got {error.strerror or error}; {REPACK}") from error

    @classmethod
    def _map(cls, prefix: Path, facts: dict[str, Any], verify: bool | None) -> Shard:
        bin_path, idx_path = _beside(prefix, ".bin"), _beside(prefix, ".idx")
        _check_size(bin_path, 4 * facts["tokens"])
        offsets, sizes = _read_index(idx_path, facts)
        whole = verify if verify is not None else bin_path.stat().st_size <= WHOLE_BYTES
        for path, key in ((bin_path, "blocks_bin"), (idx_path, "blocks_idx")):
            _check_blocks(path, facts[key], facts["block_bytes"], whole=whole)
        tokens: Tokens = np.zeros(0, np.int32)  # an empty file cannot be mapped
        if facts["tokens"]:
            tokens = np.memmap(bin_path, dtype="<i4", mode="r")
        if whole and facts["tokens"] and not (tokens.min() >= 0 and tokens.max() < facts["vocab_size"]):
            raise ShardError(f"{bin_path}: has token ids outside [0, {facts['vocab_size']}); {REPACK}")
        return cls(prefix, tokens, offsets, sizes, facts)

    @property
    def name(self) -> str:
        """Its name in a mixture."""
        return self.prefix.name

    @property
    def num_tokens(self) -> int:
        """End-of-text tokens included."""
        return int(self.facts["tokens"])

    @property
    def num_documents(self) -> int:
        """How many there are."""
        return int(self.facts["documents"])

    @property
    def text_bytes(self) -> int:
        """UTF-8 bytes of the documents before they were tokens."""
        return int(self.facts["bytes"])

    def document(self, i: int) -> Tokens:
        """The tokens of document `i`, the end-of-text last."""
        start = int(self.offsets[i]) // 4
        return self.tokens[start : start + int(self.sizes[i])]


def open_shards(
    folders: Sequence[Path], *, tokenizer: str | None = None, vocab_size: int | None = None, verify: bool | None = None
) -> dict[str, Shard]:
    """Name -> training shard, over all `folders`.

    Raises: ShardError; also for a folder without any, and for one name in two folders.
    """
    shards: dict[str, Shard] = {}
    for folder in folders:
        prefixes = sorted(path.with_suffix("") for path in folder.glob("*.json") if path.name != "manifest.json")
        if not prefixes:
            raise ShardError(f"{folder}: no shards in it; give the output folder of `pretrain pack`")
        for prefix in prefixes:
            if prefix.name in shards:
                other = shards[prefix.name].prefix.parent
                raise ShardError(f"{folder}: shard {prefix.name!r} is in {other} too; pack one under another name")
            shards[prefix.name] = Shard.open(prefix, tokenizer=tokenizer, vocab_size=vocab_size, verify=verify)
    return shards


def open_heldout(
    folders: Sequence[Path], *, tokenizer: str | None = None, vocab_size: int | None = None, verify: bool | None = None
) -> dict[str, Shard]:
    """Name -> held-out shard, over those of `folders` that have any; shards without a document are left out.

    Raises: ShardError.
    """
    held = [folder / "heldout" for folder in folders if any(folder.glob("heldout/*"))]
    shards = open_shards(held, tokenizer=tokenizer, vocab_size=vocab_size, verify=verify) if held else {}
    return {name: shard for name, shard in shards.items() if shard.num_documents}


def write_shard(prefix: Path, documents: Iterable[tuple[Tokens, NDArray[np.int32]]], facts: dict[str, Any]) -> None:
    """Writes the three files; `documents` yields runs of whole documents: their tokens and the size of each.

    Holds 4 bytes a document in memory, and 20 while the index is written. Raises: RunFolderError of `synth`.
    """
    sizes: list[NDArray[np.int32]] = []
    with atomic_file(_beside(prefix, ".bin")) as file:
        bin_sum = Checksum(file)
        for tokens, run_sizes in documents:
            bin_sum.write(tokens)
            sizes.append(run_sizes)
    all_sizes = np.concatenate(sizes) if sizes else np.zeros(0, np.int32)
    with atomic_file(_beside(prefix, ".idx")) as file:
        idx_sum = Checksum(file)
        for part in _index_parts(all_sizes):
            idx_sum.write(part)
    facts = facts | {
        "tokens": int(all_sizes.sum(dtype=np.int64)),
        "documents": len(all_sizes),
        "sha256_bin": bin_sum.whole.hexdigest(),
        "sha256_idx": idx_sum.whole.hexdigest(),
        "block_bytes": BLOCK_BYTES,
        "blocks_bin": bin_sum.blocks(),
        "blocks_idx": idx_sum.blocks(),
    }
    with atomic_file(_beside(prefix, ".json")) as file:
        file.write(json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n")


class Checksum:
    """Writes through to a file, with the SHA-256 of the whole and of each block."""

    def __init__(self, file: IO[bytes]) -> None:
        self.whole = hashlib.sha256()
        self._file, self._done, self._left = file, list[str](), BLOCK_BYTES
        self._block = hashlib.sha256()

    def write(self, data: Any) -> None:
        """Writes an array or bytes."""
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        self._file.write(view)
        self.whole.update(view)
        while len(view) >= self._left:
            self._block.update(view[: self._left])
            self._done.append(self._block.hexdigest())
            view, self._left, self._block = view[self._left :], BLOCK_BYTES, hashlib.sha256()
        self._block.update(view)
        self._left -= len(view)

    def blocks(self) -> list[str]:
        """SHA-256 of each block written so far, a shorter last one included."""
        return [*self._done, self._block.hexdigest()] if self._left < BLOCK_BYTES else self._done


def _index_parts(sizes: NDArray[np.int32]) -> Iterator[Any]:
    """The `.idx` file in writing order."""
    yield HEADER.pack(MAGIC, VERSION, INT32, len(sizes), len(sizes) + 1)
    yield sizes.astype("<i4")
    yield _offsets(sizes)
    yield np.arange(len(sizes) + 1, dtype="<i8")


def _offsets(sizes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Byte offset of each document."""
    ends = np.cumsum(sizes, dtype="<i8") * 4
    return ends - 4 * sizes.astype(np.int64)


def _read_facts(prefix: Path) -> dict[str, Any]:
    path = _beside(prefix, ".json")
    try:
        facts = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ShardError(f"{path}: no such file; the shard was never finished, {REPACK}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ShardError(f"{path}: cannot be read, got {error}; {REPACK}") from error
    if not isinstance(facts, dict):
        raise ShardError(f"{path}: not the facts of a shard, got {type(facts).__name__}; {REPACK}")
    wrong = [key for key, kind in FACTS.items() if type(facts.get(key)) is not kind]
    wrong = wrong or [key for key, kind in FACTS.items() if kind is int and facts[key] < (key == "block_bytes")]
    if wrong:
        raise ShardError(f"{path}: not the facts of a shard, {', '.join(wrong)} missing or of no use; {REPACK}")
    return facts


def _check_origin(prefix: Path, facts: dict[str, Any], tokenizer: str | None, vocab_size: int | None) -> None:
    path = _beside(prefix, ".json")
    if tokenizer is not None and facts["tokenizer"] != tokenizer:
        raise ShardError(
            f"{path}: packed with another tokenizer, {facts['tokenizer'][:12]} instead of {tokenizer[:12]}; "
            "give that tokenizer's folder, or pack again"
        )
    if vocab_size is not None and facts["vocab_size"] > vocab_size:
        raise ShardError(
            f"{path}: its vocabulary of {facts['vocab_size']} is larger than the model's of {vocab_size}; "
            "set model.vocab_size to at least that"
        )


def _check_size(path: Path, expected: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ShardError(f"{path}: cannot be read, got {error.strerror}; {REPACK}") from error
    if size != expected:
        kind = "cut short" if size < expected else "longer than it was written"
        raise ShardError(f"{path}: {kind}, {size:,} bytes instead of {expected:,}; {REPACK}")


def _read_index(path: Path, facts: dict[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Offsets and sizes, mapped. Raises: ShardError where the header or the last entry does not fit the tokens."""
    count = facts["documents"]
    _check_size(path, HEADER.size + 4 * count + 8 * count + 8 * (count + 1))
    data = np.memmap(path, dtype=np.uint8, mode="r")
    expected = (MAGIC, VERSION, INT32, count, count + 1)
    found = HEADER.unpack(data[: HEADER.size].tobytes())
    if found[0] != MAGIC:
        raise ShardError(f"{path}: not an index of Megatron-LM's format, begins with {found[0]!r}; {REPACK}")
    if found != expected:
        raise ShardError(f"{path}: header says {found[1:]}, must be {expected[1:]}; {REPACK}")
    sizes = data[HEADER.size : HEADER.size + 4 * count].view("<i4")
    offsets = data[HEADER.size + 4 * count : HEADER.size + 12 * count].view("<i8")
    end = int(offsets[-1]) + 4 * int(sizes[-1]) if count else 0
    if end != 4 * facts["tokens"]:
        raise ShardError(f"{path}: its documents end at byte {end:,}, the tokens at {4 * facts['tokens']:,}; {REPACK}")
    return offsets, sizes


def _check_blocks(path: Path, expected: list[str], block_bytes: int, *, whole: bool) -> None:
    """Raises: ShardError for a block whose bytes are not those written; first, middle and last unless `whole`."""
    count = -(-path.stat().st_size // block_bytes)
    if len(expected) != count:
        raise ShardError(f"{path}: has {count} blocks, but {len(expected)} checksums; {REPACK}")
    numbers = range(count) if whole or count <= 3 else (0, count // 2, count - 1)
    with path.open("rb") as file:
        for number in numbers:
            file.seek(number * block_bytes)
            if hashlib.sha256(file.read(block_bytes)).hexdigest() != expected[number]:
                raise ShardError(f"{path}: damaged, block {number} of {count} has another checksum; {REPACK}")


def _beside(prefix: Path, suffix: str) -> Path:
    return prefix.with_name(prefix.name + suffix)  # `with_suffix` would eat the end of a name with a dot
