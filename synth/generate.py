"""`synth generate` from order to run folder: check everything, cook, write what came out.

The order of the checks is the order of their cost: recipe and seeds first, then the folder, the sandbox, the teacher;
nothing is spent before all of them stand.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synth.curate.decontaminate import Decontaminator, load_benchmark
from synth.curate.exact import ExactIndex
from synth.curate.near import NearIndex
from synth.endpoints import Spec, open_teacher
from synth.engine import Batch, cook
from synth.errors import TeacherRefused
from synth.export import write_export, write_samples
from synth.figures import RowStats, RunFacts
from synth.ledger import Ledger
from synth.progress import Snapshot
from synth.recipe import LOCALES, Recipe, flat, open_recipe
from synth.report import write_report
from synth.runs import RunFolder, versions
from synth.sample import Sample
from synth.schema import Ask, Run
from synth.seeds import open_seeds
from synth.steps import Kitchen
from synth.teacher import Price, Teacher
from synth.verify import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the user asked for."""

    recipe: str
    out: Path | None = None
    """Run folder; `None` is `runs/<recipe>`."""
    seeds: str | None = None
    teacher: str | None = None
    judge: str | None = None
    base_url: str | None = None
    price: Price | None = None
    """`None` takes what the price tables say."""
    prices: Path | None = None
    """A price table of the user's own."""
    rows: int | None = None
    """Kept rows wanted; `None` takes every seed once."""
    max_calls: int | None = None
    max_cost_usd: float | None = None
    locale: str = "en"
    concurrency: int | None = None
    """Calls to the teacher at once."""
    workers: int = 2
    """Sandbox containers."""
    seed: int = 0
    command: str = ""


