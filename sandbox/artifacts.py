"""What a compiler leaves to be run: collected under the compiler's own uid, laid out for the program to find.

    collect(uid)            {"main": [mode, base64], ...} out of /build/out
    lay_out(artifacts)      the same under /build/out, owned by root: the program can run them and not change them

Between the two they travel through the host, which keeps them for the next run of the same source. Standard library
only; runs inside the container.
"""

# ruff: noqa: PTH103, PTH112, PTH118, PTH119, PTH120, PTH123

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
from typing import Any

from sandbox.leftovers import BUILD_DIR, as_user

OUT_DIR = f"{BUILD_DIR}/out"
MAX_BYTES = 40 << 20
MAX_FILES = 2_000


def collect(uid: int) -> dict[str, Any]:
    """Path -> [mode, content in base64] of the regular files of one link under `OUT_DIR`; empty when they are too many.

    Read by a process that has the compiler's rights and no more: links and pipes are passed over, not followed.
    """
    read_fd, write_fd = os.pipe()

    def read_and_send() -> None:
        os.close(read_fd)
        with open(write_fd, "wb") as pipe:
            pipe.write(json.dumps(read_files(OUT_DIR)).encode())

    as_user(uid, read_and_send, wait=False)
    os.close(write_fd)
    with open(read_fd, "rb") as pipe:
        payload = pipe.read(2 * MAX_BYTES)
    found: dict[str, Any] = json.loads(payload) if payload else {}
    return found


def read_files(root: str) -> dict[str, Any]:
    """The files under `root`, or nothing when they pass a cap."""
    found: dict[str, Any] = {}
    num_bytes = 0
    for folder, _, names in os.walk(root, followlinks=False):
        for name in names:
            path = os.path.join(folder, name)
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK) if is_plain_file(path) else -1
            if fd < 0:
                continue
            with open(fd, "rb") as file:
                content = file.read(MAX_BYTES + 1)
            num_bytes += len(content)
            if num_bytes > MAX_BYTES or len(found) >= MAX_FILES:
                return {}
            mode = stat.S_IMODE(os.stat(path).st_mode) & 0o755
            found[os.path.relpath(path, root)] = [mode, base64.b64encode(content).decode()]
    return found


def is_plain_file(path: str) -> bool:
    """Whether it is a regular file with one name."""
    facts = os.lstat(path)
    return stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1


def lay_out(artifacts: dict[str, Any]) -> None:
    """Nothing; the files are under `OUT_DIR`, for all to read and run."""
    for name, (mode, content) in artifacts.items():
        path = os.path.normpath(os.path.join(OUT_DIR, name))
        if not path.startswith(OUT_DIR + "/"):
            raise ValueError(f"an artifact outside of {OUT_DIR}: {name!r}")
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(content))
        os.chmod(path, mode | 0o444)


def clear() -> str:
    """Empty once `BUILD_DIR` is, else what is left."""
    for entry in os.scandir(BUILD_DIR):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)
    return "artifacts outlived their run" if os.listdir(BUILD_DIR) else ""
