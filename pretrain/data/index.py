"""A package index, read as pip is configured to: its simple pages (PEP 691 JSON or PEP 503 HTML) and its files.

Taken from pip: index-url, extra-index-url and cert, out of its environment and configuration files; proxies and
`.netrc` are honoured too. Not covered: `file:` indexes and find-links; put such archives into the cache folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from pretrain.errors import SourceError

if TYPE_CHECKING:
    import requests

DEFAULT_INDEX = "https://pypi.org/simple"
"""pip's own default."""
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
_CONNECT_S, _READ_S = 20, 60
_CHUNK_BYTES = 1 << 20
_SETTING = re.compile(r"(?P<section>[\w:]+)\.(?P<key>[\w.-]+)='(?P<value>.*)'")


class Index:
    """One or more simple indexes, asked in order."""

    def __init__(self, urls: tuple[str, ...], *, certificates: str | None = None) -> None:
        """`certificates`: a file of trusted ones instead of the system's."""
        self.urls = urls
        self._certificates = certificates

    @classmethod
    def from_pip(cls) -> Index:
        """The index that pip itself would use here."""
        settings = _pip_settings()
        main = settings.get("index-url", DEFAULT_INDEX)
        urls = [url for url in (main, *settings.get("extra-index-url", "").split()) if url.startswith("http")]
        return cls(tuple(dict.fromkeys(urls)), certificates=settings.get("cert"))

    def download(self, name: str, file: str) -> Iterator[bytes]:
        """The bytes of `file`, piece by piece.

        Raises: SourceError where no index has it, or none answers.
        """
        import requests

        with self._session() as session:
            try:
                url = self._find(session, name, file)
                with session.get(url, stream=True, timeout=(_CONNECT_S, _READ_S)) as response:
                    response.raise_for_status()
                    yield from response.iter_content(_CHUNK_BYTES)
            except requests.RequestException as error:
                host = urlsplit(str(error.request.url)).hostname if error.request else self._hosts()
                raise SourceError(
                    f"{file}: cannot be fetched from {host}, got {type(error).__name__}; check the network and"
                    " `pip config list`, or give --source FOLDER"
                ) from error

    def _find(self, session: requests.Session, name: str, file: str) -> str:
        """The URL of `file`."""
        project = re.sub(r"[-_.]+", "-", name).lower()
        for base in self.urls:
            page = session.get(
                f"{base.rstrip('/')}/{project}/", headers={"Accept": _ACCEPT}, timeout=(_CONNECT_S, _READ_S)
            )
            if page.status_code in (403, 404):  # some indexes answer 403 for a project they do not carry
                continue
            page.raise_for_status()
            if url := _links(page).get(file):
                return urljoin(page.url, url)
        raise SourceError(f"{file}: no such file on {self._hosts()}; check the list or `pip config list`")

    def _hosts(self) -> str:
        """The indexes by host name alone: a URL may hold a password."""
        return ", ".join(str(urlsplit(url).hostname) for url in self.urls) or "any index"

    def _session(self) -> requests.Session:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        session = requests.Session()
        retry = Retry(total=3, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
        session.mount("http://", HTTPAdapter(max_retries=retry))
        session.mount("https://", HTTPAdapter(max_retries=retry))
        if self._certificates:
            session.verify = self._certificates
        return session


def _links(page: requests.Response) -> dict[str, str]:
    """File name -> URL, as the page has it."""
    if "json" in page.headers.get("Content-Type", ""):
        return {str(file["filename"]): str(file["url"]) for file in page.json()["files"]}
    parser = _Anchors()
    parser.feed(page.text)
    return parser.links


class _Anchors(HTMLParser):
    """Collects `<a href=URL>file name</a>`."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self._href: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Nothing; remembers where the anchor points."""
        self._href = dict(attrs).get("href") if tag == "a" else None

    def handle_data(self, data: str) -> None:
        """Nothing; the text of an anchor is its file's name."""
        if self._href and data.strip():
            self.links[data.strip()] = self._href.partition("#")[0]


def _pip_settings() -> dict[str, str]:
    """What pip's files and environment set; the environment wins, as it does for pip."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60, check=False
        )
        lines = done.stdout.splitlines()
    except (OSError, subprocess.TimeoutExpired):
        lines = []
    settings: dict[str, str] = {}
    for section in ("global", "install", "download"):
        for match in filter(None, map(_SETTING.fullmatch, lines)):
            if match["section"] == section:
                settings[match["key"]] = match["value"].replace("\\n", " ")
    for key in ("index-url", "extra-index-url", "cert"):
        if value := os.environ.get("PIP_" + key.replace("-", "_").upper()):
            settings[key] = value
    return settings
