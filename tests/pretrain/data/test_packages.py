"""The pinned list, the index it is fetched from, and the cache. The index is a server of the test's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pretrain.data.index import Index
from pretrain.data.packages import BUNDLED, Pin, fetch_archives, read_pins
from pretrain.errors import SourceError

DATA = b"an archive"
DIGEST = hashlib.sha256(DATA).hexdigest()
PIN = Pin("My.Package", "1.0", "my_package-1.0.tar.gz", DIGEST)


class Server:
    """Serves pages by path and remembers what was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                kind, body = server.pages.get(self.path, ("", b""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/simple"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = Thread(target=server.http.serve_forever, daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join(10)


def serve(server: Server, *, html: bool = False, data: bytes = DATA) -> None:
    if html:
        page = ("text/html", b'<a href="../../files/x.gz#sha256=00">my_package-1.0.tar.gz</a>')
    else:
        files = [{"filename": PIN.file, "url": "../../files/x.gz"}]
        page = ("application/vnd.pypi.simple.v1+json", json.dumps({"files": files}).encode())
    server.pages = {"/simple/my-package/": page, "/files/x.gz": ("application/gzip", data)}


@pytest.mark.parametrize("html", [False, True])
def test_a_file_is_found_on_either_kind_of_page(server: Server, tmp_path: Path, html: bool) -> None:
    serve(server, html=html)
    [path] = fetch_archives([PIN], tmp_path, index=Index((server.url,)))
    assert path.read_bytes() == DATA


def test_an_archive_in_the_cache_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    serve(server)
    index = Index((server.url,))
    fetch_archives([PIN], tmp_path, index=index)
    server.asked.clear()
    fetch_archives([PIN], tmp_path, index=index)
    assert server.asked == []


def test_a_damaged_archive_in_the_cache_is_fetched_again(server: Server, tmp_path: Path) -> None:
    serve(server)
    index = Index((server.url,))
    [path] = fetch_archives([PIN], tmp_path, index=index)
    path.write_bytes(DATA[:3])
    fetch_archives([PIN], tmp_path, index=index)
    assert path.read_bytes() == DATA


def test_another_digest_stops_the_run_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    serve(server, data=b"tampered")
    with pytest.raises(SourceError, match=r"my_package-1\.0\.tar\.gz: sha256 differs"):
        fetch_archives([PIN], tmp_path, index=Index((server.url,)))
    assert list(tmp_path.iterdir()) == []


def test_the_second_index_is_asked_where_the_first_has_no_such_project(server: Server, tmp_path: Path) -> None:
    serve(server)
    index = Index((server.url.replace("/simple", "/empty"), server.url))
    assert fetch_archives([PIN], tmp_path, index=index)[0].read_bytes() == DATA


def test_a_file_on_no_index_is_named_without_the_password(server: Server, tmp_path: Path) -> None:
    url = server.url.replace("http://", "http://me:secret@")
    with pytest.raises(SourceError, match=r"my_package-1\.0\.tar\.gz: no such file on 127") as caught:
        fetch_archives([PIN], tmp_path, index=Index((url,)))
    assert "secret" not in str(caught.value)


def test_no_network_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be fetched from 127\.0\.0\.1.*check the network"):
        fetch_archives([PIN], tmp_path, index=Index(("http://127.0.0.1:9/simple",)))


def test_the_index_is_the_one_pip_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.org/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///nowhere https://example.net/simple")
    assert Index.from_pip().urls == ("https://example.org/simple", "https://example.net/simple")


@pytest.mark.parametrize("line", ["a==1 a.tar.gz", "a a.tar.gz " + DIGEST, f"a==1 ../a.tar.gz {DIGEST}", "a==1 x y z"])
def test_a_line_that_pins_nothing_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "list").write_text(f"# fine\n{line}\n")
    with pytest.raises(SourceError, match="list:2: must be"):
        read_pins(tmp_path / "list")


def test_the_bundled_list_pins_many_packages_once() -> None:
    pins = read_pins(BUNDLED)
    assert len(pins) >= 100
    assert len({pin.sha256 for pin in pins}) == len(pins)
