"""Tests that are judged outside: what a candidate returns is data, and what it should return is out of its reach."""

from __future__ import annotations

import itertools
import json
import math
import textwrap

import pytest

from sandbox.plain import MAX_DEPTH, MAX_ENCODED_CHARS, NotPlain, encode, same
from sandbox.verdict import Call, Job, Limits

engine = pytest.mark.engine

NEEDLE = 8_152_637_941
"""An expected value that no program here can compute."""


def outside(pool, code, *calls, mode="fork", **limits):
    """The verdict on `code` by calls alone."""
    chosen = Limits(**{"timeout_s": 5.0, "memory_mb": 256, "output_kb": 64, **limits})
    verdict = pool.run(Job(code=textwrap.dedent(code), calls=calls, mode=mode, limits=chosen))
    assert verdict.trust == "outside"
    return verdict


def passes(pool, returned, expected) -> bool:
    """Whether a function that returns the expression `returned` gives `expected`; passed or failed, nothing else."""
    verdict = outside(pool, f"def f(): return {returned}", Call(entry_point="f", expected=expected))
    assert verdict.status in ("passed", "failed"), verdict.stderr
    assert verdict.tests_run == 1
    return verdict.status == "passed"


# Values as plain data, without a container.

PLAIN = [
    *(None, True, False, 0, 1, -1, 2, 10**400, 10**4000, -(10**4000), 0.5, 1.5, 1e308, math.inf, -math.inf, math.nan),
    *("", "1", "a", "\ud800", "\0", "é", "$set", [], [1], [2], [1, 2], [[1], 2], [[]], [None], {}, {"a": 1}, {"a": 2}),
    *({"b": 1}, {"a": 1, "b": 2}, {"a": {"a": 1}}, {1, 2}, {1, 3}, {"1"}, set(), b"", b"\xff", b"a", 1j, 2j, 1 + 1j),
    *({1: 2}, {1: 3}, {"$set": [1, 2]}, {"$bytes": "ff"}, {"$float": "nan"}, {"$int": "0x1"}, {(1, 2): 3}, [{1, 2}]),
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:20] if not isinstance(value, int) else "int")
def test_a_plain_value_is_the_same_after_its_way_out(value):
    assert same(json.loads(encode(value)), json.loads(encode(value)))


@pytest.mark.parametrize("value", [0, 2.5, 10**4000, "é", "\ud800", None, True, [1, [2]], {"a": [{}]}, math.nan, -0.0])
def test_a_json_value_is_written_in_a_job_as_it_is(value):
    assert same(value, json.loads(encode(value)))


@pytest.mark.parametrize(
    "value", [{"$set": [1]}, {"$bytes": "ff"}, {"$int": "0x1"}, {"$float": "nan"}, {"a": 1, "$b": 2}]
)
def test_a_dict_cannot_pose_as_another_kind_of_value(value):
    assert not same(value, json.loads(encode(value)))


def test_different_plain_values_are_never_the_same():
    told = [json.loads(encode(value)) for value in PLAIN]
    alike = [(PLAIN[a], PLAIN[b]) for a, b in itertools.permutations(range(len(PLAIN)), 2) if same(told[a], told[b])]
    assert alike == []


