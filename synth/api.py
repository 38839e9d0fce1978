"""What an installed package offers today: `read_apis`, by introspection, and `topics`, what rows may ask for.

The library is imported in a process of its own (`api_probe.py`), with a time limit, an empty home and no credentials,
so that nothing of it reaches this one. What comes back is read as data.
Left out and counted: what cannot be tested by its result (chance, time, files, network), by the words in its name and
parameters. Not covered: such an effect that no word tells.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import site
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth.api_usage import Usage, parse_signature, usage_of
from synth.doctests import prose
from synth.errors import SeedError
from synth.packages import Package, find_package

PREFIX = "api:"
TIMEOUT_S = 600.0
"""On a busy machine numpy took 8 s, and sympy with its 6,100 documented names 97 s."""
MAX_DOC_CHARS = 6000
"""A longer docstring is cut at a paragraph, with a mark; of numpy's 1,183 documented names 11 have one."""
MAX_REQUIRED = 3
CUT = "[...]"
_UNTESTABLE_NAMES = frozenset(
    """chance clock draw environ getpass include info license lock memmap monotonic now permutation plot print
    printoptions process rand randint random shuffle sample show sleep socket subprocess thread threads time timed
    timeout timer today traceback umask uuid version walltime""".split()
)
_UNTESTABLE_PARAMETERS = frozenset(
    """fd fh file filename filepath fileobj fname folder fp host jitter path port random randomize rng rnd seed sleep
    sock stderr stdin stdout stream timeout""".split()
)
"""Words of names and of parameters that tell of chance, time, files, processes or the network."""
_UNTESTABLE_MODULES = (
    "debug",
    "drawing",
    "eco",
    "file",
    "gc",
    "io",
    "nx_",
    "path",
    "readwrite",
    "socket",
    "tb",
    "time",
)
"""How modules of such functions begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One public function, class or method."""

    name: str
    """As users reach it, such as `numpy.clip` or `networkx.Graph.add_edge`."""
    kind: str
    """`function`, `class` or `method`."""
    signature: str
    """Such as `(a, a_min, a_max)`."""
    doc: str
    module_doc: str = ""

    @property
    def short(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def text(self) -> str:
        """What a reader of the documentation sees."""
        return f"{self.name}{self.signature}\n\n{_cut(self.doc)}"

    @property
    def reference(self) -> str:
        """The same without examples."""
        return f"{self.name}{self.signature}\n\n{_cut(_prose(self.doc))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What one row is about: an API, or a few that belong together."""

    apis: tuple[Api, ...]
    """What an answer must call, the one that the row is about first."""
    owner: Api | None = None
    """The class of a method, to be read with it."""
    usage: Usage | None = None
    """A function out of the examples of the documentation, where they show plain values."""

    @property
    def required(self) -> tuple[str, ...]:
        """The names that an answer must call."""
        return tuple(api.name for api in self.apis)

    @property
    def text(self) -> str:
        """The documentation of all, with examples."""
        return "\n\n\n".join(api.text for api in self._shown)

    @property
    def reference(self) -> str:
        """The documentation of all, without examples."""
        return "\n\n\n".join(api.reference for api in self._shown)

    @property
    def _shown(self) -> tuple[Api, ...]:
        return self.apis if self.owner is None else (*self.apis, self.owner)

    @property
    def summary(self) -> str:
        """The first sentence or two of the documentation, on one line."""
        paragraphs = _prose(self.apis[0].doc).split("\n\n")
        told = [text for text in paragraphs if not text.startswith(f"{self.apis[0].short}(")]  # C code opens with it
        return " ".join((told or paragraphs)[0].split())


def packages_in(spec: str) -> list[Package]:
    """The packages that a source `api:NAME[,NAME...]` names. Raises `SeedError`."""
    names = [name.strip() for name in spec.removeprefix(PREFIX).split(",") if name.strip()]
    if not names:
        raise SeedError(f"{spec}: must name a package, got none; name a package, such as {PREFIX}more-itertools")
    return [find_package(name, spec=spec) for name in names]


def packages_of(spec: str) -> tuple[str, ...]:
    """What the sandbox image must have for seeds of this source: `more-itertools==10.5.0`; nothing for other sources.

    Raises:
        SeedError: a package is not installed.
    """
    found = packages_in(spec) if spec.startswith(PREFIX) else []
    return tuple(dict.fromkeys(package.label for package in found if not package.label.startswith("python==")))


def read_apis(package: Package, skipped: Counter[str], *, timeout_s: float = TIMEOUT_S) -> list[Api]:
    """The documented public API, the shortest paths first; what was left out is counted in `skipped`.

    Raises:
        SeedError: the package cannot be imported, or not in time.
    """
    tops = sorted(top for top in package.tops if top.isidentifier() and not top.startswith(("_", "test")))
    apis = []
    for fact in _probe(package, tops, timeout_s):
        if "skipped" in fact:
            skipped.update(fact["skipped"])
        elif is_testable(fact["name"], fact["signature"]):
            apis.append(Api(**fact))
        else:
            skipped["api.untestable"] += 1
    return apis


def is_testable(name: str, signature: str) -> bool:
    """Whether neither name nor parameters speak of chance, time, files or the network."""
    *modules, last = name.split(".")
    if any(module.startswith(_UNTESTABLE_MODULES) for module in modules[1:]):
        return False
    named = {word for part in (*modules[1:], last) for word in _words(part)}
    given = {word for parameter in _parameters(signature) for word in _words(parameter)}
    return not (named & _UNTESTABLE_NAMES or given & _UNTESTABLE_PARAMETERS)


def topics(apis: Sequence[Api]) -> Iterator[Topic]:
    """One topic for each API, in order. A method comes with its class.

    A function whose documentation has no plain examples may come with one or two others that it mentions: whether, and
    with which, is drawn from its name.
    """
    by_name = {api.name: api for api in apis}
    by_module: dict[str, list[Api]] = defaultdict(list)
    for api in apis:
        by_module[api.name.rpartition(".")[0]].append(api)
    for api in apis:
        module = api.name.rpartition(".")[0]
        if api.kind != "function":
            yield Topic(apis=(api,), owner=by_name.get(module))
            continue
        siblings = by_module[module]
        usage = usage_of(api.name, api.signature, api.doc, {other.short: other.name for other in siblings})
        yield Topic(apis=(api,) if usage else (api, *_related(api, siblings)), usage=usage)


def _related(api: Api, siblings: Sequence[Api]) -> list[Api]:
    """At most two functions that the documentation of `api` mentions, for one in three."""
    draw = hashlib.sha256(api.name.encode()).digest()
    if draw[0] % 3:
        return []
    mentioned = set(re.findall(r"(?:`|\b)~?(?:\w+\.)*(\w{4,})(?:`|\(| *:|,|$)", api.doc, re.M))
    found = [other for other in siblings if other.short in mentioned and other != api and other.kind == "function"]
    found.sort(key=lambda other: hashlib.sha256(f"{api.name} {other.name}".encode()).digest())
    return found[: 1 + draw[1] % (MAX_REQUIRED - 1)]


def _probe(package: Package, tops: Sequence[str], timeout_s: float) -> list[dict[str, Any]]:
    """What `api_probe.py` writes down, in a process that has neither our streams nor our credentials."""
    by_hand = f"see `python -c 'import {', '.join(tops)}'`"
    with tempfile.TemporaryDirectory(prefix="opencook-api-") as folder:
        out, errors = Path(folder, "apis.jsonl"), Path(folder, "errors")
        probe = Path(__file__).with_name("api_probe.py")
        command = [sys.executable, "-P", "-W", "ignore", str(probe), str(out), str(package.root), *tops]
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "LC_ALL") if name in os.environ}
        settings = {"HOME": folder, "PYTHONUSERBASE": site.getuserbase(), "PYTHONHASHSEED": "0"}
        with errors.open("wb") as stream:
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=kept | settings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                start_new_session=True,
            )
            try:
                code = child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                raise SeedError(f"{package.label}: its import takes over {timeout_s:g} s; {by_hand}") from None
            finally:
                _end(child)
        lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
        if code != 0 or not lines or not lines[-1].startswith('{"skipped"'):
            said = [line for line in errors.read_text(errors="replace").splitlines() if line.strip()]
            why = said[-1][:200] if said else f"exit code {code}"
            raise SeedError(f"{package.label}: cannot be imported ({why}); {by_hand}")
        return [json.loads(line) for line in lines]


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends the process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _prose(doc: str) -> str:
    try:
        return prose(doc)
    except ValueError:  # doctest cannot read it
        return doc


def _cut(doc: str) -> str:
    """The documentation, up to the last paragraph that fits."""
    if len(doc) <= MAX_DOC_CHARS:
        return doc
    return doc[:MAX_DOC_CHARS].rpartition("\n\n")[0] + f"\n\n{CUT}"


def _parameters(signature: str) -> list[str]:
    given = parse_signature(signature)
    if given is None:
        return re.findall(r"\w+", signature)
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _words(name: str) -> list[str]:
    """`TimeZone_offset` as time, zone, offset."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]
