"""The engine's address and the sandbox images: `connect`, `ensure_image`, `find_image`.

An image carries some languages, each in a layer of its own, and Python packages in a last one; two labels say which.
It is named after everything that makes it, so building again is a look-up. Its base comes from a registry when one
answers, else from Debian packages (`images/bootstrap.sh`), which takes about a minute, once. Python packages are
fetched on this machine, by its own pip as it is configured, so neither pip nor an index's address gets into an image.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from sandbox.languages import find_languages
from sandbox.program import Language
from sandbox.verdict import SandboxError, SandboxUnavailable

REPOSITORY = "opencook-sandbox"
SUITE = "bookworm"
REGISTRY_BASE = f"debian:{SUITE}-slim"
BOOTSTRAPPED_BASE = f"opencook-base:{SUITE}"
REGISTRY_TIMEOUT_S = 15
ENGINE_TIMEOUT_S = 60
IMAGES = Path(__file__).parent / "images"
LANGUAGES_LABEL = "opencook.languages"
PACKAGES_LABEL = "opencook.packages"
IMAGE_PYTHON = "3.11"
"""The suite's."""
SITE_PACKAGES = f"/usr/local/lib/python{IMAGE_PYTHON}/dist-packages"
MANYLINUX = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(==[A-Za-z0-9.+!]+)?")


def connect(*, max_connections: int = 10, timeout_s: float = ENGINE_TIMEOUT_S) -> Any:
    """A client of the engine that answers at `DOCKER_HOST` or its default. Raises `SandboxUnavailable`."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=int(timeout_s), max_pool_size=max_connections)
        # Not the environment's proxies, and not the environment at all: another thread may be changing it.
        client.api.trust_env = False
        client.ping()
    except DockerException as error:
        address = os.environ.get("DOCKER_HOST", "its default address")
        raise SandboxUnavailable(
            f"engine: no Docker engine answers at {address} ({reason(error)}); "
            f"start one (on Debian as root: `sh {IMAGES / 'engine.sh'}`) or set DOCKER_HOST"
        ) from error
    return client.api


def find_image(
    image: str | None = None,
    engine: Any = None,
    *,
    languages: Iterable[str] = ("python",),
    packages: Iterable[str] = (),
) -> str:
    """The digest of `image`, or of one that has these languages and Python packages: the one built for them, else the
    smallest that has them too. Raises `SandboxUnavailable` when there is none."""
    if engine is None:
        with closing(connect()) as engine:
            return find_image(image, engine, languages=languages, packages=packages)
    with outages():
        if image is not None:
            if (digest := digest_of(engine, image)) is None:
                raise SandboxUnavailable(f"image: {image} is not there; run `sandbox build`")
            return digest
        wanted, wanted_packages = with_python(languages), canonical(packages)
        if digest := digest_of(engine, tag_of(wanted, wanted_packages)):
            return digest
        names = [language.name for language in wanted]
        fitting = [found for found in our_images(engine) if has(found, names, wanted_packages)]
        if not fitting:
            missing = ", ".join([*names, *wanted_packages])
            raise SandboxUnavailable(f"image: none has {missing}; run `{build_command(wanted, wanted_packages)}`")
        return str(min(fitting, key=lambda found: int(found["Size"]))["Id"])


def best_image(engine: Any, packages: Iterable[str] = ()) -> str:
    """The digest of the image with most languages, the smallest of them, that has these Python packages.

    Raises: `SandboxUnavailable` without any.
    """
    wanted = canonical(packages)
    with outages():
        images = [found for found in our_images(engine) if has(found, (), wanted)]
    if not images:
        raise SandboxUnavailable(f"image: none has {', '.join(wanted)}; run `{build_command((), wanted)}`")
    return str(max(images, key=lambda found: (len(labelled(found, LANGUAGES_LABEL)), -int(found["Size"])))["Id"])


def image_languages(engine: Any, name: str) -> tuple[str, ...]:
    """The languages that the image says it has."""
    with outages():
        config = engine.inspect_image(name)["Config"]
    return labelled(config, LANGUAGES_LABEL)


def image_packages(engine: Any, name: str) -> tuple[str, ...]:
    """The Python packages that the image says it has."""
    with outages():
        config = engine.inspect_image(name)["Config"]
    return labelled(config, PACKAGES_LABEL)


def our_images(engine: Any) -> list[Any]:
    """The engine's images that say which languages they have."""
    return list(engine.images(filters={"label": LANGUAGES_LABEL}))


def has(image: Any, languages: Iterable[str], packages: Iterable[str]) -> bool:
    """Whether the image says that it has all of these."""
    return set(languages) <= set(labelled(image, LANGUAGES_LABEL)) and set(packages) <= set(
        labelled(image, PACKAGES_LABEL)
    )


def labelled(facts: Any, label: str) -> tuple[str, ...]:
    """The items of a comma-separated label."""
    return tuple(item for item in (facts["Labels"] or {}).get(label, "").split(",") if item)


def digest_of(engine: Any, name: str) -> str | None:
    """The image's digest, or None where the engine has no such image."""
    from docker.errors import ImageNotFound

    try:
        return str(engine.inspect_image(name)["Id"])
    except ImageNotFound:
        return None


