"""The two walls of our own, on top of the engine's: a seccomp filter and a Landlock domain. Both need no privilege.

The filter is installed once, in the fork server, and everything that is forked from it inherits it. The Landlock rules
are made once, there too, and each run enters them by one system call. Standard library only; runs inside the container.

What the filter denies, beside what the engine's own list denies (which answers for calls newer than this file):
- reading or steering another process, its memory or its descriptors: nothing honest here needs a debugger;
- what outlives a process or reaches past a namespace (System V IPC, message queues, keys, vsock): a run could leave a
  message for the next;
- large kernel surfaces that the walls do not look into or that have a history: io_uring (its requests pass no filter),
  BPF, perf, userfaultfd, netlink, packet and crypto sockets, rare protocols (they load kernel modules);
- everything that makes a namespace or mounts: a new user namespace is full root over fresh kernel code;
- the page cache as a clock (`cachestat`) and file handles that step round path checks.

Where the error says "this kernel has no such call", software falls back; elsewhere it is told EPERM. A call in another
ABI (`int 0x80`, x32) kills the process: its numbers mean something else, and no program of ours has it.

Not covered: machines other than x86_64 and aarch64 (no filter), kernels without Landlock or before its ABI 2, which
denies every rename between directories. TCP stays free under Landlock: its rules name ports only, the container has no
network but its own loopback, and nothing listens there but the run itself, so they would only break honest servers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

from sandbox.leftovers import BUILD_DIR, WRITABLE

NUMBERS: dict[str, tuple[int, int]] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # what outlives a process
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # surfaces
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "memfd_secret": (447, 447),
    "cachestat": (451, 451),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "clone3": (435, 435),  # its flags lie in memory, which a filter cannot read; libc and Go fall back to clone
    # looked at by argument
    "clone": (56, 220),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "personality": (135, 92),
    "ioctl": (16, 29),
}
"""System call -> its number on x86_64 and on aarch64."""
ABSENT = """
    shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink add_key
    request_key keyctl io_uring_setup io_uring_enter io_uring_register userfaultfd memfd_secret cachestat clone3
""".split()
"""Answered as a kernel built without them does. All other calls of `NUMBERS` that are not in `LOOKED_AT` get EPERM."""
LOOKED_AT = ("clone", "socket", "socketpair", "personality", "ioctl")
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000

NEW_NAMESPACES = 0x7E020000
"""Every CLONE_NEW flag that `clone` takes; CLONE_NEWTIME is for `unshare` and `clone3` only."""
FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
INTERNET_TYPES = (1, 2)  # SOCK_STREAM, SOCK_DGRAM
INTERNET_PROTOCOLS = (0, 6, 17)  # the type's own, TCP, UDP
PERSONALITIES = (0, 0x0040000, 0xFFFFFFFF)  # Linux, without address randomisation, the question what is in force
TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: keystrokes for whoever reads the terminal next

LOAD, AND, IF_EQUAL, IF_AT_LEAST, IF_ANY_BIT, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
"""Offsets in what the filter looks at, `struct seccomp_data`."""
Instruction = tuple[int, int, int, int]
"""Operation, how many instructions to skip if true, if false, operand."""

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER_MODE = 4, 22, 38, 2
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # the same on every machine
WRITE_FILE, TRUNCATE = 1 << 1, 1 << 14
CHANGES = 0b11_1111_1111_0000 | WRITE_FILE
"""Writing, removing (4, 5), making of every kind (6 to 12), and linking or moving between directories (13)."""
DEVICE_NODES = 1 << 6 | 1 << 11
SCOPES = 0b11
"""Abstract sockets and signals of processes that are not in the same run."""
QUIET = 0b101
"""Denials are not for the host's audit log, which a run could flood."""
WRITE_ONLY = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/pts", "/run/opencook")
"""Files, or what lies in folders, that a run may write to; the last is where its report goes."""

LIBC = ctypes.CDLL(None, use_errno=True)
FAST_LIBC = ctypes.CDLL(None)
FAST_LIBC.syscall  # noqa: B018  looked up here, once, and kept
"""For the one call of every run: to fetch `errno` takes 60 µs more in a fresh fork."""


@dataclass(frozen=True)
class Landlock:
    """The rules that every run enters."""

    abi: int
    """Of the kernel; 0 where there is no Landlock to use."""
    ruleset: int = -1
    call: tuple[ctypes.c_long, ...] = ()
    """Made beforehand: in a fresh fork each object that is written to costs the copy of a page."""

    def enter(self) -> None:
        """Nothing; this process and its children change files only where a run may.

        The descriptor of the rules goes: whoever holds it can add to them, for all runs that follow.
        """
        if self.abi:
            if FAST_LIBC.syscall(*self.call) < 0:
                raise OSError("Landlock: the rules cannot be entered")
            os.close(self.ruleset)


