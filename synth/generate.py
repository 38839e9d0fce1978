"""`synth generate` from order to run folder: check everything, cook, write what came out.

The order of the checks is the order of their cost: recipe and seeds first, then the folder, the sandbox, the teacher;
nothing is spent before all of them stand.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.languages import LANGUAGES
from synth.api import packages_of
from synth.batch_store import check_none_open
from synth.budget import NO_BUDGET, Budget
from synth.calls import Price
from synth.curator import BENCHMARKS, Curator, contamination
from synth.endpoints import Spec, Vllm, open_teacher
from synth.engine import Batch, cook
from synth.errors import SynthError, TeacherRefused
from synth.export import ExportWriter, SamplesWriter, StoredSamples, card_facts
from synth.figures import RowStats, RunFacts
from synth.kitchen import AnyTeacher, Kitchen
from synth.ledger import Ledger
from synth.parquet import ROW_GROUP, SHARD_ROW_GROUP
from synth.progress import Snapshot
from synth.recipe import Recipe, flat, open_recipe
from synth.report import write_report
from synth.runs import RunFolder, collect_facts, outcome
from synth.sample import Sample
from synth.schema import Ask, Emit
from synth.seeds import open_seeds
from synth.shards import Draw, Shard
from synth.splits import Form
from synth.teacher import STALL_S, TIMEOUT_S, Limits, Teacher
from synth.templates import LOCALES
from synth.verify import Runner

ROWS_PER_CALL = 2
"""Rows under way for each call allowed at once: enough that some wait for a call while others are run and judged.

