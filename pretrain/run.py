"""A phase under way: everything the loop computes with, brought up from fresh weights or a checkpoint."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pretrain.batches import Reader
from pretrain.checkpoint import load
from pretrain.compute import Precision, has_compiler, peak_flops, resolve_precision
from pretrain.config import Preset
from pretrain.distributed import World, micro_batches, place_model
from pretrain.errors import ShardError
from pretrain.model import END_OF_TEXT_ID
from pretrain.packing import Mixture, SampleOrder
from pretrain.phase import Phase
from pretrain.run_folder import META_FORMAT, differences, read_meta, same_run
from pretrain.shards import Shard, open_heldout, open_shards
from pretrain.spikes import SpikeGuard
from pretrain.tokenizer import load_tokenizer
from sandbox.console import command_line


@dataclass(slots=True, kw_only=True)
class Run:
    """A phase under way: what it computes with, and where it stands."""

    phase: Phase
    world: World
    precision: Precision
    peak: float | None
    """FLOP/s of all processes together; `None` where unknown."""
    model: Any
    optimizer: torch.optim.Optimizer
    reader: Reader
    order: str
    """The fingerprint of the sample order."""
    heldout: dict[str, Shard]
    tokenizer: Any
    guard: SpikeGuard
    step: int
    """Optimizer steps taken, those before the phase included."""
    earlier_s: float
    """Seconds that earlier processes spent on this phase."""
    started: float

    @property
    def seconds(self) -> float:
        """Spent on this phase so far."""
        return self.earlier_s + time.monotonic() - self.started


def start_run(phase: Phase, world: World, newest: Path | None, started: float) -> Run:
    """The run at `newest`, at the annealing's source, or at fresh weights."""
    preset = phase.preset
    inputs_of_main = world.agree(phase.inputs)
    data = world.together(lambda: _open_data(phase, newest, inputs_of_main))
    meta, order = data.meta, data.order
    precision = meta.get("precision") or world.agree(_precision(phase, world))
    reader = Reader(
        order=order,
        indices=micro_batches(preset, world.rank, world.size),
        end_of_text=END_OF_TEXT_ID,
        isolate=preset.data.isolate_documents,
        device=world.device,
    )
    model = place_model(preset, world, precision=precision, compile_layers=_compiles(preset, world)).train()
    optimizer = _optimizer(model, preset)
    guard = SpikeGuard(preset.optimizer.spike_sigmas)
    beginning = newest or phase.source
    if beginning is not None:
        load(beginning, model, optimizer)
    if newest:
        guard.restore(meta["spike"])
    peak = peak_flops(world.device, precision)
    return Run(
        phase=phase,
        world=world,
        precision=precision,
        peak=None if peak is None else world.sum(peak)[0],
        model=model,
        optimizer=optimizer,
        reader=reader,
        order=order.fingerprint(),
        heldout=data.heldout,
        tokenizer=data.tokenizer,
        guard=guard,
        step=int(meta.get("step", phase.first_step)),
        earlier_s=float(meta.get("seconds", 0.0)),
        started=started,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """What a process reads on its own machine."""

    meta: Mapping[str, Any]
    """Of the checkpoint to go on from; empty for a new run."""
    order: SampleOrder
    heldout: dict[str, Shard]
    tokenizer: Any


def _open_data(phase: Phase, newest: Path | None, inputs_of_main: Mapping[str, str]) -> _Data:
    """Raises: CheckpointError, ShardError, TokenizerError."""
    changed = differences(inputs_of_main, phase.inputs)
    if changed:
        raise ShardError(f"other data than the main process has, {changed[0]}; copy the same to every machine")
    preset = phase.preset
    made_with, vocab_size = phase.inputs["tokenizer"], preset.model.vocab_size
    order = SampleOrder(
        Mixture(open_shards(phase.shards, tokenizer=made_with, vocab_size=vocab_size), phase.mixture),
        context=preset.model.context,
        batch_sequences=preset.train.batch_sequences,
        seed=phase.seed,
    )
    meta: Mapping[str, Any] = read_meta(newest) if newest else {}
    if newest:
        same_run(newest, {"data order": meta["order"]}, {"data order": order.fingerprint()})
    heldout = open_heldout(phase.shards, tokenizer=made_with, vocab_size=vocab_size)
    return _Data(meta=meta, order=order, heldout=heldout, tokenizer=load_tokenizer(phase.tokenizer))


def _compiles(preset: Preset, world: World) -> bool:
    """Whether the layers are compiled: asked for, and every machine has a compiler. Says so where one lacks it."""
    if not preset.train.compile:
        return False
    without = int(world.sum(float(not has_compiler(world.device)))[0])
    if without and world.is_main:
        place = "here" if world.size == 1 else f"for {without} of {world.size} processes"
        print(
            f"train.compile: no C++ compiler {place}, so training is uncompiled and slower; install g++ (or name one "
            "in CXX), or set train.compile=false",
            file=sys.stderr,
        )
    return not without


def _precision(phase: Phase, world: World) -> Precision:
    """As the preset says; `auto` stays what it was for the checkpoint that an annealing starts from."""
    wanted = phase.preset.train.precision
    if wanted == "auto" and phase.precision is not None:
        return phase.precision
    return resolve_precision(wanted, world.device)


def _optimizer(model: Any, preset: Preset) -> torch.optim.Optimizer:
    """AdamW over matrices, with decay, and vectors, without."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": preset.optimizer.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=preset.optimizer.learning_rate, betas=preset.optimizer.betas, eps=preset.optimizer.eps, fused=True
    )


def meta_of(run: Run) -> dict[str, Any]:
    """What a checkpoint says of itself."""
    phase = run.phase
    return {
        "format": META_FORMAT,
        "stage": phase.stage,
        "phase": "anneal" if phase.stage == "anneal" else "stable",
        "step": run.step,
        "tokens": phase.tokens(run.step),
        "decay_start": phase.first_step if phase.stage == "anneal" else None,
        "preset": phase.preset.model_dump(mode="json"),
        "identity": phase.identity,
        "identity_sha256": phase.identity_sha256,
        "inputs": phase.inputs,
        "order": run.order,
        "tokenizer": phase.inputs["tokenizer"],
        "tokenizer_path": str(phase.tokenizer.resolve()),
        "precision": run.precision,
        "spike": run.guard.state(),
        "world_size": run.world.size,
        "seconds": run.seconds,
    }


def manifest_of(run: Run) -> dict[str, Any]:
    """What the finished run was, without what it measured."""
    phase = run.phase
    return {
        "stage": phase.stage,
        "status": "done",
        "command": command_line(),
        "steps": phase.steps,
        "tokens": phase.tokens(run.step) - phase.first_tokens,
        "first_step": phase.first_step,
        "from": str(phase.source) if phase.source else None,
        "seconds": run.seconds,
        "precision": run.precision,
        "peak_flops": run.peak,
        "parameters": phase.preset.model.num_parameters(),
        "world_size": run.world.size,
        "preset": phase.preset.model_dump(mode="json"),
        "identity": phase.identity,
        "inputs": phase.inputs,
    }
