"""What a preset will need before anything is started: tokens, FLOPs, memory per GPU, disk and time.

Times rest on one assumption, the MFU, which the plan states with its source; the rest is arithmetic on the preset.
Not covered: synthesis and fine-tuning of the large presets, tensor and pipeline parallelism, network limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pretrain.config import ModelConfig, Preset
from pretrain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator, from its vendor's data sheet."""

    peak: float
    """Dense bf16 FLOP/s, without sparsity."""
    memory: float
    """Bytes."""


GPUS = {
    "a100": Gpu(312e12, 80e9),
    "a800": Gpu(312e12, 80e9),
    "h100": Gpu(989e12, 80e9),
    "h800": Gpu(989e12, 80e9),
    "h200": Gpu(989e12, 141e9),
    "b200": Gpu(2250e12, 180e9),
}
USABLE_MEMORY = 0.9
"""The rest is the driver's, NCCL's and fragmentation."""

OPENCODER_GPU_HOURS = {"1.5b": (28_034, "h800", 2.1e12), "8b": (96_000, "h100", 2.6e12)}
"""Preset -> GPU-hours, GPU, tokens. Source: arXiv 2411.04905, section 3.2."""
PUBLISHED_MFU = {"1.5b": 0.27, "8b": 0.43}
"""What those hours make of our FLOP count, rounded; `opencoder_mfu` derives them."""
DEFAULT_MFU = 0.39
"""Source: torchtitan's 8B on 8 x H100, compiled (benchmarks folder, 2024-12)."""
DEFAULT_CPU_MFU = 0.6
"""Of the measured matrix-product peak; `benchmarks/pretrain.py` holds it."""
CPU_MFU = {"smoke": 0.05, "tiny": 0.5}
"""Preset -> what its matrices are too small for is off, and its held-out evaluations; from the runs below."""
CPU_START_S = 11.0
"""Of a training on a CPU before its first step and after its last: tiny's two trainings agree on it."""

TEXT_BYTES_PER_TOKEN = 3.5
"""Of code; an assumption. The shards' manifest has the true one."""
EPOCHS = {"1.5b": 4.0, "8b": 3.5}
"""Times the stable phase sees its corpus. Source: arXiv 2411.04905, table 4."""

CPU_MINUTES = {
    "smoke": {"corpus": 0.3, "tokenizer": 0.1, "shards": 0.2, "synth": 0.8, "base": 0.1, "sft": 0.6, "eval": 0.8},
    "tiny": {"corpus": 1.9, "tokenizer": 0.5, "shards": 1.7, "synth": 4.2, "base": 0.1, "sft": 1.6, "eval": 4.0},
}
"""Minutes of the stages that are not pretraining, on two cores: `tiny` as `pretrain/launch.sh --preset tiny` took them,
`smoke` the same commands on a fifteenth of the packages."""
CPU_DISK = {"smoke": {"corpus": 14e6, "shards": 33e6}, "tiny": {"corpus": 210e6, "shards": 500e6}}
"""Bytes of the stages whose size is the default source's, not the preset's: a short run packs all of it and reads a
part. The corpus counts the archives in the cache, 120 of tiny's 210 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the chain; `None` where a figure does not apply or is not known."""

    name: str
    tokens: int | None = None
    flops: float | None = None
    disk_bytes: float | None = None
    hours: float | None = None
    """Wall clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole of it. `problems` says why it cannot run and what to do; empty where it can."""

    preset: str
    device: str
    devices: int
    parameters: int
    flops_per_token: float
    mfu: float
    mfu_source: str
    peak_flops: float
    memory: dict[str, float]
    """Part -> bytes per device."""
    memory_limit: float | None
    stages: list[Stage]
    device_hours: float
    problems: list[str]

    def as_json(self) -> dict[str, Any]:
        """The plan with its totals."""
        disk = sum(stage.disk_bytes or 0 for stage in self.stages)
        hours = sum(stage.hours or 0 for stage in self.stages)
        return asdict(self) | {"memory_bytes": sum(self.memory.values()), "disk_bytes": disk, "hours": hours}


