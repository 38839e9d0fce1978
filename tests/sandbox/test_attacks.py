"""Programs that try to be called right when they are wrong, to leave something behind, or to bring the sandbox down.

The numbers in the names only keep the attacks in order; what each expects is exact. Attacks without a number are in
`test_more_attacks.py`, those on the walls themselves in `test_walls.py`.
"""

# covers 1-8     early exits, forged output, every descriptor    (1-3 and 8 by calls: test_calls.py)
# covers 9-11    objects that lie, strange values                (test_calls.py, all)
# covers 12-13   replaced built-ins and unittest                 (12 by calls: test_calls.py)
# covers 14-17   configuration and modules in the work directory (15 in other languages: test_programs.py)
# covers 18-22   searches for answers, the supervisor, files     (18-20 by calls: test_calls.py; 22: test_programs.py)
# covers 23-30   hooks, endless programs                         (25 by calls: test_calls.py)
# covers 31-40   processes, memory, disk, output                 (36 by calls: test_calls.py)
# covers 41-46   links, paths, marks for the next run            (41 and 45 for compilers: test_programs.py)
# covers 47-50   network, rights, crashes, clocks
# covers 51-52   early ends and bombs of compiled languages      (test_programs.py, all)
# covers 53-56   answers by heart, hostile source, big pools of processes, removed containers

from __future__ import annotations

import ast
import dataclasses
import subprocess
import sys
import threading

import pytest

from sandbox.pool import SandboxPool
from sandbox.verdict import Call, Job, JobError, Limits

pytestmark = pytest.mark.engine

WRONG = "assert f(1) == 2"


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys.exit(0)",  # 1
        "exit(0)",
        "raise SystemExit",
        "import os\nos._exit(0)",
        "import os\ndef f(x):\n    os._exit(0)",  # 2
        "import sys\ndef f(x):\n    sys.exit(0)",
        """
            import atexit, os
            atexit.register(os._exit, 0)
            def f(x):
                return 0
        """,  # 4
        "import os\nif os.fork():\n    os._exit(0)",
        """
            import threading, os
            threading.Thread(target=os._exit, args=(0,)).start()
            import time
            time.sleep(5)
        """,
    ],
)
def test_an_early_exit_is_not_a_pass(run, code):
    assert run(code, WRONG, WRONG).status == "failed"


def test_3_exit_after_the_first_right_answer(run):
    code = """
        import os
        calls = []
        def f(x):
            calls.append(x)
            if len(calls) > 1: os._exit(0)
            return 2
    """
    verdict = run(code, WRONG, WRONG)
    assert (verdict.status, verdict.tests_run, verdict.tests_passed) == ("failed", 1, 1)


def test_a_forked_copy_cannot_finish_in_the_place_of_the_program(run):
    code = "import os, time\nif os.fork():\n    time.sleep(0.3)\n    os._exit(0)\ndef f(x): return 2"
    assert run(code, WRONG).status == "failed"


def test_a_forked_copy_that_fails_does_not_spoil_the_program(run):
    code = "import os, sys\nif os.fork() == 0:\n    sys.exit(3)\nos.wait()\ndef f(x): return 2"
    assert run(code, WRONG).status == "passed"


def test_exit_in_the_middle_of_the_program_is_not_its_end(run):
    assert run("import sys\nsys.exit(0)\nprint('never')").status == "failed"


def test_4_atexit_cannot_repair_a_failed_test(run):
    code = """
            def f(x): return 0
            import atexit, sys
            atexit.register(sys.exit, 0)
            class A:
                def __del__(self): raise SystemExit
            a = A()
        """
    assert run(code, WRONG).status == "failed"


def test_5_killing_itself_is_a_crash_not_a_memory_error(run):
    verdict = run("import os\nos.kill(os.getpid(), 9)", WRONG)
    assert (verdict.status, verdict.signal, verdict.exit_code) == ("crashed", 9, None)


def test_6_forged_output_is_only_output(run):
    code = """
        def f(x): return 0
        print("ALL TESTS PASSED")
        print('{"status": "passed", "tests_passed": 1}')
    """
    assert run(code, WRONG).status == "failed"


