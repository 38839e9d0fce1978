"""The inside of one run: a fork server that has its imports done, and the child in which candidate code lives.

The fork server never sees a job: it takes file descriptors from the supervisor and forks. The child drops to the run's
own uid, takes its limits, reads the job from a memory file, runs the code and then each test in one `__main__`, and
reports over a pipe. Each report line opens with the run's secret, so that a candidate that writes to every descriptor
it finds can spoil its own report but cannot forge one. Standard library only; runs inside the container.

Not covered: a candidate that digs the secret out of this very process. Assertions that run inside the candidate's
process are never proof against that, which is why `synth` re-runs survivors against corrupted tests.
"""

# ruff: noqa: PTH103, PTH120, PTH123

from __future__ import annotations

import ast
import atexit
import builtins
import contextlib
import gc
import importlib
import json
import linecache
import os
import random
import re
import resource
import socket
import sys
import threading
import types
from collections.abc import Callable, Sequence
from os import _exit, getpid, write
from sys import setprofile, settrace
from typing import Any

from sandbox import proof, walls

PRELOAD = """
    abc argparse array asyncio base64 bisect calendar cmath collections.abc concurrent.futures contextlib copy csv
    dataclasses datetime decimal difflib doctest enum fnmatch fractions functools glob hashlib heapq html inspect io
    itertools json logging math numbers operator os pathlib pickle pprint queue random re secrets shutil signal
    statistics string struct subprocess tempfile textwrap time timeit tokenize traceback types typing unicodedata
    unittest unittest.mock urllib.parse uuid warnings weakref zlib
"""
"""Imported once in the fork server; an `import unittest` that is not there costs a run 19 ms."""

BUILTINS = dict(builtins.__dict__)
MAX_FILE_BYTES = 64 << 20
MAX_OPEN_FILES = 256
MAX_PROCESSES = 96
"""Per uid; below the container's own cap, so that a fork bomb leaves the supervisor room to act."""
MAX_ERROR_CHARS = 400
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")
SPACES = re.compile(r"\s+")

Report = Callable[[str, bool, str], None]


def serve(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The limits and the descriptors of one run, in the child that is to run it; the fork server never returns."""
    machine = walls.install_filter()
    for name in PRELOAD.split():
        importlib.import_module(name)
    landlock = walls.make_landlock()
    with open("/proc/self/statm") as file:
        own_bytes = int(file.read().split()[0]) * resource.getpagesize()
    for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox"]:
        del sys.modules[name]  # here, once: a loop over `sys.modules` in the child writes to, so copies, 150 pages
    gc.collect()
    gc.freeze()  # keeps these objects on shared pages, and out of a candidate's `gc.get_objects()`
    channel.send(json.dumps({"filter": machine, **proof.attempts(landlock)}).encode())  # and so: ready
    while True:
        message, fds, _, _ = socket.recv_fds(channel, 1 << 16, 5)
        if not message:
            _exit(0)
        pid = os.fork()
        if pid == 0:
            channel.close()
            return {**json.loads(message), "own_bytes": own_bytes, "landlock": landlock}, fds
        for fd in fds:
            os.close(fd)
        _, status, usage = os.wait4(pid, 0)
        channel.send(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]).encode())


def run_child(spec: dict[str, Any], fds: list[int]) -> None:
    """Nothing: the process ends here, with the candidate's exit code."""
    payload, report_fd = confine(spec, fds)
    job = json.loads(payload)
    os.chdir(spec["work_dir"])
    code = 1
    try:
        write_files(job["files"])
        code = run_job(job, reporter(report_fd, job.pop("secret")), spec["work_dir"])
    except BaseException as error:  # the job's files did not fit, or the like
        show(error)
    finally:
        leave(code)


def confine(spec: dict[str, Any], fds: list[int]) -> tuple[bytes, int]:
    """The job's bytes and the descriptor of the report pipe, read by a process that now has no rights left."""
    os.setsid()
    job_fd, *standard, report_fd = fds
    for target, fd in enumerate(standard):
        os.dup2(fd, target)
        os.close(fd)
    os.set_inheritable(report_fd, False)
    with open(job_fd, "rb") as file:
        payload = file.read()
    with open("/proc/self/oom_score_adj", "w") as file:  # the snippet goes first, never the supervisor
        file.write("1000")
    cpu_s = int(spec["timeout_s"]) + 2
    for name, soft, hard in (
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),
        (resource.RLIMIT_AS, *[spec["own_bytes"] + spec["memory_bytes"]] * 2),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES, MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES, MAX_OPEN_FILES),
        (resource.RLIMIT_NPROC, MAX_PROCESSES, MAX_PROCESSES),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(name, (soft, hard))
    spec["landlock"].enter()
    os.setgroups([])
    os.setresgid(spec["uid"], spec["uid"], spec["uid"])
    os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    return payload, report_fd


