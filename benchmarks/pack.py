"""How fast packing is beside the tokenizer alone, Megatron-LM's way and datatrove: `python benchmarks/pack.py`.

All read the same Python files of this interpreter's packages and use the same tokenizer and number of cores; they take
turns, and a ratio is the median over the rounds, so that other work on the machine weighs on all of them alike.

    ours            Parquet in, shuffled and checksummed .bin/.idx out (`pretrain.pack.pack`), FIM off and on
    encode_batch    the tokenizer library alone: its own threads over texts in memory, ids thrown away: two of its calls
    Megatron's way  tools/preprocess_data.py in a few lines: a process pool over JSON lines, one call per document,
                    Python lists back to one writer
    datatrove       its own ParquetReader and DocumentTokenizer, where it is installed (`pip install datatrove`)

Bars: ours >= 0.9 x tokenizer alone, >= 1 x the better of the other two.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path[:] = [
    path for path in sys.path if Path(path).resolve() != Path(__file__).parent
]  # a neighbour hides the package

BATCH_BYTES = 1 << 20
CHUNK_DOCUMENTS = 32
"""Per task, Megatron-LM's default `--partition` chunk."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mb", type=float, default=40, help="text to pack")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--vocab-size", type=int, default=16384)
    options = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = str(options.workers)  # the library's threads; before it is loaded
    with tempfile.TemporaryDirectory() as folder:
        texts = read_texts(options.mb * 1e6)
        bench = Bench(Path(folder), texts, workers=options.workers, vocab_size=options.vocab_size)
        ways: dict[str, Callable[[], int]] = {
            "ours": bench.ours,
            "ours, FIM 0.5": lambda: bench.ours(fim_rate=0.5),
            "encode_batch": lambda: bench.tokenizer_alone("encode_batch"),
            "encode_batch_fast": lambda: bench.tokenizer_alone("encode_batch_fast"),
            "Megatron's way": bench.megatron,
        }
        if find_spec("datatrove"):
            ways["datatrove"] = bench.datatrove
        else:
            print("datatrove is not installed and left out; pip install datatrove")
        spent, tokens = take_turns(ways, options.rounds)
    title = (
        f"{len(texts)} documents, {bench.text_bytes / 1e6:.0f} MB, {options.workers} workers, {options.rounds} rounds"
    )
    Console(width=120).print(table(spent, tokens, bench.text_bytes, title))


def read_texts(limit: float) -> list[str]:
    """Python files of this interpreter's packages, about `limit` characters of them."""
    texts, size = [], 0.0
    for path in sorted(Path(sysconfig.get_paths()["purelib"]).rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="ignore")
        if text.strip() and size < limit:
            texts.append(text)
            size += len(text)
    return texts


