"""What a model's tokens cost: the table that ships with the toolkit (`prices.yaml`) and the user's own tables over it.

A price is found by the model's name, with or without a provider before it (`openai/gpt-4o-mini`), or by the name
without the date of a snapshot (`gpt-4o-mini-2024-07-18`); never by a likeness, since a wrong price is worse than none.
Not covered: prices that hang on a prompt's length or on the hour, and what an endpoint of one's own costs, which is
unknown, not free: there only a price that the user gave for that very host holds.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synth.calls import Price
from synth.errors import SynthError
from synth.schema import explain

OPENAI_HOST = "api.openai.com"
# 2024-07-18, 20241022, 2508 (year and month), 0613 (month and day), and Google's 001.
SNAPSHOT = re.compile(r"-(20\d\d-\d\d-\d\d|20\d{6}|2[3-9](0[1-9]|1[0-2])|(0[1-9]|1[0-2])([0-2]\d|3[01])|00\d)$")

T = TypeVar("T")
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Rates(BaseModel):
    """What one model charges, USD per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: Usd
    completion: Usd
    cached_prompt: Usd | None = None
    """For prompt tokens that the provider had in its cache."""
    batch: Annotated[float, Field(gt=0, le=1)] = 1.0
    """What a batch costs, as a part of the whole."""

    def to_price(self, *, batch: bool) -> Price:
        """The price of a call, alone or in a batch."""
        part = self.batch if batch else 1.0
        cached = None if self.cached_prompt is None else self.cached_prompt * part
        return Price(prompt=self.prompt * part, completion=self.completion * part, cached_prompt=cached)


class PriceTable(BaseModel):
    """A price file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date | None = None
    """When the prices were looked up."""
    models: dict[str, Rates] = {}
    """By name; these hold at any public address."""
    hosts: dict[str, dict[str, Rates]] = {}
    """By the host of the endpoint, then by name; these hold there only, and before `models`."""


def find_price(
    model: str, *, base_url: str | None = None, extra: Path | None = None, batch: bool = False
) -> Price | None:
    """What `model` costs at `base_url` (`None` is OpenAI's own), or `None` where no table says.

    The file `extra` goes over the user's own table, and that over ours.

    Raises:
        SynthError: a table that cannot be read or does not fit, in one line.
    """
    tables = [_read_table(path) for path in (extra, _own_table()) if path is not None]
    tables.append(_parse(resources.files("synth").joinpath("prices.yaml").read_text("utf-8"), "synth/prices.yaml"))
    host = (urlsplit(base_url).hostname or "") if base_url else OPENAI_HOST
    known: dict[str, Rates] = {}
    for table in reversed(tables):
        known |= _lower({} if is_private(host) else table.models) | _lower(_lower(table.hosts).get(host, {}))
    rates = next((known[name] for name in _names(model) if name in known), None)
    return rates.to_price(batch=batch) if rates else None


def is_private(host: str) -> bool:
    """Whether `host` is this machine or one of a network of one's own: nobody's list price holds there."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan", ".home.arpa"))


def _lower(names: dict[str, T]) -> dict[str, T]:
    return {name.lower(): value for name, value in names.items()}


def _names(model: str) -> Iterator[str]:
    """What `model` may be called in a table, the most exact first."""
    name = model.lower()
    bare = name.rsplit("/", 1)[-1]
    dateless = SNAPSHOT.sub("", name)
    yield from dict.fromkeys((name, bare, dateless, SNAPSHOT.sub("", bare)))


def _own_table() -> Path | None:
    """`$XDG_CONFIG_HOME/opencook/prices.yaml`, by default under `~/.config`, if it is there."""
    root = os.environ.get("XDG_CONFIG_HOME")
    path = (Path(root) if root else Path.home() / ".config") / "opencook" / "prices.yaml"
    return path if path.exists() else None


def _read_table(path: Path) -> PriceTable:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SynthError(f"{path}: cannot be read, got {error.strerror}; give a YAML file with `models`") from None
    except UnicodeDecodeError:
        raise SynthError(f"{path}: cannot be read, got bytes that are not UTF-8; save it as UTF-8 YAML") from None
    return _parse(text, str(path))


def _parse(text: str, where: str) -> PriceTable:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SynthError(f"{where}: is no YAML, got {' '.join(str(error).split())}; correct it") from None
    if not isinstance(data, dict):
        raise SynthError(f"{where}: must hold `models: {{NAME: {{prompt: USD, completion: USD}}}}`, got {data!r:.60}")
    try:
        return PriceTable.model_validate(data)
    except ValidationError as error:
        raise SynthError(f"{where}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    """The first fault; an unknown key is likened to those of its own level."""
    unknown = next((fault["loc"] for fault in error.errors() if fault["type"] == "extra_forbidden"), ())
    return explain(error, Rates if len(unknown) > 1 else PriceTable)