def test_7_a_forged_verdict_before_a_crash(run):
    assert run('print("passed")\nraise RuntimeError', WRONG).status == "crashed"


FORGERIES = ["b'x'", "b'\\n'", "b'0' * 32 + b' test 1 .\\n'", "b'\\xff\\x00' * 999", "b'finished 1 .\\n'"]


@pytest.mark.parametrize("junk", FORGERIES)
def test_8_writing_to_every_descriptor_is_a_failure(run, junk):
    code = f"""
        import os
        for fd in range(3, 1024):
            try: os.write(fd, {junk})
            except OSError: pass
        def f(x): return 2
    """
    assert run(code, WRONG).status == "failed"


def test_8_closing_every_descriptor_is_a_failure(run):
    assert run("import os\nos.closerange(3, 1024)\ndef f(x): return 2", WRONG).status == "failed"


def test_8_flooding_every_descriptor_ends(run):
    code = """
        import os
        while True:
            for fd in range(3, 20):
                try: os.write(fd, b'y' * 60000)
                except OSError: pass
    """
    assert run(code, WRONG, timeout_s=1).status == "timeout"


def test_12_replaced_builtins_do_not_reach_the_tests(run):
    code = """
        def f(x): return 0
        import builtins
        builtins.all = builtins.abs = builtins.isinstance = builtins.len = lambda *a: True
    """
    verdict = run(code, "assert all([False])", "assert len([1, 2]) == 2", WRONG)
    assert [result.passed for result in verdict.test_results] == [False, True, False]


def test_12_builtins_replaced_during_a_test(run):
    code = """
        import builtins
        def f(x):
            builtins.isinstance = lambda *a: False
            builtins.BaseException = int
            1 / 0
    """
    assert run(code, WRONG, WRONG).status == "failed"


def test_16_17_files_dropped_by_one_run_do_not_touch_the_next(run):
    names = ["sitecustomize.py", "usercustomize.py", "json.py", "unittest.py", "random.py", "x.pth"]
    run(f"""
        for name in {names}:
            open(name, 'w').write('import os; os._exit(0)')
    """)
    assert run("import json, unittest, random, os\nprint(os.listdir('.'))").stdout == "[]\n"


def test_18_19_no_frame_or_object_of_ours_holds_another_runs_job(run):
    run("marker = 'needle' + '-in-the-first-run'", "assert 'needle-in-the-first-run'")
    code = """
        import gc
        found = [o for o in gc.get_objects() if 'needle' + '-in-the' in repr(o)[:100000]]
        print(len(found))
    """
    assert int(run(code).stdout) <= 3  # its own namespace, code and frame


@pytest.mark.parametrize(
    "path", ["/proc/1/mem", "/proc/1/environ", "/proc/1/fd", "/proc/1/maps", "/proc/1/root", "/etc/shadow"]
)
def test_20_the_supervisor_cannot_be_read(run, path):
    code = f"""
        import os
        try:
            print(os.listdir('{path}') if os.path.isdir('{path}') else open('{path}', 'rb').read(1))
        except OSError:
            print('denied')
    """
    assert run(code).stdout == "denied\n"


@pytest.mark.parametrize("pid", ["1", "2", "os.getppid()"])
def test_21_the_supervisor_cannot_be_traced_or_signalled(run, pid):
    code = f"""
        import ctypes, os, signal
        print(ctypes.CDLL(None).ptrace(16, {pid}, 0, 0), end=" ")
        try:
            os.kill({pid}, signal.SIGKILL)
        except OSError as error:
            print(type(error).__name__)
    """
    assert run(code).stdout in ("-1 PermissionError\n", "-1 ProcessLookupError\n")


@pytest.mark.parametrize(
    "again",
    [
        "",
        "del sys.modules['sys']; import sys",
        "import importlib; importlib.reload(sys)",
    ],
)
@pytest.mark.parametrize("hook", ["settrace", "setprofile"])
def test_23_there_are_no_trace_hooks(run, hook, again):
    code = f"import sys\n{again}\nsys.{hook}(None)\nsys.{hook}(lambda *a: None)"
    verdict = run(code, "assert True")
    assert verdict.status == "crashed"
    assert "RuntimeError" in verdict.stderr