def make_plan(
    preset: Preset,
    *,
    gpu: str | None,
    nodes: int = 1,
    gpus_per_node: int = 8,
    mfu: float | None = None,
    measure: Callable[[], float] | None = None,
) -> Plan:
    """The plan on `nodes` x `gpus_per_node` of that GPU, or with `gpu=None` on this CPU, whose peak `measure` gives.

    Raises: ConfigError for a GPU that the table lacks.
    """
    if gpu is not None and gpu not in GPUS:
        raise ConfigError(f"--gpu {gpu}: is not in the table; known: {', '.join(GPUS)}, cpu")
    devices = nodes * gpus_per_node if gpu else 1
    share, source = _assumed_mfu(preset, gpu, mfu)
    peak = GPUS[gpu].peak if gpu else (measure or measured_cpu_peak)()
    memory = memory_per_device(preset, devices)
    limit = GPUS[gpu].memory * USABLE_MEMORY if gpu else None
    per_token = preset.model.flops_per_token()
    device_seconds = per_token * (preset.train.tokens + preset.anneal.tokens) / (peak * share)
    return Plan(
        preset=preset.name,
        device=gpu or "cpu",
        devices=devices,
        parameters=preset.model.num_parameters(),
        flops_per_token=per_token,
        mfu=share,
        mfu_source=source,
        peak_flops=peak,
        memory=memory,
        memory_limit=limit,
        stages=_stages(preset, flops_per_second=peak * share * devices, on_cpu=gpu is None),
        device_hours=device_seconds / 3600,
        problems=_problems(preset, devices, limit),
    )


def memory_per_device(preset: Preset, devices: int) -> dict[str, float]:
    """Part -> bytes per device: fp32 state sharded by FSDP, bf16 compute, a batch of `micro_batch` sequences.

    Two blocks are gathered at a time, the one at work and the one fetched ahead; the head is a block of its own.
    """
    model, train = preset.model, preset.train
    parameters = model.num_parameters() / devices
    block = max(_layer_parameters(model), model.vocab_size * model.width)
    tokens = train.micro_batch * model.context
    whole = activation_bytes_per_token(model)
    kept = 2 * model.width * model.layers + whole if train.activation_checkpointing else whole * model.layers
    return {
        "weights": 4 * parameters,
        "gradients": 4 * parameters,
        "optimizer": 8 * parameters,
        "gathered": 2 * 2 * block if devices > 1 else 2 * model.num_parameters(),
        "activations": float(tokens * kept),
        # bf16 logits, their fp32 copy and its gradient
        "logits": float(min(train.loss_chunk_tokens, tokens) * model.vocab_size * (2 + 4 + 4)),
    }


def activation_bytes_per_token(model: ModelConfig) -> int:
    """Bytes that one layer keeps of one token for the backward pass, without attention scores (flash attention).

    Counted as in arXiv 2205.05198, section 4.1, for Llama's layer in bf16: norms, q, k, v, the attention's output,
    gate, up, silu and their product, and the fp32 copies that the two norms keep.
    """
    queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    return 2 * (4 * model.width + 2 * queries + 2 * keys + 4 * model.ffn) + 16 * model.width


def opencoder_mfu(preset: Preset) -> float:
    """The MFU that OpenCoder's published GPU-hours amount to by our FLOP count."""
    hours, gpu, tokens = OPENCODER_GPU_HOURS[preset.name]
    return preset.model.flops_per_token() * tokens / (hours * 3600 * GPUS[gpu].peak)


def measured_cpu_peak() -> float:
    """FLOP/s of the faster precision here, by matrix products of a second or two."""
    from pretrain.compute import DTYPES, configure_threads, measure_peak

    configure_threads()
    return max(measure_peak("cpu", dtype, rounds=3) for dtype in DTYPES.values())


