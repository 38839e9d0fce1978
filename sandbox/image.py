"""The engine's address and the sandbox image: `connect`, `ensure_image`.

The image is named after the content of everything that makes it, so building again is a look-up. Its base comes from a
registry when one answers, else from Debian packages (`images/bootstrap.sh`), which takes about a minute, once.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sandbox.languages import Language, find_languages
from sandbox.verdict import SandboxError, SandboxUnavailable

REPOSITORY = "opencook-sandbox"
SUITE = "bookworm"
REGISTRY_BASE = f"debian:{SUITE}-slim"
BOOTSTRAPPED_BASE = f"opencook-base:{SUITE}"
REGISTRY_TIMEOUT_S = 15
ENGINE_TIMEOUT_S = 60
IMAGES = Path(__file__).parent / "images"


def connect(*, max_connections: int = 10, timeout_s: float = ENGINE_TIMEOUT_S) -> Any:
    """A client of the engine that answers at `DOCKER_HOST` or its default. Raises `SandboxUnavailable`."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=int(timeout_s), max_pool_size=max_connections)
        client.ping()
    except DockerException as error:
        address = os.environ.get("DOCKER_HOST", "its default address")
        raise SandboxUnavailable(
            f"engine: no Docker engine answers at {address} ({reason(error)}); "
            f"start one (on Debian as root: `sh {IMAGES / 'engine.sh'}`) or set DOCKER_HOST"
        ) from error
    return client.api


def engine_version() -> str:
    """`Docker 28.2.2, cgroup v2, 8 CPUs`. Raises `SandboxUnavailable`."""
    with closing(connect()) as engine:
        info = engine.info()
    return f"Docker {info['ServerVersion']}, cgroup v{info.get('CgroupVersion', 1)}, {info['NCPU']} CPUs"


def find_image(image: str | None = None, engine: Any = None) -> str:
    """The digest of an image that is there (default: Python's). Raises `SandboxUnavailable` when it is not."""
    from docker.errors import DockerException, ImageNotFound
    from requests.exceptions import RequestException

    if engine is None:
        with closing(connect()) as engine:
            return find_image(image, engine)
    name = image or default_tag()
    try:
        return str(engine.inspect_image(name)["Id"])
    except ImageNotFound as error:
        raise SandboxUnavailable(f"image: {name} is not there; run `sandbox build`") from error
    except (DockerException, RequestException) as error:
        raise SandboxUnavailable(f"engine: {one_line(error)}; see `sandbox doctor`") from error


def one_line(error: BaseException) -> str:
    """The error's text on one line."""
    return " ".join(str(error).split())


def reason(error: BaseException) -> str:
    """The last part of a chained message: `Connection refused` and the like."""
    return one_line(error).rpartition(": ")[2].strip("()'\" ") or type(error).__name__


def default_tag() -> str:
    """The image of the languages that are always there."""
    return tag_of(find_languages(["python"]))


def tag_of(languages: Sequence[Language]) -> str:
    """`opencook-sandbox:` and 12 hex digits over everything that makes the image."""
    digest = hashlib.sha256((IMAGES / "Dockerfile").read_bytes())
    digest.update(" ".join([SUITE, *packages_of(languages)]).encode())
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def packages_of(languages: Sequence[Language]) -> list[str]:
    """The Debian packages of these languages, sorted, each once."""
    return sorted({package for language in languages for package in language.packages})


def ensure_image(names: Iterable[str] = ("python",)) -> str:
    """The tag of an image with these languages, built if it is not there. Raises `SandboxError`."""
    languages = find_languages(names)
    tag = tag_of(languages)
    with closing(connect()) as engine:
        if not has_image(engine, tag):
            base = ensure_base(engine)
            with step(f"building {tag} from {base}"):
                build(engine, tag, base, packages_of(languages))
    return tag


def has_image(engine: Any, tag: str) -> bool:
    """Whether the engine has the image."""
    from docker.errors import ImageNotFound

    try:
        engine.inspect_image(tag)
    except ImageNotFound:
        return False
    return True


def ensure_base(engine: Any) -> str:
    """The tag of a Debian base image: one that is here, or a registry's, or one bootstrapped from packages."""
    for tag in (REGISTRY_BASE, BOOTSTRAPPED_BASE):
        if has_image(engine, tag):
            return tag
    if registry_answers():
        with step(f"pulling {REGISTRY_BASE}"):
            engine.pull(*REGISTRY_BASE.split(":"))
        return REGISTRY_BASE
    with step(f"no registry answers; bootstrapping {BOOTSTRAPPED_BASE} from Debian packages"):
        bootstrap()
    return BOOTSTRAPPED_BASE


def registry_answers() -> bool:
    """Whether the engine can reach a registry that has the base image."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        with closing(connect(timeout_s=REGISTRY_TIMEOUT_S)) as engine:
            engine.inspect_distribution(REGISTRY_BASE)
    except (DockerException, RequestException):
        return False
    return True


def bootstrap() -> None:
    """Nothing; the engine has `BOOTSTRAPPED_BASE`. Raises `SandboxError` with what is missing."""
    if os.geteuid() != 0:
        raise SandboxError(f"image: no registry answers for {REGISTRY_BASE}, and bootstrapping needs root; run as root")
    for program in ("debootstrap", "docker", "tar"):
        if shutil.which(program) is None:
            raise SandboxError(f"image: {program} is not installed; run `sh {IMAGES / 'engine.sh'}`")
    with tempfile.TemporaryDirectory(prefix="opencook-base-") as folder:
        command = ["sh", str(IMAGES / "bootstrap.sh"), SUITE, f"{folder}/root", BOOTSTRAPPED_BASE]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(f"image: debootstrap failed ({' | '.join(done.stderr.split(chr(10))).strip(' |')})")


def build(engine: Any, tag: str, base: str, packages: Sequence[str]) -> None:
    """Nothing; the engine has `tag`. Raises `SandboxError` with the builder's last words."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        tar.add(IMAGES / "Dockerfile", arcname="Dockerfile")
    context.seek(0)
    output = engine.build(
        fileobj=context,
        custom_context=True,
        tag=tag,
        buildargs={"BASE": base, "PACKAGES": " ".join(packages)},
        labels={"opencook": "image"},
        network_mode="host",
        rm=True,
        forcerm=True,
        decode=True,
        timeout=3600,
    )
    said = ""
    for event in output:
        if "error" in event:
            raise SandboxError(f"image: {tag} does not build ({' '.join(event['error'].split())}); last output: {said}")
        said = str(event.get("stream", "")).strip() or said


@contextmanager
def step(what: str) -> Iterator[None]:
    """Nothing; says on stderr what is being done and how long it took."""
    print(f"{what} ...", file=sys.stderr, end="", flush=True)
    started = time.monotonic()
    try:
        yield
    finally:
        print(f" {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