def test_24_asserts_cannot_be_compiled_away(run):
    code = """
            def f(x): return 0
            import builtins, ast
            old = compile
            builtins.compile = lambda *a, **k: old('', 'x', 'exec')
            ast.parse = None
        """
    assert run(code, WRONG).status == "failed"


def test_25_swallowing_everything_does_not_outlast_the_limit(run):
    code = """
        while True:
            try:
                while True: pass
            except BaseException: pass
    """
    assert run(code, timeout_s=0.5).status == "timeout"


def test_26_ignored_signals_do_not_outlast_the_limit(run):
    code = """
        import signal
        for s in set(signal.Signals) - {9, 19}: signal.signal(s, signal.SIG_IGN)
        while True: pass
    """
    assert run(code, timeout_s=0.5).status == "timeout"


def test_28_waiting_for_ever_ends_at_the_wall(run):
    assert run("import time\ntime.sleep(1e6)", timeout_s=0.2).status == "timeout"


def test_28_reading_stdin_for_ever_meets_its_end(run):
    assert run("import sys\nprint(repr(sys.stdin.read()))").stdout == "''\n"


@pytest.mark.parametrize("code", ["x = 9 ** 9 ** 9", "import re\nre.match('(a+)+b', 'a' * 40)", "sum(range(10 ** 12))"])
def test_29_a_hang_in_c_code_is_a_timeout(run, code):
    assert run(code, timeout_s=0.5).status == "timeout"


def test_30_a_thread_that_outlives_the_program(run):
    code = """
        import threading, time
        threading.Thread(target=time.sleep, args=(1e6,)).start()
    """
    assert run(code, timeout_s=0.2).status == "timeout"


