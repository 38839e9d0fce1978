from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from pretrain import compute  # noqa: E402

pytestmark = pytest.mark.train

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H100 80GB HBM3", 989e12), ("NVIDIA H100 PCIe", 756e12), ("NVIDIA A100-SXM4-80GB", 312e12)],
)
def test_known_gpus_have_their_dense_peak(name: str, peak: float) -> None:
    assert compute.dense_peak(name) == peak


def test_l40s_is_not_taken_for_an_l4() -> None:
    assert compute.dense_peak("NVIDIA L40S") == 362e12
    assert compute.dense_peak("NVIDIA L4") == 121e12


def test_an_unknown_gpu_has_no_peak() -> None:
    assert compute.dense_peak("Graphics Accelerator 9000") is None


def test_the_measured_peak_is_that_of_a_matrix_product() -> None:
    """Within a factor of five of numpy's own on the same size: the machine may be busy meanwhile."""
    import time

    import numpy as np

    square = np.ones((2048, 2048), dtype=np.float32)
    started = time.perf_counter()
    square @ square
    expected = 2 * 2048**3 / (time.perf_counter() - started)
    assert expected / 5 < compute.measure_peak("cpu", torch.float32, rounds=2) < expected * 20


def test_a_precision_without_instructions_is_measured_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a product in bf16 takes a hundred times as long as in fp32, its rate is that of a narrow one."""
    widths = []

    def slow_product(left: torch.Tensor, _: torch.Tensor) -> float:
        widths.append(left.shape[0])
        return left.shape[0] ** 3 * 2e-9  # 1 GFLOP/s: 17 s for a product 2048 wide

    monkeypatch.setattr(compute, "_time_product", slow_product)
    assert compute.measure_peak.__wrapped__("cpu", torch.bfloat16) == pytest.approx(1e9)
    assert sum(width**3 * 2e-9 for width in widths) < 5
    assert max(widths) == 512


def test_auto_takes_the_faster_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    for rates, expected in (({"bf16": 2.0, "fp32": 1.0}, "bf16"), ({"bf16": 1.0, "fp32": 2.0}, "fp32")):
        by_dtype = {compute.DTYPES[name]: rate for name, rate in rates.items()}
        monkeypatch.setattr(compute, "measure_peak", lambda _, dtype, found=by_dtype: found[dtype])
        assert compute.resolve_precision("auto", CPU) == expected


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_a_stated_precision_stays(precision: str) -> None:
    assert compute.resolve_precision(precision, CPU) == precision


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_the_context_decides_what_products_are_in(precision: str, dtype: torch.dtype) -> None:
    with compute.precision_context(precision, CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


@pytest.mark.parametrize(
    ("device", "environ", "found"),
    [
        ("cpu", {}, True),
        ("cuda", {}, True),
        ("cpu", {"CXX": "clang++-99"}, False),
        ("cuda", {"CC": "clang-99"}, False),
        ("cpu", {"PATH": "/nowhere"}, False),
    ],
)
def test_a_compiler_is_looked_for_where_torch_does(
    tmp_path: Path, device: str, environ: dict[str, str], found: bool
) -> None:
    for name in ("g++", "gcc"):
        (tmp_path / name).touch(mode=0o755)
    assert compute.has_compiler(torch.device(device), {"PATH": str(tmp_path)} | environ) == found


FAULTS = """
import resource, sys, torch
from pretrain.compute import tune_memory  # noqa: E402
if sys.argv[1] == "tuned" and not tune_memory():
    sys.exit(3)
def allocate(times):
    for _ in range(times):
        torch.ones(12_000_000)
allocate(8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
allocate(8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 3:
        pytest.skip("the C library here is not glibc")
    return int(done.stdout)


def test_tuned_memory_is_not_faulted_in_again() -> None:
    """8 buffers of 48 MB, more than glibc keeps by itself: 94,000 pages of 4 kB if each is mapped anew.

    Some of the eight may be: where a small allocation landed at the heap's end, the next buffer goes behind it.
    """
    assert faults("tuned") < faults("untuned") / 2


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no processor affinity")
def test_threads_are_the_processors_or_what_the_user_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        assert compute.configure_threads(1) == 1
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert compute.configure_threads() == 1
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert compute.configure_threads() == len(os.sched_getaffinity(0))
    finally:
        torch.set_num_threads(before)
