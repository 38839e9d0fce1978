"""Who may go when: the queue that all workers of a pool take jobs from, and the gate for a run that must be alone."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class TurnQueue(Generic[T]):
    """A queue of many takers that can take back, and that wakes all who wait when it closes."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: T) -> bool:
        """Whether the item is in the queue; it is not after `close`."""
        with self._changed:
            if not self._closed:
                self._items.append(item)
                self._changed.notify()
            return not self._closed

    def put_back(self, items: Iterable[T]) -> None:
        """Nothing; the items are the next ones, in their order."""
        with self._changed:
            self._items.extendleft(reversed(list(items)))
            self._changed.notify_all()

    def take(self) -> T | None:
        """The next item, waited for; `None` once the queue is closed."""
        with self._changed:
            while not self._items and not self._closed:
                self._changed.wait()
            return None if self._closed else self._items.popleft()

    def take_if(self, fits: Callable[[T], bool], *, leave: int) -> T | None:
        """The next item if there is one that fits and `leave` others stay behind it; never waits."""
        with self._changed:
            if self._closed or len(self._items) <= leave or not fits(self._items[0]):
                return None
            return self._items.popleft()

    def close(self) -> list[T]:
        """What was still in the queue; everyone who waits is told."""
        with self._changed:
            self._closed = True
            left = list(self._items)
            self._items.clear()
            self._changed.notify_all()
            return left


class Gate:
    """Many at a time, or one alone. One who wants to be alone keeps new ones out until it has been."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._want_alone = 0

    @property
    def is_wanted_alone(self) -> bool:
        """Whether someone waits for all others to leave, so that those inside should not begin more work."""
        return self._want_alone > 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """A place beside others."""
        with self._changed:
            while self._alone or self._want_alone:
                self._changed.wait()
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The whole place."""
        with self._changed:
            self._want_alone += 1
            while self._alone or self._inside:
                self._changed.wait()
            self._want_alone -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
