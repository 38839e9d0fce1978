"""The machine: which precision it is fast in, what its peak is, and the settings that make it reach it.

Nothing is assumed of a CPU: of two of one family, one multiplies bf16 at twice its fp32 rate (AMX) and the other at
half (AVX512_BF16 alone), so the peak is measured. Not covered: several GPUs of different kinds in one run.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Literal

import torch

Precision = Literal["bf16", "fp32"]

DTYPES: dict[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp32": torch.float32}

DENSE_PEAKS = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H800": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10G": 70e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
    "V100": 125e12,
}
"""bf16 FLOP/s (V100: fp16) without sparsity, from the vendor's data sheets; the first name that the device's holds."""

GEMM_SIZES = (256, 512, 1024, 2048)
SLOW_PRODUCT_S = 0.05
"""A product that takes longer is large enough to say the rate: the next size would take eight times as long."""

# glibc's mallopt: parameter numbers from malloc.h, and the value that keeps freed memory in the process
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEEP_BYTES = 2**31 - 1


def dense_peak(device_name: str) -> float | None:
    """The published dense bf16 FLOP/s of a GPU by its name; `None` for one that the table lacks."""
    return next((peak for name, peak in DENSE_PEAKS.items() if name in device_name), None)


@cache
def measure_peak(device: str, dtype: torch.dtype, *, rounds: int = 8) -> float:
    """FLOP/s of the best of several matrix products on that device, in a second or two; measured once per process.

    They are 2048 wide, or narrower where that would take long: a CPU without bf16 instructions, for which torch has
    no fast product, takes 17 s over one of that width: a hundred times as long as in fp32, as over narrower ones.
    """
    for size in GEMM_SIZES:
        left = torch.randn(size, size, device=device).to(dtype)
        right = torch.randn(size, size, device=device).to(dtype)
        _time_product(left, right)  # the first is slower than the rest
        best = _time_product(left, right)
        if size == GEMM_SIZES[-1] or best > SLOW_PRODUCT_S:
            break
    best = min([best, *(_time_product(left, right) for _ in range(rounds - 1))])
    return 2.0 * size**3 / best


def peak_flops(device: torch.device, precision: Precision) -> float | None:
    """What MFU is a share of: the published peak of a GPU (`None` if unknown), the measured one of a CPU."""
    if device.type == "cuda":
        return dense_peak(torch.cuda.get_device_name(device))
    return measure_peak(str(device), DTYPES[precision])


def resolve_precision(precision: Literal["auto", "bf16", "fp32"], device: torch.device) -> Precision:
    """`auto` as the faster of the two here: bf16 on a GPU that has it, on a CPU by measurement."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    rates = {name: measure_peak(str(device), dtype) for name, dtype in DTYPES.items()}
    return "bf16" if rates["bf16"] > rates["fp32"] else "fp32"


def precision_context(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context of a forward pass: autocast to bf16, or nothing."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def has_compiler(device: torch.device, environ: Mapping[str, str] | None = None) -> bool:
    """Whether torch.compile finds the compiler that it needs: a C++ one for a CPU, a C one for Triton on a GPU.

    `environ` stands for `os.environ`; torch asks the same names of it.
    """
    environ = os.environ if environ is None else environ
    if device.type == "cpu":
        names = [environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")]
    else:
        names = [environ["CC"]] if "CC" in environ else ["gcc", "clang", "cc"]
    return any(shutil.which(name, path=environ.get("PATH")) for name in names)


def tune_memory() -> bool:
    """Whether glibc now keeps freed memory instead of giving it back and faulting it in anew at every step."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent from musl
    if mallopt is None:
        return False
    return all(mallopt(option, KEEP_BYTES) == 1 for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD))


def configure_threads(num_threads: int | None = None) -> int:
    """The threads that torch now uses: as given, else OMP_NUM_THREADS, else the processors this process may run on."""
    if num_threads is None and "OMP_NUM_THREADS" not in os.environ:
        num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    return torch.get_num_threads()


def _time_product(left: torch.Tensor, right: torch.Tensor) -> float:
    """Seconds that one matrix product takes."""
    _wait(left.device)
    started = time.perf_counter()
    torch.mm(left, right)
    _wait(left.device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
