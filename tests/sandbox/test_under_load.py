"""The verdicts of a busy machine are those of a quiet one, and a job that brings its container down harms no other."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from sandbox.pool import SandboxPool
from sandbox.verdict import Job, Limits

pytestmark = pytest.mark.engine


@contextlib.contextmanager
def busy(num_loops: int = 4) -> Iterator[None]:
    """That many processes spin meanwhile."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(num_loops)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def honest(number: int, *, wrong: bool = False) -> Job:
    """Three assertions, the last of which may not hold."""
    code = f"def f(items):\n    return sorted(x + {number} for x in items)"
    last = f"assert f([0]) == [{number + wrong}]"
    tests = ("assert f([]) == []", f"assert f([3, 1]) == [{number + 1}, {number + 3}]", last)
    return Job(id=str(number), code=code, tests=tests, limits=Limits(timeout_s=2.0))


@pytest.mark.parametrize("rerun", ["never", "all"])
def test_honest_programs_pass_on_a_busy_machine(rerun):
    with busy(), SandboxPool(workers=2, rerun_timeouts=rerun) as pool:
        verdicts = list(pool.run_all(map(honest, range(500))))
    assert [(v.id, v.status, v.tests_passed) for v in verdicts] == [(str(i), "passed", 3) for i in range(500)]
    assert sum(v.num_timeouts for v in verdicts) == 0


def test_a_busy_machine_makes_no_wrong_program_right():
    with busy(), SandboxPool(workers=2) as pool:
        verdicts = pool.run_all(honest(i, wrong=i % 3 == 0) for i in range(150))
        assert [v.status for v in verdicts] == ["failed" if i % 3 == 0 else "passed" for i in range(150)]


# Timeouts, and who runs again.

LOOP = Job(code="while True: pass", limits=Limits(timeout_s=0.3))
SLEEP = Job(code="import time\ntime.sleep(1e6)", limits=Limits(timeout_s=0.1))


@pytest.mark.parametrize(
    ("rerun", "job", "num_timeouts"), [("all", LOOP, 2), ("never", LOOP, 1), ("all", SLEEP, 2), ("doubtful", SLEEP, 2)]
)
def test_a_timeout_is_run_once_more_and_counted(rerun, job, num_timeouts):
    with SandboxPool(workers=1, rerun_timeouts=rerun) as pool:
        verdict = pool.run(job)
    assert (verdict.status, verdict.num_timeouts) == ("timeout", num_timeouts)


@pytest.mark.parametrize(("load", "num_timeouts"), [(0.0, 1), (99.0, 2)])
def test_a_timeout_by_its_own_processor_time_is_doubted_only_on_a_busy_machine(monkeypatch, load, num_timeouts):
    monkeypatch.setattr("os.getloadavg", lambda: (load, load, load))
    with SandboxPool(workers=1, rerun_timeouts="doubtful") as pool:
        verdict = pool.run(LOOP)
    assert (verdict.status, verdict.num_timeouts) == ("timeout", num_timeouts)


ONCE = """
import time
born = float(open('/proc/1/stat').read().rpartition(')')[2].split()[19]) / 100
up = float(open('/proc/uptime').read().split()[0])
if up - born > {age_s}:  # not the first program of this container
    while True: pass
"""


def test_the_second_run_decides_and_is_in_a_container_of_its_own():
    """The program loops in a container that has been up for a while, and passes in one that has just begun."""
    with SandboxPool(workers=1) as pool:
        pool.run(honest(1))
        time.sleep(4)
        verdict = pool.run(Job(code=ONCE.format(age_s=3), limits=Limits(timeout_s=0.3)))
    assert (verdict.status, verdict.num_timeouts) == ("passed", 1)


def test_a_timeout_that_is_run_alone_does_not_hold_the_answers_of_the_others_wrong():
    jobs = [LOOP if i % 10 == 5 else honest(i) for i in range(60)]
    with SandboxPool(workers=2) as pool:
        verdicts = list(pool.run_all(jobs))
    assert [(v.status, v.num_timeouts) for v in verdicts] == [
        ("timeout", 2) if i % 10 == 5 else ("passed", 0) for i in range(60)
    ]


# Jobs that were sent ahead into a container that another job brings down.

BOMB = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
MIX = {
    "passed": "print('x')",
    "timeout": "while True: pass",
    "memory_exceeded": "import os, time\nfor _ in range(4):\n    if not os.fork():\n        x = b'x' * (40 << 20)\n"
    "        time.sleep(2)\n        os._exit(0)\nfor _ in range(4): os.wait()",
    "failed": "import os\nos._exit(0)",
    "crashed": "import os\nos.kill(os.getpid(), 11)",
    "output_exceeded": "while True: print('x' * 1000)",
    "compile_error": "def f(:",
}


def mixed(seed: int, count: int) -> list[tuple[str, Job]]:
    """(expected status, job) of every kind in an order of chance, with survivors and bombs in between."""
    kinds = [*MIX.items(), ("timeout", BOMB), ("passed", "import os, time\nif not os.fork(): time.sleep(1e6)")]
    chance = random.Random(seed)
    order = [kinds[0] if chance.random() < 0.6 else chance.choice(kinds) for _ in range(count)]
    # A bomb's 64 processes need 50 MB, and are to meet the time.
    limits = Limits(timeout_s=0.5, memory_mb=96, output_kb=16)
    return [(status, Job(id=str(i), code=code, limits=limits)) for i, (status, code) in enumerate(order)]


@pytest.mark.parametrize("seed", [1, 2])
def test_jobs_sent_ahead_of_one_that_kills_its_container_get_their_own_verdicts(seed):
    expected = mixed(seed, 80)
    with SandboxPool(workers=2, rerun_timeouts="never") as pool:
        verdicts = list(pool.run_all(job for _, job in expected))
    assert [v.id for v in verdicts] == [str(i) for i in range(80)]
    wrong = [(v.id, v.status, status) for v, (status, _) in zip(verdicts, expected, strict=True) if v.status != status]
    assert wrong == []
    assert len(Counter(v.status for v in verdicts)) == len(MIX)


def test_output_stays_with_its_own_job_through_every_death():
    limits = Limits(timeout_s=0.3, output_kb=16)
    kill = ["import os\nif not os.fork():\n    while True: pass", "while True: pass", "while True: print('x' * 999)"]
    jobs = [Job(code=kill[i % 3] if i % 7 == 3 else f"print({i})", limits=limits) for i in range(70)]
    with SandboxPool(workers=2, rerun_timeouts="never") as pool:
        verdicts = list(pool.run_all(jobs))
    assert [v.stdout for i, v in enumerate(verdicts) if i % 7 != 3] == [f"{i}\n" for i in range(70) if i % 7 != 3]