def write_files(files: dict[str, str]) -> None:
    """Nothing; the job's files lie in the work directory, written with the candidate's own rights."""
    for path, content in files.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(content)


def reporter(fd: int, secret: str) -> Report:
    """A function that writes one report line: secret, kind, flag, text in hex (so that no text can break a line).

    It is mute in a process that the candidate forked off, which would go on to report on the same tests.
    """
    pid = getpid()

    def report(kind: str, flag: bool, text: str) -> None:
        if getpid() != pid:
            return
        line = f"{secret} {kind} {flag:d} {text.encode('utf-8', 'backslashreplace').hex()}.\n"
        with contextlib.suppress(OSError):  # the candidate closed the pipe: it has no report, so it cannot pass
            write(fd, line.encode())

    return report


def run_job(job: dict[str, Any], report: Report, work_dir: str) -> int:
    """The exit code of code and tests, every step reported."""
    random.seed(0)  # the same program gives the same verdict
    namespace = fresh_main(job["code"], work_dir)
    try:
        program = compile(job["code"], "main.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        show(error)
        report("uncompiled", False, describe(error))
        return 1
    tests = [compile_test(test, number) for number, test in enumerate(job["tests"], 1)]
    try:
        exec(program, namespace)
    except SystemExit as error:
        code = exit_code(error)
        report("exited", not tests and at_last_statement(job["code"], error.__traceback__), "")
        return code
    except BaseException as error:
        show(error)
        report("raised", isinstance(error, MemoryError), describe(error))
        return 1
    settrace(None)
    setprofile(None)
    for test in tests:
        run_test(test, namespace, report)
    report("finished", True, "")
    return 0


def run_test(test: types.CodeType | BaseException, namespace: dict[str, Any], report: Report) -> None:
    """Nothing; one test ran and was reported."""
    vars(builtins).update(BUILTINS)  # undoes a candidate's own `len`, `all`, `isinstance` ...
    settrace(None)
    setprofile(None)
    try:
        if isinstance(test, BaseException):
            raise test
        exec(test, namespace)
    except MemoryError as error:
        report("memory", False, describe(error))
    except BaseException as error:
        report("test", False, describe(error))
    else:
        report("test", True, "")


def fresh_main(code: str, work_dir: str) -> dict[str, Any]:
    """The namespace of a new `__main__`, such that doctest, dataclasses, pickle and inspect find what they look for."""
    module = types.ModuleType("__main__")
    module.__dict__.update({"__builtins__": builtins, "__file__": "main.py"})
    sys.modules["__main__"] = module
    sys.argv = ["main.py"]
    sys.path.insert(0, work_dir)
    linecache.cache["main.py"] = (len(code), None, code.splitlines(keepends=True), "main.py")
    return module.__dict__


def compile_test(test: str, number: int) -> types.CodeType | BaseException:
    """The compiled test, or why it does not compile; done before candidate code can touch the compiler."""
    try:
        return compile(test, f"test_{number}.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        return error


def at_last_statement(code: str, trace: types.TracebackType | None) -> bool:
    """Whether an exception left the module from its last statement, as `sys.exit(main())` at the end does."""
    frame = trace.tb_next if trace else None
    if frame is None:
        return False
    last = ast.parse(code).body[-1]
    return last.lineno <= frame.tb_lineno <= (last.end_lineno or last.lineno)


def exit_code(error: SystemExit) -> int:
    """The process's exit code, by Python's own rules."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    with contextlib.suppress(BaseException):
        print(error.code, file=sys.stderr)
    return 1


def describe(error: BaseException) -> str:
    """`Kind: message` on one line, without memory addresses, the same in every run."""
    name = type.__dict__["__name__"].__get__(type(error))
    try:
        text = SPACES.sub(" ", f"{name}: {error}").strip(": ")
    except BaseException:  # the candidate's own __str__
        return str(name)
    text = ADDRESS.sub("0x...", text)
    return text if len(text) <= MAX_ERROR_CHARS else text[:MAX_ERROR_CHARS] + " ..."


def show(error: BaseException) -> None:
    """Nothing; the traceback is on stderr, without our own frames."""
    trace = error.__traceback__
    with contextlib.suppress(BaseException):  # the candidate may have replaced the hook or stderr
        error = error.with_traceback(trace.tb_next if trace else None)
        sys.excepthook(type(error), error, error.__traceback__)


def leave(code: int) -> None:
    """Nothing: ends the process as the interpreter would, so threads are waited for and exit handlers run."""
    steps: Sequence[Callable[[], object]] = (
        threading._shutdown,  # type: ignore[attr-defined]
        atexit._run_exitfuncs,
        sys.stdout.flush,
        sys.stderr.flush,
    )
    for step in steps:
        with contextlib.suppress(BaseException):  # a closed stdout, an exit handler that raises
            step()
    _exit(code)
