"""`--engine ray`: the shards of a run as tasks on a Ray cluster, then `merge`.

Each shard is `generate` as it is anywhere else, with its own ledger below OUT and its own containers on the node where
it runs; OUT and the folder in which the command was started must lie on a disk that all nodes share. A task whose
worker or node is lost starts again elsewhere and takes from its ledger what was paid for. With `--rows N` the shards
cook the first seeds in rounds, each as far as the yield so far says, so that the prefix that keeps N rows is whole.
Not covered: starting a cluster, installing opencook on its nodes, engines there.
"""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import math
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sandbox.verdict import SandboxError
from synth.engine import Batch
from synth.errors import RunFolderError, SynthError
from synth.generate import Order, Result, generate
from synth.merge import TooFewRows, merge
from synth.progress import Snapshot
from synth.recipe import open_recipe
from synth.shards import Shard

N = TypeVar("N", int, float)
MAX_RETRIES = 20
"""Of a shard whose worker is lost, in one round: on preemptible nodes that is part of a day's work."""
FREE_WITHIN_S = 60.0
"""How long a folder may stay locked by a worker that Ray has given up already."""
CONNECT_S = 10.0
POLL_EVERY_S = 0.5
LEAVE_WITHIN_S = 30.0
"""For shards to stop their containers and teachers when the run ends early; then they are killed."""
CREDENTIALS = ("OPENAI_", "HF_")
"""Beginnings of the names of variables that shards get from where the command runs."""


class Board:
    """What the shards last said; an actor."""

    def __init__(self) -> None:
        self._snapshots: dict[int, Snapshot] = {}
        self._lines: list[str] = []
        self._starts: Counter[int] = Counter()

    def begin(self, shard: Shard, node: str) -> None:
        """Notes that a shard starts, for the first time or again."""
        self._starts[shard.index] += 1
        again = "starts" if self._starts[shard.index] == 1 else "lost its worker and goes on"
        self._lines.append(f"shard {shard} {again} on {node}")

    def post(self, shard: Shard, snapshot: Snapshot) -> None:
        """Notes where a shard stands."""
        self._snapshots[shard.index] = snapshot

    def say(self, shard: Shard, line: str) -> None:
        """Notes a line that the user should see."""
        self._lines.append(f"shard {shard}: {line}")

    def end_round(self) -> None:
        """Forgets how often shards started: the next start is no second one."""
        self._starts.clear()

    def read(self) -> tuple[Snapshot, list[str]]:
        """The sum of what the shards said, and the lines since the last reading."""
        lines, self._lines = self._lines, []
        return add_up(list(self._snapshots.values())), lines


def add_up(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Where all shards together stand."""
    dropped: Counter[str] = Counter()
    for one in snapshots:
        dropped.update(one.dropped)
    waiting = sorted({one.waiting for one in snapshots} - {""})
    return Snapshot(
        kept=sum(one.kept for one in snapshots),
        dropped=dict(dropped),
        in_flight=sum(one.in_flight for one in snapshots),
        window=_sum(one.window for one in snapshots),
        concurrency=_sum(one.concurrency for one in snapshots),
        waiting=waiting[0] if waiting else "",
        calls=sum(one.calls for one in snapshots),
        prompt_tokens=sum(one.prompt_tokens for one in snapshots),
        completion_tokens=sum(one.completion_tokens for one in snapshots),
        cost_usd=_sum(one.cost_usd for one in snapshots),
        row_calls=sum(one.row_calls for one in snapshots),
        row_tokens=sum(one.row_tokens for one in snapshots),
        row_cost_usd=_sum(one.row_cost_usd for one in snapshots),
    )


def _sum(amounts: Iterable[N | None]) -> N | None:
    """The sum of what is known, `None` where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known[1:], known[0]) if known else None