class Bench:
    """The same texts as Parquet, JSON lines and in memory, and one method per way."""

    def __init__(self, folder: Path, texts: list[str], *, workers: int, vocab_size: int) -> None:
        import pyarrow
        import pyarrow.parquet

        from pretrain.tokenizer import save_tokenizer, train_tokenizer

        self.texts, self.workers, self.folder = texts, workers, folder
        self.text_bytes = sum(len(text.encode()) for text in texts)
        self.parquet, self.lines, self.tokenizer = folder / "parquet", folder / "texts.jsonl", folder / "tokenizer"
        self.parquet.mkdir()
        for part in range(workers):  # datatrove gives each worker whole files
            rows = pyarrow.table({"text": texts[part::workers], "id": list(map(str, range(part, len(texts), workers)))})
            pyarrow.parquet.write_table(rows, self.parquet / f"part-{part:05d}.parquet", compression="zstd")
        self.lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        save_tokenizer(train_tokenizer(texts[::4], vocab_size=vocab_size), self.tokenizer)

    def ours(self, fim_rate: float = 0.0) -> int:
        """Tokens written."""
        from pretrain.pack import pack

        manifest = pack(
            [f"python={self.parquet}"],
            self.tokenizer,
            self.folder / "ours",
            fim_rate=fim_rate,
            workers=self.workers,
            restart=True,
        )
        return int(manifest["tokens"])

    def tokenizer_alone(self, call: str) -> int:
        """Tokens the library found."""
        from pretrain.tokenizer import load_tokenizer

        encode, tokens = getattr(load_tokenizer(self.tokenizer), call), 0
        batch: list[str] = []
        size = 0
        for text in [*self.texts, None]:
            if text is None or size >= BATCH_BYTES:
                tokens += sum(map(len, encode(batch, add_special_tokens=False))) + len(batch)
                batch, size = [], 0
            if text is not None:
                batch.append(text)
                size += len(text)
        return tokens

    def megatron(self) -> int:
        """Tokens written."""
        sizes = []
        pool = get_context("spawn").Pool(self.workers, load_for_lines, (str(self.tokenizer),))
        with self.lines.open() as lines, (self.folder / "megatron.bin").open("wb") as file:
            for ids in pool.imap(encode_line, lines, CHUNK_DOCUMENTS):
                file.write(np.array(ids, np.int32).tobytes())
                sizes.append(len(ids))
        pool.close()
        pool.join()
        return sum(sizes)

    def datatrove(self) -> int:
        """Tokens written."""
        from datatrove.executor import LocalPipelineExecutor
        from datatrove.pipeline.readers import ParquetReader
        from datatrove.pipeline.tokens import DocumentTokenizer

        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            steps = [
                ParquetReader(str(self.parquet)),
                DocumentTokenizer(out, str(self.tokenizer / "tokenizer.json"), eos_token="<|endoftext|>"),
            ]
            executor = LocalPipelineExecutor(
                steps, tasks=self.workers, workers=self.workers, logging_dir=f"{out}/logs", skip_completed=False
            )
            os.environ["RAYON_NUM_THREADS"] = "1"  # of its workers: they would get in each other's way
            executor.run()
            width = 2 if self.vocab_size() <= 2**16 else 4
            return sum(path.stat().st_size for path in Path(out).rglob("*.ds")) // width

    def vocab_size(self) -> int:
        """Of the tokenizer; datatrove writes two bytes a token where that is enough."""
        from pretrain.tokenizer import load_tokenizer

        return int(load_tokenizer(self.tokenizer).get_vocab_size())


_tokenizer: Any = None


def load_for_lines(folder: str) -> None:
    """Sets a worker of Megatron's way up."""
    global _tokenizer
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from pretrain.tokenizer import load_tokenizer

    _tokenizer = load_tokenizer(Path(folder))


def encode_line(line: str) -> list[int]:
    """The ids of one JSON line, end-of-text last."""
    return [*_tokenizer.encode(json.loads(line)["text"], add_special_tokens=False).ids, 0]


@dataclass(frozen=True)
class Spent:
    """What one run of one way took."""

    wall_s: float
    cpu_s: float
    """Of this process and all that it started."""


def take_turns(ways: dict[str, Callable[[], int]], rounds: int) -> tuple[dict[str, list[Spent]], dict[str, int]]:
    """What each way took, round by round, and how many tokens it found."""
    spent: dict[str, list[Spent]] = {way: [] for way in ways}
    tokens = {}
    for _ in range(rounds):
        for way, run in ways.items():
            begin, cpu = time.perf_counter(), sum(os.times()[:4])
            tokens[way] = run()
            spent[way].append(Spent(time.perf_counter() - begin, sum(os.times()[:4]) - cpu))
    return spent, tokens


def table(spent: dict[str, list[Spent]], tokens: dict[str, int], text_bytes: int, title: str) -> Table:
    """Median rates, and how much faster ours is than each way, round by round."""
    shown = Table("way", title=title)
    for column in ("tokens", "tokens/s", "MB/s", "ours faster", "tokens/CPU s", "ours faster"):
        shown.add_column(column, justify="right")
    for way, runs in spent.items():
        pairs = list(zip(runs, spent["ours"], strict=True))
        wall_s, cpu_s = (statistics.median(values) for values in ([r.wall_s for r in runs], [r.cpu_s for r in runs]))
        wall = statistics.median(run.wall_s / ours.wall_s for run, ours in pairs)
        cpu = statistics.median(run.cpu_s / ours.cpu_s for run, ours in pairs)
        rates = [
            f"{tokens[way]:,}",
            f"{tokens[way] / wall_s:,.0f}",
            f"{text_bytes / wall_s / 1e6:.2f}",
            f"{wall:.2f} x",
        ]
        # datatrove's processes belong to a server of their own, whose time the system does not tell
        cpu_rates = ["?", "?"] if way == "datatrove" else [f"{tokens[way] / cpu_s:,.0f}", f"{cpu:.2f} x"]
        shown.add_row(way, *rates, *cpu_rates)
    return shown


if __name__ == "__main__":
    main()
