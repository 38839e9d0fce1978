"""More ways to be called right when wrong, to leave something behind, or to bring the sandbox down.

Beside the numbered ones of `test_attacks.py`: the report and its pipe, the interpreter's own hooks, resources that no
limit of ours names, and marks that outlast a process. What each expects is exact.
"""

from __future__ import annotations

import textwrap

import pytest

from sandbox.pool import SandboxPool
from sandbox.verdict import Job, Limits

pytestmark = pytest.mark.engine

WRONG = "assert f(1) == 2"
F = "\ndef f(x): return 0\n"
GOOD = "\ndef f(x): return 2\n"


# The report, and the moment it is made.

LIARS = {
    "atexit": "import atexit, os\natexit.register(os._exit, 0)",
    "finaliser": "import os, weakref\nclass A: pass\na = A()\nweakref.finalize(a, os._exit, 0)",
    "exit in __del__": "import sys\nclass A:\n    def __del__(self): sys.exit(0)\na = A()\ndel a",
    "unraisable hook": "import sys, os\nsys.unraisablehook = lambda *a: os._exit(0)\n"
    "class A:\n    def __del__(self): 1 / 0\ndef f(x): A()",
    "excepthook": "import sys, os\nsys.excepthook = lambda *a: os._exit(0)\nraise ValueError",
    "thread hook": "import threading, os\nthreading.excepthook = lambda *a: os._exit(0)\n"
    "threading.Thread(target=lambda: 1 / 0).start()",
    "alarm that exits": "import signal, os\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.01)\ndef f(x):\n    while True: pass",
    "exec": "import os\nos.execv('/bin/true', ['true'])",
    "dup2 over all": "import os\nfor fd in range(3, 64):\n    try: os.dup2(1, fd)\n    except OSError: pass",
    "spawn and leave": "import os\nos.posix_spawn('/bin/sh', ['sh', '-c', 'exit 0'], {})\nos._exit(0)",
    "stack of exits": "import contextlib, os\nwith contextlib.ExitStack() as stack: stack.callback(os._exit, 0)",
    "greedy finally": "import os\ntry: raise SystemExit\nfinally: os._exit(0)",
}


@pytest.mark.parametrize("code", LIARS.values(), ids=LIARS)
def test_no_hook_makes_a_pass_of_a_wrong_answer(run, code):
    verdict = run(F + code, WRONG, WRONG)
    assert verdict.status == "failed", verdict
    assert verdict.tests_passed == 0


ALARMS = """
import signal, sys
def handler(*args):
    frame = sys._getframe()
    while frame:
        {act}
        frame = frame.f_back
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005)
def f(x): return 0
"""


@pytest.mark.parametrize(
    "act",
    [
        "frame.f_globals.update(flag=True, passed=True)",
        "frame.f_locals.update(flag=True, kind='test', text='')",
        "frame.f_builtins.update(exec=lambda *a: None, BaseException=int)",
        "frame.f_trace = lambda *a: None",
    ],
)
def test_a_signal_handler_in_the_middle_of_our_code_changes_nothing(run, act):
    verdict = run(ALARMS.format(act=act), *["for _ in range(10_000): pass\nassert f(1) == 2"] * 30)
    assert (verdict.status in ("failed", "crashed"), verdict.tests_passed) == (True, 0), verdict


def test_a_handler_that_raises_while_a_report_is_made_is_no_pass(run):
    code = """
        import signal
        def handler(*args):
            signal.setitimer(signal.ITIMER_REAL, 0.0003)
            raise SystemExit(0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
        def f(x): return 0
    """
    for _ in range(5):
        verdict = run(code, *[WRONG] * 200)
        assert verdict.status in ("failed", "crashed"), verdict
        assert verdict.tests_passed == 0


def test_a_thread_that_watches_all_frames_changes_no_outcome(run):
    code = """
        import sys, threading
        sys.setswitchinterval(1e-9)
        def watch():
            while True:
                for frame in list(sys._current_frames().values()):
                    while frame:
                        frame.f_builtins.update(exec=lambda *a: None) if frame.f_code.co_name == "take" else 0
                        frame = frame.f_back
        threading.Thread(target=watch, daemon=True).start()
        def f(x): return 0
    """
    verdict = run(code, *["sum(range(1000))\nassert f(1) == 2"] * 50)
    assert (verdict.status, verdict.tests_run, verdict.tests_passed) == ("failed", 50, 0)