class Curator:
    """Drops contaminated rows and duplicates, in seed order: the first of two twins stays."""

    def __init__(self) -> None:
        self._decontaminator = Decontaminator([load_benchmark("humaneval")])
        self._exact = ExactIndex()
        self._near = NearIndex()
        self._ids: list[str] = []
        """Of every row that the indexes were shown, kept or not: their answers count in those."""

    def admit(self, sample: Sample) -> Sample:
        """The row, dropped if it must be."""
        hit = self._decontaminator.find(sample.instruction, sample.response, *sample.tests)
        if hit is not None:
            return sample.drop(f"decontaminate.{hit.rule}", f"{hit.task}: {hit.text}")
        text = f"{sample.instruction}\n{sample.response}"
        self._ids.append(sample.id)
        same, twin = self._exact.add(text), self._near.add(text)
        if same is not None:
            return sample.drop("dedup.exact", f"the same as {self._ids[same]}")
        if twin is not None:
            return sample.drop("dedup.near", f"Jaccard {twin.jaccard:.2f} with {self._ids[twin.index]}")
        return sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to."""

    folder: RunFolder
    batch: Batch
    facts: RunFacts


async def generate(
    order: Order,
    *,
    say: Callable[[str], None] = lambda _: None,
    watch: Callable[[Snapshot], None] = lambda _: None,
    write: bool = True,
    num_seeds: int | None = None,
) -> Result:
    """The finished run. With `write=False` only the ledger is written; `num_seeds` bounds the seeds taken.

    Raises:
        SynthError, SandboxUnavailable: one line; the same command goes on from there.
    """
    recipe = open_recipe(order.recipe)
    for locale in LOCALES if order.locale == "mix" else (order.locale,):
        recipe.check_locale(locale)
    spec = Spec.parse(order.teacher, order.base_url)
    source = order.seeds or recipe.file.seeds
    skipped: Counter[str] = Counter()
    seeds = open_seeds(source, seed=order.seed, skipped=skipped)
    # An empty source says so here, before anything is started.
    seeds = itertools.islice(itertools.chain([next(seeds)], seeds), num_seeds)
    folder = RunFolder(order.out or Path("runs") / recipe.name)
    async with AsyncExitStack() as stack:
        ledger = stack.enter_context(Ledger(folder.path))
        runner = stack.enter_context(_sandbox(recipe, order.workers, ledger, say))
        kitchen = await _staff(stack, order, spec, recipe, ledger, runner, folder, say)
        stats = RowStats()
        stack.enter_context(_ticking(lambda: watch(_snapshot(kitchen, stats))))
        batch = await cook(
            kitchen,
            seeds,
            rows=order.rows,
            at_once=order.concurrency or spec.concurrency,
            admit=Curator().admit,
            on_row=stats.add,
        )
        watch(_snapshot(kitchen, stats))
        facts = _facts(order, folder, source, kitchen)
    if skipped:
        say(f"left out of {source}: {', '.join(f'{reason} {count}' for reason, count in skipped.most_common())}")
    if write:
        _write(folder, order, recipe, batch, facts, skipped)
    return Result(folder=folder, batch=batch, facts=facts)


async def _staff(
    stack: AsyncExitStack,
    order: Order,
    spec: Spec,
    recipe: Recipe,
    ledger: Ledger,
    runner: Runner | None,
    folder: RunFolder,
    say: Callable[[str], None],
) -> Kitchen:
    """The kitchen with its teachers, each seen to answer."""

    async def hire(who: Spec, role: str) -> Teacher:
        say(f"{role}: {who}")
        concurrency = order.concurrency or who.concurrency
        log = folder.path / f"{role}.log"
        opened = open_teacher(who, concurrency=concurrency, price=order.price, prices=order.prices, log=log)
        teacher = await stack.enter_async_context(opened)
        if order.max_cost_usd is not None and teacher.price is None:
            raise TeacherRefused(
                f"--max-cost: what {teacher.model} costs at {teacher.base_url} is not known; "
                "give --price PROMPT,COMPLETION or a table with --prices"
            )
        return teacher

    return Kitchen(
        recipe=recipe,
        ledger=ledger,
        teacher=await hire(spec, "teacher") if any(isinstance(step, Ask) for step in flat(recipe.steps)) else None,
        judge=await hire(Spec.parse(order.judge, order.base_url), "judge") if order.judge else None,
        runner=runner,
        locale=order.locale,
        seed=order.seed,
        max_calls=order.max_calls,
        max_cost_usd=order.max_cost_usd,
    )


@contextmanager
def _ticking(tick: Callable[[], None], every_s: float = 0.5) -> Iterator[None]:
    """Calls `tick` now and then while the event loop is free."""

    async def beat() -> None:
        while True:
            tick()
            await asyncio.sleep(every_s)

    task = asyncio.get_running_loop().create_task(beat())
    try:
        yield
    finally:
        task.cancel()


def _snapshot(kitchen: Kitchen, stats: RowStats) -> Snapshot:
    paid = kitchen.ledger.paid
    return Snapshot(
        kept=stats.outcomes[None],
        dropped=stats.dropped,
        in_flight=sum(who.in_flight for who in (kitchen.teacher, kitchen.judge) if who),
        calls=paid.calls,
        prompt_tokens=paid.prompt_tokens,
        completion_tokens=paid.completion_tokens,
        cost_usd=paid.cost_usd,
        row_calls=stats.calls,
        row_tokens=stats.prompt_tokens + stats.completion_tokens,
        row_cost_usd=stats.cost_usd,
    )


@contextmanager
def _sandbox(recipe: Recipe, workers: int, ledger: Ledger, say: Callable[[str], None]) -> Iterator[Runner | None]:
    """A runner on warm containers, for recipes that run code.

    Raises:
        SandboxUnavailable: no engine or no image.
    """
    if not any(isinstance(step, Run) for step in flat(recipe.steps)):
        yield None
        return
    from sandbox.pool import SandboxPool

    say(f"sandbox: {workers} containers")
    # The pool closes first: it ends the runs that the threads would wait for.
    with (
        ThreadPoolExecutor(workers, "sandbox") as threads,
        SandboxPool(workers=workers, rerun_timeouts="doubtful") as pool,
    ):
        yield Runner(pool, ledger, threads)


def _facts(order: Order, folder: RunFolder, seeds: str, kitchen: Kitchen) -> RunFacts:
    spent = kitchen.ledger.spent()
    return RunFacts(
        name=folder.path.name,
        recipe=kitchen.recipe.name,
        teacher=kitchen.teacher.name if kitchen.teacher else "",
        command=order.command,
        seeds_source=seeds,
        versions=versions(),
        seconds=spent.seconds,
        calls=spent.calls,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        cost_usd=spent.cost_usd,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _write(
    folder: RunFolder, order: Order, recipe: Recipe, batch: Batch, facts: RunFacts, skipped: Counter[str]
) -> None:
    """Everything a finished run leaves, the manifest last: it vouches for the rest."""
    funnel = batch.funnel
    write_samples(folder.samples, batch.samples)
    about = recipe.file.about
    write_export(folder.export, batch.samples, recipe=recipe.name, about=about, funnel=funnel)
    write_report(folder.report, batch.samples, funnel, facts)
    folder.write_manifest(manifest(order, recipe, batch, facts) | {"skipped": dict(skipped)})


def manifest(order: Order, recipe: Recipe, batch: Batch, facts: RunFacts) -> dict[str, Any]:
    """What made the run and what came of it, as plain data."""
    return {
        "name": facts.name,
        "command": facts.command,
        "recipe": facts.recipe,
        "recipe_folder": str(recipe.folder),
        "files": recipe.fingerprints,
        "seeds_source": facts.seeds_source,
        "teacher": facts.teacher,
        "locale": order.locale,
        "seed": order.seed,
        "rows": order.rows,
        "stopped_by": batch.stopped_by,
        "funnel": batch.funnel.to_json(),
        "seconds": round(facts.seconds, 1),
        "calls": facts.calls,
        "prompt_tokens": facts.prompt_tokens,
        "completion_tokens": facts.completion_tokens,
        "cost_usd": facts.cost_usd,
        "versions": dict(facts.versions),
        "finished": facts.finished,
    }
