"""Pretraining, stable phase and annealing: one plain loop from shards to checkpoints.

A step: read this process's share, forward and backward over micro-batches, clip, judge, update. Where the loop stands
is one integer; order, learning rate and initial weights are pure functions, so a killed run repeats its losses bit for
bit.
Not covered: tensor and pipeline parallelism, loss scaling for fp16.
"""

from __future__ import annotations

import math
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from pretrain.batches import StepBatch
from pretrain.checkpoint import Saver
from pretrain.completions import complete
from pretrain.compute import configure_threads, precision_context, tune_memory
from pretrain.distributed import check_division, open_world
from pretrain.errors import CheckpointError, DivergenceError
from pretrain.heldout import bits_per_byte, token_bytes
from pretrain.interrupt import StopWish, heeding_signals
from pretrain.loss import loss_sum
from pretrain.metrics import Metrics, Progress, describe
from pretrain.phase import Phase
from pretrain.run import Run, manifest_of, meta_of, start_run
from pretrain.run_folder import (
    RunFolder,
    checkpoint_name,
    find_checkpoint,
    hold_folder,
    need_disk,
    read_meta,
    same_run,
)


def run_phase(phase: Phase, out: Path, *, restart: bool = False) -> dict[str, Any]:
    """The manifest of the finished phase in `out`; an interrupted one goes on from its newest checkpoint.

    Raises: PretrainError; KeyboardInterrupt where a signal stopped it, after a checkpoint.
    """
    started = time.monotonic()
    tune_memory()
    configure_threads()
    with ExitStack() as stack:
        wish = stack.enter_context(heeding_signals(once="RANK" not in os.environ))
        world = stack.enter_context(open_world())
        check_division(phase.preset, world.size)
        folder = world.together(lambda: stack.enter_context(hold_folder(out)) if world.is_main else RunFolder(out))
        newest = world.agree(
            world.together(lambda: _prepare(folder, phase, restart=restart) if world.is_main else None)
        )
        run = start_run(phase, world, newest, started)
        saver = Saver(folder.checkpoints, run.model, run.optimizer, world, keep=phase.preset.train.keep_checkpoints)
        stack.callback(saver.close)
        keep_to = run.step if newest else -1
        metrics = world.together(lambda: Metrics(folder.path, keep_to=keep_to) if world.is_main else None)
        if metrics is not None:
            stack.callback(metrics.close)
        progress = Progress(start=run.step, stop=phase.last_step, shown=world.is_main)
        stack.callback(progress.close)
        if newest:
            progress.say(f"going on from step {run.step:,} of {phase.last_step:,}")
        _loop(run, saver, metrics, progress, wish, fresh=newest is None)
        saver.wait()
        if run.step < phase.last_step:
            progress.say(f"stopped by a signal; {checkpoint_name(run.step)} is whole")
            raise KeyboardInterrupt
        if metrics is None:
            return {}
        manifest = manifest_of(run) | metrics.summary()
        folder.write_manifest(manifest)
        return manifest


def _prepare(folder: RunFolder, phase: Phase, *, restart: bool) -> Path | None:
    """The checkpoint to go on from, if any; the folder is ready for this phase. For the main process."""
    if restart:
        folder.clear()
    folder.drop_partial()
    need_disk(folder.path, phase.preset)
    try:
        newest = find_checkpoint(folder.path)
    except CheckpointError:  # a new run
        newest = None
    if newest is not None:
        meta = read_meta(newest)
        same_run(newest, {"stage": meta["stage"]} | meta["identity"], {"stage": phase.stage} | phase.identity)
        same_run(newest, meta["inputs"], phase.inputs)
    folder.write_config(phase.preset)
    return newest


