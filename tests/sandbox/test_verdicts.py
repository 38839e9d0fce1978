"""What each way to end is called, by honest programs."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.engine

ADD = "def add(a, b):\n    return a + b\n"


def test_right_code_passes(run):
    verdict = run(ADD, "assert add(1, 2) == 3", "assert add('a', 'b') == 'ab'")
    assert (verdict.status, verdict.exit_code, verdict.tests_run, verdict.tests_passed) == ("passed", 0, 2, 2)


def test_a_failing_test_does_not_stop_the_next(run):
    verdict = run(ADD, "assert add(1, 2) == 4, 'sum'", "assert add(1, 1) == 2")
    assert verdict.status == "failed"
    assert [(result.passed, result.error) for result in verdict.test_results] == [
        (False, "AssertionError: sum"),
        (True, ""),
    ]


def test_tests_share_the_namespace_of_the_code_in_order(run):
    assert run("items = []", "items.append(1)", "assert items == [1]").status == "passed"


def test_a_test_that_does_not_compile_fails_alone(run):
    verdict = run(ADD, "assert add(1, 2) ==", "assert add(1, 1) == 2")
    assert [result.passed for result in verdict.test_results] == [False, True]
    assert verdict.test_results[0].error.startswith("SyntaxError: ")


def test_error_lines_carry_no_memory_address(run):
    verdict = run("class Thing: pass", "raise ValueError(Thing())")
    assert verdict.test_results[0].error == "ValueError: <__main__.Thing object at 0x...>"


def test_an_exception_in_the_code_is_a_crash(run):
    verdict = run("print('before')\n1 / 0", "assert True")
    assert (verdict.status, verdict.exit_code, verdict.tests_run, verdict.stdout) == ("crashed", 1, 0, "before\n")
    assert "ZeroDivisionError" in verdict.stderr
    assert 'File "main.py", line 2' in verdict.stderr
    assert "runner" not in verdict.stderr


def test_broken_syntax_is_a_compile_error(run):
    assert run("def f(:").status == "compile_error"


def test_a_program_without_tests_passes_at_its_end(run):
    verdict = run("print('x' * 3)")
    assert (verdict.status, verdict.stdout, verdict.tests_run) == ("passed", "xxx\n", 0)


def test_a_program_may_end_with_sys_exit_as_its_last_statement(run):
    code = """
        import sys
        def main():
            return 0
        if __name__ == '__main__':
            sys.exit(main())
    """
    assert run(code).status == "passed"
    assert run(code.replace("return 0", "return 3")).exit_code == 3


def test_a_nonzero_exit_is_a_crash(run):
    assert run("import sys\nsys.exit('no')").status == "crashed"


def test_stdin_is_the_jobs(run):
    assert run("print(sum(int(line) for line in open(0)))", stdin="1\n2\n").stdout == "3\n"
    assert run("print(input() + input())", stdin="a\nb\n").stdout == "ab\n"


def test_files_lie_in_the_work_directory_and_import(run):
    verdict = run(
        "import helper\nprint(helper.x, open('d/t.txt').read())", files={"helper.py": "x = 1", "d/t.txt": "é"}
    )
    assert verdict.stdout == "1 é\n"


def test_cpu_time_is_the_limit(run):
    verdict = run("while True: pass", timeout_s=0.5)
    assert verdict.status == "timeout"
    assert 0.5 <= verdict.cpu_s < 2


def test_sleeping_is_not_cpu_time(run):
    assert run("import time\ntime.sleep(1)", timeout_s=0.5).status == "passed"


def test_memory_beyond_the_limit(run):
    assert run("x = bytearray(10**9)").status == "memory_exceeded"
    assert run("x = [bytearray(10**6) for _ in range(200)]", memory_mb=512).status == "passed"


def test_the_memory_limit_is_the_jobs_own(run):
    code = "x = bytearray(300 << 20)"
    assert [run(code, memory_mb=mb).status for mb in (256, 512, 256)] == [
        "memory_exceeded",
        "passed",
        "memory_exceeded",
    ]


def test_output_beyond_the_cap(run):
    verdict = run("print('x' * 70_000)", output_kb=64)
    assert verdict.status == "output_exceeded"
    assert len(verdict.stdout) == 64 << 10


@pytest.mark.parametrize(
    "code",
    [
        """
            import doctest
            def f():
                '''
                >>> f()
                1
                '''
                return 1
            assert doctest.testmod() == (0, 1)
        """,
        """
            import dataclasses, pickle
            @dataclasses.dataclass
            class A:
                x: 'int'
            assert pickle.loads(pickle.dumps(A(1))) == A(1)
        """,
        """
            import typing
            class A:
                x: 'A'
            assert typing.get_type_hints(A) == {'x': A}
        """,
        """
            import inspect
            def f(): return 1
            assert 'return 1' in inspect.getsource(f)
        """,
        "import asyncio\nasync def f(): return 1\nassert asyncio.run(f()) == 1",
        """
            from concurrent.futures import ThreadPoolExecutor
            assert list(ThreadPoolExecutor(8).map(abs, [-1])) == [1]
        """,
        """
            import multiprocessing
            with multiprocessing.Pool(2) as pool:
                assert pool.map(abs, [-1, 2]) == [1, 2]
        """,
        """
            import subprocess
            assert subprocess.run(['echo', 'a'], capture_output=True).stdout == b'a\\n'
        """,
        """
            import tempfile
            with tempfile.TemporaryDirectory() as d:
                open(d + '/x', 'w').write('1')
        """,
        """
            import socket, threading
            server = socket.create_server(('127.0.0.1', 0))
            socket.create_connection(server.getsockname())
        """,
        """
            import os
            assert os.environ['TZ'] == 'UTC' and os.environ['PYTHONHASHSEED'] == '0' and os.getcwd() == '/tmp'
        """,
        """
            import sys
            assert sys.getrecursionlimit() == 1000 and sys.argv == ['main.py'] and __name__ == '__main__'
        """,
        """
            import unittest
            class T(unittest.TestCase):
                def test(self): self.assertEqual(1, 1)
            unittest.main()
        """,
    ],
)
def test_what_honest_programs_use_works(run, code):
    verdict = run(code)
    assert verdict.status == "passed", verdict.stderr


def test_the_same_program_gives_the_same_output(run):
    code = "import random\nprint(random.random(), {'a', 'b', 'c'}, hash('x'))"
    assert run(code).stdout == run(code).stdout
