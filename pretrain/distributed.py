"""The processes of one run: who is there, who takes which sequences, and how the model is sharded over them.

`torchrun` starts the processes and sets RANK, WORLD_SIZE and LOCAL_RANK; without it there is one process and no group.
Parameters are sharded per layer (FSDP2), each as soon as it is drawn; gradients are *summed*, as the loss is divided by
the global number of tokens.
Not covered: tensor, pipeline and context parallelism. The 8b preset fits sharded on 8 GPUs of 80 GB without them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

from pretrain.config import Preset
from pretrain.errors import ConfigError, PretrainError
from pretrain.model import build_model
from synth.errors import SynthError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """This process among those of the run."""

    rank: int
    size: int
    device: torch.device
    mesh: DeviceMesh | None = None
    """`None` for one process."""
    checkpoint_group: Any = None
    """A gloo group of its own: a checkpoint is written in the background while the loop communicates."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes metrics, manifest and progress."""
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """Each value summed over all processes, in fp64; the same on each of them."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)  # on the CPU, over gloo: exact, and no GPU stall
        dist.all_reduce(tensor)
        return [float(value) for value in tensor]

    def agree(self, value: Any) -> Any:
        """What the main process passed, on all of them."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def together(self, make: Callable[[], T]) -> T:
        """What `make`, which must not communicate, returns here, once it has returned on every process.

        Where it fails on any of them, all raise that error: none is left waiting, and the main process can tell it.
        """
        if self.size == 1:
            return make()
        failures: list[PretrainError | SynthError | None] = [None] * self.size
        failure: PretrainError | SynthError | None = None
        try:
            made = make()
        except (PretrainError, SynthError) as error:
            failure = error
        dist.all_gather_object(failures, failure)
        for rank, told in enumerate(failures):
            if told is not None:
                raise type(told)(f"process {rank} of {self.size}: {told}" if rank else str(told)) from failure
        return made


@contextmanager
def open_world() -> Iterator[World]:
    """The world that `torchrun`'s environment describes; its process group ends with the block."""
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if size == 1:
        yield World(rank=0, size=1, device=device)
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        mesh = init_device_mesh(device.type, (size,))
        group = dist.new_group(backend="gloo")
        yield World(rank=rank, size=size, device=device, mesh=mesh, checkpoint_group=group)
    except KeyboardInterrupt:  # all processes stop together
        dist.destroy_process_group()
        raise
    # After any other exception there is no orderly end: NCCL would wait for the others, which wait for this process.
    dist.destroy_process_group()


def is_main_process() -> bool:
    """Whether this process speaks for the run, known before the group exists."""
    return os.environ.get("RANK", "0") == "0"


def check_division(preset: Preset, world_size: int) -> None:
    """Nothing, if each process gets the same whole number of micro-batches.

    Raises: ConfigError naming both numbers and the nearest values that work.
    """
    batch, micro = preset.train.batch_sequences, preset.train.micro_batch
    together = micro * world_size
    if batch % together == 0:
        return
    below, above = batch // together * together, -(-batch // together) * together
    batches = " or ".join(str(value) for value in dict.fromkeys((below, above)) if value)
    sizes = [size for size in range(1, batch // micro + 1) if batch % (micro * size) == 0]
    fewer = max(size for size in sizes if size < world_size)
    more = min((size for size in sizes if size > world_size), default=fewer)
    processes = " or ".join(str(value) for value in dict.fromkeys((fewer, more)))
    hint = f"take {processes} processes, or train.batch_sequences {batches}"
    if batch % world_size == 0:
        fitting = max(size for size in range(1, micro + 1) if (batch // world_size) % size == 0)
        hint += f", or train.micro_batch {fitting}"
    raise ConfigError(
        f"train.batch_sequences must be a multiple of train.micro_batch x processes, got {batch} and "
        f"{micro} x {world_size} = {together}; {hint}"
    )


def micro_batches(preset: Preset, rank: int, world_size: int) -> list[range]:
    """The indices within a step that this process reads, one range per micro-batch."""
    micro = preset.train.micro_batch
    share = preset.train.batch_sequences // world_size
    return [range(start, start + micro) for start in range(rank * share, (rank + 1) * share, micro)]


def place_model(preset: Preset, world: World, *, precision: str, compile_layers: bool) -> nn.Module:
    """The fresh model on its device: layers compiled if asked for, each sharded where there are several processes."""
    # On a GPU the gathered copies are bf16: half the traffic. On a CPU they stay fp32, which autocast reads as bf16.
    halved = precision == "bf16" and world.device.type == "cuda"
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16 if halved else None, reduce_dtype=torch.float32)

    def place(module: nn.Module) -> None:
        if world.mesh is None:
            module.to(world.device)
        else:
            fully_shard(module, mesh=world.mesh, mp_policy=policy)

    def place_layer(layer: nn.Module) -> None:
        if compile_layers:
            layer.compile()
        place(layer)

    model = build_model(preset.model, seed=preset.train.seed, on_layer=place_layer)
    place(model)
    if preset.train.activation_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # sum, not mean: the loss is divided by all tokens already
            module.set_force_sum_reduction_for_comms(True)  # gloo knows no reduction with a factor
    return model