def generate_on_ray(
    order: Order,
    shards: int | None,
    address: str | None,
    *,
    say: Callable[[str], None] = lambda _: None,
    watch: Callable[[Snapshot], None] = lambda _: None,
) -> Result:
    """The run, cooked by `shards` tasks on the cluster at `address` (`None`: one of this machine's own) and merged.

    Raises:
        SynthError, SandboxUnavailable: as `generate`; or no cluster answers, or a shard lost too many workers.
    """
    try:
        import ray as installed
    except ImportError:
        raise SynthError("--engine ray: Ray is not installed; pip install 'opencook[ray]'") from None
    ray: Any = installed
    out = (order.out or Path("runs") / open_recipe(order.recipe).name).absolute()
    _connect(ray, address)
    try:
        num_shards = shards or max(1, int(ray.cluster_resources().get("CPU", 0)) // 2)
        parts = [dataclasses.replace(order, out=out, shard=Shard(index, num_shards)) for index in range(num_shards)]
        crew = _Crew(ray, parts, say, watch)
        folders = [part.shard.folder(out) for part in parts if part.shard]
        num_seeds = order.rows
        while True:
            crew.cook(num_seeds)
            try:
                return merge(folders, out, rows=order.rows, command=order.command, say=say)
            except TooFewRows as short:
                assert order.rows is not None, "without a number of rows the shards cook all seeds"
                num_seeds = next_bound(short.batch, order.rows)
                kept = f"{short.batch.num_kept:,} of {order.rows:,} rows in {short.batch.seeds:,} seeds"
                say(f"{kept}; on to seed {num_seeds:,}")
    finally:
        ray.shutdown()


def next_bound(batch: Batch, rows: int) -> int:
    """How many seeds should keep `rows` at the yield of `batch`, and a few more: a round costs more than some rows."""
    more = batch.seeds_for(rows)
    return batch.seeds + more + math.isqrt(more)


def _connect(ray: Any, address: str | None) -> None:
    """Raises: `SynthError` where no cluster answers."""
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is None:
            ray.init(address="local", include_dashboard=False, **quiet)
            return
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()  # Ray itself tries for minutes
        ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        where = f"--ray-address {address}" if address else "--engine ray"
        raise SynthError(
            f"{where}: no Ray cluster answers ({reason}); give HOST:PORT as `ray start --head` prints it"
        ) from error


class _Crew:
    """The tasks of a run, and the board on which they say where they stand."""

    def __init__(
        self, ray: Any, parts: list[Order], say: Callable[[str], None], watch: Callable[[Snapshot], None]
    ) -> None:
        self._ray = ray
        self._parts = parts
        self._say = say
        self._watch = watch
        self._board = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=5)(Board).remote()
        # A core for the client each; containers and embedded teachers are for the nodes' owner to allow for.
        options = {"num_cpus": 1, "max_retries": MAX_RETRIES, "scheduling_strategy": "SPREAD"}
        self._cook = ray.remote(**options)(cook_shard)
        self._environment = {key: value for key, value in os.environ.items() if key.startswith(CREDENTIALS)}

    def cook(self, num_seeds: int | None) -> None:
        """Lets every shard cook its part of the first `num_seeds` seeds.

        Raises:
            SynthError, SandboxUnavailable: what stopped one of them; the others were stopped then.
        """
        ray, home = self._ray, Path.cwd()
        tasks = [self._cook.remote(part, num_seeds, home, self._environment, self._board) for part in self._parts]
        pending = list(tasks)
        try:
            while pending:
                done, pending = ray.wait(pending, timeout=POLL_EVERY_S)
                self._show()
                ray.get(done)
        except ray.exceptions.RayError as error:
            raise _explain(ray, error) from error
        finally:
            if pending:
                self._stop(pending)
        ray.get(self._board.end_round.remote())

    def _show(self) -> None:
        snapshot, lines = self._ray.get(self._board.read.remote())
        for line in lines:
            self._say(line)
        self._watch(snapshot)

    def _stop(self, tasks: list[Any]) -> None:
        """Has the shards end as Ctrl-C would, or kills them."""
        for task in tasks:
            self._ray.cancel(task, force=False)
        _, left = self._ray.wait(tasks, num_returns=len(tasks), timeout=LEAVE_WITHIN_S)
        for task in left:
            self._ray.cancel(task, force=True)


def _explain(ray: Any, error: Exception) -> Exception:
    """What to raise for a task that ended otherwise than with its result."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, SynthError | SandboxError):
        return cause
    if "ModuleNotFoundError" in str(error):
        missing = str(error).rpartition("ModuleNotFoundError: ")[2].splitlines()[0]
        return SynthError(f"ray: {missing} on a node; install the same version of opencook on all of them")
    is_ours: bool = isinstance(error, ray.exceptions.RayTaskError)
    if is_ours:
        return error  # a defect, with the traceback of the task
    reason = str(error).splitlines()[0]
    return SynthError(
        f"ray: a shard lost its worker {MAX_RETRIES} times or could not start ({reason}); see `ray status`, then run "
        "the same command again"
    )


def cook_shard(order: Order, num_seeds: int | None, home: Path, environment: dict[str, str], board: Any) -> None:
    """A task: one shard into its folder, from wherever it is.

    Raises:
        SynthError, SandboxUnavailable: as `generate`.
    """
    shard, node = order.shard, os.uname().nodename
    assert shard, "the driver said which"
    assert order.out, "the driver said where"
    board.begin.remote(shard, node)
    try:
        os.chdir(home)  # so that paths mean here what they mean there
    except OSError as error:
        raise RunFolderError(
            f"{home}: not on node {node} ({error.strerror}); start from a folder on a disk that all nodes share"
        ) from None
    os.environ.update(environment)
    wait_until_free(shard.folder(order.out))
    whole = dataclasses.replace(order, rows=None)  # how far is what `num_seeds` says
    asyncio.run(
        generate(
            whole,
            num_seeds=num_seeds,
            say=lambda line: board.say.remote(shard, line),
            watch=lambda snapshot: board.post.remote(shard, snapshot),
        )
    )


def wait_until_free(folder: Path, within_s: float = FREE_WITHIN_S) -> None:
    """Waits for a worker that was killed here to be gone; whoever stays longer is another run, which `Ledger` names."""
    lock = folder / ".lock"
    if not lock.exists():
        return
    until = time.monotonic() + within_s
    with lock.open("rb") as file:
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.2)
            else:
                return
