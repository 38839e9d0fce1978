"""A worker process that ends with its parent, also where that is killed: a pool would wait for tasks for ever."""

from __future__ import annotations

import os
import threading
from multiprocessing import connection, parent_process


def die_with_parent() -> None:
    """Nothing; from now on this process, started by `multiprocessing`, ends as soon as its parent has."""
    threading.Thread(target=_wait_and_exit, daemon=True).start()


def _wait_and_exit() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