def test_flooding_the_report_pipe_is_a_failure_and_no_hang(run):
    code = """
        import os, threading, time
        def flood():
            while True:
                for fd in range(3, 16):
                    try: os.write(fd, b"0" * 4096 + b"\\n")
                    except OSError: pass
        def f(x):
            threading.Thread(target=flood, daemon=True).start()
            time.sleep(0.2)
            return 2
    """
    assert run(code, WRONG).status == "failed"


@pytest.mark.parametrize(
    "code",
    [
        "import sys\ndel sys.modules['__main__']",
        "import sys\nsys.modules.clear()",
        "import sys\nsys.stdout = sys.stderr = None",
        "import sys\nsys.stdout = type('Out', (), {'write': lambda *a: 1 / 0, 'flush': lambda *a: 1 / 0})()",
        "import os\nos.close(0)\nos.close(1)\nos.close(2)",
        "import sys\nsys.stdin.close()\nsys.__stdout__.close()",
        "import re, json\nre.compile = json.dumps = None\nre.Pattern = int",
        "import codecs\ncodecs.register_error('backslashreplace', lambda e: ('', e.end))",
        "import os\nos.write = os._exit = os.getpid = lambda *a: 0",
        "import gc\ngc.disable()\ngc.set_threshold(1)\ngc.callbacks.append(lambda *a: 1 / 0)",
        "import sys\nsys.setrecursionlimit(60)",
        "import sys\nsys.meta_path.clear()\nsys.path_hooks.clear()\nsys.path.clear()",
        "import builtins\nbuiltins.__import__ = builtins.__build_class__ = None",
        "import sys, warnings\nwarnings.simplefilter('error')\nsys.addaudithook(lambda *a: None)",
        "globals().clear()\nimport sys\nsys.modules['__main__'].f = lambda x: 2",
    ],
)
def test_a_right_answer_passes_whatever_else_was_broken(run, code):
    verdict = run(GOOD + code + ("\nf = lambda x: 2" if "clear()\nimport" in code else ""), WRONG)
    assert (verdict.status, verdict.tests_passed) == ("passed", 1), verdict
    assert run(F + code + ("\nf = lambda x: 0" if "clear()\nimport" in code else ""), WRONG).status == "failed"


@pytest.mark.parametrize(
    "code",
    [
        "class M(type): __name__ = property(lambda c: 1 / 0)\nclass E(Exception, metaclass=M): pass\ndef f(x): raise E",
        "class E(Exception):\n    __class__ = property(lambda s: MemoryError)\ndef f(x): raise E",
        "def f(x): raise ExceptionGroup('a', [ExceptionGroup('b', [SystemExit(0)] and [ValueError()])])",
        "class E(BaseException):\n    def __str__(self): return self\ndef f(x): raise E",
        "class E(Exception):\n    def with_traceback(self, t): raise SystemExit(0)\ndef f(x): raise E",
        "class S(str):\n    def encode(self, *a): return b'x'\n"
        "class E(Exception):\n    def __str__(self): return S('y')\ndef f(x): raise E",
        "def f(x): raise KeyboardInterrupt",
        "def f(x): raise GeneratorExit",
        "def f(x): raise StopIteration",
        "def f(x):\n    try: f(x)\n    finally: f(x)",
    ],
)
def test_an_exception_that_lies_about_itself_is_a_failed_test(run, code):
    verdict = run(code, WRONG, "assert True", timeout_s=0.5)
    if "finally" in code:
        assert verdict.status == "timeout"
    else:
        assert (verdict.status, [result.passed for result in verdict.test_results]) == ("failed", [False, True])


def test_an_audit_hook_that_refuses_everything_is_no_pass(run):
    code = "import sys\ndef hook(*args): raise SystemExit(0)\nsys.addaudithook(hook)"
    assert run(F + code, WRONG).status in ("failed", "crashed")


def test_an_event_loop_left_running_ends_at_the_wall(run):
    code = (
        "import asyncio, threading\nloop = asyncio.new_event_loop()\nthreading.Thread(target=loop.run_forever).start()"
    )
    assert run(GOOD + code, WRONG, timeout_s=0.2).status == "timeout"


