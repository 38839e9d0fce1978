"""Programs that try to pass our own walls, and honest ones that must not notice them."""

from __future__ import annotations

import errno
import re
import struct
import textwrap
from pathlib import Path

import pytest

from sandbox.walls import (
    ABSENT,
    ALLOW,
    ARCHITECTURES,
    FAMILIES,
    KILL_PROCESS,
    LOOKED_AT,
    NUMBERS,
    REFUSE,
    assemble,
)

ANSWERS = {ALLOW: "allow", KILL_PROCESS: "kill"}


def answer(machine: str, name: str | int, *arguments: int, architecture: int | None = None) -> str:
    """What the filter says to one call: `allow`, `kill` or an error's name; the kernel's own rules, by hand."""
    number = NUMBERS[name][list(ARCHITECTURES).index(machine)] if isinstance(name, str) else name
    values = [value & 0xFFFFFFFFFFFFFFFF for value in [*arguments, 0, 0, 0, 0, 0, 0][:6]]
    data = struct.pack("<IIQ6Q", number, architecture or ARCHITECTURES[machine], 0, *values)
    program = assemble(machine)
    value = at = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:
            value &= operand
        elif code == 0x06:
            return ANSWERS.get(operand) or errno.errorcode[operand & ~REFUSE]
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += if_true if holds else if_false


both = pytest.mark.parametrize("machine", ARCHITECTURES)


@both
@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in LOOKED_AT])
def test_each_named_call_is_refused(machine, name):
    assert answer(machine, name) == ("ENOSYS" if name in ABSENT else "EPERM")


@both
def test_every_other_call_is_left_to_the_engine(machine):
    named = {pair[list(ARCHITECTURES).index(machine)] for pair in NUMBERS.values()}
    assert {answer(machine, number) for number in set(range(600)) - named} == {"allow"}


@both
def test_another_abi_kills(machine):
    assert answer(machine, 39, architecture=0x40000003) == "kill"  # int 0x80
    assert answer("x86_64", 0x40000000 + 39) == "kill"  # x32


@both
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (0x003D0F00,), "allow"),  # a thread
        ("clone", (0x01200011,), "allow"),  # a fork
        *(("clone", (flag | 17,), "EPERM") for flag in (0x20000, *(1 << bit for bit in range(25, 31)))),
        *(("socket", (family, 1, 0), "allow") for family in FAMILIES),
        *(("socket", (family, 2 | 0o2004000, 0), "allow") for family in FAMILIES),
        ("socket", (1, 5, 0), "allow"),
        ("socket", (2, 1, 6), "allow"),
        ("socket", (10, 2, 17), "allow"),
        *(("socket", (family, 3, 0), "EAFNOSUPPORT") for family in (0, 3, 16, 17, 38, 40, 44)),
        ("socket", (2, 3, 1), "EPERM"),
        ("socket", (2, 5, 0), "EPERM"),
        *(("socket", (2, 1, protocol), "EPROTONOSUPPORT") for protocol in (1, 33, 132, 262)),
        ("socket", (1 << 32 | 16, 3, 0), "EAFNOSUPPORT"),  # the kernel looks at the low half only, and so do we
        ("socketpair", (1, 1, 0), "allow"),
        ("socketpair", (30, 1, 0), "EAFNOSUPPORT"),
        ("personality", (0xFFFFFFFF,), "allow"),
        ("personality", (0,), "allow"),
        ("personality", (0x0400000,), "EPERM"),
        ("ioctl", (0, 0x5401), "allow"),
        ("ioctl", (0, 0x5412), "EPERM"),
        ("ioctl", (0, 0x541C), "EPERM"),
        ("ioctl", (0, 1 << 32 | 0x5412), "EPERM"),
    ],
)
def test_calls_that_are_looked_at(machine, name, arguments, expected):
    assert answer(machine, name, *arguments) == expected