def test_31_a_daemon_does_not_survive(run):
    code = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(1e6)
            os._exit(0)
        os.wait()
    """
    assert run(code).status == "passed"
    # the supervisor, its fork server, and the program that looks
    assert run("import os\nprint(sum(p.isdigit() for p in os.listdir('/proc')))").stdout == "3\n"


def test_32_a_grandchild_that_holds_stdout_does_not_hold_the_verdict(run):
    code = "import subprocess\nsubprocess.Popen(['sleep', '1000'])\nprint('done')"
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        verdicts = [run(code) for _ in range(20)]  # on a busy machine its output is read after the grandchild is killed
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert {(verdict.status, verdict.stdout) for verdict in verdicts} == {("passed", "done\n")}
    assert max(verdict.duration_s for verdict in verdicts) < 3


def test_33_a_fork_bomb_is_contained(run):
    assert run("import os\nwhile True: os.fork()", timeout_s=1).status in ("crashed", "timeout")
    assert run("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", timeout_s=1).status == "timeout"
    assert run("print(1)").status == "passed"


def test_33_a_bomb_that_kills_whoever_would_kill_it(run):
    code = "import os\nos.fork()\nwhile True:\n    os.fork()\n    os.kill(-1, 9)"
    assert run(code, timeout_s=1).status in ("crashed", "timeout")
    assert run("print(1)").status == "passed"


def test_34_a_thread_bomb_is_contained(run):
    code = """
        import threading, time
        while True: threading.Thread(target=time.sleep, args=(1e6,)).start()
    """
    assert run(code, timeout_s=0.5).status in ("crashed", "timeout")


def test_35_children_count_towards_cpu_time(run):
    code = """
        import os, time
        for _ in range(20):
            if os.fork() == 0:
                end = time.process_time() + 0.2
                while time.process_time() < end: pass
                os._exit(0)
            os.wait()
    """
    assert run(code, timeout_s=1).status == "timeout"


@pytest.mark.parametrize(
    "code",
    [
        "x = bytearray(10 ** 11)",
        "x = []\nwhile True: x.append(bytes(10 ** 6))",
        "import mmap\nm = mmap.mmap(-1, 1 << 30)",
        "def f(x): return bytearray(10 ** 10)\nf(1)",
    ],
)
def test_36_memory_of_one_process(run, code):
    verdict = run(code, "assert True")
    assert verdict.status == ("crashed" if "mmap" in code else "memory_exceeded")


def test_36_memory_of_many_processes(run):
    code = """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                x = b'x' * (60 << 20)
                time.sleep(1)
                os._exit(0)
        for _ in range(8): os.wait()
    """
    assert run(code).status == "memory_exceeded"
    assert run("print(1)").status == "passed"


def test_37_filling_the_disk_fills_its_own_memory(run):
    for folder in ("/tmp", "/dev/shm"):
        code = f"""
            for i in range(99):
                with open(f'{folder}/{{i}}', 'wb') as file: file.write(bytes(10 << 20))
        """
        verdict = run(code)
        assert verdict.status == "crashed"
        assert "No space left" in verdict.stderr


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_38_39_endless_output_on_one_stream(run, stream):
    assert run(f"import sys\nwhile True: sys.{stream}.write('x' * 1000)").status == "output_exceeded"


def test_38_output_that_is_no_text(run):
    verdict = run("""
        import os
        os.write(1, bytes(range(256)) + b'\\x1b[31m\\xed\\xa0\\x80')
    """)
    assert verdict.status == "passed"
    assert verdict.stdout.encode()


def test_40_a_sparse_file_and_a_million_files(run):
    assert run("open('x', 'wb').truncate(10 ** 12)").status == "crashed"
    assert run("for i in range(10 ** 6): open(str(i), 'w').close()").status == "crashed"
    assert run("import os\nprint(os.listdir('.'))").stdout == "[]\n"


def test_40_44_deep_trees_and_closed_directories_are_wiped(run):
    code = """
        import os
        for i in range(2000):
            os.mkdir('d')
            os.chdir('d')
            open('f', 'w').close()
        os.chmod('.', 0)
    """
    assert run(code).status == "passed"
    closed = """
        import os
        os.makedirs('a/b/c')
        for d in ('a/b/c', 'a/b', 'a', '.'): os.chmod(d, 0)
    """
    assert run(closed).status == "passed"
    assert run("import os\nprint(os.listdir('.'))").stdout == "[]\n"


def test_41_42_links_pipes_and_sockets_are_wiped_not_followed(run):
    code = """
        import os, socket
        os.symlink('/etc/passwd', 'a')
        os.symlink('/', 'b')
        os.mkfifo('c')
        socket.socket(socket.AF_UNIX).bind('d')
        open('e', 'w')
        os.link('e', 'f')
    """
    assert run(code).status == "passed"
    assert run("import os\nprint(os.listdir('.'), os.path.exists('/etc/passwd'))").stdout == "[] True\n"


MARKS = {
    "file": ("open('/tmp/mark', 'w').close()", "os.path.exists('/tmp/mark')"),
    "shared memory": ("open('/dev/shm/mark', 'w').close()", "os.path.exists('/dev/shm/mark')"),
    "times": ("os.utime('/tmp', (7, 7))", "os.stat('/tmp').st_mtime == 7"),
    "attribute": ("os.setxattr('/tmp', 'user.mark', b'1')", "'user.mark' in os.listxattr('/tmp')"),
    "mode": ("os.chmod('/dev/shm', 0o751)", "os.stat('/dev/shm').st_mode & 0o777 == 0o751"),
    "system v": ("print(ctypes.CDLL(None).shmget(77, 4096, 0o1666))", "ctypes.CDLL(None).shmget(77, 4096, 0) >= 0"),
    "module": ("import json; json.mark = 1", "hasattr(__import__('json'), 'mark')"),
    "builtin": ("import builtins; builtins.mark = 1", "'mark' in dir(__builtins__)"),
    "environment": ("os.environ['MARK'] = '1'", "'MARK' in os.environ"),
}


@pytest.mark.parametrize("mark", MARKS)
def test_45_46_what_one_run_leaves_the_next_does_not_see(run, mark):
    leave, look = MARKS[mark]
    imports = "import ctypes, os\n"
    for _ in range(3):  # both workers
        assert run(imports + leave).status == "passed"
        assert run(f"{imports}assert not ({look})").status == "passed"


@pytest.mark.parametrize(
    "address", ["('1.1.1.1', 53)", "('169.254.169.254', 80)", "('172.17.0.1', 2375)", "('example.org', 80)"]
)
def test_47_there_is_no_network(run, address):
    code = f"""
            import socket
            try:
                socket.create_connection({address}, timeout=2)
            except OSError:
                print('denied')
        """
    assert run(code).stdout == "denied\n"


def test_47_there_is_no_engine_socket(run):
    assert (
        run("""
            import os
            print([p for p in ('/var/run/docker.sock', '/run/docker.sock') if os.path.exists(p)])
        """).stdout
        == "[]\n"
    )


@pytest.mark.parametrize(
    "call",
    [
        "os.setuid(0)",
        "os.chroot('/tmp')",
        "os.setgid(0)",
        "os.mkdir('/x')",
        "open('/etc/passwd', 'a')",
        "os.mknod('/tmp/n', 0o20666, 1)",
    ],
)
def test_48_privileged_calls_are_denied(run, call):
    assert run(f"import os\ntry:\n    {call}\nexcept OSError:\n    print('denied')").stdout == "denied\n"


@pytest.mark.parametrize("call", ["mount", "unshare", "setns", "pivot_root", "keyctl"])
def test_48_system_calls_that_change_the_walls_are_denied(run, call):
    numbers = {"mount": 165, "unshare": 272, "setns": 308, "pivot_root": 155, "keyctl": 250}
    code = f"""
        import ctypes
        libc = ctypes.CDLL(None)
        print(libc.syscall({numbers[call]}, 0x10000000, 0, 0, 0, 0))
    """
    assert run(code).stdout == "-1\n"


def test_48_there_is_no_way_to_more_rights(run):
    code = """
        import os, subprocess
        print(open('/proc/self/status').read().count('CapEff:\\t0000000000000000'), os.getuid() >= 10000)
        print(subprocess.run(['find', '/usr', '/bin', '-perm', '/6000', '-type', 'f'], capture_output=True).stdout)
    """
    assert run(code).stdout == "1 True\nb''\n"


def test_48_nothing_in_the_work_directory_can_be_executed(run):
    code = """
        import os, shutil, subprocess
        shutil.copy('/bin/true', 'x')
        os.chmod('x', 0o755)
        try:
            subprocess.run(['./x'])
        except PermissionError:
            print('denied')
    """
    assert run(code).stdout == "denied\n"


def test_49_a_segfault_is_a_crash_with_its_signal(run):
    verdict = run("import ctypes\nctypes.string_at(0)", "assert True")
    assert (verdict.status, verdict.signal) == ("crashed", 11)


def test_49_endless_recursion_is_a_crash(run):
    verdict = run("def f(): return f()\nf()")
    assert verdict.status == "crashed"
    assert "RecursionError" in verdict.stderr


def test_50_a_patched_clock_moves_no_limit(run):
    assert (
        run(
            """
                import time
                time.time = time.monotonic = time.process_time = lambda: 0
                while True: pass
            """,
            timeout_s=0.5,
        ).status
        == "timeout"
    )


@pytest.mark.parametrize("code", ["x = 1\0", "x = '\ud800'", "(" * 5000, "x = 1\n" + "é" * 10 + "\n  y"])
def test_54_hostile_source_is_a_compile_error(run, code):
    assert run(code).status == "compile_error"


def test_55_worker_pools_of_any_size_are_a_verdict(run):
    code = """
        from multiprocessing import Pool
        with Pool(500) as pool: pool.map(abs, [1])
    """
    assert run(code, timeout_s=1).status in ("crashed", "timeout", "memory_exceeded")


def test_an_exception_whose_text_attacks(run):
    code = """
        class E(Exception):
            def __str__(self): import os; raise SystemExit(0)
        def f(x): raise E
    """
    verdict = run(code, WRONG, "raise ValueError('a\\nb\\x00' + 'c' * 10000)", "raise ValueError('\\ud800')")
    assert (verdict.status, verdict.tests_run) == ("failed", 3)
    assert all("\n" not in result.error and len(result.error) < 500 for result in verdict.test_results)


def test_an_exit_hook_cannot_spoil_a_pass_into_a_hang(run):
    assert (
        run(
            """
            import atexit, sys
            atexit.register(lambda: 1 / 0)
            sys.stdout.close()
        """,
            "assert True",
        ).status
        == "passed"
    )


PEEK = """
import gc, os, sys

