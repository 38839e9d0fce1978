"""Training speed beside the usual ways: `python benchmarks/pretrain.py`, five minutes on two cores; `--quick`: one.

One model (6 layers of 384, the same initial weights), one batch shape (4 x 512 tokens, one document a row: the best
case of the others, as none of them isolates documents), AdamW, gradients clipped to norm 1, the same threads. Each way
lives in a process of its own, as memory settings are a process's; they take turns of a few steps, so that all meet the
same disturbances, and the best turn of each counts. Ratios of one run can be trusted further than its rates.

- ours: `build_model`, `loss_sum` and the settings of `pretrain train`, plain and with `train.compile`.
- nanoGPT's way (litgpt's `pretrain` does the same steps): whole logits, `F.cross_entropy`, fused AdamW, autocast.
- Hugging Face Trainer: `adamw_torch_fused`, data in memory, no evaluation, no saving, no logging.

The peak is a 2048^3 matrix product's, measured between the turns. Shares use 6 x matmul parameters + 12 x layers x
width x context FLOPs per token (arXiv 2204.02311, appendix B). `torch.compile` needs a C++ compiler; first steps, in
which it compiles, are not counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parent]  # this file shadows us

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from pretrain.config import ModelConfig  # noqa: E402

BATCH, CONTEXT = 4, 512
WAYS = {
    "ours": "opencook",
    "ours-compiled": "opencook, compiled",
    "nanogpt": "nanoGPT's way",
    "nanogpt-compiled": "nanoGPT's way, compiled",
    "trainer": "Hugging Face Trainer",
}
PEAK = "peak"
LEARNING_RATE = 3e-4


def main() -> None:
    arguments = parse_arguments()
    if arguments.worker:
        work(arguments.worker, arguments.vocab[0], arguments.precision[0], arguments.device, arguments.steps)
        return
    table = Table(title=f"6 x 384, {BATCH} x {CONTEXT} tokens, {arguments.threads} threads, {arguments.device}")
    for column in ("vocabulary", "precision", "way", "first step s", "tokens/s", "GFLOP/s"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for column in ("of its peak", "of bf16 peak", "opencook is"):
        table.add_column(column, justify="right")
    for vocab in arguments.vocab:
        for precision in arguments.precision:
            add_rows(table, vocab, precision, arguments)
    Console(width=150).print(table)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", type=int, nargs="+", default=[8192, 32768])
    parser.add_argument("--precision", nargs="+", choices=["bf16", "fp32"], default=["bf16", "fp32"])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way")
    parser.add_argument("--steps", type=int, default=3, help="steps of a turn")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--quick", action="store_true", help="vocabulary 8,192, nothing compiled, three turns of two steps"
    )
    parser.add_argument("--worker", choices=[*WAYS, PEAK], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.vocab, arguments.rounds, arguments.steps = [8192], 3, 2
        arguments.ways = [way for way in arguments.ways if "compiled" not in way]
    return arguments


def add_rows(table: Table, vocab: int, precision: str, arguments: argparse.Namespace) -> None:
    """One row for each way, after they took turns."""
    print(f"vocabulary {vocab}, {precision} ...", file=sys.stderr, flush=True)
    workers = {way: start_worker(way, vocab, precision, arguments) for way in [*arguments.ways, PEAK]}
    first = {way: float(read_line(worker)) for way, worker in workers.items()}
    turns: dict[str, list[float]] = {way: [] for way in workers}
    peaks: dict[str, float] = {"bf16": 0.0, "fp32": 0.0}
    for _ in range(arguments.rounds):
        for way, worker in workers.items():
            answer = [float(word) for word in take_turn(worker).split()]
            if way == PEAK:
                peaks = {name: max(peaks[name], rate) for name, rate in zip(("bf16", "fp32"), answer, strict=True)}
            else:
                turns[way].append(answer[0] / arguments.steps)
    for worker in workers.values():
        stop(worker)
    flops = model_config(vocab).flops_per_token()
    for way in arguments.ways:
        rate = BATCH * CONTEXT / min(turns[way])
        compiled = "-compiled" if way.endswith("-compiled") else ""
        rival = None if way.startswith("ours") else turns.get(f"ours{compiled}")
        cells = [f"{vocab:,}", precision, WAYS[way], f"{first[way]:.1f}", f"{rate:,.0f}", f"{rate * flops / 1e9:.0f}"]
        cells += [f"{rate * flops / peaks[precision]:.0%}", f"{rate * flops / peaks['bf16']:.0%}"]
        table.add_row(*cells, f"x {min(turns[way]) / min(rival):.2f}" if rival else "")
    rates = ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in peaks.items())
    table.add_row(f"{vocab:,}", "", f"2048^3 product: {rates}", end_section=True)


def model_config(vocab: int) -> ModelConfig:
    shape = {"layers": 6, "width": 384, "heads": 6, "kv_heads": 6, "head_dim": 64, "ffn": 1024}
    return ModelConfig(**shape, vocab_size=vocab, context=CONTEXT)


def start_worker(way: str, vocab: int, precision: str, arguments: argparse.Namespace) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--worker", way, "--vocab", str(vocab), "--precision", precision]
    command += ["--device", arguments.device, "--steps", str(arguments.steps)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads), "TRANSFORMERS_VERBOSITY": "error"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def read_line(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout
    line = worker.stdout.readline()
    if not line:
        sys.exit(f"{' '.join(map(str, worker.args))}: ended before its answer; run it alone and press Enter for a turn")
    return line


def take_turn(worker: subprocess.Popen[str]) -> str:
    assert worker.stdin
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return read_line(worker)


def stop(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin
    worker.stdin.close()
    worker.wait(timeout=60)


def work(way: str, vocab: int, precision: str, device: str, steps: int) -> None:
    """Says on stdout the seconds of the first step, then for each line on stdin those of a turn of `steps` steps."""
    import torch

    torch.manual_seed(0)
    clock = Clock(steps, torch.cuda.synchronize if device == "cuda" else lambda: None)
    if way == PEAK:
        answer_peaks(device)
    elif way == "trainer":
        run_trainer(vocab, precision, clock, on_cpu=device == "cpu")
    else:
        prepare = prepare_ours if way.startswith("ours") else prepare_nanogpt
        step = prepare(vocab, precision, torch.device(device), way.endswith("-compiled"))
        while True:
            step()
            clock.count_step()


class Clock:
    """Says the time of the first step and of every turn, and waits between turns until it is asked for the next."""

    def __init__(self, steps: int, wait: Callable[[], None]) -> None:
        self.steps, self.wait, self.counted, self.started = steps, wait, 0, time.perf_counter()

    def count_step(self) -> None:
        if self.counted % self.steps == 0:  # step 0 is the first, alone
            self.wait()
            answer(time.perf_counter() - self.started)
            self.started = time.perf_counter()
        self.counted += 1


def answer(value: object) -> None:
    """Says `value` and waits; ends this process when no further turn is wanted."""
    print(value, flush=True)
    if not sys.stdin.readline():
        os._exit(0)  # from within a Trainer's loop, so without its farewell


def answer_peaks(device: str) -> None:
    from pretrain.compute import DTYPES, measure_peak

    answer(0.0)
    while True:
        answer(" ".join(str(measure_peak(device, DTYPES[name])) for name in ("bf16", "fp32")))
        measure_peak.cache_clear()


def random_ids(vocab: int) -> Any:
    import torch

    return torch.randint(0, vocab, (BATCH, CONTEXT + 1))


def prepare_ours(vocab: int, precision: str, device: Any, compiled: bool) -> Callable[[], None]:
    """One optimizer step as `pretrain train` takes it."""
    import torch

    from pretrain.compute import precision_context, tune_memory
    from pretrain.config import TrainConfig
    from pretrain.loss import loss_sum
    from pretrain.model import build_model

    tune_memory()
    model = build_model(model_config(vocab), seed=0).to(device)
    if compiled:
        for layer in model.model.layers:
            layer.compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    chunk_tokens = TrainConfig.model_fields["loss_chunk_tokens"].default

    def step() -> None:
        ids = random_ids(vocab).to(device)
        positions = torch.arange(CONTEXT, device=device).repeat(BATCH, 1)
        batch = {"input_ids": ids[:, :-1], "labels": ids[:, 1:], "position_ids": positions}
        with precision_context(precision, device):
            loss = loss_sum(model, batch, chunk_tokens=chunk_tokens)
        (loss / (BATCH * CONTEXT)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def prepare_nanogpt(vocab: int, precision: str, device: Any, compiled: bool) -> Callable[[], None]:
    """One optimizer step in the manner of nanoGPT's train.py, on the same model and sdpa attention."""
    import torch

    from pretrain.compute import precision_context
    from pretrain.model import build_model

    model = build_model(model_config(vocab), seed=0).to(device)
    model.set_attn_implementation("sdpa")
    forward = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)

    def step() -> None:
        ids = random_ids(vocab).to(device)
        with precision_context(precision, device):
            logits = forward(input_ids=ids[:, :-1], use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.view(-1, vocab), ids[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def run_trainer(vocab: int, precision: str, clock: Clock, *, on_cpu: bool) -> None:
    """Endless Trainer steps; the clock hears of each and ends the process."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from pretrain.model import build_model

    class Heard(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            clock.started = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.count_step()

    model = build_model(model_config(vocab), seed=0)
    model.set_attn_implementation("sdpa")
    rows = [{"input_ids": row, "labels": row} for _ in range(64) for row in random_ids(vocab)[:, :CONTEXT]]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=10**6,
            per_device_train_batch_size=BATCH,
            bf16=precision == "bf16",
            use_cpu=on_cpu,
            optim="adamw_torch_fused",
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            max_grad_norm=1.0,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[Heard()]).train()


if __name__ == "__main__":
    main()
