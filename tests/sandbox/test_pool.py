"""The pool as a whole: order, threads, outages, and that nothing of it is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.image import ensure_image
from sandbox.pool import SandboxPool
from sandbox.reaper import OWNER_LABEL, RENEW_AFTER_S
from sandbox.verdict import Call, Job, JobError, Limits, SandboxError, SandboxUnavailable

pytestmark = pytest.mark.engine

HONEST = Job(code="def f(x): return x + 1", tests=("assert f(1) == 2",))
SLOW = Job(code="import time\ntime.sleep(1)\nprint('done')")


def names_of(engine, owner_pid: int) -> list[str]:
    """Containers of this process that the engine knows, in any state."""
    listed = engine.containers(all=True, filters={"label": "opencook"})
    return [one["Names"][0] for one in listed if f":{owner_pid}:" in one["Labels"][OWNER_LABEL]]


def wait_until(condition) -> bool:
    """Whether it became true within ten seconds."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return bool(condition())


def test_identity_names_image_and_supervisor(pool):
    assert pool.image_digest.startswith("sha256:")
    assert len(bytes.fromhex(pool.supervisor_version)) == 8


def test_verdicts_carry_the_job_id(pool):
    assert pool.run(Job(id="row 7", code="pass")).id == "row 7"


def test_run_all_keeps_input_order(pool):
    jobs = [Job(id=str(i), code=f"import time; time.sleep({0.2 if i % 5 == 0 else 0})") for i in range(15)]
    assert [verdict.id for verdict in pool.run_all(jobs)] == [str(i) for i in range(15)]


def test_run_all_takes_only_a_few_jobs_ahead(pool):
    taken = []

    def endless() -> Iterator[Job]:
        while True:
            taken.append(1)
            yield HONEST

    verdicts = pool.run_all(endless())
    for _ in range(3):
        assert next(verdicts).status == "passed"
    verdicts.close()
    assert len(taken) < 40


def test_many_threads_share_two_workers(pool):
    with ThreadPoolExecutor(16) as threads:
        verdicts = list(threads.map(lambda i: pool.run(Job(id=str(i), code=f"print({i})")), range(100)))
    assert [verdict.stdout for verdict in verdicts] == [f"{i}\n" for i in range(100)]


def test_an_unknown_language_names_the_known(pool):
    with pytest.raises(JobError, match="python"):
        pool.run(Job(code="", language="cobol"))


def test_a_missing_image_says_how_to_build_it():
    with pytest.raises(SandboxUnavailable, match="sandbox build"):
        SandboxPool(image="opencook-sandbox:none")


