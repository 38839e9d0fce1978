"""Installed packages as source files with a licence: `find_package`. Found through metadata, never imported."""

from __future__ import annotations

import difflib
import importlib.util
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from synth.errors import SeedError

_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}
"""Last part of a `License ::` classifier -> SPDX name; `BSD` has no exact one, since the classifier covers several."""
_SPELLINGS = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd license": "BSD",
    "mit license": "MIT",
    "the mit license": "MIT",
}
_MAX_LICENSE_CHARS = 60
"""A longer `License` field is the licence's text, not its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One installed distribution, or the standard library's package of that name."""

    label: str
    """`more-itertools==10.5.0`."""
    license: str
    """SPDX name where the metadata allows one, else what they say."""
    root: Path
    """The folder that holds the import packages."""
    tops: frozenset[str]
    """The import packages."""
    files: tuple[Path, ...]
    """Python files in order, tests left out."""


def find_package(name: str, *, spec: str) -> Package:
    """The package called `name`, a distribution's or an import name. Raises `SeedError`, which quotes `spec`."""
    distribution = _distribution(name)
    if distribution is not None:
        return _from_distribution(distribution, name, spec)
    if name in sys.stdlib_module_names:
        root, files = _import_package(name)
        return Package(
            label=f"python=={platform.python_version()}",
            license="PSF-2.0",
            root=root,
            tops=frozenset({name}),
            files=_sources(files),
        )
    near = difflib.get_close_matches(name, sorted(_installed_names()), n=3, cutoff=0.75)
    hint = f" (installed and alike: {', '.join(near)})" if near else ""
    raise SeedError(f"{spec}: no package {name!r} is installed{hint}; pip install {name}")


def license_of(distribution: metadata.Distribution) -> str:
    """The licence: License-Expression, else a short License field, else the classifiers; empty when it says nothing."""
    fields = distribution.metadata
    stated = [str(value).strip() for name in ("License-Expression", "License") for value in fields.get_all(name) or []]
    for name in stated:
        if name and "\n" not in name and len(name) <= _MAX_LICENSE_CHARS and name.lower() != "unknown":
            return _SPELLINGS.get(name.lower(), name)
    claims = [str(claim) for claim in fields.get_all("Classifier") or []]
    names = [claim.rpartition(" :: ")[2] for claim in claims if claim.startswith("License ::")]
    return " AND ".join(_CLASSIFIERS.get(name, name) for name in names if name != "OSI Approved")


def _distribution(name: str) -> metadata.Distribution | None:
    """The distribution of that name, or the one that provides the import package of that name."""
    if re.fullmatch(r"[\w.-]+", name) is None:
        return None
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        providers = metadata.packages_distributions().get(name, [])
        return metadata.distribution(providers[0]) if providers else None


def _from_distribution(distribution: metadata.Distribution, name: str, spec: str) -> Package:
    root = Path(str(distribution.locate_file("")))
    files = [
        Path(str(entry)) for entry in distribution.files or [] if entry.suffix == ".py" and ".." not in entry.parts
    ]
    tops = frozenset(file.parts[0].removesuffix(".py") for file in files)
    paths = [root / file for file in files]
    if not paths:  # an editable install lists no sources
        top = name.replace("-", "_")
        root, paths = _import_package(top)
        tops = frozenset({top})
    if not paths:
        raise SeedError(f"{spec}: package {name!r} has no Python files to read; name another package")
    label = f"{distribution.metadata['Name']}=={distribution.version}"
    return Package(label=label, license=license_of(distribution), root=root, tops=tops, files=_sources(paths))


def _import_package(top: str) -> tuple[Path, list[Path]]:
    """Where a top-level import package lies, and its files. Looking up a top-level name imports nothing."""
    found = importlib.util.find_spec(top)
    if found is None:
        return Path(), []
    if found.submodule_search_locations:
        folder = Path(next(iter(found.submodule_search_locations)))
        return folder.parent, list(folder.rglob("*.py"))
    file = Path(found.origin or "")
    return file.parent, [file] if file.suffix == ".py" else []


def _sources(files: list[Path]) -> tuple[Path, ...]:
    return tuple(sorted(file for file in files if not _is_test(file) and file.is_file()))


def _is_test(file: Path) -> bool:
    return not {"test", "tests", "testing"}.isdisjoint(file.parts) or file.name.startswith(("test_", "conftest"))


def _installed_names() -> set[str]:
    return {str(found.metadata["Name"]) for found in metadata.distributions() if found.metadata["Name"]}
