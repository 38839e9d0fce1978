"""Uploads to a hub: a scripted one that speaks as much of the protocol as one commit needs."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from scripted import serving
from sets_on_disk import sample, write_run

from synth.cli import cli
from synth.push import PushError, open_hub, plan_push, push

pytestmark = pytest.mark.train


@dataclass
class Hub:
    """What a hub has and was asked."""

    private: bool = True
    there: tuple[str, ...] = ()
    """Paths in the repository."""
    status: int = 200
    created: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    endpoint: str = ""

    def answer(self, path: str, body: bytes) -> Any:
        """The reply to one request."""
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            return {"url": f"{self.endpoint}/datasets/me/set", "name": "me/set"}
        if "/preupload/" in path:
            names = [file["path"] for file in json.loads(body)["files"]]
            return {"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]}
        if "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    self.deleted.append(line["value"]["path"])
            return {"commitUrl": f"{self.endpoint}/datasets/me/set/commit/1", "commitOid": "1"}
        if "/tree/" in path:
            return [{"type": "file", "path": name, "size": 1, "oid": "0"} for name in self.there]
        return {"id": "me/set", "private": self.private, "sha": "0", "siblings": [{"rfilename": n} for n in self.there]}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that the environment names, with a token."""
    pytest.importorskip("huggingface_hub", reason="needs the train extra")
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.tokens.add(self.headers.get("Authorization", ""))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            payload = json.dumps(hub.answer(self.path, body) if hub.status == 200 else {"error": "no"}).encode()
            self.send_response(hub.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_GET

    with serving(Handler) as url:
        hub.endpoint = url.removesuffix("/v1")
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export."""
    run = write_run(tmp_path / "run", [sample(i) for i in range(3)], subset="evol_instruct")
    assert CliRunner().invoke(cli, ["export", str(run)]).exit_code == 0
    (run / "export" / "data" / ".train-00000").write_text("of a process that was killed")
    return run / "export"


NAMES = {"README.md", "data/train-00000-of-00001.parquet", "messages/train.jsonl"}


def test_an_upload_is_one_commit_to_a_private_repository(hub: Hub, folder: Path) -> None:
    address = push(plan_push(folder, "me/set"), open_hub())
    assert address.endswith("/datasets/me/set/commit/1")
    (made,) = hub.created
    assert made["type"] == "dataset"
    assert made.get("private") or made["visibility"] == "private"  # as versions of the client spell it
    assert hub.files == {name: (folder / name).read_bytes() for name in NAMES}
    assert hub.tokens == {"Bearer hf_secret"}


def test_shards_of_an_earlier_upload_go_and_what_is_not_ours_stays(hub: Hub, folder: Path) -> None:
    hub.there = ("data/train-00000-of-00002.parquet", "data/train-00000-of-00001.parquet", "notes.md", ".gitattributes")
    push(plan_push(folder, "me/set"), open_hub())
    assert hub.deleted == ["data/train-00000-of-00002.parquet"]


def test_a_repository_that_is_public_is_written_to_only_when_that_was_said(hub: Hub, folder: Path) -> None:
    hub.private = False
    with pytest.raises(PushError, match="me/set is public already; give --public"):
        push(plan_push(folder, "me/set"), open_hub())
    assert not hub.files
    push(plan_push(folder, "me/set", public=True), open_hub())
    assert hub.files


def test_a_refusal_is_one_line(hub: Hub, folder: Path) -> None:
    hub.status = 403
    with pytest.raises(PushError, match=r"me/set at http://\S+: .*403[^\n]*; check the name, HF_TOKEN"):
        push(plan_push(folder, "me/set"), open_hub())


@pytest.mark.usefixtures("hub")
def test_a_hub_that_is_not_there_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PushError, match=r"me/set at http://127.0.0.1:9: [^\n]*; check the name"):
        push(plan_push(folder, "me/set"), open_hub())


def test_without_a_token_nothing_is_begun(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="needs the train extra")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    result = CliRunner().invoke(cli, ["export", str(folder.parent), "--push", "me/set", "--out", str(tmp_path / "x")])
    assert "no token; set HF_TOKEN" in str(result.exception)
    assert not (tmp_path / "x").exists()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(PushError, match=r"needs the `huggingface_hub` package; pip install 'opencook\[train\]'"):
        open_hub()


def test_a_dry_run_says_what_would_be_done_and_asks_nobody(hub: Hub, folder: Path) -> None:
    result = CliRunner().invoke(cli, ["export", str(folder.parent), "--push", "me/set", "--dry-run", "--json"])
    assert json.loads(result.stdout)["would_push"]["files"].keys() == NAMES
    for part in ("me/set: a private dataset at http", "config_name: evol_instruct", "overwritten there", *NAMES):
        assert part in result.stderr
    assert not hub.tokens


@pytest.mark.parametrize("name", ["me", "me/", "/set", "me/se t", "../set", "me/set/x", "-/x", "me/" + "x" * 100])
def test_what_names_no_repository_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(PushError, match="must be OWNER/NAME, got"):
        plan_push(folder, name)