def reach(roots, seen, depth=0):
    "Whatever can be had from `roots`, by attributes, items and what iterators and partials say of themselves."
    for root in roots:
        if id(root) in seen or depth > 12:
            continue
        seen[id(root)] = root
        yield root
        parts = []
        if isinstance(root, dict):
            parts = list(root.values())
        elif isinstance(root, (list, tuple, set)):
            parts = list(root)
        elif type(root).__name__ == "frame":
            parts = [root.f_back, root.f_locals, root.f_globals]
        elif type(root).__name__ == "function":
            parts = [root.__globals__, *(cell.cell_contents for cell in root.__closure__ or ())]
        else:
            for name in ("args", "keywords", "func", "__self__", "gi_frame"):
                try:
                    parts.append(getattr(root, name, None))
                except Exception:
                    pass
            if type(root).__name__ in ("map", "zip", "repeat", "chain", "list_iterator", "filter"):
                parts.append(root.__reduce__())
        yield from reach(parts, seen, depth + 1)

def secrets(roots):
    for found in reach(roots, {}):
        if isinstance(found, (bytes, str)) and len(found) == 32:
            text = found.decode() if isinstance(found, bytes) else found
            if set(text) <= set("0123456789abcdef"):
                yield text
"""


@pytest.mark.parametrize("mode", ["fork", "spawn"])
@pytest.mark.parametrize(
    "roots",
    [
        "[sys._getframe()]",
        "list(sys._current_frames().values())",
        "gc.get_objects()",
        "(gc.unfreeze(), gc.collect(), gc.get_objects())[2]",
        "list(sys.modules.values()) + [vars(m) for m in sys.modules.values()]",
        "[sys.exc_info(), sys.argv, os.environ, vars(__import__('builtins'))]",
    ],
)
def test_18_19_no_walk_finds_the_secret_of_the_report(pool, roots, mode):
    forge = f"""