def test_faulthandlers_timer_that_exits_is_no_pass(run):
    code = "import faulthandler, time\nfaulthandler.dump_traceback_later(0.05, exit=True)\ntime.sleep(1)"
    assert run(F + code, WRONG).status == "crashed"


# Stopping, and clinging on.

STUCK = {
    "stops itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "stops its group": "import os, signal\nos.killpg(0, signal.SIGSTOP)",
    "waits for a stopped child": "import os, signal\npid = os.fork()\nif not pid: signal.pause()\n"
    "os.kill(pid, signal.SIGSTOP)\nos.waitpid(pid, 0)",
    "pauses with all blocked": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nsignal.pause()",
    "opens a pipe with no other end": "import os\nos.mkfifo('p')\nopen('p')",
    "waits for a lock it holds": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "a full pipe": "import os\nr, w = os.pipe()\nwhile True: os.write(w, bytes(4096))",
    "waits for its daemon": "import os, time\npid = os.fork()\nif pid: os.waitpid(pid, 0)\n"
    "else:\n    os.setsid()\n    time.sleep(1e6)",
}


@pytest.mark.parametrize("code", STUCK.values(), ids=STUCK)
def test_a_program_that_stands_still_meets_the_wall(pool, code):
    job = Job(code=code + F, tests=(WRONG,), limits=Limits(timeout_s=0.01))
    assert pool.run(job).status == "timeout"
    assert pool.run(Job(code=GOOD, tests=(WRONG,))).status == "passed"


def test_chains_of_spawned_programs_leave_nothing(run):
    code = """
        import os
        for _ in range(20):
            os.posix_spawn('/bin/sh', ['sh', '-c', '(sleep 1000 &) ; (setsid sleep 1000 &)'], os.environ)
    """
    assert run(GOOD + textwrap.dedent(code), WRONG).status == "passed"
    assert run("import os\nprint(sum(p.isdigit() for p in os.listdir('/proc')))").stdout == "3\n"


def test_children_of_multiprocessing_that_never_end_leave_nothing(run):
    code = """
        import multiprocessing, time
        for _ in range(5): multiprocessing.Process(target=time.sleep, args=(1e6,), daemon=True).start()
    """
    assert run(code).status == "passed"
    assert run("import os\nprint(sum(p.isdigit() for p in os.listdir('/proc')))").stdout == "3\n"


def test_many_threads_at_the_end_are_waited_for(run):
    code = """
        import threading, time
        for _ in range(20): threading.Thread(target=time.sleep, args=(0.2,)).start()
    """
    assert run(GOOD + textwrap.dedent(code), WRONG).status == "passed"


# Resources, and who pays for them.

HOARDS = {
    "descriptors": ("import os\nwhile True: os.dup(0)", "crashed"),
    "event descriptors": ("import os\nwhile True: os.eventfd(0)", "crashed"),
    "sockets": ("import socket\nall = []\nwhile True: all.append(socket.socketpair())", "crashed"),
    "pipe buffers": (
        "import fcntl, os\nwhile True:\n    r, w = os.pipe()\n    fcntl.fcntl(w, 1031, 1 << 20)\n"
        "    os.set_blocking(w, False)\n    os.write(w, bytes(1 << 20))",
        "crashed",
    ),
    "memory files": (
        "import os\nwhile True:\n    fd = os.memfd_create('x')\n    os.write(fd, bytes(10 << 20))",
        "memory_exceeded",
    ),
    "big files in memory": ("import os\nfd = os.memfd_create('x')\nos.truncate(fd, 1 << 40)", "crashed"),
    "mapped files": (
        "import mmap, os\nfd = os.memfd_create('x')\nall = []\n"
        "while True:\n    os.ftruncate(fd, 60 << 20)\n    all.append(mmap.mmap(fd, 60 << 20))",
        "crashed",
    ),
    "watches": (
        "import ctypes, os\nlibc = ctypes.CDLL(None)\nfd = libc.inotify_init()\nn = 0\n"
        "for i in range(3000):\n    os.mkdir(str(i))\n    n += libc.inotify_add_watch(fd, str(i).encode(), 0xfff) < 0",
        "passed",
    ),
    "timers": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nt = ctypes.c_void_p()\nn = 0\n"
        "while libc.syscall(222, 1, 0, ctypes.byref(t)) == 0 and n < 200_000: n += 1",
        "passed",
    ),
    "directories": ("import os\nfor i in range(10_000): os.mkdir(str(i))", "crashed"),
    "long names": ("import os\nfor i in range(10_000): open(str(i).zfill(255), 'w').close()", "crashed"),
    "attributes": (
        "import os\nopen('x', 'w')\nfor i in range(10**6): os.setxattr('x', f'user.{i}', bytes(60_000))",
        "crashed",
    ),
    "locked memory": ("import ctypes\nassert ctypes.CDLL(None).mlockall(3) == -1", "passed"),
    "stack": ("import threading\nthreading.stack_size(1 << 33)\nthreading.Thread(target=print).start()", "crashed"),
}