def test_a_dead_engine_is_unavailable_with_a_fix(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(SandboxUnavailable, match="DOCKER_HOST"):
        SandboxPool()


def test_a_container_killed_in_mid_run_is_replaced(engine):
    with SandboxPool(workers=1) as pool:
        pool.run(HONEST)
        name = pool._slots[0].container.name
        threading.Timer(0.3, lambda: engine.kill(name)).start()
        assert pool.run(SLOW).stdout == "done\n"
        assert pool._slots[0].container.name != name


def test_a_container_killed_while_idle_is_replaced(engine):
    with SandboxPool(workers=1) as pool:
        pool.run(HONEST)
        engine.kill(pool._slots[0].container.name)
        assert pool.run(HONEST).status == "passed"


def test_containers_that_always_die_are_unavailable_never_a_verdict(engine):
    stop = threading.Event()

    def kill_each() -> None:
        while not stop.wait(0.05):
            container = pool._slots[0].container
            with contextlib.suppress(Exception):  # not started yet, or dead already
                engine.kill(container.name)

    with SandboxPool(workers=1) as pool:
        killer = threading.Thread(target=kill_each)
        killer.start()
        try:
            with pytest.raises(SandboxUnavailable, match="3 containers died"):
                pool.run(Job(code="import time\ntime.sleep(30)", limits=Limits(timeout_s=60)))
        finally:
            stop.set()
            killer.join()


@pytest.mark.parametrize("code", ["while True: pass", "import os\nif not os.fork(): __import__('time').sleep(99)"])
def test_a_container_is_replaced_after_trouble(code):
    with SandboxPool(workers=1) as pool:
        pool.run(HONEST)
        before = pool._slots[0].container.name
        pool.run(Job(code=code, limits=Limits(timeout_s=0.3)))
        pool.run(HONEST)
        assert pool._slots[0].container.name != before


def test_a_container_is_replaced_after_its_runs():
    with SandboxPool(workers=1, recycle_after=2) as pool:
        seen = set()
        for _ in range(4):
            pool.run(HONEST)
            seen.add(pool._slots[0].container and pool._slots[0].container.name)
        assert len(seen - {None}) == 2


def test_a_container_that_grew_old_while_idle_is_replaced_before_it_expires():
    with SandboxPool(workers=1) as pool:
        pool.run(HONEST)
        old = pool._slots[0].container
        assert old is not None
        old.created -= RENEW_AFTER_S + 1
        pool.run(HONEST)
        assert pool._slots[0].container.name != old.name


def test_a_closed_pool_leaves_no_container_and_refuses_jobs(engine):
    with SandboxPool(workers=2) as pool:
        list(pool.run_all([HONEST] * 4))
        mine = {f"/{slot.container.name}" for slot in pool._slots if slot.container}
    assert mine
    assert wait_until(lambda: not mine & set(names_of(engine, os.getpid())))
    with pytest.raises(SandboxUnavailable, match="closed"):
        pool.run(HONEST)


def test_closing_ends_a_run_under_way():
    with SandboxPool(workers=1) as pool, ThreadPoolExecutor(1) as threads:
        pool.run(HONEST)
        future = threads.submit(pool.run, Job(code="import time\ntime.sleep(60)", limits=Limits(timeout_s=60)))
        time.sleep(0.3)
        pool.close()
        with pytest.raises(SandboxUnavailable, match="closed"):
            future.result(timeout=10)


def test_a_killed_host_process_leaves_no_container(engine):
    program = (
        "from sandbox.pool import SandboxPool\nfrom sandbox.verdict import Job\npool = SandboxPool(workers=1)\n"
        "pool.run(Job(code='1'))\nprint('ready', flush=True)\npool.run(Job(code='import time; time.sleep(60)'))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == b"ready\n"
        assert names_of(engine, host.pid)
        host.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not names_of(engine, host.pid))


def test_packages_of_the_image_are_imported_beforehand():
    try:
        ensure_image(("python",), ("numpy",))
    except SandboxError as missing:  # no package index answers
        pytest.skip(str(missing))
    code = "import sys\nearly = 'numpy' in sys.modules\nimport numpy\ndef total(n): return numpy.arange(n).sum()"
    calls = (Call(entry_point="total", args=(5,), expected=10),)
    with SandboxPool(workers=1, packages=("numpy",)) as pool:
        verdict = pool.run(Job(code=code, tests=("assert early",), calls=calls, limits=Limits(memory_mb=64)))
        assert (verdict.status, verdict.tests_passed) == ("passed", 2), verdict
        assert pool.run(Job(code="x = bytearray(200 << 20)", limits=Limits(memory_mb=64))).status == "memory_exceeded"


def test_a_fresh_interpreter_has_little_loaded():
    names = {"asyncio", "unittest", "csv", "sandbox", "ctypes", "socket", "subprocess"}
    code = f"import sys\nprint(len(sys.modules), *sorted({names} & sys.modules.keys()))"
    with SandboxPool(workers=1) as pool:
        spawned, forked = pool.run(Job(code=code, mode="spawn")), pool.run(Job(code=code))
    count, *loaded = spawned.stdout.split()
    assert (spawned.status, loaded) == ("passed", [])
    assert int(count) < 100 < int(forked.stdout.split()[0])
    assert {"csv", "unittest"} <= set(forked.stdout.split())


@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_the_environment_of_a_run_has_nothing_of_the_loaders(mode):
    code = "import os, subprocess\nprint(sorted(os.environ), subprocess.check_output(['env']))"
    with SandboxPool(workers=1) as pool:
        verdict = pool.run(Job(code=code, mode=mode))
    assert verdict.status == "passed"
    assert "HOME" in verdict.stdout
    assert "LD_" not in verdict.stdout


@pytest.mark.parametrize(
    ("code", "tests", "status"),
    [
        ("def f(x): return x + 1", ("assert f(1) == 2",), "passed"),
        ("def f(x): return x", ("assert f(1) == 2",), "failed"),
        ("import os\nos._exit(0)", ("assert True",), "failed"),
        ("1 / 0", (), "crashed"),
        ("def f(:", (), "compile_error"),
        ("x = bytearray(10 ** 10)", (), "memory_exceeded"),
        ("while True: pass", (), "timeout"),
        ("while True: print('x' * 1000)", (), "output_exceeded"),
        ("import sys\nprint(sys.stdin.read() + open('a').read(), __name__, sys.argv)", (), "passed"),
    ],
)
def test_a_fresh_interpreter_gives_the_same_verdicts(pool, code, tests, status):
    limits = Limits(timeout_s=0.5, memory_mb=256)
    verdict = pool.run(Job(code=code, tests=tests, mode="spawn", stdin="in", files={"a": "file"}, limits=limits))
    assert verdict.status == status, verdict
    if "stdin" in code:
        assert verdict.stdout == "infile __main__ ['main.py']\n"


STARTED = "print(open('/proc/1/stat').read().rpartition(')')[2].split()[19])"
"""When PID 1 of the container began, in clock ticks since the boot."""


def test_fresh_gives_each_job_a_container_of_its_own():
    job = Job(code=STARTED)
    with SandboxPool(workers=1, fresh=True) as fresh:
        assert len({verdict.stdout for verdict in fresh.run_all([job] * 3)}) == 3
    with SandboxPool(workers=1) as kept:
        assert len({verdict.stdout for verdict in kept.run_all([job] * 3)}) == 1


def test_asyncio_has_run_and_stream_with_both_kinds_of_source(pool):
    jobs = [Job(id=str(i), code=f"print({i})") for i in range(40)]

    async def source():
        for job in jobs:
            await asyncio.sleep(0)
            yield job

    async def all_of_them():
        one = await pool.run_async(HONEST)
        many = await asyncio.gather(*map(pool.run_async, jobs))
        return one, many, [v async for v in pool.stream(jobs)], [v async for v in pool.stream(source())]

    one, *rest = asyncio.run(all_of_them())
    assert one.status == "passed"
    for verdicts in rest:
        assert [(v.id, v.stdout) for v in verdicts] == [(str(i), f"{i}\n") for i in range(40)]


def test_a_stream_that_is_left_early_takes_no_more(pool):
    taken = []

    async def source():
        while True:
            taken.append(1)
            yield HONEST

    async def three():
        verdicts = pool.stream(source())
        found = [(await anext(verdicts)).status for _ in range(3)]
        await verdicts.aclose()
        return found

    assert asyncio.run(three()) == ["passed"] * 3
    assert len(taken) < 40
    assert pool.run(HONEST).status == "passed"


def test_a_bad_job_in_a_stream_is_an_error_and_the_pool_goes_on(pool):
    async def first():
        return [v async for v in pool.stream([HONEST, Job(code="", mode="thread")])]

    with pytest.raises(JobError, match="mode"):
        asyncio.run(first())
    assert pool.run(HONEST).status == "passed"


def test_a_cancelled_job_is_never_run_and_the_others_are():
    with SandboxPool(workers=1) as pool:
        running = pool.submit(SLOW)
        time.sleep(0.2)
        waiting, behind = pool.submit(Job(code="while True: pass", limits=Limits(timeout_s=30))), pool.submit(HONEST)
        cancelled = waiting.cancel()
        started = time.monotonic()
        assert (running.result().stdout, behind.result().status) == ("done\n", "passed")
        assert cancelled
        assert waiting.cancelled()
        assert time.monotonic() - started < 10


def test_a_cancelled_coroutine_does_not_stop_the_pool(pool):
    async def given_up():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.run_async(SLOW), 0.2)
        return await pool.run_async(HONEST)

    assert asyncio.run(given_up()).status == "passed"


def test_memory_limits_of_any_order_are_each_jobs_own(pool):
    def job(memory_mb: int, wanted_mb: int) -> Job:
        return Job(code=f"x = bytearray({wanted_mb} << 20)", limits=Limits(memory_mb=memory_mb))

    jobs = [job(memory, wanted) for _ in range(4) for memory, wanted in ((64, 100), (256, 100), (128, 200), (512, 400))]
    assert [v.status for v in pool.run_all(jobs)] == ["memory_exceeded", "passed", "memory_exceeded", "passed"] * 4