def syscall(number: int, *arguments: int) -> int:
    """What the kernel answers. Raises `OSError`."""
    answer: int = LIBC.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def hide() -> None:
    """Nothing; /proc/PID of this process and its forks is root's, and no other process may look into their memory."""
    prctl(PR_SET_DUMPABLE, 0)


def prctl(option: int, *values: int) -> None:
    """Nothing; the option is set. Raises `OSError`."""
    padded = [*values, 0, 0, 0, 0][:4]
    if LIBC.prctl(ctypes.c_int(option), *map(ctypes.c_ulong, padded)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def install_filter() -> str:
    """The machine whose calls are filtered from now on, in this process and its children, or `none` and why not."""
    machine = os.uname().machine
    if machine not in ARCHITECTURES or struct.calcsize("P") != 8:
        return f"none: no table for {machine}"
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in assemble(machine))
    code = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    try:
        prctl(PR_SET_NO_NEW_PRIVS, 1)  # in force already, and what makes a filter need no privilege
        prctl(PR_SET_SECCOMP, FILTER_MODE, ctypes.addressof(header))
    except OSError as error:
        return f"none: {error.strerror}"
    return machine


def assemble(machine: str) -> list[Instruction]:
    """The filter. What is allowed by its number alone costs nothing: the kernel (5.11) finds that out beforehand."""
    column = list(ARCHITECTURES).index(machine)
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (IF_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
    ]
    if machine == "x86_64":
        program += [(IF_AT_LEAST, 0, 1, X32_BIT), (RETURN, 0, 0, KILL_PROCESS)]
    for name, numbers in NUMBERS.items():
        body = look_at(name) if name in LOOKED_AT else [refuse(errno.ENOSYS if name in ABSENT else errno.EPERM)]
        program += [(IF_EQUAL, 0, len(body), numbers[column]), *body]
    return [*program, (RETURN, 0, 0, ALLOW)]


def look_at(name: str) -> list[Instruction]:
    """What decides about one call by its arguments; never runs on past its end."""
    allow = (RETURN, 0, 0, ALLOW)
    if name == "clone":
        return [load(0), (IF_ANY_BIT, 0, 1, NEW_NAMESPACES), refuse(errno.EPERM), allow]
    if name == "ioctl":
        keystrokes = [(IF_EQUAL, 2 - i, 0, value) for i, value in enumerate(TERMINAL_INPUT)]
        return [load(1), *keystrokes, allow, refuse(errno.EPERM)]
    if name == "personality":
        return [*only(0, PERSONALITIES, errno.EPERM), allow]
    families = only(0, FAMILIES, errno.EAFNOSUPPORT)
    if name == "socketpair":
        return [*families, allow]
    unix = [load(0), (IF_EQUAL, 0, 1, FAMILIES[0]), allow]
    types = only(1, INTERNET_TYPES, errno.EPERM, mask=0xF)
    return [*families, *unix, *types, *only(2, INTERNET_PROTOCOLS, errno.EPROTONOSUPPORT), allow]


def only(argument: int, values: tuple[int, ...], code: int, mask: int = 0xFFFFFFFF) -> list[Instruction]:
    """Goes on behind its end if the argument is one of the values, else refuses."""
    jumps = [(IF_EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
    return [load(argument), (AND, 0, 0, mask), *jumps, refuse(code)]


def load(argument: int) -> Instruction:
    """Takes the low half of an argument; the kernel itself reads no more of those that are looked at."""
    return (LOAD, 0, 0, ARGUMENTS + 8 * argument)


def refuse(code: int) -> Instruction:
    """Answers with an error."""
    return (RETURN, 0, 0, REFUSE | code)


def make_landlock() -> Landlock:
    """The rules of all runs; to be made once, where every writable directory is mounted."""
    try:
        abi = syscall(LANDLOCK_CREATE, 0, 0, 1)
    except OSError:
        abi = 0  # no such call, not switched on at boot, or not on the engine's list
    if abi < 2:
        return Landlock(0)
    changes = CHANGES | (TRUNCATE if abi >= 3 else 0)
    attributes = ctypes.create_string_buffer(struct.pack("=QQQ", changes, 0, SCOPES if abi >= 6 else 0), 24)
    ruleset = syscall(LANDLOCK_CREATE, ctypes.addressof(attributes), 24, 0)
    for path in (*WRITABLE, BUILD_DIR):
        allow_beneath(ruleset, path, changes & ~DEVICE_NODES)
    for path in WRITE_ONLY:
        allow_beneath(ruleset, path, WRITE_FILE)
    call = (LANDLOCK_RESTRICT, ruleset, QUIET if abi >= 7 else 0)
    return Landlock(abi, ruleset, tuple(map(ctypes.c_long, call)))


def allow_beneath(ruleset: int, path: str, access: int) -> None:
    """Nothing; the rules allow it for the file, or all that lies in the folder, if there is one."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    rule = ctypes.create_string_buffer(struct.pack("=Qi", access, fd), 12)
    syscall(LANDLOCK_ADD, ruleset, 1, ctypes.addressof(rule), 0)
    os.close(fd)