@pytest.mark.parametrize("name", HOARDS)
def test_what_a_run_hoards_ends_with_it(run, name):
    code, expected = HOARDS[name]
    verdict = run(code, timeout_s=3)
    assert verdict.status == expected, verdict
    assert run("import os\nprint(os.listdir('/tmp') + os.listdir('/dev/shm'))").stdout == "[]\n"


@pytest.mark.parametrize(
    "call",
    [
        "resource.setrlimit(resource.RLIMIT_CPU, (9999, 9999))",
        "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999))",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (9999, 9999))",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))",
        "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))",
        "resource.prlimit(1, resource.RLIMIT_CPU, (1, 1))",
        "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
        "os.nice(-5)",
        "os.setpriority(os.PRIO_PROCESS, 1, 19)",
        "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
        "os.sched_setaffinity(1, {0})",
        "open('/proc/self/oom_score_adj', 'w').write('-1000')",
        "open('/proc/1/oom_score_adj', 'w').write('1000')",
        "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/sh')",
        "open('/sys/fs/cgroup/cgroup.procs', 'w').write('0')",
        "os.setxattr('/tmp', 'security.capability', b'1')",
        "os.setxattr('/tmp', 'trusted.mark', b'1')",
        "os.chown('/tmp', 0, 0)",
        "os.link('/etc/passwd', '/tmp/x')",
        "os.mknod('/tmp/d', 0o60600, 0)",
        "os.kill(-1, 0) or os.kill(1, 0)",
        "socket.sethostname('x')",
        "time.clock_settime(time.CLOCK_REALTIME, 0)",
        "os.pidfd_open(1) and signal.pidfd_send_signal(os.pidfd_open(1), 9)",
        "open('/dev/kmsg')",
        "open('/dev/mem')",
        "os.open('/tmp', os.O_TMPFILE | os.O_RDWR) and os.mkdir('/run/x')",
    ],
)
def test_what_is_not_a_runs_to_change_is_denied(run, call):
    imports = "import os, resource, signal, socket, time\n"
    code = f"{imports}try:\n    {call}\nexcept (OSError, ValueError):\n    print('denied')"
    assert run(code).stdout == "denied\n"


@pytest.mark.parametrize(
    "call",
    [
        "fcntl.ioctl(fd, 0x40086602, struct.pack('l', 0x10))",  # FS_IOC_SETFLAGS: immutable
        "os.setxattr('x', 'system.posix_acl_access', ACL)",
        "fcntl.flock(os.open('/tmp', 0), fcntl.LOCK_EX)",
        "fcntl.lockf(fd, fcntl.LOCK_EX)",
        "fcntl.fcntl(fd, 1024, 1)",  # a lease
        "os.chmod('x', 0)",
        "os.rename('x', b'\\xff\\n\\x01')",
        "os.symlink('x' * 4000, 'y')",
        "[os.mkdir('d'), os.rename('x', 'd/x'), os.chmod('d', 0)]",
        "[os.symlink('/dev/shm', 'l'), os.symlink('/tmp', '/dev/shm/l')]",
        "os.utime('x', (2**40, 2**40))",
        "os.setxattr('x', 'user.mark', b'1' * 1000)",
    ],
)
def test_a_file_made_hard_to_remove_is_removed(run, call):
    acl = "ACL = bytes.fromhex('0200000001000000ffffffff04000000ffffffff20000000ffffffff')\n"
    code = (
        f"import fcntl, os, struct\n{acl}fd = os.open('x', os.O_RDWR | os.O_CREAT)\ntry: {call}\nexcept OSError: pass"
    )
    look = "import fcntl, os\nfcntl.flock(os.open('/tmp', 0), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    look += "print(os.listdir('/tmp') + os.listdir('/dev/shm'), os.listxattr('/tmp'))"
    for _ in range(2):
        assert run(code).status == "passed"
        assert run(look).stdout == "[] []\n"