@pytest.mark.parametrize(
    ("expected", "returned", "equal"),
    [
        (2, 2.0, True),
        (2.0, 2, True),
        (0, -0.0, True),
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (0, None, False),
        (False, None, False),
        (math.nan, math.nan, True),
        ("nan", math.nan, False),
        (math.inf, 10**400, False),
        (10**16 + 1, 1e16, False),
        (2**53, 2.0**53, True),
        (0.3, 0.1 + 0.2, False),
        ([1, 2], (1, 2), True),
        ([1, 2], [2, 1], False),
        ([1], [True], False),
        ("1", 1, False),
        ("a", b"a", False),
        ([], {}, False),
        ([], set(), False),
        ({"$set": []}, set(), True),
        ({"$set": [3, 1, 2]}, {1, 2, 3}, True),
        ({"$set": [1, 1]}, {1}, False),
        ({"$set": [1]}, {True}, False),
        ({"$set": [2]}, {2.0}, True),
        ({"$set": [[1, 2]]}, {(1, 2)}, True),
        ({"$set": [math.nan]}, {math.nan}, True),
        ({"$dict": [[1, "a"], [2, "b"]]}, {2: "b", 1: "a"}, True),
        ({"$dict": [[1, "a"]]}, {True: "a"}, False),
        ({"$dict": [[1, "a"]]}, {"1": "a"}, False),
        ({"1": "a"}, {1: "a"}, False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": None}, {}, False),
        ({"$bytes": "ff"}, b"\xff", True),
        ({"$complex": [0, 1]}, 1j, True),
    ],
)
def test_what_is_equal_and_what_is_not(expected, returned, equal):
    assert same(expected, json.loads(encode(returned))) is equal


class Liar:
    """Says yes to everything; mixed into a base class, it lies about the base's value."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0

    def lie(self, *_):
        raise AssertionError("was asked")

    __iter__ = __len__ = __getitem__ = __str__ = __repr__ = __int__ = __index__ = __float__ = __bool__ = lie
    __complex__ = __contains__ = __reduce__ = items = keys = values = lie

    def __bytes__(self):
        raise AssertionError("was asked")


BASES = [(int, 7), (float, 7.5), (str, "seven"), (list, [7]), (tuple, (7,)), (dict, {"a": 7}), (set, {7})]
BASES += [(frozenset, frozenset({7})), (bytes, b"7"), (bytearray, b"7")]


@pytest.mark.parametrize(("base", "value"), BASES, ids=[base.__name__ for base, _ in BASES])
def test_a_subclass_is_read_by_its_base_and_not_asked(base, value):
    lying = type("Lying", (Liar, base), {"__class__": property(lambda _: int)})(value)
    assert encode(lying) == encode(base(value))


def test_a_cycle_a_depth_and_a_width_have_their_ends():
    cycle, deep = [], []
    cycle.append(cycle)
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    for value in (cycle, deep, {"a": cycle}):
        with pytest.raises(NotPlain, match="nested too deep"):
            encode(value)
    doubled = [1]
    for _ in range(60):
        doubled = [doubled, doubled]
    for value in (doubled, [0] * 10**6, "x" * MAX_ENCODED_CHARS, b"x" * 10**7):
        with pytest.raises(NotPlain, match=r"too large|characters"):
            encode(value)


@pytest.mark.parametrize("value", [object(), (n for n in [1]), range(3), len, int, iter([]), Liar(), ValueError("x")])
def test_what_is_no_plain_data_is_named(value):
    with pytest.raises(NotPlain, match=type(value).__name__):
        encode(value)


# In a container.


@engine
@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_right_answers_pass_and_a_wrong_one_is_shown_beside_what_was_expected(pool, mode):
    calls = [Call(entry_point="f", args=(n,), kwargs={"k": 1}, expected=expected) for n, expected in ((1, 2), (2, 9))]
    verdict = outside(pool, "def f(n, k): return n + k", *calls, mode=mode)
    assert (verdict.status, verdict.tests_run, verdict.tests_passed) == ("failed", 2, 1)
    assert [result.error for result in verdict.test_results] == ["", "expected 9, got 3"]
    assert outside(pool, "def f(n, k): return n + k", calls[0], mode=mode).status == "passed"


@engine
def test_calls_come_after_tests_and_count_with_them(pool):
    job = Job(code="n = 1\ndef f(): return n", tests=("n = 5",), calls=(Call(entry_point="f", expected=5),))
    verdict = pool.run(job)
    assert (verdict.status, verdict.tests_run, verdict.trust) == ("passed", 2, "in_process")


@engine
def test_a_class_on_the_path_is_instantiated_for_each_call(pool):
    code = """
        class Solution:
            def __init__(self): self.seen = []
            def two_sum(self, n):
                self.seen.append(n)
                return self.seen
        class Deep:
            inner = Solution
    """
    calls = [Call(entry_point="Solution.two_sum", args=(n,), expected=[n]) for n in (1, 2)]
    assert outside(pool, code, *calls, Call(entry_point="Deep.inner.two_sum", args=(3,), expected=[3])).status == (
        "passed"
    )


@engine
@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("g", "NameError: name 'g' is not defined"),
        ("len", "NameError: name 'len' is not defined"),
        ("n", "TypeError: 'int' object is not callable"),
        ("n.real.nothing", "AttributeError: 'int' object has no attribute 'nothing'"),
    ],
)
def test_a_missing_name_is_the_error_python_would_give(pool, path, error):
    verdict = outside(pool, "n = 1", Call(entry_point=path, expected=1))
    assert (verdict.status, verdict.test_results[0].error) == ("failed", error)


@engine
def test_an_expected_exception_passes_by_its_name_or_a_bases(pool):
    code = "def f(d): return d['a']"
    names = ("KeyError", "LookupError", "Exception", "ValueError", "keyerror")
    verdict = outside(pool, code, *(Call(entry_point="f", args=({},), raises=name) for name in names))
    assert [result.passed for result in verdict.test_results] == [True, True, True, False, False]
    verdict = outside(pool, code, Call(entry_point="f", args=({"a": 1},), raises="KeyError"))
    assert verdict.test_results[0].error == "expected an exception KeyError, got 1"


@engine
def test_an_unexpected_exception_fails_and_is_named(pool):
    verdict = outside(pool, "def f(): raise OSError('no\\nway')", Call(entry_point="f", expected=None))
    assert (verdict.status, verdict.test_results[0].error) == ("failed", "OSError: no way")


@engine
@pytest.mark.parametrize(
    "code",
    [
        "class E(ValueError, KeyError, TypeError, ZeroDivisionError, RuntimeError): pass",
        "E = type('ValueError', (type('KeyError', (Exception,), {}), TypeError), {})",
        "class M(type):\n    def mro(cls): return [cls, ValueError, KeyError, *Exception.__mro__]"
        "\nclass E(Exception, metaclass=M): pass",
    ],
)
def test_9_an_exception_cannot_be_of_every_kind_at_once(pool, code):
    names = ("ValueError", "KeyError", "TypeError")
    calls = [Call(entry_point="f", raises=name) for name in names]
    verdict = outside(pool, f"{code}\ndef f(): raise E", *calls)
    assert (verdict.status, verdict.tests_run) == ("failed", 3)
    assert verdict.tests_passed <= 1


@engine
def test_an_exception_of_its_own_kind_counts_as_what_it_is(pool):
    code = "class Base(Exception): pass\nclass Missing(Base, KeyError): pass\ndef f(): raise Missing"
    calls = [Call(entry_point="f", raises=name) for name in ("Missing", "Base", "KeyError", "LookupError")]
    assert outside(pool, code, *calls).status == "passed"


@engine
def test_an_expected_exception_may_have_another_name_or_a_module(pool):
    calls = [Call(entry_point="f", raises="IOError"), Call(entry_point="g", raises="json.JSONDecodeError")]
    code = "import json\ndef f(): raise FileNotFoundError\ndef g(): json.loads('')"
    assert outside(pool, code, *calls).status == "passed"


@engine
@pytest.mark.parametrize(
    "returned",
    [
        "type('A', (), {'__eq__': lambda s, o: True})()",  # 9
        "type('A', (int,), {'__eq__': lambda s, o: True, '__index__': lambda s: 8152637941})(0)",  # 10
        "type('A', (str,), {'__eq__': lambda s, o: True, '__str__': lambda s: '8152637941'})('')",
        "type('A', (list,), {'__eq__': lambda s, o: True, '__iter__': lambda s: iter([8152637941])})()",
        "type('A', (dict,), {'__eq__': lambda s, o: True, 'items': lambda s: [('$int', '0x1')]})()",
        "type('A', (), {'__class__': int, '__int__': lambda s: 1})()",
        "(n for n in [1])",
        "lambda: 1",
        "object",
        "NotImplemented",
        "...",
        "__import__('unittest.mock').mock.ANY",
        "{'$int': hex(10 ** 4000)}",
    ],
)
def test_9_10_what_claims_to_equal_anything_equals_nothing(pool, returned):
    for expected in (NEEDLE, "8152637941", [NEEDLE]):
        assert passes(pool, returned, expected) is False


@engine
@pytest.mark.parametrize(
    ("returned", "expected", "equal"),
    [
        ("float('nan')", math.nan, True),
        ("float('nan')", 1, False),
        ("-0.0", 0, True),
        ("True", 1, False),
        ("1", True, False),
        ("10 ** 4000", 10**4000, True),
        ("10 ** 10000", 10**4000, False),
        ("'\\ud800'", "\ud800", True),
        ("'\\ud800'", "?", False),
        ("{3, 1, 2}", {"$set": [1, 2, 3]}, True),
        ("(1, (2,))", [1, [2]], True),
        ("b'\\xff'", {"$bytes": "ff"}, True),
        ("{1: 2, None: (3,)}", {"$dict": [[None, [3]], [1, 2]]}, True),
        ("__import__('collections').OrderedDict(b=1, a=2)", {"a": 2, "b": 1}, True),
        ("__import__('collections').Counter('aab')", {"a": 2, "b": 1}, True),
        ("range(3)", [0, 1, 2], False),
        ("None", None, True),
    ],
)
def test_11_strange_values_have_a_defined_verdict(pool, returned, expected, equal):
    assert passes(pool, returned, expected) is equal


@engine
@pytest.mark.parametrize(
    "code",
    [
        "x = []\nx.append(x)\ndef f(): return x",
        "x = []\nfor _ in range(100_000): x = [x]\ndef f(): return x",
        "def f(): return 'x' * 10_000_000",
        "def f(): return [0] * 10_000_000",
        "def f(): return bytes(10_000_000)",
        "def f(): return 1 << 80_000_000",
        "x = [1]\nfor _ in range(60): x = [x, x]\ndef f(): return x",
    ],
)
def test_11_values_without_end_fail_and_the_judge_lives(pool, code):
    verdict = outside(pool, code, Call(entry_point="f", expected=1), Call(entry_point="int_", expected=1))
    assert (verdict.status, verdict.tests_run) == ("failed", 2)
    assert all(len(result.error) < 500 for result in verdict.test_results)
    assert passes(pool, "1", 1)


@engine
@pytest.mark.parametrize("where", ["", "def f():\n    "])
@pytest.mark.parametrize("leave", ["os._exit(0)", "sys.exit(0)", "os.kill(os.getpid(), 9)", "exec_true()"])
def test_1_2_an_early_exit_passes_no_call(pool, where, leave):
    code = f"import os, sys\ndef exec_true(): os.execv('/bin/true', ['true'])\n{where}{leave}"
    verdict = outside(pool, code, Call(entry_point="f", expected=NEEDLE))
    assert verdict.status == ("crashed" if "kill" in leave else "failed")
    assert verdict.tests_passed == 0


@engine
def test_3_an_exit_behind_the_first_right_answer_leaves_the_others_undone(pool):
    code = "import os\nn = 0\ndef f():\n    global n\n    n += 1\n    return 1 if n == 1 else os._exit(0)"
    verdict = outside(pool, code, *[Call(entry_point="f", expected=1)] * 3)
    assert (verdict.status, verdict.tests_run, verdict.tests_passed) == ("failed", 1, 1)


@engine
def test_a_forked_copy_makes_no_second_report(pool):
    code = "import os\ndef f():\n    os.fork()\n    return os.getpid()"
    verdict = outside(pool, code, *[Call(entry_point="f", expected=NEEDLE)] * 3)
    assert (verdict.status, verdict.tests_run) == ("failed", 3)
    honest = "import os\ndef f():\n    if os.fork(): os.wait()\n    return 1"
    assert outside(pool, honest, *[Call(entry_point="f", expected=1)] * 3).status == "passed"


@engine
@pytest.mark.parametrize(
    "junk", ["b'y'", "b'\\n'", "b'0' * 32 + b' value 1 31.\\n'", "b'0' * 32 + b' finished 1 .\\n'"]
)
def test_8_a_candidate_that_writes_to_every_descriptor_spoils_its_own_report(pool, junk):
    code = f"""
        import os
        for fd in range(3, 256):
            try: os.write(fd, {junk})
            except OSError: pass
        def f(): return 1
    """
    assert outside(pool, code, Call(entry_point="f", expected=1)).status == "failed"


@engine
@pytest.mark.parametrize(
    "patch",
    [
        "builtins.type = builtins.issubclass = builtins.callable = lambda *a: True",
        "builtins.isinstance = builtins.len = builtins.repr = lambda *a: 8152637941",
        "import json; json.dumps = json.loads = json.JSONEncoder.encode = lambda *a, **k: '8152637941'",
        "import json; json.encoder.c_make_encoder = None; json._default_encoder.encode = lambda o: '8152637941'",
        "import math, operator; math.isfinite = operator.eq = lambda *a: True",
    ],
)
def test_12_replaced_builtins_and_modules_give_no_pass(pool, patch):
    verdict = outside(pool, f"import builtins\n{patch}\ndef f(): return 0", Call(entry_point="f", expected=1))
    assert verdict.status == "failed"


@engine
def test_12_what_a_candidate_makes_of_the_encoder_is_data_all_the_same(pool):
    code = """
        import sys
        def f():
            ours = sys._getframe(1).f_globals
            ours["plain"].encode = lambda value: {said}
            return 0
    """
    for said in ("'1'", "'[' * 100_000", "'NaN'", "'{\"$set\": 3}'", "'1' * 5000", "'\\ud800'", "'{'"):
        verdict = outside(pool, code.format(said=said), Call(entry_point="f", expected={"$set": [NEEDLE]}))
        assert verdict.status == "failed", said


SEARCH = """
import gc, glob, os, sys
NEEDLE = str(8_152_637_940 + 1)
def texts():
    for found in gc.get_objects():
        yield repr(found)[:100_000]
    frame = sys._getframe()
    while frame:
        yield repr((frame.f_locals, frame.f_code.co_consts))[:1_000_000]
        frame = frame.f_back
    yield repr(dict(os.environ)) + repr(sys.argv) + repr(sys.orig_argv)
    names = ["/proc/self/environ", "/proc/self/cmdline", "/proc/1/cmdline", *glob.glob("/proc/self/fd/*")]
    names += [os.path.join(folder, name) for top in ("/tmp", "/dev/shm", "/run") for folder, _, names in os.walk(top)
              for name in names]
    for name in names:
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
            yield os.pread(fd, 10_000_000, 0).decode("latin-1")
        except OSError:
            pass
def f(decoy):
    return sum(NEEDLE in text.replace(repr(NEEDLE), "") for text in texts())
"""


@engine
@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_18_19_20_no_search_finds_what_is_expected(pool, mode):
    calls = [Call(entry_point="f", args=("x",), expected=NEEDLE), Call(entry_point="f", args=("x",), expected=0)]
    verdict = outside(pool, SEARCH, *calls, mode=mode)
    assert [result.error for result in verdict.test_results] == [f"expected {NEEDLE}, got 0", ""]


@engine
@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_20_no_search_of_its_own_memory_finds_what_is_expected(pool, mode):
    code = """
        def f(decoy):
            wanted = [b"".join((b"8152", b"637941")), b"".join((b"4071", b"905283"))]  # what is expected, what is given
            found = [0, 0]
            memory = open("/proc/self/mem", "rb", 0)
            for line in open("/proc/self/maps"):
                low, high = (int(part, 16) for part in line.split()[0].split("-"))
                try:
                    memory.seek(low)
                    text = memory.read(high - low)
                except (OSError, ValueError, OverflowError):
                    continue
                for i in (0, 1):
                    found[i] += text.count(wanted[i]) - text.count(b'"' + wanted[i])
            return [found[0] > 1, found[1] > 0]  # the join itself leaves one copy
    """
    call = Call(entry_point="f", args=("x4071905283",), expected=[NEEDLE])
    told = outside(pool, code, call, mode=mode).test_results[0].error
    if mode == "fork":  # what is forked off the server cannot even be read by itself
        assert told == "PermissionError: [Errno 13] Permission denied: '/proc/self/mem'"
    else:
        assert told == f"expected [{NEEDLE}], got [false, true]"


@engine
def test_25_swallowing_everything_round_a_call_meets_the_limit(pool):
    code = "def f():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass"
    assert outside(pool, code, Call(entry_point="f", expected=1), timeout_s=0.3).status == "timeout"


@engine
def test_36_a_call_that_takes_too_much_memory(pool):
    code = "def f(): return bytearray(10 ** 10)"
    assert outside(pool, code, Call(entry_point="f", raises="MemoryError")).status == "memory_exceeded"


@engine
def test_a_candidate_that_changes_its_arguments_changes_no_other_call(pool):
    code = "def f(items):\n    items.append(1)\n    return len(items)"
    shared = ([],)
    assert outside(pool, code, *[Call(entry_point="f", args=shared, expected=1)] * 3).status == "passed"


@engine
def test_many_calls_are_one_run(pool):
    calls = [Call(entry_point="f", args=(n,), expected=n * n) for n in range(2000)]
    verdict = outside(pool, "def f(n): return n * n if n != 1234 else -1", *calls)
    assert (verdict.status, verdict.tests_run, verdict.tests_passed) == ("failed", 2000, 1999)
    assert not verdict.test_results[1234].passed
