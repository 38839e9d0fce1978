"""`--push`: a folder with a dataset card to a hub, as one commit; first what would be done, without a network.

The token comes from HF_TOKEN or from `hf auth login`, the hub's address from HF_ENDPOINT. A repository that is made is
private unless said otherwise, and one that is public already is not written to unless that was said.
Not covered: models.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth.errors import SynthError

REPLACED = ("data/*", "subsets/**", "messages/*")
"""What was in these folders of the repository and is not in ours goes."""
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w][\w.-]*")


class PushError(SynthError):
    """The hub, or what is needed to reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What is to be uploaded where."""

    folder: Path
    repository: str
    public: bool
    files: tuple[tuple[str, int], ...]
    """Path in the repository, bytes."""

    @property
    def num_bytes(self) -> int:
        """Of all files."""
        return sum(size for _, size in self.files)

    @property
    def front_matter(self) -> str:
        """Of the card, as the hub reads it."""
        return (self.folder / "README.md").read_text(encoding="utf-8").split("---\n")[1]

    def describe(self) -> str:
        """What would be done, in lines to read."""
        lines = [f"{self.repository}: a {'public' if self.public else 'private'} dataset at {endpoint()}"]
        lines += [f"  {size:>13,}  {path}" for path, size in self.files]
        lines += [f"  {self.num_bytes:>13,}  bytes in {len(self.files)} files, one commit"]
        lines += [f"overwritten there: files of these names; removed there: any other in {', '.join(REPLACED)}"]
        lines += ["card:", *(f"  {line}" for line in self.front_matter.splitlines())]
        return "\n".join(lines)


def endpoint() -> str:
    """The hub's address."""
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def plan_push(folder: Path, repository: str, *, public: bool = False) -> Push:
    """What an upload of `folder` would do; asks nobody. Raises: `PushError`."""
    check_repository(repository)
    if not (folder / "README.md").is_file():
        raise PushError(f"{folder}: no README.md in it; give an export or a mixture")
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder)))
    files = tuple((path.relative_to(folder).as_posix(), path.stat().st_size) for path in found)
    return Push(folder=folder, repository=repository, public=public, files=files)


def check_repository(repository: str) -> None:
    """Raises: `PushError` for what names no repository."""
    if not _REPOSITORY.fullmatch(repository) or len(repository) > 96:
        raise PushError(f"--push: must be OWNER/NAME, got {repository!r}; such as me/my-dataset")


def open_hub() -> Any:
    """A client of the hub that has a token. Raises: `PushError`."""
    try:
        from huggingface_hub import HfApi, get_token
    except ImportError:
        raise PushError("--push: needs the `huggingface_hub` package; pip install 'opencook[train]'") from None
    token = os.environ.get("HF_TOKEN") or get_token()
    if not token:
        raise PushError("--push: no token; set HF_TOKEN to one that may write (or see first with --dry-run)")
    return HfApi(endpoint=endpoint(), token=token, library_name="opencook")


def push(plan: Push, hub: Any, say: Callable[[str], None] = lambda _: None) -> str:
    """The address of the commit, once all files are there.

    Raises: `PushError`: refused or not reached; the repository is as before.
    """
    where = {"repo_id": plan.repository, "repo_type": "dataset"}
    try:
        hub.create_repo(**where, private=not plan.public, exist_ok=True)
        if not plan.public and not hub.repo_info(**where).private:
            raise PushError(f"--push: {plan.repository} is public already; give --public, or another name")
        say(f"uploading {plan.num_bytes:,} bytes to {plan.repository}")
        commit = hub.upload_folder(
            **where,
            folder_path=str(plan.folder),
            ignore_patterns=[".*", "*/.*"],
            delete_patterns=list(REPLACED),
            commit_message=f"{len(plan.files)} files by opencook",
        )
    except PushError:
        raise
    except Exception as error:  # the client raises whatever its transports do; each of them means: not uploaded
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PushError(
            f"--push: {plan.repository} at {endpoint()}: {reason}; check the name, HF_TOKEN and the network"
        ) from error
    return str(commit.commit_url)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