def _loop(run: Run, saver: Saver, metrics: Metrics | None, progress: Progress, wish: StopWish, *, fresh: bool) -> None:
    """Nothing; the phase is at its end, or at the step at which a signal arrived, and saved there."""
    phase, train = run.phase, run.phase.preset.train
    if fresh:
        _evaluate(run, metrics, progress)
    mark, marked = time.monotonic(), run.step
    for batch in run.reader.read_ahead(run.step - phase.first_step, phase.steps):
        num_targets, stop = run.world.sum(batch.num_targets, wish.seen)
        record = take_step(run, batch, num_targets)
        last = run.step == phase.last_step
        elapsed = time.monotonic() - mark
        record |= _speed(run, (run.step - marked) * phase.preset.step_tokens / elapsed)
        progress.step(record)
        if record["skipped"]:
            progress.say(f"step {run.step:,}: {describe(record)}")
        if run.step % train.log_every_steps == 0 or run.step == phase.first_step + 1 or last or record["skipped"]:
            _write(run, metrics, record)
            mark, marked = time.monotonic(), run.step
        if last or run.step % train.evaluate_every_steps == 0:
            paused = time.monotonic()
            _evaluate(run, metrics, progress)
            mark += time.monotonic() - paused
        if last or stop or run.step % train.save_every_steps == 0:
            saver.save(run.step, meta_of(run))
        if stop:
            return


def take_step(run: Run, batch: StepBatch, num_targets: float) -> dict[str, Any]:
    """The record of one optimizer step, taken. `num_targets` is the scored tokens of all processes.

    Raises: DivergenceError.
    """
    preset = run.phase.preset
    learning_rate = run.phase.schedule().learning_rate(run.step)
    total = torch.zeros((), dtype=torch.float64, device=run.world.device)
    for micro_batch in batch.micro_batches:
        with precision_context(run.precision, run.world.device):
            loss = loss_sum(run.model, micro_batch, chunk_tokens=preset.train.loss_chunk_tokens)
        # FSDP2 reduces gradients after each micro-batch: summing them unsharded would cost 4 bytes a parameter.
        torch.autograd.backward(loss / num_targets)
        total += loss.detach()
    norm: Any = torch.nn.utils.clip_grad_norm_(run.model.parameters(), preset.optimizer.max_grad_norm)
    grad_norm = float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
    mean_loss = run.world.sum(float(total))[0] / num_targets
    run.step += 1
    if not (math.isfinite(mean_loss) and math.isfinite(grad_norm)):
        raise DivergenceError(
            f"step {run.step}: loss and gradient norm must be finite, got {mean_loss} and {grad_norm}; the last "
            "checkpoint stays: look at the data of this step, or lower optimizer.learning_rate"
        )
    skipped = run.guard.is_spike(mean_loss, grad_norm)
    if not skipped:
        for group in run.optimizer.param_groups:
            group["lr"] = learning_rate
        run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    return {
        "step": run.step,
        "tokens": run.phase.tokens(run.step),
        "loss": mean_loss,
        "grad_norm": grad_norm,
        "learning_rate": learning_rate,
        "skipped": skipped,
    }


def _write(run: Run, metrics: Metrics | None, record: dict[str, Any]) -> None:
    """Nothing; the main process wrote the record. Raises: RunFolderError, on all processes."""
    run.world.together(lambda: None if metrics is None else metrics.write(record))


def _speed(run: Run, tokens_per_s: float) -> dict[str, float | None]:
    share = run.phase.preset.model.flops_per_token() * tokens_per_s / run.peak if run.peak else None
    return {"tokens_per_s": tokens_per_s, "mfu": share}


def _evaluate(run: Run, metrics: Metrics | None, progress: Progress) -> None:
    """Nothing; held-out bits per byte and completions are recorded. No random number is drawn."""
    model, train, device = run.phase.preset.model, run.phase.preset.train, run.world.device
    record: dict[str, Any] = {"step": run.step}
    with precision_context(run.precision, device):
        if run.heldout:
            record["heldout_bits_per_byte"] = bits_per_byte(
                run.model,
                run.heldout,
                token_bytes=token_bytes(run.phase.tokenizer),
                context=model.context,
                batch=train.micro_batch,
                max_tokens=train.evaluate_tokens,
                device=device,
            )
        record["samples"] = complete(run.model, run.tokenizer, device=device, context=model.context)
    _write(run, metrics, record)
    scores = record.get("heldout_bits_per_byte", {})
    shown = "  ".join(f"{name} {score:.3f}" for name, score in scores.items())
    progress.say(f"step {run.step:,}: held-out bits per byte  {shown or 'n/a, no held-out shards'}")
