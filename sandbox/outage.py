"""An engine that is away for a moment: restarted, upgraded, overloaded. Work waits for it instead of failing.

Not covered: jobs that were under way. Their containers are dead or unheard, so the pool runs them again in another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

PATIENCE_S = 60.0
"""How long an engine may be away; a restart with containers to stop takes some ten seconds."""
ASK_EVERY_S = 0.25
PAUSES_S = (0.2, 2.0)
"""Before each further try with an engine that answers, but could not."""

T = TypeVar("T")


def patiently(
    ask: Callable[[], T],
    stop: threading.Event,
    patience_s: float = PATIENCE_S,
    pauses_s: Sequence[float] = PAUSES_S,
) -> T:
    """What `ask` gives, asked again while the engine is away. Raises its last error, and at once when `stop` is set."""
    from docker.errors import DockerException
    from requests.exceptions import ConnectionError, RequestException

    deadline = time.monotonic() + patience_s
    pauses = iter(pauses_s)
    while True:
        try:
            return ask()
        except (DockerException, RequestException) as error:
            if isinstance(error, ConnectionError):
                pause_s: float | None = ASK_EVERY_S
            else:
                pause_s = next(pauses, None) if may_pass(error) else None
            if pause_s is None or time.monotonic() > deadline or stop.wait(pause_s):
                raise


def may_pass(error: Exception) -> bool:
    """Whether an engine that gave this answer may give another. One refused for what it says stays refused."""
    from docker.errors import APIError, ImageNotFound

    if not isinstance(error, APIError) or isinstance(error, ImageNotFound):
        return False
    status = error.status_code or 0
    return status == 404 or status >= 500  # a container that went with the engine between two requests; engine trouble
