"""Runs one command for as long as somebody holds our standard input open, then ends it and all that it started.

    python -m synth.guard COMMAND ...

The kernel closes the pipe when its holder dies, by whatever signal, so a server started through the guard cannot
outlive the run that started it. `PR_SET_PDEATHSIG` would not do: it fires when the starting *thread* ends, and it does
not reach the processes that servers such as vLLM start in turn. The guard must lead a process group of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_S = 5.0
"""How long a server may take to leave by itself before it is killed."""


def main() -> None:
    """Never: the guard ends by SIGKILL, together with whatever is left of its process group."""
    assert os.getpgrp() == os.getpid(), "start me with start_new_session=True: I end my whole process group"
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_the_pipe, args=(child,), daemon=True).start()
    code = child.wait()
    print(f"guard: the server ended with exit code {code}", file=sys.stderr, flush=True)
    os.killpg(0, signal.SIGKILL)


def _end_with_the_pipe(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    child.terminate()  # `main` goes on as soon as it leaves
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