The embedded teacher gets one: it has the prompts of a row in its cache while no other row has taken the place.
"""
ROWS_IN_BATCHES = 20_000
"""Rows under way when their calls go by batch; each holds some 15 kB meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the user asked for."""

    recipe: str
    out: Path | None = None
    """Run folder; `None` is `runs/<recipe>`."""
    seeds: str | None = None
    teacher: str | None = None
    judge: str | None = None
    base_urls: tuple[str, ...] = ()
    vllm: Vllm = field(default_factory=Vllm)
    """How to start vLLM, for `vllm:MODEL` as teacher or judge."""
    price: Price | None = None
    """`None` takes what the price tables say."""
    prices: Path | None = None
    """A price table of the user's own."""
    batch: bool = False
    """Whether calls go through the batch endpoint; `price` is then the price there."""
    rows: int | None = None
    """Kept rows wanted; `None` takes every seed once."""
    budget: Budget = NO_BUDGET
    locale: str = "en"
    languages: tuple[str, ...] = ()
    """Programming languages that rows may be in; empty is all that the sandbox has."""
    concurrency: int | None = None
    """Calls to the teacher at once, at most."""
    rpm: float | None = None
    tpm: float | None = None
    timeout_s: float = TIMEOUT_S
    stall_s: float = STALL_S
    workers: int = 2
    """Sandbox containers."""
    seed: int = 0
    against: tuple[str, ...] = BENCHMARKS
    """Benchmarks, by name or file, that neither seeds nor rows may repeat."""
    command: str = ""
    shard: Shard | None = None
    """The part of the run to cook; `out`, `rows`, `budget`, `concurrency`, `rpm` and `tpm` are of the whole run."""

    @property
    def num_parts(self) -> int:
        """How many processes share what is allowed."""
        return self.shard.count if self.shard else 1

    @property
    def part_rows(self) -> int | None:
        """Kept rows that this process aims at."""
        return self.shard.rows(self.rows) if self.shard else self.rows

    @property
    def part_budget(self) -> Budget:
        """What this process may take."""
        return self.budget.share(self.num_parts)

    def rows_at_once(self, spec: Spec) -> int:
        """Rows under way, for calls to a teacher."""
        if self.batch:
            return ROWS_IN_BATCHES
        return self.limits(spec).concurrency * (1 if spec.kind == "local" else ROWS_PER_CALL)

    def limits(self, spec: Spec) -> Limits:
        """How hard a teacher may be asked by this process."""
        return Limits(
            concurrency=max(1, self.concurrency // self.num_parts) if self.concurrency else spec.concurrency,
            rpm=self.rpm and self.rpm / self.num_parts,
            tpm=self.tpm and self.tpm / self.num_parts,
            timeout_s=self.timeout_s,
            stall_s=self.stall_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to."""

    folder: RunFolder
    batch: Batch
    facts: RunFacts
    samples: Iterable[Sample]
    """Kept and dropped, in seed order; to be gone through as often as needed."""
    stats: RowStats
    """Counts over them."""


async def generate(
    order: Order,
    *,
    say: Callable[[str], None] = lambda _: None,
    watch: Callable[[Snapshot], None] = lambda _: None,
    write: bool = True,
    num_seeds: int | None = None,
) -> Result:
    """The finished run, or shard of one. With `write=False` only the ledger is written; `num_seeds` bounds all seeds.

    Raises:
        SynthError, SandboxUnavailable: one line; the same command goes on from there.
    """
    recipe = open_recipe(order.recipe)
    for locale in LOCALES if order.locale == "mix" else (order.locale,):
        recipe.check_locale(locale)
    spec = Spec.parse(order.teacher, order.base_urls, order.vllm)
    source = order.seeds or recipe.seeds
    skipped: Counter[str] = Counter()
    seeds = open_seeds(source, seed=order.seed, skipped=skipped)
    # An empty source says so here, before anything is started.
    draw = Draw(itertools.chain([next(seeds)], seeds), order.shard or Shard(0, 1), num_seeds)
    out = order.out or Path("runs") / recipe.name
    folder = RunFolder(order.shard.folder(out) if order.shard else out)
    curator = None if order.shard else Curator(order.against)
    async with AsyncExitStack() as stack:
        ledger = stack.enter_context(Ledger(folder.path))
        runner, languages = stack.enter_context(_sandbox(recipe, order, ledger, say))
        kitchen = await _staff(stack, order, spec, recipe, ledger, runner, folder, say)
        kitchen.languages = languages
        stats = RowStats()
        stack.enter_context(_ticking(lambda: _tick(kitchen, stats, watch, note=write)))
        output = _Output(folder, form_of(recipe), order.against, write=write, export=order.shard is None)

        def emit(sample: Sample) -> None:
            stats.add(sample)
            output.emit(sample)

        with output:
            batch = await cook(
                kitchen,
                iter(draw),
                rows=order.part_rows,
                at_once=order.rows_at_once(spec),
                admit=curator.admit_many if curator else list,
                emit=emit,
            )
        _tick(kitchen, stats, watch, note=write)
        facts = _facts(order, folder, source, kitchen)
    if skipped:
        say(f"left out of {source}: {', '.join(f'{reason} {count}' for reason, count in skipped.most_common())}")
    if write:
        part = _part_facts(order.shard, draw, batch, kitchen) if order.shard else {}
        if not part:
            output.describe(recipe, batch, facts)
        folder.write_manifest(manifest(order, recipe, batch, facts) | {"skipped": dict(skipped)} | part)
    return Result(folder=folder, batch=batch, facts=facts, samples=output.samples, stats=stats)


class _Output:
    """Where finished rows go: into the files of the run (without `export` only all rows), or, for a preview, a list."""

    def __init__(self, folder: RunFolder, form: Form, against: Sequence[str], *, write: bool, export: bool) -> None:
        self._folder = folder
        self._against = against
        self._form = form
        self._shown: list[Sample] = []
        self._writers: list[SamplesWriter | ExportWriter] = []
        if write:
            self._writers.append(SamplesWriter(folder.samples, ROW_GROUP if export else SHARD_ROW_GROUP))
        self._export = ExportWriter(folder.export, form) if write and export else None
        if self._export:
            self._writers.append(self._export)
        self._held = ExitStack()

    @property
    def samples(self) -> Iterable[Sample]:
        """The rows, once the block has ended."""
        return StoredSamples(self._folder.samples) if self._writers else self._shown

    def __enter__(self) -> None:
        for writer in self._writers:
            self._held.enter_context(writer)

    def __exit__(self, *failure: Any) -> None:
        self._held.__exit__(*failure)

    def emit(self, sample: Sample) -> None:
        """Takes one row."""
        if not self._writers:
            self._shown.append(sample)
            return
        for writer in self._writers:
            writer.add(sample)

    def describe(self, recipe: Recipe, batch: Batch, facts: RunFacts) -> None:
        """Writes the pages over the rows."""
        assert self._export is not None, "a preview has no pages, nor has a shard"
        card = card_facts(
            self._form, recipe=recipe.name, about=recipe.file.about, funnel=batch.funnel, against=self._against
        )
        self._export.write_card(card)
        with Ledger(self._folder.path, read_only=True) as ledger:
            write_report(self._folder.report, self.samples, batch.funnel, facts, ledger=ledger)


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

    if not order.batch:
        check_none_open(ledger)

    async def hire(who: Spec, role: str) -> AnyTeacher:
        say(f"{role}: {who}")
        log = folder.path / f"{role}.log"
        opened = open_teacher(
            who,
            limits=order.limits(who),
            price=order.price,
            prices=order.prices,
            log=log,
            say=say,
            batches=ledger if order.batch else None,
        )
        teacher = await stack.enter_async_context(opened)
        if order.budget.max_cost_usd is not None and teacher.price is None:
            raise TeacherRefused(
                f"--max-cost: what {teacher.model} costs at {teacher.base_url} is not known; "
                "give --price PROMPT,COMPLETION or a table with --prices"
            )
        return teacher

    judge_spec = Spec.parse(order.judge, order.base_urls, order.vllm) if order.judge else None
    asks = any(isinstance(step, Ask) for step in flat(recipe.steps))
    teacher = await hire(spec, "teacher") if asks else None
    # A server that we start need not be there twice.
    judge = teacher if judge_spec == spec and teacher else await hire(judge_spec, "judge") if judge_spec else None
    return Kitchen(
        recipe=recipe,
        ledger=ledger,
        teacher=teacher,
        judge=judge,
        runner=runner,
        locale=order.locale,
        seed=order.seed,
        budget=order.part_budget,
        refuse_seed=lambda seed: contamination(seed, order.against),
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


def _tick(kitchen: Kitchen, stats: RowStats, watch: Callable[[Snapshot], None], *, note: bool) -> None:
    """Shows where the run stands, and may leave word of it in the ledger."""
    snapshot = _snapshot(kitchen, stats)
    if note:
        rows = {"kept": snapshot.kept, "dropped": dict(snapshot.dropped), "seeds": snapshot.done}
        kitchen.ledger.note_progress(rows)
    watch(snapshot)


def _snapshot(kitchen: Kitchen, stats: RowStats) -> Snapshot:
    paid = kitchen.ledger.paid
    teachers = list(dict.fromkeys(who for who in (kitchen.teacher, kitchen.judge) if who))
    gates = [who.limiter for who in teachers if isinstance(who, Teacher)]
    return Snapshot(
        kept=stats.outcomes[None],
        dropped=stats.dropped,
        in_flight=sum(who.in_flight for who in teachers),
        window=sum(gate.window for gate in gates) if gates else None,
        concurrency=sum(gate.concurrency for gate in gates) if gates else None,
        waiting="; ".join(filter(None, (who.describe_wait() for who in teachers))),
        calls=paid.calls,
        prompt_tokens=paid.prompt_tokens,
        completion_tokens=paid.completion_tokens,
        cost_usd=paid.cost_usd,
        row_calls=stats.calls,
        row_tokens=stats.prompt_tokens + stats.completion_tokens,
        row_cost_usd=stats.cost_usd,
    )


@contextmanager
def _sandbox(
    recipe: Recipe, order: Order, ledger: Ledger, say: Callable[[str], None]
) -> Iterator[tuple[Runner | None, tuple[str, ...]]]:
    """A runner on warm containers, for recipes that run code, and the languages that rows may be in.

    Raises:
        SandboxUnavailable: no engine or no image.
        SynthError: the image has none of the recipe's languages.
    """
    if not recipe.runs:
        yield None, tuple(order.languages or LANGUAGES)
        return
    from sandbox.image import best_image, connect
    from sandbox.pool import SandboxPool

    wanted = order.languages or ((recipe.file.language,) if recipe.file.language else ())
    packages = (*recipe.file.packages, *packages_of(order.seeds or recipe.seeds))
    image = None
    if not wanted:  # rows draw theirs, or have their seed's
        with closing(connect()) as engine:
            image = best_image(engine, packages)
    # The pool closes first: it ends the runs that the threads would wait for.
    with (
        ThreadPoolExecutor(order.workers, "sandbox") as threads,
        SandboxPool(order.workers, image, languages=wanted, packages=packages, rerun_timeouts="doubtful") as pool,
    ):
        languages = check_languages(recipe, order.languages or pool.languages)
        say(f"sandbox: {order.workers} containers{f' for {len(languages)} languages' if len(languages) > 1 else ''}")
        yield Runner(pool, ledger, threads), languages


def check_languages(recipe: Recipe, there: Sequence[str]) -> tuple[str, ...]:
    """The languages that rows of `recipe` may be in, of those that are `there`.

    Raises:
        SynthError: there are none.
    """
    drawn = recipe.drawn_languages
    left = tuple(language for language in there if not drawn or language in drawn)
    if not left:
        raise SynthError(
            f"{recipe.name}: draws {', '.join(drawn)}, and the sandbox has {', '.join(there)}; "
            f"run `sandbox build --languages {','.join(drawn)}`"
        )
    return left


def form_of(recipe: Recipe) -> Form:
    """What the training set of a recipe looks like: that of its subset, or documents where it emits `text`."""
    last = recipe.steps[-1]
    return Form.of(recipe.subset, layout="documents" if isinstance(last, Emit) and last.text else None)


def _facts(order: Order, folder: RunFolder, seeds: str, kitchen: Kitchen) -> RunFacts:
    return collect_facts(
        folder,
        kitchen.ledger.spent(),
        recipe=kitchen.recipe.name,
        teacher=kitchen.teacher.name if kitchen.teacher else "",
        command=order.command,
        seeds_source=seeds,
    )


def _part_facts(shard: Shard, draw: Draw, batch: Batch, kitchen: Kitchen) -> dict[str, Any]:
    """What `synth merge` must know of a shard beside its rows."""
    return {
        "shard": str(shard),
        "complete": draw.ended and batch.seeds - batch.unfinished == draw.taken,
        "seeds_digests": draw.digests,
        "judge": kitchen.judge.name if kitchen.judge else "",
    }


def manifest(order: Order, recipe: Recipe, batch: Batch, facts: RunFacts) -> dict[str, Any]:
    """What made the run and what came of it, as plain data."""
    form = form_of(recipe)
    made = {
        "recipe": facts.recipe,
        "about": recipe.file.about,
        "subset": form.subset,
        "layout": form.layout,
        "recipe_folder": str(recipe.folder),
        "files": recipe.fingerprints,
        "seeds_source": facts.seeds_source,
        "teacher": facts.teacher,
        "locale": order.locale,
        "languages": list(order.languages),
        "against": list(order.against),
        "seed": order.seed,
    }
    return made | outcome(facts, batch.funnel, rows=order.rows, stopped_by=batch.stopped_by)
