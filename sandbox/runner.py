"""The inside of one Python candidate: its code, then each test, in one `__main__`, every step reported over a pipe.

Each report line opens with the run's secret, so that a candidate that writes to every descriptor it finds can spoil its
own report but cannot forge one; the secret is kept off every frame and out of every list of objects. What a call
returns is sent out as plain data and judged elsewhere: the value expected is not in this process. Standard library
only; runs inside the container.

Not covered: a candidate that digs through its own memory, or reads an expected value out of the very assertion that
calls it. Assertions that run beside the candidate are never proof against that, which is why `synth` re-runs survivors
against corrupted tests; calls are.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import contextlib
import gc
import json
import linecache
import logging
import marshal
import os
import random
import re
import sys
import threading
import types
from _thread import _count as count_threads
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from operator import add
from os import _exit, getpid, write
from typing import Any, NoReturn

from sandbox import plain

WORK_DIR = "/tmp"
BUILTINS = tuple(vars(builtins).items())
MAX_ERROR_CHARS = 400
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")
SPACES = re.compile(r"\s+")

Report = tuple[str, bool, str]
Step = tuple[str, Any, str, dict[str, Any]]
UNKNOWN = memoryview(bytes(8)).cast("Q")
MAIN = types.ModuleType("__main__")
HANDLERS: list[int] = []
"""How many handlers `logging` had before the candidate came."""


def end(error: BaseException) -> NoReturn:
    """Nothing: the process ends here, for a reason that is no step's own."""
    if isinstance(error, OSError):  # the candidate closed the pipe: it has no report, so it cannot pass
        leave(0)
    show(error)
    leave(1)


def prepare(job: dict[str, Any], report_fd: int, take: Callable[[Step], bytes]) -> Iterator[Any]:
    """An iterator that takes the candidate through its steps, sends a report of each, and ends the process.

    It is made of C objects alone, and to be used up by `deque(prepare(...), 0)`, not by a loop or a function that has
    a name for it: while the candidate runs it is then in no frame's variables, and frozen out of what the garbage
    collector lists, so a walk over frames or objects finds neither the secret nor a function that knows it. So is
    `take`, of `make_take`.
    """
    lines = map(take, steps_of(job))
    return map(write, repeat(report_fd), map(add, repeat(job.pop("secret").encode()), lines))


def make_ready() -> None:
    """Nothing; what every run needs is done once: a page that a child writes to is copied first, some microseconds."""
    retire_hooks()
    random.seed(0)  # the same program gives the same verdict
    MAIN.__dict__.update({"__builtins__": builtins, "__file__": "main.py"})
    sys.modules["__main__"] = MAIN
    sys.argv = ["main.py"]
    sys.path.insert(0, WORK_DIR)
    atexit.unregister(logging.shutdown)  # called by `leave` where there is anything to shut down
    HANDLERS.append(len(logging._handlerList))  # type: ignore[attr-defined]


def retire_hooks() -> None:
    """Nothing; the interpreter has no trace and profile functions any more, and what is frozen stays so.

    A trace function may move any frame to another line and change its variables, ours too, and so make a failed test a
    passed one. A stand-in alone would be undone by whoever finds the original, so no dict keeps a reference to it.
    """
    for module, name, stand_in in ((sys, "settrace", refuse), (sys, "setprofile", refuse), (gc, "unfreeze", int)):
        original = getattr(module, name)
        for holder in gc.get_referrers(original):
            if type(holder) is dict and holder.get(name) is original:
                holder[name] = stand_in


def refuse(function: object) -> None:
    """Nothing, for `None`. Raises `RuntimeError` for a function."""
    if function is not None:
        raise RuntimeError("trace and profile functions are off in this sandbox")


