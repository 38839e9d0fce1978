"""Work spread over processes, its results in the order of the work, so that their number changes no byte."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

from pretrain.errors import CorpusError
from pretrain.parent import die_with_parent

_AHEAD = 3  # items under way for each worker, so that memory stays bounded

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@contextmanager
def ordered_map(workers: int) -> Iterator[Map]:
    """A `map` that runs in `workers` processes, or in this one where that is 1.

    Raises: CorpusError where a worker is killed; whatever the mapped function raises.
    """
    if workers == 1:
        yield map
        return
    # Spawned, not forked: this process has threads by then, which a fork would leave behind in unknown states.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_set_up) as pool:
        try:
            yield partial(_map_ahead, pool, workers * _AHEAD)
        except BrokenProcessPool as error:
            raise CorpusError(
                "a worker was killed, perhaps for lack of memory; run again with fewer --workers"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _set_up() -> None:
    """Nothing; the worker ends with its parent, and leaves Ctrl-C to it."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _map_ahead(
    pool: ProcessPoolExecutor, ahead: int, function: Callable[[Any], Any], items: Iterable[Any]
) -> Iterator[Any]:
    """Results in order, with no more than `ahead` items under way (`pool.map` would take them all at once)."""
    remaining = iter(items)
    waiting: deque[Future[Any]] = deque(pool.submit(function, item) for item in islice(remaining, ahead))
    while waiting:
        yield waiting.popleft().result()
        waiting.extend(pool.submit(function, item) for item in islice(remaining, 1))