HEADERS = {"x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "/usr/include/asm-generic/unistd.h"}


@both
def test_the_numbers_are_the_kernels(machine):
    if not Path(HEADERS[machine]).is_file():
        pytest.skip("no kernel headers here")
    found = dict(re.findall(r"^#define __NR_(\w+)\s+(\d+)$", Path(HEADERS[machine]).read_text(), re.MULTILINE))
    numbers = {name: pair[list(ARCHITECTURES).index(machine)] for name, pair in NUMBERS.items()}
    known = {name: int(found[name]) for name in numbers if name in found}  # newer calls are not in older headers
    assert len(known) > 40
    assert known == {name: numbers[name] for name in known}


NUMBER = "dict(zip(('x86_64', 'aarch64'), {pair}))[os.uname().machine]"


@pytest.mark.engine
@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in LOOKED_AT])
def test_a_run_meets_the_filter(run, name):
    code = f"""
        import ctypes, errno, os
        libc = ctypes.CDLL(None, use_errno=True)
        number = {NUMBER.format(pair=NUMBERS[name])}
        print(libc.syscall(number, 0, 0, 0, 0, 0), errno.errorcode[ctypes.get_errno()])
    """
    assert run(code).stdout == f"-1 {'ENOSYS' if name in ABSENT else 'EPERM'}\n"


@pytest.mark.engine
@pytest.mark.parametrize("family", ["NETLINK", "PACKET", "ALG", "VSOCK", "BLUETOOTH", "CAN", "TIPC", "RDS"])
def test_only_local_and_internet_sockets(run, family):
    code = f"import socket\nsocket.socket(socket.AF_{family}, socket.SOCK_RAW)"
    verdict = run(code)
    assert verdict.status == "crashed"
    assert "Address family not supported" in verdict.stderr


@pytest.mark.engine
@pytest.mark.parametrize("machine_code", ["b814000000cd80c3", "b827000040 0f05c3"])  # int 0x80; x32's getpid
def test_a_call_in_another_abi_ends_the_program(run, machine_code):
    code = f"""
        import ctypes, mmap, os
        if os.uname().machine != 'x86_64':
            os.kill(os.getpid(), 31)
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(bytes.fromhex('{machine_code}'))
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        print('passed')
    """
    verdict = run(code)
    assert (verdict.status, verdict.signal, verdict.stdout) == ("crashed", 31, "")


@pytest.mark.engine
@pytest.mark.parametrize("flag", ["NEWUSER", "NEWNET", "NEWPID", "NEWNS", "NEWIPC", "NEWCGROUP", "NEWUTS"])
def test_there_are_no_new_namespaces(run, flag):
    flags = {"NEWNS": 17, "NEWCGROUP": 25, "NEWUTS": 26, "NEWIPC": 27, "NEWUSER": 28, "NEWPID": 29, "NEWNET": 30}
    code = f"""
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        number = {NUMBER.format(pair=NUMBERS["clone"])}
        for flags in (1 << {flags[flag]} | 17, 1 << 28 | 1 << {flags[flag]} | 17):
            print(libc.syscall(number, flags, 0, 0, 0, 0), ctypes.get_errno())
    """
    assert run(code).stdout == "-1 1\n" * 2


@pytest.fixture
def landlock(pool, run):
    """Skips where the kernel has no Landlock."""
    run("pass")
    if pool.facts["landlock.abi"] == 0:
        pytest.skip("this kernel has no Landlock")
    return pool.facts["landlock.abi"]


@pytest.mark.engine
@pytest.mark.usefixtures("landlock")
@pytest.mark.parametrize("path", ["/proc/self/coredump_filter", "/proc/self/oom_score_adj", "/dev/mqueue/x"])
def test_a_program_writes_nowhere_else(run, path):
    # Started afresh, so that /proc/self is its own to write by the file's mode.
    program = f"open('{path}', 'w')"
    code = f"""
        import subprocess, sys
        print(subprocess.run([sys.executable, '-c', "{program}"], capture_output=True, text=True).stderr)
    """
    assert "PermissionError" in run(code).stdout


@pytest.mark.engine
@pytest.mark.usefixtures("landlock")
def test_the_rules_themselves_are_out_of_reach(run):
    code = """
        import os
        print([os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')[:-1]])
    """
    assert "landlock" not in run(code).stdout


@pytest.mark.engine
@pytest.mark.usefixtures("landlock")
def test_a_run_may_lock_itself_in_further(run):
    code = """
        import ctypes, struct
        libc = ctypes.CDLL(None)
        ruleset = libc.syscall(444, struct.pack('QQ', 2, 0), 16, 0)
        assert libc.syscall(446, ruleset, 0) == 0
        try: open('x', 'w')
        except PermissionError: print('denied')
    """
    assert run(code).stdout == "denied\n"


