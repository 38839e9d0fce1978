"""A pinned list of packages, and their archives in the cache: each is checked against its SHA-256 and never run.

A line of the list is `name==version file sha256`. Archives lie in `$XDG_CACHE_HOME/opencook/archives`; one that is
there and whole is not fetched again, so an interrupted run goes on where it was and a machine without a network needs
only that folder.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from pretrain.data.index import Index
from pretrain.errors import SourceError
from synth.files import atomic_file

BUNDLED = Path(__file__).with_name("packages.txt")
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9._+!-]+) (?P<file>[\w.+-]+) (?P<sha256>[0-9a-f]{64})"
)
_NUM_CONNECTIONS = 8  # more bring nothing: with eight the list arrives at about 20 MB/s


@dataclass(frozen=True, slots=True)
class Pin:
    """One archive of one version of one package."""

    name: str
    version: str
    file: str
    sha256: str

    @property
    def label(self) -> str:
        """`name==version`."""
        return f"{self.name}=={self.version}"


def read_pins(path: Path) -> list[Pin]:
    """The packages a list names, in its order.

    Raises: SourceError with file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read, got {error}; give a text file of pinned packages") from error
    pins: dict[str, Pin] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _PIN.fullmatch(line.strip())
        if match is None:
            raise SourceError(f"{path}:{number}: must be 'name==version file sha256', got {line[:80]!r}; fix the line")
        pin = Pin(**match.groupdict())
        if pin.name in pins:
            raise SourceError(f"{path}:{number}: {pin.name} stands twice; remove one")
        pins[pin.name] = pin
    if not pins:
        raise SourceError(f"{path}: names no package; add lines 'name==version file sha256'")
    return list(pins.values())


def archive_folder() -> Path:
    """Where archives are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opencook" / "archives"


def fetch_archives(
    pins: Sequence[Pin], folder: Path, *, index: Index, on_fetched: Callable[[int], None] | None = None
) -> list[Path]:
    """The archives in the order of `pins`, those that were missing fetched; `on_fetched` hears each one's bytes.

    Raises: SourceError at the first one that cannot be had whole.
    """
    report = on_fetched or (lambda _: None)
    with ThreadPoolExecutor(_NUM_CONNECTIONS) as pool:
        futures = [pool.submit(_fetch, pin, folder, index) for pin in pins]
        try:
            for future in as_completed(futures):
                report(future.result().stat().st_size)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _fetch(pin: Pin, folder: Path, index: Index) -> Path:
    # The digest stands in the name so that two files of one name never meet.
    path = folder / f"{pin.sha256[:16]}-{pin.file}"
    if path.is_file() and _sha256(path) == pin.sha256:
        return path
    with atomic_file(path) as file:
        digest = hashlib.sha256()
        for chunk in index.download(pin.name, pin.file):
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != pin.sha256:
            raise SourceError(
                f"{pin.file}: sha256 differs from the list's, got {digest.hexdigest()}, need {pin.sha256};"
                " check the index, or the line of the list"
            )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