def test_a_race_of_links_against_the_wipe_reaches_nothing(run):
    code = """
        import os
        for i in range(500):
            os.mkdir(f'd{i}')
            open(f'd{i}/passwd', 'w').close()
        if os.fork() == 0:
            os.setsid()
            while True:
                for i in range(500):
                    try:
                        os.rename(f'd{i}', f'e{i}')
                        os.symlink('/etc', f'd{i}')
                    except OSError: pass
    """
    for _ in range(3):
        run(code)
        assert run("import os\nprint(os.listdir('.'), os.path.exists('/etc/passwd'))").stdout == "[] True\n"


REMAINS = {
    "abstract socket": (
        "import socket, os\ns = socket.socket(socket.AF_UNIX)\ns.bind('\\0mark')\ns.listen()\n"
        "if os.fork() == 0:\n    os.setsid()\n    s.accept()",
        "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0mark')",
    ),
    "listener": (
        "import socket, os\ns = socket.create_server(('127.0.0.1', 7777))\n"
        "if os.fork() == 0:\n    os.setsid()\n    s.accept()",
        "import socket\nsocket.create_connection(('127.0.0.1', 7777))",
    ),
    "shared memory": (
        "from multiprocessing import shared_memory as s, resource_tracker as r\nr.register = lambda *a: None\n"
        "s.SharedMemory('mark', True, 9)",
        "from multiprocessing import shared_memory as s\ns.SharedMemory('mark')",
    ),
    "semaphore": (
        "import ctypes\nassert ctypes.CDLL(None).sem_open(b'/mark', 64, 0o666, 1)",
        "import ctypes, os\nif not os.path.exists('/dev/shm/sem.mark'): raise OSError",
    ),
    "current directory": (
        "import os\nos.mkdir('d')\nos.chdir('d')",
        "import os\nif os.getcwd() == '/tmp': raise OSError",
    ),
    "umask": ("import os\nos.umask(0)", "import os\nif os.umask(18) == 18: raise OSError"),
    "signals": (
        "import signal\nsignal.signal(10, signal.SIG_IGN)",
        "import signal\nif signal.getsignal(10) == signal.SIG_DFL: raise OSError",
    ),
    "core": (
        "import os\nif os.fork() == 0: os.abort()\nos.wait()",
        "import glob\nif not glob.glob('/tmp/*core*'): raise OSError",
    ),
    "message in the report folder": (
        "try: open('/run/opencook/x', 'w')\nexcept OSError: pass",
        "open('/run/opencook/x')",
    ),
    "compiled modules": (
        "import py_compile\nopen('m.py', 'w').write('x = 1')\npy_compile.compile('m.py')\nimport m",
        "try: import m\nexcept ImportError: raise OSError",
    ),
}


@pytest.mark.parametrize("name", REMAINS)
def test_nothing_of_one_run_is_there_for_the_next(run, name):
    leave, look = REMAINS[name]
    for _ in range(2):
        assert run(leave).status == "passed"
        assert run(f"try:\n{textwrap.indent(look, '    ')}\nexcept OSError:\n    print('gone')").stdout == "gone\n"


def test_the_pool_lives_through_all_of_it_at_once():
    bad = ["import os\nos.kill(os.getpid(), 19)", "import os\nwhile True: os.fork()", "x = [0] * 10**10"]
    bad += ["while True: print('x' * 10**6)", "import os\nos.closerange(0, 999)\nos._exit(3)"]
    expected = ["timeout", "", "memory_exceeded", "output_exceeded", "crashed"]
    jobs = []
    for code in bad:
        jobs += [Job(code=code, limits=Limits(timeout_s=0.1)), Job(code=GOOD, tests=(WRONG,))]
    with SandboxPool(workers=2, rerun_timeouts="never") as pool:
        statuses = [verdict.status for verdict in pool.run_all(jobs)]
    assert statuses[1::2] == ["passed"] * 5
    assert [b for a, b in zip(expected, statuses[::2], strict=True) if a and a != b] == []
    assert statuses[2] in ("crashed", "timeout")