def run_spawned(payload: str, report: str) -> None:
    """Nothing: the same in a fresh interpreter, whose own modules are all there is. Takes two descriptors' numbers."""
    payload_fd, report_fd = int(payload), int(report)
    os.set_inheritable(report_fd, False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox"]:
        del sys.modules[name]
    make_ready()
    try:
        deque(prepare(read_and_close(payload_fd), report_fd, make_take()), 0)
        leave(0)
    except BaseException as error:
        end(error)


def read_payload(fd: int) -> dict[str, Any]:
    """The job in a memory file, as the supervisor wrote it."""
    job: dict[str, Any] = marshal.loads(os.pread(fd, os.fstat(fd).st_size, 0))
    return job


def read_and_close(fd: int) -> dict[str, Any]:
    """The job in a memory file, which is closed."""
    job = read_payload(fd)
    os.close(fd)
    return job


def steps_of(job: dict[str, Any]) -> list[Step]:
    """What is to be done, in order; all of it compiled before candidate code can touch the compiler."""
    namespace = name_main(job["code"])
    num_checks = len(job["tests"]) + len(job["calls"])
    return [
        ("code", compiled(job["code"], "main.py"), job["code"] if not num_checks else "", namespace),
        *(("test", compiled(test, f"test_{n}.py"), "", namespace) for n, test in enumerate(job["tests"], 1)),
        *(("call", one, "", namespace) for one in job["calls"]),
        ("end", None, "", namespace),
    ]


def make_take(tag: memoryview = UNKNOWN) -> Callable[[Step], bytes]:
    """A function from a step to its report, without the secret: ` kind flag text.`, text in hex so it breaks no line.

    `tag` holds a number that is another after each change of the built-ins, or 0 where there is none.

    What decides about a pass is in cells of its own, as C functions, classes and tuples, and nothing is looked up in
    globals or built-ins: a candidate can change those through any frame, and every function that it finds in them. So
    code and tests are executed right here; the functions that are called only say what is no pass by itself.

    A process that the candidate forked off ends here in silence: it would go on to report on the same tests.
    """
    this_pid, execute, exit_now, freeze, is_a = getpid, exec, _exit, gc.freeze, isinstance
    module, refill, originals = builtins, vars(builtins).update, BUILTINS
    any_error, memory_error, system_exit = BaseException, MemoryError, SystemExit
    tell, call, show_it, is_last, code_of, quit_with = describe, run_call, show, at_last_statement, exit_code, leave
    begun: list[int] = []  # the process, and the version of the built-ins, at the first step
    ending: list[int] = []  # the exit code, once the end is decided: the next step is to leave

    def take(step: Step) -> bytes:
        kind, work, source, namespace = step
        flag, text = False, ""
        if not begun:
            freeze()
            begun[:] = this_pid(), tag[0]
        if this_pid() != begun[0] or ending:
            quit_with(ending[0] if ending else 0)
            exit_now(0)
        if kind != "code":
            namespace["__builtins__"] = module
            if tag[0] != begun[1] or not tag[0]:
                refill(originals)  # undoes a candidate's own `len`, `all`, `isinstance` ...
                begun[1] = tag[0]
        try:
            if kind == "end":
                ending.append(0)
                kind, flag = "finished", True
            elif kind == "call":
                kind, flag, text = call(work, namespace)
            else:
                if is_a(work, any_error):
                    raise work
                execute(work, namespace)
                kind, flag = "loaded" if kind == "code" else "test", True
        except system_exit as error:
            if kind == "code":
                ending.append(code_of(error))
                kind, flag = "exited", is_last(source, error.__traceback__)
            else:
                kind, text = "test" if kind == "test" else "value", tell(error)
        except memory_error as error:
            text = tell(error)
            if kind == "code":
                show_it(error)
                ending.append(1)
                kind, flag = "uncompiled" if error is work else "raised", error is not work
            else:
                kind = "memory"
        except any_error as error:
            text = tell(error)
            if kind == "code":
                show_it(error)
                ending.append(1)
                kind = "uncompiled" if error is work else "raised"
            elif kind == "call":
                kind = "value"
        if this_pid() != begun[0]:
            quit_with(0)
            exit_now(0)
        return f" {kind} {flag:d} {text.encode('utf-8', 'backslashreplace').hex()}.\n".encode()

    return take


def run_call(work: dict[str, Any], namespace: dict[str, Any]) -> Report:
    """What came of one call: a value, or an exception with the names of its classes.

    The flag says whether it could be had; whether it is right is decided where the expected value is.
    """
    try:
        value = find_function(namespace, work["entry_point"])(*work["args"], **work["kwargs"])
        return "value", True, plain.encode(value)
    except MemoryError as error:
        return "memory", False, describe(error)
    except plain.NotPlain as error:
        return "value", False, f"{work['entry_point']} returned {error}"
    except BaseException as error:
        names = [base.__name__ for base in type.mro(type(error))]
        return "error", True, json.dumps({"classes": names, "text": describe(error)})


def find_function(namespace: dict[str, Any], path: str) -> Any:
    """What the code calls `path`; a class on the way is instantiated. Raises as Python would."""
    name, *rest = path.split(".")
    if name not in namespace:
        raise NameError(f"name {name!r} is not defined")
    found = namespace[name]
    for attribute in rest:
        found = getattr(found() if isinstance(found, type) else found, attribute)
    return found


def name_main(code: str) -> dict[str, Any]:
    """The namespace of `__main__`, such that doctest, dataclasses, pickle and inspect find what they look for."""
    linecache.cache["main.py"] = (len(code), None, code.splitlines(keepends=True), "main.py")
    return MAIN.__dict__


def compiled(text: str, name: str) -> types.CodeType | BaseException:
    """The compiled text, or why it does not compile."""
    try:
        return compile(text, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        return error


def at_last_statement(code: str, trace: types.TracebackType | None) -> bool:
    """Whether an exception left the module from its last statement, as `sys.exit(main())` at the end does."""
    frame = trace.tb_next if trace else None
    if frame is None or not code:
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


def leave(code: int) -> NoReturn:
    """Nothing: ends the process as the interpreter would, so threads are waited for and exit handlers run."""
    steps: Sequence[Callable[[], object]] = (
        *((threading._shutdown,) if count_threads() else ()),  # type: ignore[attr-defined]
        atexit._run_exitfuncs,
        *((logging.shutdown,) if [len(logging._handlerList)] != HANDLERS else ()),  # type: ignore[attr-defined]
        lambda: sys.stdout.flush(),  # looked up only then: it may be gone
        lambda: sys.stderr.flush(),
    )
    for step in steps:
        with contextlib.suppress(BaseException):  # a closed stdout, an exit handler that raises
            step()
    _exit(code)
