"""`--teacher` in words to a `Teacher` that answers: `local`, `local:FILE.gguf`, `vllm:MODEL`, `openai:MODEL`.

With nothing said, the teacher is the embedded model, unless `--base-url` or `OPENAI_BASE_URL` names an endpoint; there,
the only model it serves. The endpoints we start ourselves are stopped when the context closes.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from synth.batches import BatchTeacher
from synth.calls import Price
from synth.errors import TeacherRefused
from synth.ledger import Ledger
from synth.prices import find_price
from synth.teacher import Limits, Teacher

FREE = Price(prompt=0.0, completion=0.0)
LOCAL_CONCURRENCY = 8
"""Requests at once to the embedded teacher: on two cores, more add latency and no tokens."""
ENDPOINT_CONCURRENCY = 32
KINDS = ("local", "vllm", "openai")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vllm:
    """How to start vLLM, where the teacher is one that we start with it."""

    python: Path | None = None
    """An interpreter that has it, or the folder of its environment; `None` looks around."""
    options: tuple[str, ...] = ()

    @classmethod
    def parse(cls, python: Path | None, options: str | None) -> Vllm:
        """From `--vllm-python` and `--vllm-args`, the latter as a shell would read it.

        Raises:
            TeacherRefused: a quotation that does not end.
        """
        try:
            return cls(python=python, options=tuple(shlex.split(options or "")))
        except ValueError as error:
            raise TeacherRefused(f"--vllm-args: {error}, got {options}; quote it as one word") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A teacher as the user named it."""

    kind: str
    model: str = ""
    base_urls: tuple[str, ...] = ()
    vllm: Vllm = field(default_factory=Vllm)

    @classmethod
    def parse(cls, teacher: str | None, base_urls: Sequence[str], vllm: Vllm | None = None) -> Spec:
        """From `--teacher` and each `--base-url`, with `OPENAI_BASE_URL` as the default of the latter.

        Raises:
            TeacherRefused: an unknown kind, or a kind that needs a model without one.
        """
        default = os.environ.get("OPENAI_BASE_URL")
        urls = tuple(url.rstrip("/") for url in (base_urls or ([default] if default else [])))
        for url in urls:
            if not _is_url(url):
                raise TeacherRefused(f"--base-url: must be like http://HOST:PORT/v1, got {url}; correct it")
        if teacher is None:
            return cls(kind="openai", base_urls=urls) if urls else cls(kind="local")
        kind, _, model = teacher.partition(":")
        if kind not in KINDS or (kind == "vllm" and not model):
            raise TeacherRefused(f"--teacher {teacher}: must be local, local:FILE.gguf, vllm:MODEL or openai:MODEL")
        if kind == "openai" and not model and not urls:
            raise TeacherRefused("--teacher openai: name the model, as in openai:gpt-4o-mini")
        return cls(kind=kind, model=model, base_urls=urls if kind == "openai" else (), vllm=vllm or Vllm())

    def __str__(self) -> str:
        """As the user would say it."""
        named = f"{self.kind}:{self.model}" if self.model else self.kind
        return f"{named} at {', '.join(self.base_urls)}" if self.base_urls else named

    @property
    def concurrency(self) -> int:
        """How many calls at once, where the user did not say."""
        return LOCAL_CONCURRENCY if self.kind == "local" else ENDPOINT_CONCURRENCY


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@asynccontextmanager
async def open_teacher(
    spec: Spec,
    *,
    limits: Limits,
    price: Price | None,
    log: Path,
    say: Callable[[str], None],
    prices: Path | None = None,
    batches: Ledger | None = None,
) -> AsyncIterator[Teacher | BatchTeacher]:
    """A teacher that was seen to answer and to have the model; with a ledger for its `batches`, asked by batch.

    Without a `price`, the tables are asked for it.

    Raises:
        SynthError: one line that says what to do, of an endpoint or of the table `prices`.
    """
    if batches is not None:
        if spec.kind != "openai":
            raise TeacherRefused(f"--batch: {spec} has no batch endpoint; give --teacher openai:MODEL, or leave it out")
        async with (
            await _connect(spec, limits, price, prices, say, batch=True) as teacher,
            BatchTeacher(teacher, batches, say=say) as asked,
        ):
            yield asked
        return
    if spec.kind == "openai":
        async with await _connect(spec, limits, price, prices, say) as teacher:
            yield teacher
        return
    from synth.launch import launch_local, launch_vllm

    if spec.kind == "local":
        started = launch_local(Path(spec.model) if spec.model else None, slots=limits.concurrency, log=log, say=say)
    else:
        started = launch_vllm(spec.model, log=log, python=spec.vllm.python, options=spec.vllm.options, say=say)
    async with (
        started as endpoint,
        Teacher(
            name=f"{spec.kind}:{endpoint.model}",
            model=endpoint.model,
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            limits=limits,
            price=price or FREE,
        ) as teacher,
    ):
        await teacher.check()
        yield teacher


async def _connect(
    spec: Spec,
    limits: Limits,
    price: Price | None,
    prices: Path | None,
    say: Callable[[str], None],
    *,
    batch: bool = False,
) -> Teacher:
    """A teacher at somebody's endpoint, checked; without a model named, the only one there."""
    model = spec.model
    if not model:
        async with Teacher(name="", model="", base_url=spec.base_urls, api_key=None, limits=limits) as anyone:
            models = await anyone.models()
        if len(models) != 1:
            listed = ", ".join(models[:8]) or "none"
            raise TeacherRefused(f"{spec.base_urls[0]}: say which model with --teacher openai:MODEL; it lists {listed}")
        model = models[0]
    teacher = Teacher(
        name=f"openai:{model}",
        model=model,
        base_url=spec.base_urls,
        api_key=None,
        limits=limits,
        price=price or find_price(model, base_url=next(iter(spec.base_urls), None), extra=prices, batch=batch),
    )
    try:
        await teacher.check(say)
    except BaseException:
        await teacher.close()
        raise
    return teacher