@pytest.mark.engine
@pytest.mark.parametrize("name", ["mem", "maps", "environ", "fd/0", "root", "cwd"])
@pytest.mark.parametrize("pid", ["1", "os.getppid()"])
def test_supervisor_and_fork_server_cannot_be_looked_into(run, pid, name):
    code = f"""
        import os, subprocess, sys
        path = f'/proc/{{{pid}}}/{name}'
        try: os.open(path, os.O_RDONLY)
        except PermissionError: print('denied')
        print(subprocess.run(['head', '-c1', path], capture_output=True, text=True).stderr.count('Permission denied'))
    """
    assert run(code).stdout == "denied\n1\n"


HONEST = {
    "multiprocessing": """
        from multiprocessing import Pool, Queue, Process, Lock
        if __name__ == '__main__':
            with Pool(3) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]
            queue, lock = Queue(), Lock()
            process = Process(target=queue.put, args=(5,))
            process.start()
            assert queue.get() == 5
            process.join()
    """,
    "process pool": """
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2) as pool: assert list(pool.map(abs, [-1])) == [1]
    """,
    "forkserver": """
        import multiprocessing
        if __name__ == '__main__':
            open('work.py', 'w').write('def double(x): return 2 * x')
            import work
            with multiprocessing.get_context('forkserver').Pool(1) as pool: assert pool.map(work.double, [2]) == [4]
    """,
    "threads": """
        import threading
        done = []
        threads = [threading.Thread(target=done.append, args=(i,)) for i in range(8)]
        for t in threads: t.start()
        for t in threads: t.join()
        assert sorted(done) == list(range(8))
    """,
    "asyncio": """
        import asyncio
        async def main():
            async def serve(reader, writer):
                writer.write(await reader.readline())
                writer.close()
            async with await asyncio.start_server(serve, '127.0.0.1', 0) as server:
                reader, writer = await asyncio.open_connection('localhost', server.sockets[0].getsockname()[1])
                writer.write(b'hi\\n')
                assert await reader.read() == b'hi\\n'
                writer.close()
            process = await asyncio.create_subprocess_exec('echo', 'x', stdout=-1)
            assert (await process.communicate())[0] == b'x\\n'
            assert await asyncio.to_thread(abs, -1) == 1
            await asyncio.wait_for(asyncio.sleep(0), 1)
        asyncio.run(main())
    """,
    "subprocess": """
        import subprocess
        assert subprocess.run(['sort'], input='b\\na\\n', capture_output=True, text=True).stdout == 'a\\nb\\n'
        assert subprocess.check_output('echo $((1 + 1)) | cat', shell=True) == b'2\\n'
        process = subprocess.Popen(['sleep', '9'])
        process.kill()
        assert process.wait() == -9
    """,
    "sqlite3": """
        import sqlite3
        for journal in ('delete', 'wal'):
            with sqlite3.connect('x.db') as db:
                db.execute(f'pragma journal_mode={journal}')
                db.execute('create table if not exists t (a)')
                db.execute('insert into t values (1)')
            db.close()
        assert sqlite3.connect('x.db').execute('select count(*) from t').fetchone() == (2,)
    """,
    "tempfile": """
        import os, tempfile
        with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile('w+', dir=folder) as file:
            file.write('x')
            file.truncate(0)
        tempfile.TemporaryFile().write(b'x')
        tempfile.SpooledTemporaryFile(1).write(b'xx')
    """,
    "http": """
        import http.server, threading, urllib.request
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'hi')
        server = http.server.ThreadingHTTPServer(('localhost', 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert urllib.request.urlopen(f'http://localhost:{server.server_port}/').read() == b'hi'
        server.shutdown()
    """,
    "sockets": """
        import os, select, socket
        a, b = socket.socketpair()
        a.send(b'x')
        assert b.recv(1) == b'x'
        for address in ('path', '\\0abstract'):
            server = socket.socket(socket.AF_UNIX)
            server.bind(address)
            server.listen()
            client = socket.socket(socket.AF_UNIX)
            client.connect(address)
            server.accept()[0].send(b'y')
            assert client.recv(1) == b'y'
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(('127.0.0.1', 0))
        udp.sendto(b'z', udp.getsockname())
        assert udp.recv(1) == b'z'
        assert socket.getaddrinfo('localhost', 80)
        poll = select.epoll()
        poll.register(a)
        assert poll.poll(0)
        socket.send_fds(a, [b'f'], [0])
        assert len(socket.recv_fds(b, 1, 1)[1]) == 1
    """,
    "shared memory": """
        from multiprocessing import shared_memory, Value, Array
        memory = shared_memory.SharedMemory(create=True, size=64)
        again = shared_memory.SharedMemory(memory.name)
        memory.buf[0] = 7
        assert again.buf[0] == 7
        again.close()
        memory.close()
        memory.unlink()
        assert Value('i', 3).value == 3 and list(Array('i', [1, 2])) == [1, 2]
    """,
    "moving files": """
        import os, shutil
        os.makedirs('/tmp/a/b')
        os.mkdir('/tmp/c')
        open('/tmp/a/b/x', 'w').close()
        os.rename('/tmp/a/b/x', '/tmp/c/x')
        os.replace('/tmp/c/x', '/tmp/y')
        os.link('/tmp/y', '/tmp/a/y')
        os.symlink('y', '/tmp/z')
        os.rename('/tmp/a/b', '/tmp/b')
        shutil.move('/tmp/y', '/dev/shm/y')
        shutil.copytree('/tmp/a', '/dev/shm/a')
        shutil.rmtree('/tmp/a')
        os.mkfifo('/tmp/f')
        os.truncate('/dev/shm/y', 3)
        os.chmod('/dev/shm/y', 0o600)
        assert os.path.getsize('/dev/shm/y') == 3
    """,
    "ctypes": """
        import ctypes
        compare = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.POINTER(ctypes.c_int)] * 2)(lambda a, b: a[0] - b[0])
        values = (ctypes.c_int * 3)(3, 1, 2)
        ctypes.CDLL(None).qsort(values, 3, 4, compare)
        assert list(values) == [1, 2, 3]
    """,
    "mmap": """
        import mmap
        with open('x', 'w+b') as file:
            file.truncate(8192)
            with mmap.mmap(file.fileno(), 0) as m:
                m[5000] = 1
                m.flush()
        anonymous = mmap.mmap(-1, 1 << 20)
        anonymous.madvise(mmap.MADV_DONTNEED)
    """,
    "devices": """
        import os, pty
        open('/dev/null', 'w').write('x')
        assert open('/dev/zero', 'rb').read(2) == bytes(2)
        assert os.urandom(4) and open('/dev/urandom', 'rb').read(4)
        try: open('/dev/full', 'w').write('x' * 10000)
        except OSError as error: assert error.errno == 28
        leader, follower = pty.openpty()
        os.write(follower, b'x')
        assert os.read(leader, 1) == b'x'
    """,
    "itself": """
        import faulthandler, os, resource, signal, threading, traceback
        assert 'VmRSS' in open('/proc/self/status').read()
        assert open('/proc/self/maps').read() and open('/proc/self/stat').read() and os.listdir('/proc/self/fd')
        assert open('/proc/cpuinfo').read() and open('/proc/meminfo').read() and os.sched_getaffinity(0)
        faulthandler.enable()
        faulthandler.dump_traceback(open('x', 'w'))
        resource.getrusage(resource.RUSAGE_SELF)
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        signal.pause()
        signal.pidfd_send_signal(os.pidfd_open(os.getpid()), 0)
        threading.current_thread().name = 'x'
    """,
}


