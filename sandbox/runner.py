"""The inside of one Python candidate: its code, then each test, in one `__main__`, every step reported over a pipe.

Each report line opens with the run's secret, so that a candidate that writes to every descriptor it finds can spoil its
own report but cannot forge one. What a call returns is sent out as plain data and judged elsewhere: the value expected
is not in this process. Standard library only; runs inside the container.

Not covered: a candidate that digs the secret out of this very process. Assertions that run beside the candidate are
never proof against that, which is why `synth` re-runs survivors against corrupted tests; calls are.
"""

# ruff: noqa: PTH123

from __future__ import annotations

import ast
import atexit
import builtins
import contextlib
import gc
import json
import linecache
import os
import random
import re
import sys
import threading
import types
from _thread import _count as count_threads
from collections.abc import Callable, Sequence
from os import _exit, getpid, write
from sys import setprofile, settrace
from typing import Any

from sandbox import plain

BUILTINS = dict(builtins.__dict__)
MAX_ERROR_CHARS = 400
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")
SPACES = re.compile(r"\s+")

Report = Callable[[str, bool, str], None]


def run(job: dict[str, Any], report_fd: int) -> None:
    """Nothing: the process ends here, with the candidate's exit code."""
    code = 1
    try:
        code = run_job(job, reporter(report_fd, job.pop("secret")), job["work_dir"])
    except BaseException as error:  # not one that the candidate raised: those are dealt with
        show(error)
    finally:
        leave(code)


def run_spawned(payload_fd: int, report_fd: int) -> None:
    """Nothing: `run` in a fresh interpreter, whose own modules are all there is."""
    payload = os.pread(payload_fd, os.fstat(payload_fd).st_size, 0)
    os.close(payload_fd)
    os.set_inheritable(report_fd, False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox"]:
        del sys.modules[name]
    gc.freeze()
    run(json.loads(payload), report_fd)


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
        alone = not tests and not job["calls"]
        report("exited", alone and at_last_statement(job["code"], error.__traceback__), "")
        return code
    except BaseException as error:
        show(error)
        report("raised", isinstance(error, MemoryError), describe(error))
        return 1
    settrace(None)
    setprofile(None)
    for test in tests:
        run_test(test, namespace, report)
    for call in job["calls"]:
        run_call(call, namespace, report)
    report("finished", True, "")
    return 0


def undo_hooks() -> None:
    """Nothing; what a candidate did to `len`, `all`, `isinstance` ... or to tracing is undone."""
    vars(builtins).update(BUILTINS)
    settrace(None)
    setprofile(None)


def run_test(test: types.CodeType | BaseException, namespace: dict[str, Any], report: Report) -> None:
    """Nothing; one test ran and was reported."""
    undo_hooks()
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


def run_call(call: dict[str, Any], namespace: dict[str, Any], report: Report) -> None:
    """Nothing; one call was made and what came of it reported: a value, or an exception with the names of its classes.

    The flag says whether it could be had; whether it is right is decided where the expected value is.
    """
    undo_hooks()
    try:
        value = find_function(namespace, call["entry_point"])(*call["args"], **call["kwargs"])
        report("value", True, plain.encode(value))
    except MemoryError as error:
        report("memory", False, describe(error))
    except plain.NotPlain as error:
        report("value", False, f"{call['entry_point']} returned {error}")
    except BaseException as error:
        names = [base.__name__ for base in type.mro(type(error))]
        report("error", True, json.dumps({"classes": names, "text": describe(error)}))


def find_function(namespace: dict[str, Any], path: str) -> Any:
    """What the code calls `path`; a class on the way is instantiated. Raises as Python would."""
    name, *rest = path.split(".")
    if name not in namespace:
        raise NameError(f"name {name!r} is not defined")
    found = namespace[name]
    for attribute in rest:
        found = getattr(found() if isinstance(found, type) else found, attribute)
    return found


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
        *((threading._shutdown,) if count_threads() else ()),  # type: ignore[attr-defined]
        atexit._run_exitfuncs,
        sys.stdout.flush,
        sys.stderr.flush,
    )
    for step in steps:
        with contextlib.suppress(BaseException):  # a closed stdout, an exit handler that raises
            step()
    _exit(code)