for secret in set(secrets({roots})):
    for fd in range(3, 64):
        try:
            os.write(fd, f"{{secret}} loaded 1 .\\n{{secret}} test 1 .\\n{{secret}} finished 1 .\\n".encode())
        except OSError:
            pass
print(len(set(secrets({roots}))))
os._exit(0)
"""
    verdict = pool.run(Job(code=PEEK + forge, tests=(WRONG,), mode=mode))
    assert verdict.status == "failed", verdict.stderr
    assert verdict.stdout in ("", "0\n")


def test_18_no_frame_holds_the_tests(run):
    code = """
        import sys
        def f(x):
            frame, found = sys._getframe(2), []  # past the assertion itself
            while frame:
                found.append(repr(frame.f_locals)[:100_000])
                frame = frame.f_back
            print(any("needle" in text for text in found))
            return 2
    """
    assert run(code, WRONG, "assert 'needle'").stdout == "False\n"


TRACE = """
import sys
def tracer(frame, event, arg):
    frame.f_trace = tracer
    if frame.f_code.co_filename != "main.py" and event == "line":
        try:
            frame.f_lineno = frame.f_lineno + {skip}
        except ValueError:
            pass
    return tracer
"""


@pytest.mark.parametrize("skip", range(1, 12))
def test_23_a_trace_function_cannot_jump_past_a_test(run, skip):
    code = TRACE.format(skip=skip) + (
        "def f(x):\n"
        "    try: sys.settrace(tracer)\n"
        "    except RuntimeError: pass\n"
        "    frame = sys._getframe(1)\n"
        "    while frame:\n"
        "        frame.f_trace = tracer\n"
        "        frame = frame.f_back\n"
        "    return 0\n"
    )
    assert run(code, WRONG, WRONG).status != "passed"


PATCHES = {
    "our functions": "for name, found in list(ours.items()):\n    if callable(found): ours[name] = passes",
    "their code": "for found in ours.values():\n    try: found.__code__ = passes.__code__\n    except Exception: 0",
    "our built-ins": "frame.f_builtins.update(exec=passes, BaseException=int, isinstance=passes)",
    "our constants": "ours.update(dict.fromkeys([name for name in ours if name.isupper()], ()))",
    "our variables": "frame.f_locals.update(flag=True, kind='test', execute=passes)",
}


@pytest.mark.parametrize("mode", ["fork", "spawn"])
@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
def test_18_what_a_frame_leads_to_decides_nothing(pool, patch, mode):
    attack = f"passes = lambda *a, **k: ('test', True, '')\nours = frame.f_globals\n{patch}"
    code = f"""