@pytest.mark.engine
@pytest.mark.parametrize("name", sorted(HONEST.keys() - {"forkserver"}))
def test_an_honest_program_does_not_notice(run, name):
    verdict = run(HONEST[name], "assert True")
    assert verdict.status == "passed", verdict.stderr


@pytest.mark.engine
@pytest.mark.parametrize("name", ["threads", "subprocess", "sockets", "itself", "multiprocessing", "forkserver"])
def test_an_honest_program_that_is_started_afresh_does_not_notice(run, name):
    """As programs in other languages are: by `execve`, not by a fork of the fork server."""
    start = "import subprocess, sys\nsubprocess.run([sys.executable, 'program.py'], check=True)"
    verdict = run(start, files={"program.py": textwrap.dedent(HONEST[name])})
    assert verdict.status == "passed", verdict.stderr


@pytest.mark.engine
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_can_be_opened_by_its_path(run, stream):
    code = f"""
        import subprocess
        open('/dev/{stream}', 'w').write('python ')
        subprocess.run('echo shell > /dev/{stream}', shell=True, check=True)
    """
    assert getattr(run(code), stream) == "python shell\n"


@pytest.mark.engine
def test_stdin_can_be_opened_by_its_path(run):
    assert run("print(open('/dev/stdin').read())", stdin="given").stdout == "given\n"