@contextmanager
def outages() -> Iterator[None]:
    """Nothing; the engine's own errors inside become `SandboxUnavailable`."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise SandboxUnavailable(f"engine: {one_line(error)}; see `sandbox doctor`") from error


def build_command(languages: Sequence[Language], packages: Sequence[str]) -> str:
    """The command that makes such an image."""
    names = f" --languages {','.join(language.name for language in languages)}" if languages else ""
    asked = f"sandbox build{names}"
    return f"{asked} --packages {','.join(packages)}" if packages else asked


def one_line(error: BaseException) -> str:
    """The error's text on one line."""
    return " ".join(str(error).split())


def reason(error: BaseException) -> str:
    """The last part of a chained message: `Connection refused` and the like."""
    return one_line(error).rpartition(": ")[2].strip("()'\" ") or type(error).__name__


def default_tag() -> str:
    """The image of the languages that are always there."""
    return tag_of(with_python([]))


def with_python(names: Iterable[str]) -> tuple[Language, ...]:
    """The languages of these names and Python, which the supervisor is written in."""
    return find_languages(["python", *names])


def canonical(packages: Iterable[str]) -> tuple[str, ...]:
    """Python packages as pip takes them (`numpy`, `numpy==2.2.6`), sorted, each once. Raises `SandboxError`."""
    names = sorted({package.strip() for package in packages} - {""})
    for name in names:
        if not PACKAGE.fullmatch(name):
            raise SandboxError(f"packages: must be names as on PyPI, with ==VERSION or without, got {name!r}")
    return tuple(names)


def tag_of(languages: Sequence[Language], packages: Sequence[str] = ()) -> str:
    """`opencook-sandbox:` and 12 hex digits over everything that makes the image."""
    digest = hashlib.sha256(dockerfile(languages, packages).encode())
    digest.update((IMAGES / "layer.sh").read_bytes())
    digest.update(" ".join([SUITE, *packages]).encode())
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def dockerfile(languages: Sequence[Language], packages: Sequence[str] = ()) -> str:
    """The head and one layer per language; what no language changes comes last."""
    lines = [f"RUN sh /opt/opencook/layer.sh {' '.join(language.packages)}" for language in languages]
    if packages:
        lines += [f"COPY packages {SITE_PACKAGES}", f"RUN python3 -m compileall -q {SITE_PACKAGES} || true"]
    return "\n".join([(IMAGES / "Dockerfile").read_text(encoding="utf-8").rstrip(), *lines, ""])


def ensure_image(names: Iterable[str] = ("python",), packages: Iterable[str] = ()) -> str:
    """The tag of an image with these languages and Python packages, built if it is not there. Raises `SandboxError`."""
    languages, packages = with_python(names), canonical(packages)
    tag = tag_of(languages, packages)
    with closing(connect()) as engine:
        if digest_of(engine, tag) is None:
            base = ensure_base(engine)
            with step(f"building {tag} from {base}"):
                build(engine, tag, base, languages, packages)
    return tag


def ensure_base(engine: Any) -> str:
    """The tag of a Debian base image: one that is here, or a registry's, or one bootstrapped from packages."""
    for tag in (REGISTRY_BASE, BOOTSTRAPPED_BASE):
        if digest_of(engine, tag) is not None:
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


def build(engine: Any, tag: str, base: str, languages: Sequence[Language], packages: Sequence[str]) -> None:
    """Nothing; the engine has `tag`. Raises `SandboxError` with the builder's last words."""
    labels = {
        "opencook": "image",
        LANGUAGES_LABEL: ",".join(language.name for language in languages),
        PACKAGES_LABEL: ",".join(packages),
    }
    with build_context(dockerfile(languages, packages), packages, engine) as context:
        output = engine.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            buildargs={"BASE": base},
            labels=labels,
            network_mode="host",
            rm=True,
            forcerm=True,
            decode=True,
            timeout=3600,
        )
        said = ""
        for event in output:
            if "error" in event:
                raise SandboxError(
                    f"image: {tag} does not build ({' '.join(event['error'].split())}); last output: {said}"
                )
            said = str(event.get("stream", "")).strip() or said


@contextmanager
def build_context(text: str, packages: Sequence[str], engine: Any) -> Iterator[IO[bytes]]:
    """A tar of the Dockerfile and what it copies, the same bytes whoever makes it."""
    with tempfile.TemporaryDirectory(prefix="opencook-build-") as folder, tempfile.TemporaryFile() as context:
        Path(folder, "Dockerfile").write_text(text, encoding="utf-8")
        shutil.copyfile(IMAGES / "layer.sh", Path(folder, "layer.sh"))
        if packages:
            fetch_packages(packages, Path(folder, "packages"), engine.version()["Arch"])
        with tarfile.open(fileobj=context, mode="w") as tar:
            tar.add(folder, arcname=".", filter=anonymous)
        context.seek(0)
        yield context


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The entry without its owner, its time and its umask."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def fetch_packages(packages: Sequence[str], folder: Path, architecture: str) -> None:
    """Nothing; the packages for the image's Python lie in `folder`. Wheels only, so nothing of theirs runs here."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(architecture, architecture)
    platforms = [part for tag in MANYLINUX for part in ("--platform", f"{tag}_{machine}")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={IMAGE_PYTHON}", *platforms]
    done = subprocess.run([*command, "--target", str(folder), *packages], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(f"packages: pip cannot get {', '.join(packages)} ({last_line(done.stderr)})")
    shutil.rmtree(folder / "bin", ignore_errors=True)  # entry points, for this machine's interpreter


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


@contextmanager
def step(what: str) -> Iterator[None]:
    """Nothing; says on stderr what is being done and how long it took."""
    print(f"{what} ...", file=sys.stderr, end="", flush=True)
    started = time.monotonic()
    try:
        yield
    finally:
        print(f" {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