import sys
frames = []
frame = sys._getframe(1)
while frame:
    frames.append(frame)
    frame = frame.f_back
def f(x): return 0
for frame in frames:
    exec({attack!r})
"""
    verdict = pool.run(Job(code=code, tests=(WRONG, "assert all([False])"), mode=mode))
    assert verdict.status in ("failed", "crashed")
    assert verdict.tests_passed == 0


def test_12_built_ins_of_its_own_do_not_reach_the_tests(run):
    code = """
        import builtins
        __builtins__ = {**vars(builtins), "all": lambda items: True, "AssertionError": int}
        def f(x): return 0
    """
    assert [result.passed for result in run(code, "assert all([False])", WRONG).test_results] == [False, False]


NO_UNITTEST = """
import unittest
unittest.TestCase.run = lambda self, result=None: result
for name in dir(unittest.TestCase):
    if name.startswith("assert"):
        setattr(unittest.TestCase, name, lambda *a, **k: None)
def f(x): return 0
"""


def test_13_a_patched_unittest_does_not_reach_assertions_or_calls(pool, run):
    assert run(NO_UNITTEST, WRONG).status == "failed"
    verdict = pool.run(Job(code=NO_UNITTEST, calls=(Call(entry_point="f", args=(1,), expected=2),)))
    assert (verdict.status, verdict.trust) == ("failed", "outside")


def test_13_tests_by_unittest_can_be_patched_and_are_never_called_judged_outside(run):
    tests = (
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(f(1), 2)",
        "result = unittest.main(argv=['x'], exit=False).result\nassert result.wasSuccessful()",
        "assert result.testsRun == 1",
    )
    verdict = run(NO_UNITTEST, *tests)
    assert (verdict.status, verdict.trust) == ("failed", "in_process")  # a count of its own shows what is left out


CONFIGURATION = {
    "conftest.py": "import os\nos._exit(0)",
    "pytest.ini": "[pytest]\naddopts = --collect-only",
    "setup.cfg": "[tool:pytest]\naddopts = --collect-only",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--collect-only'",
    "package.json": '{"type": "module", "scripts": {"test": "true"}}',
    "tsconfig.json": '{"compilerOptions": {"noEmit": true}}',
    "sitecustomize.py": "import os\nos._exit(0)",
    "usercustomize.py": "import os\nos._exit(0)",
    "evil.pth": "import os; os._exit(0)",
    ".pythonrc.py": "import os\nos._exit(0)",
    "pyvenv.cfg": "home = /tmp",
    "python311.zip": "x",
    "main.py": "import os\nos._exit(0)",
    "test_1.py": "pass",
}


@pytest.mark.parametrize("mode", ["fork", "spawn"])
@pytest.mark.parametrize("name", CONFIGURATION)
def test_14_15_16_a_file_of_configuration_changes_no_verdict(pool, mode, name):
    files = {name: CONFIGURATION[name], f".local/lib/python3.11/site-packages/{name}": CONFIGURATION[name]}
    right = Job(code="def f(x): return 2", tests=(WRONG,), files=files, mode=mode)
    assert pool.run(right).status == "passed"
    verdict = pool.run(dataclasses.replace(right, code="def f(x): return 0"))
    assert (verdict.status, verdict.tests_run) == ("failed", 1)


@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_17_files_named_like_the_standard_library_do_not_reach_the_judge(pool, mode):
    names = sorted(name for name in sys.stdlib_module_names if name.isidentifier() and name != "__future__")
    files = {f"{name}.py": "import os\nos._exit(0)" for name in [*names, "sandbox", "runner", "plain"]}
    for value, status in ((2, "passed"), (0, "failed")):
        calls = (Call(entry_point="f", args=(1,), expected=2),)
        verdict = pool.run(Job(code=f"def f(x): return {value}", tests=(WRONG,), calls=calls, files=files, mode=mode))
        assert (verdict.status, verdict.tests_run) == (status, 2)


def test_22_there_is_no_file_of_ours_to_write_to(run):
    code = """
        import os
        opened = []
        for top in ("/tmp", "/dev", "/run", "/build", "/var", "/etc", "/proc/1", "/proc/self/task"):
            for folder, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(folder, name)
                    try:
                        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                        opened.append(path)
                        os.write(fd, b"finished 1 .")
                    except OSError: pass
        print(sorted(path for path in opened if "/self/" not in path))
        def f(x): return 0
    """
    verdict = run(code, WRONG)
    assert verdict.status == "failed"
    names = "null zero full random urandom tty ptmx pts/ptmx stdin stdout stderr".split()
    opened = ast.literal_eval(verdict.stdout[verdict.stdout.index("[") :])
    assert set(opened) <= {f"/dev/{name}" for name in names}


@pytest.mark.parametrize("mode", ["fork", "spawn"])
@pytest.mark.parametrize("code", ["while True: pass", "def f(x):\n    while True: pass"])
def test_27_an_endless_loop_is_a_timeout(pool, mode, code):
    verdict = pool.run(Job(code=code, tests=(WRONG,), mode=mode, limits=Limits(timeout_s=0.3)))
    assert (verdict.status, verdict.tests_passed) == ("timeout", 0)


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "./../x", "a/b/../../../x", "x/", "..", "a\0b", "//etc/x", "~/../x/.."]
)
def test_43_a_path_that_would_leave_is_refused_before_anything_runs(pool, path):
    with pytest.raises(JobError, match="files"):
        pool.run(Job(code="pass", files={path: "x"}))


@pytest.mark.parametrize("path", ["a\\..\\x", "...", ".hidden", "a b", "-rf", "$(id)", "é\n", "~", "C:x", "a/.../b"])
def test_43_a_path_that_only_looks_strange_is_a_file_in_the_work_directory(run, path):
    verdict = run(f"print(open({path!r}).read())", files={path: "mine"})
    assert verdict.stdout == "mine\n"


def test_53_answers_learned_by_heart_fail_on_tests_held_out(pool, run):
    code = "def f(x): return {1: 2, 2: 3}[x]"
    assert run(code, "assert f(1) == 2", "assert f(2) == 3").status == "passed"
    verdict = run(code, "assert f(1) == 2", "assert f(2) == 3", "assert f(7) == 8")
    assert (verdict.status, verdict.tests_passed) == ("failed", 2)
    calls = tuple(Call(entry_point="f", args=(n,), expected=n + 1) for n in (1, 7))
    assert pool.run(Job(code=code, calls=calls)).tests_passed == 1


@pytest.mark.parametrize(("value", "status"), [(2, "passed"), (0, "failed")])
def test_56_a_container_removed_in_mid_run_costs_a_retry_and_no_verdict(engine, value, status):
    with SandboxPool(workers=1) as own:
        own.run(Job(code="pass"))
        name = own._slots[0].container.name
        remover = threading.Timer(0.3, lambda: engine.remove_container(name, force=True))
        remover.start()
        verdict = own.run(Job(code=f"import time\ntime.sleep(1)\ndef f(x): return {value}", tests=(WRONG,)))
        remover.join()
        assert (verdict.status, verdict.tests_run) == (status, 1)
        assert own._slots[0].container.name != name