def _assumed_mfu(preset: Preset, gpu: str | None, given: float | None) -> tuple[float, str]:
    if given is not None:
        return given, "--mfu"
    if gpu is None:
        if preset.name in CPU_MFU:
            return CPU_MFU[preset.name], f"a run of pretrain/launch.sh --preset {preset.name}"
        return DEFAULT_CPU_MFU, "benchmarks/pretrain.py on a CPU"
    if preset.name in PUBLISHED_MFU:
        return PUBLISHED_MFU[preset.name], "OpenCoder's published GPU-hours"
    return DEFAULT_MFU, "torchtitan's 8B on H100"


def _layer_parameters(model: ModelConfig) -> int:
    return model.width * (2 * model.head_dim * (model.heads + model.kv_heads) + 3 * model.ffn + 2)


def _stages(preset: Preset, *, flops_per_second: float, on_cpu: bool) -> list[Stage]:
    """Every stage in the order of the chain."""
    minutes = CPU_MINUTES.get(preset.name, {}) if on_cpu else {}
    unique = preset.train.tokens / EPOCHS.get(preset.name, 1.0)
    checkpoint = 12.0 * preset.model.num_parameters()  # fp32 weights and two moments
    disk = {
        "corpus": unique * TEXT_BYTES_PER_TOKEN,
        "shards": 4.0 * unique,
        # one more than are kept exists while it is written
        "pretrain": checkpoint * (preset.train.keep_checkpoints + 1),
        "anneal": checkpoint * (preset.train.keep_checkpoints + 1),
        "base": 2.0 * preset.model.num_parameters(),  # bf16
    }
    disk |= CPU_DISK.get(preset.name, {}) if on_cpu else {}
    trained = {"pretrain": preset.train.tokens, "anneal": preset.anneal.tokens}
    stages = []
    for name in ("corpus", "tokenizer", "shards", "pretrain", "synth", "anneal", "base", "sft", "eval"):
        tokens = trained.get(name)
        flops = None if tokens is None else preset.model.flops_per_token() * tokens
        hours = minutes[name] / 60 if name in minutes else None
        if flops is not None:
            hours = (flops / flops_per_second + (CPU_START_S if on_cpu else 0.0)) / 3600
        stages.append(Stage(name=name, tokens=tokens, flops=flops, disk_bytes=disk.get(name), hours=hours))
    return stages


def _problems(preset: Preset, devices: int, limit: float | None) -> list[str]:
    found = []
    train = preset.train
    if train.batch_sequences % (devices * train.micro_batch):
        found.append(
            f"train.batch_sequences {train.batch_sequences} does not divide by {devices} devices x micro_batch "
            f"{train.micro_batch}; take another number of nodes or --set train.micro_batch"
        )
    need = sum(memory_per_device(preset, devices).values())
    if limit is not None and need > limit:
        found.append(
            f"memory: needs {need / 1e9:.0f} GB of {limit / 1e9:.0f} usable per GPU; {_way_out(preset, devices, limit)}"
        )
    return found


def _way_out(preset: Preset, devices: int, limit: float) -> str:
    """The cheapest change that fits: fewer sequences at a time, then recomputing, then more GPUs."""
    changes: list[dict[str, Any]] = []
    for recompute in (preset.train.activation_checkpointing, True):
        changes += [
            {"micro_batch": size, "activation_checkpointing": recompute}
            for size in range(preset.train.micro_batch, 0, -1)
            if preset.train.micro_batch % size == 0
        ]
    for change in changes:
        changed = preset.model_copy(update={"train": preset.train.model_copy(update=change)})
        if sum(memory_per_device(changed, devices).values()) <= limit:
            flags = [
                f"--set train.{key}={str(value).lower()}"
                for key, value in change.items()
                if value != getattr(preset.train, key)
            ]
            return f"fits with {' '.join(flags)}"
    smallest = preset.model_copy(update={"train": preset.train.model_copy(update=changes[-1])})
    more = next((n for n in (2**k for k in range(1, 15)) if n > devices and _fits(smallest, n, limit)), None)
    return f"fits with {more} GPUs, micro_batch 1 and activation_checkpointing" if more else "take a smaller model"


def _fits(preset: Preset, devices: int, limit: float) -> bool:
    return sum(memory_per_device(preset, devices).values()) <= limit
