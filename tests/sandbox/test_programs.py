"""Programs in other languages: what becomes of runs that are scripted, and hostile ones in containers."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator

import pytest

from sandbox.languages import LANGUAGES
from sandbox.pool import SandboxPool
from sandbox.programs import ArtifactCache, judge_job, read_report
from sandbox.verdict import Job, Limits, SandboxError

engine = pytest.mark.engine

COMPILED = {"status": "passed", "exit_code": 0, "signal": None, "artifacts": {"main": [0o755, "AAAA"]}}


def answer(*report: str, status: str = "passed", exit_code: int | None = 0, signal: int | None = None, **more):
    """What the supervisor says of one run."""
    measured = {"stdout": "", "stderr": "", "duration_s": 0.5, "cpu_s": 0.25, "peak_memory_mb": 9.0, "artifacts": {}}
    return {"status": status, "exit_code": exit_code, "signal": signal, "report": list(report), **measured, **more}


def scripted(*answers, language="c", tests=("A", "B", "C"), cache=None, **job):
    """The verdict on a job whose exchanges are answered in this order, and the requests that were made."""
    left, requests = list(answers), []

    def exchange(request, memory_mb):
        requests.append(request | {"memory_mb": memory_mb})
        return dict(left.pop(0))

    job = Job(code="CODE", language=language, tests=tests, **job)
    verdict = judge_job(job, LANGUAGES[language], exchange, cache or ArtifactCache(), "sha256:0")
    assert left == []
    return verdict, requests


def outcome(verdict) -> tuple[str, list[bool]]:
    return verdict["status"], [result["passed"] for result in verdict["test_results"]]


BUILT = answer(**COMPILED)
ABORTED = {"status": "crashed", "exit_code": None, "signal": 6}
EXITED = {"status": "passed", "exit_code": 0}


# Judged from what the runs said, without a container.


def test_a_whole_report_and_a_clean_end_pass():
    verdict, requests = scripted(BUILT, answer("begin", "1", "2", "3", "end"))
    assert outcome(verdict) == ("passed", [True, True, True])
    assert [request["collect"] for request in requests] == [True, False]
    assert requests[1]["artifacts"] == COMPILED["artifacts"]
    assert "artifacts" not in verdict
    assert "report" not in verdict


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([answer("begin", "1", "2", "3", "end", status="crashed", exit_code=3)], ("failed", [True, True, True])),
        ([answer()], ("failed", [])),
        ([answer("end")], ("failed", [])),
        ([answer("1", "2", "3", "end")], ("failed", [])),
        ([answer("begin", "begin", "1", "2", "3", "end"), answer()], ("failed", [False])),
        ([answer("begin", "1", "2", "3", "end", "end")], ("failed", [True, True, True])),
        ([answer("begin", "1", "3", "end"), answer("begin", "3", "end")], ("failed", [True, False, True])),
        ([answer("begin", "1", "2", "3")], ("failed", [True, True, True])),
        ([answer("begin", "1", "2", "3", "4", "end")], ("failed", [True, True, True])),
        ([answer("begin", "end"), answer("begin", "2", "3", "end")], ("failed", [False, True, True])),
    ],
)
def test_a_report_with_a_line_too_many_or_too_few_is_no_pass(runs, expected):
    verdict, _ = scripted(BUILT, *runs)
    assert outcome(verdict) == expected


def test_a_test_that_ends_the_program_fails_and_the_next_run_begins_behind_it():
    runs = answer("begin", "1", **ABORTED, stderr="main: assertion failed\n"), answer("begin", "3", "end")
    verdict, requests = scripted(BUILT, *runs)
    assert outcome(verdict) == ("failed", [True, False, True])
    assert verdict["test_results"][1]["error"] == "main: assertion failed"
    assert [request["first"] for request in requests] == [1, 1, 3]
    assert (verdict["signal"], verdict["cpu_s"], verdict["peak_memory_mb"]) == (6, 0.5, 9.0)


def test_51_an_exit_is_a_failed_test_however_clean():
    runs = [answer("begin", **EXITED), answer("begin", **EXITED), answer("begin", **EXITED)]
    verdict, _ = scripted(BUILT, *runs)
    assert outcome(verdict) == ("failed", [False, False, False])
    assert verdict["test_results"][0]["error"] == "the program ended with exit code 0 before the test did"


@pytest.mark.parametrize("status", ["timeout", "memory_exceeded", "output_exceeded"])
def test_a_limit_is_the_whole_jobs_and_no_further_run_is_made(status):
    verdict, _ = scripted(BUILT, answer("begin", "1", status=status, exit_code=None, signal=9))
    assert outcome(verdict) == (status, [True])


def test_a_limit_behind_a_failed_test_leaves_it_failed():
    runs = answer("begin", **ABORTED), answer("begin", status="timeout", exit_code=None, signal=9)
    assert outcome(scripted(BUILT, *runs)[0]) == ("failed", [False])


def test_a_segfault_is_a_crash_and_the_last_run():
    verdict, _ = scripted(BUILT, answer("begin", "1", status="crashed", exit_code=None, signal=11))
    assert outcome(verdict) == ("crashed", [True, False])


def test_the_time_limit_is_for_all_runs_together():
    runs = [answer("begin", **ABORTED, cpu_s=0.9), answer("begin", **ABORTED, cpu_s=0.1)]
    verdict, requests = scripted(BUILT, *runs, limits=Limits(timeout_s=1.0))
    assert outcome(verdict) == ("failed", [False, False])
    assert [round(request["timeout_s"], 2) for request in requests[1:]] == [1.0, 0.1]


def test_what_was_compiled_once_is_not_compiled_again():
    cache, run = ArtifactCache(), answer("begin", "1", "2", "3", "end")
    assert len(scripted(BUILT, run, cache=cache)[1]) == 2
    verdict, (only,) = scripted(run, cache=cache, stdin="other", limits=Limits(timeout_s=3))
    assert outcome(verdict) == ("passed", [True, True, True])
    assert (only["collect"], only["stdin"], only["artifacts"]) == (False, "other", COMPILED["artifacts"])


@pytest.mark.parametrize("other", [{"tests": ("A", "B", "D")}, {"files": {"a.h": "1"}}, {"language": "cpp"}])
def test_another_source_is_compiled_anew(other):
    cache, run = ArtifactCache(), answer("begin", "1", "2", "3", "end")
    scripted(BUILT, run, cache=cache)
    assert len(scripted(BUILT, run, cache=cache, **other)[1]) == 2


def test_a_failed_compilation_is_not_kept():
    cache = ArtifactCache()
    for _ in range(2):
        verdict, _ = scripted(answer(status="timeout", exit_code=None, signal=9), cache=cache)
        assert verdict["status"] == "timeout"


def test_tests_that_do_not_compile_fail_and_code_that_does_not_is_a_compile_error():
    refused = answer(status="crashed", exit_code=1, stderr="main.c:9: error")
    verdict, requests = scripted(refused, BUILT)
    assert outcome(verdict) == ("failed", [])
    assert "A" not in requests[1]["files"]["main.c"].split()
    assert scripted(refused, refused)[0]["status"] == "compile_error"
    assert scripted(refused, tests=())[0]["status"] == "compile_error"


def test_the_cache_forgets_what_was_used_least_recently():
    cache = ArtifactCache(max_bytes=8)
    for name in "ab":
        cache.put(name, {name: [0, "1234"]})
    cache.get("a")
    cache.put("c", {"c": [0, "1234"]})
    cache.put("huge", {"c": [0, "123456789"]})
    assert [name for name in ("a", "b", "c", "huge") if cache.get(name)] == ["a", "c"]


@pytest.mark.parametrize("lines", [["begin", "01", "end"], ["begin", "1 ", "end"], ["begin", "+1"], ["Begin", "1"]])
def test_a_report_line_is_read_to_the_letter(lines):
    assert read_report(lines, first=1, last=1) == (lines[0] == "begin", 0, False)


# In containers.


@pytest.fixture(scope="module")
def compilers() -> Iterator[SandboxPool]:
    try:
        opened = SandboxPool(1, languages=("javascript", "bash", "c", "cpp"), rerun_timeouts="never")
    except SandboxError as missing:
        pytest.skip(str(missing))
    with opened:
        yield opened


@pytest.fixture
def build(compilers):
    """`build(language, code, *tests, timeout_s=..., memory_mb=..., ...)` -> Verdict."""

    def run_one(language, code, *tests, stdin="", files=None, **limits):
        chosen = Limits(**{"timeout_s": 5.0, "memory_mb": 128, "output_kb": 64, **limits})
        job = Job(
            code=textwrap.dedent(code), language=language, tests=tests, stdin=stdin, files=files or {}, limits=chosen
        )
        return compilers.run(job)

    return run_one


ADD = "int add(int a, int b) { return a + b; }\n"
WRONG = "assert(add(1, 2) == 4);"
RIGHT = "assert(add(1, 2) == 3);"
LEAVING = {
    "constructor": "#include <unistd.h>\n__attribute__((constructor)) void leave(void) { _exit(0); }\n" + ADD,
    "earliest constructor": "#include <unistd.h>\n__attribute__((constructor(101))) void leave(void) { _exit(0); }\n"
    + ADD,
    "destructor": "#include <unistd.h>\n__attribute__((destructor)) void leave(void) { _exit(0); }\n" + ADD,
    "atexit": "#include <stdlib.h>\n#include <unistd.h>\nvoid leave(void) { _exit(0); }\n"
    "int add(int a, int b) { atexit(leave); return 0; }",
    "exit": "#include <stdlib.h>\nint add(int a, int b) { exit(0); }",
    "quick": "#include <unistd.h>\nint add(int a, int b) { _exit(0); }",
    "handler": "#include <signal.h>\n#include <unistd.h>\nvoid leave(int s) { _exit(0); }\n"
    "int add(int a, int b) { signal(SIGABRT, leave); return 0; }",
    "abort": "#include <unistd.h>\nvoid abort(void) { _exit(0); }\nint add(int a, int b) { return 0; }",
    "exec": '#include <unistd.h>\nint add(int a, int b) { execl("/bin/true", "true", (char *)0); return 0; }',
    "fork": "#include <unistd.h>\nint add(int a, int b) { if (fork()) _exit(0); return 0; }",
}


@engine
@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize("code", LEAVING.values(), ids=LEAVING)
def test_51_an_early_end_is_no_pass(build, language, code):
    if language == "cpp" and "void abort" in code:
        code = code.replace("void abort", 'extern "C" void abort')
    verdict = build(language, code, WRONG, WRONG)
    assert (verdict.status, verdict.tests_passed) == ("failed", 0), verdict


@engine
@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize(
    "macro",
    [
        "#define exit(x) _exit(0)",
        "#define assert(x)",
        "#define NDEBUG",
        "#define if(x) if (0)",
        "#define return",
        "#define switch(x) switch (0)",
        "#define case default: if (0) while",
        "#define sandbox_test(n) other(n)",
        "#define __assert_fail(...) 0",
        "#define sandbox_count sandbox_count_too = 0; const int sandbox_count",
        "#define sandbox_number 0",
        "#include <assert.h>\n#define __assert_fail(...) (void)0",
        "#define __extension__ 1 ||",
    ],
)
def test_51_a_macro_does_not_reach_the_judge(build, language, macro):
    verdict = build(language, f"{ADD}{macro}", WRONG, WRONG)
    assert verdict.status in ("failed", "compile_error"), verdict
    assert verdict.tests_passed == 0


@engine
@pytest.mark.parametrize("leave", ["process.exit(0)", "process.reallyExit(0)", "process.exitCode = 0; throw 1"])
def test_51_javascript_that_leaves_is_no_pass(build, leave):
    test = "require('assert').strictEqual(add(1, 2), 4)"
    for code in (f"function add(a, b) {{ {leave} }}", f"function add(a, b) {{ return 0 }}\n{leave}"):
        verdict = build("javascript", code, test, test)
        assert verdict.status in ("failed", "crashed"), verdict
        assert verdict.tests_passed == 0


@engine
@pytest.mark.parametrize(
    "code",
    [
        "process.on('uncaughtException', () => {}); process.on('unhandledRejection', () => {})",
        "process.on('exit', () => { process.exitCode = 0 })",
        "Promise.prototype.then = function () { return this }",
        "Array.prototype[Symbol.iterator] = null; JSON.stringify = () => '1'",
        "require('fs').writeSync = require('fs').appendFileSync = () => 0",
        "require('assert').strictEqual = () => {}; process.exit = () => {}; String = () => 'end'",
    ],
)
def test_javascript_that_patches_everything_does_not_pass_a_wrong_test(build, code):
    verdict = build("javascript", f"function add() {{ return 0 }}\n{code}", "if (add(1, 2) !== 3) throw 1")
    assert (verdict.status in ("failed", "crashed"), verdict.tests_passed) == (True, 0), verdict


@engine
@pytest.mark.parametrize(
    "code",
    [
        "add() { echo 0; }\nexit() { :; }; printf() { command printf '1\\nend\\n'; }",
        "add() { exit 0; }\ntrap 'exit 0' EXIT",
        "add() { echo 0; }\ntrap 'exit 0' ERR DEBUG",
        "add() { echo 0; }\nenable -n builtin; builtin() { return 0; }",
        "add() { echo 0; }\nsandbox_report() { :; }; sandbox_failed() { :; }",
        "add() { echo 0; }\nset +e; test() { return 0; }; alias if=:",
        "exec true",
    ],
)
def test_51_bash_that_leaves_or_redefines_does_not_pass_a_wrong_test(build, code):
    verdict = build("bash", code, "[[ $(add 1 2) == 3 ]]")
    assert (verdict.status in ("failed", "crashed"), verdict.tests_passed) == (True, 0), verdict


COMPILER_BOMBS = {
    "device": ("c", '#include "/dev/zero"\n', "memory_exceeded"),
    "shadow": ("c", '#include "/etc/shadow"\n', "compile_error"),
    "supervisor": ("c", '#include "/proc/1/environ"\n', "compile_error"),
    "itself": ("c", "#include __FILE__\n", "compile_error"),
    "template": (
        "cpp",
        "template <int N> struct A { static const int v = A<N + 1>::v + A<N + 2>::v; };\nint x = A<0>::v;",
        "compile_error",
    ),
    "array": ("c", "int x[1 << 30] = {1};\n", "compile_error"),
    "expansion": (
        "c",
        "#define A 1,1,1,1,1,1,1,1,1,1\n"
        + "".join(f"#define {b} {','.join([a] * 10)}\n" for a, b in zip("ABCDEFG", "BCDEFGH", strict=True))
        + "int x[] = {H};\n",
        "memory_exceeded",
    ),
    "script": ("c", '#error "no"\n', "compile_error"),
}


@engine
@pytest.mark.parametrize("name", COMPILER_BOMBS)
def test_52_a_bomb_for_the_compiler_meets_its_limits(build, name):
    language, code, expected = COMPILER_BOMBS[name]
    verdict = build(language, code + ADD)
    assert verdict.status == expected, verdict
    assert "root:" not in verdict.stderr
    assert build("c", ADD, RIGHT).status == "passed"


@engine
def test_52_the_assembler_reads_no_more_than_the_compiler(build):
    code = '__asm__(".incbin \\"/etc/hostname\\"");'
    assert build("c", f"{code}\nint main(void) {{ return 0; }}").status == "passed"
    assert build("c", '__asm__(".incbin \\"/etc/shadow\\"");\nint main(void) { return 0; }').status == "compile_error"


@engine
def test_52_a_source_of_many_megabytes(build):
    verdict = build("c", f"/*{'x' * 7_000_000}*/\n{ADD}", RIGHT)
    assert verdict.status == "passed"


LIST = "#include <stdio.h>\n#include <dirent.h>\n#include <unistd.h>\n#include <fcntl.h>\n#include <sys/stat.h>\n"


@engine
@pytest.mark.parametrize(
    "attempt",
    [
        'opendir("/run/opencook") != 0',
        'open("/build/out/main", O_WRONLY) >= 0',
        'unlink("/build/out/main") == 0',
        'rename("/build/out/main", "/build/out/x") == 0',
        'chmod("/build/out/main", 0777) == 0',
        'creat("/build/x", 0755) >= 0',
        'creat("/build/out/x", 0755) >= 0',
        'creat("/run/opencook/x", 0755) >= 0',
        'mkdir("/build/x", 0755) == 0',
        'symlink("/etc/passwd", "/build/out/x") == 0',
        'access("/build/main.c", F_OK) == 0',
        'access("/build/sandbox.c", F_OK) == 0',
    ],
)
def test_a_program_cannot_change_what_it_is_made_of_or_find_its_report(build, attempt):
    verdict = build("c", f'{LIST}int main(void) {{ puts({attempt} ? "done" : "denied"); return 0; }}')
    assert (verdict.status, verdict.stdout) == ("passed", "denied\n")


@engine
def test_22_a_report_written_into_every_file_there_is_no_pass(build):
    code = """
        #define _XOPEN_SOURCE 700
        #include <ftw.h>
        #include <fcntl.h>
        #include <unistd.h>
        static int forge(const char *path, const struct stat *s, int kind, struct FTW *f) {
            int file = open(path, O_WRONLY | O_APPEND | O_NONBLOCK);
            write(file, "begin\\n1\\nend\\n", 12);
            close(file);
            return 0;
        }
        int add(int a, int b) {
            for (int fd = 3; fd < 256; fd++) write(fd, "1\\nend\\n", 6);
            nftw("/run", forge, 9, FTW_PHYS);
            nftw("/tmp", forge, 9, FTW_PHYS);
            nftw("/build", forge, 9, FTW_PHYS);
            nftw("/dev", forge, 9, FTW_PHYS);
            _exit(0);
        }
    """
    verdict = build("c", code, WRONG)
    assert (verdict.status, verdict.tests_passed) == ("failed", 0), verdict


@engine
def test_the_reports_name_is_gone_when_the_test_runs(build):
    code = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        int add(int a, int b) {
            char text[65536];
            FILE *file = fopen("/proc/self/environ", "r");
            size_t length = fread(text, 1, sizeof text - 1, file);
            return getenv("SANDBOX_REPORT") && *getenv("SANDBOX_REPORT") || memmem(text, length, "/run/opencook", 13);
        }
    """
    assert build("c", code, "assert(add(0, 0) == 0);").status == "passed"


@engine
@pytest.mark.parametrize(("path", "expected"), [("/tmp/x", "126"), ("/dev/shm/x", "126"), ("/build/x", "127")])
def test_only_what_was_compiled_can_be_executed(build, path, expected):
    code = f"cp /bin/true {path} 2>/dev/null; chmod +x {path} 2>/dev/null; {path} 2>/dev/null; echo $?"
    assert build("bash", code).stdout == f"{expected}\n"


@engine
def test_a_test_in_the_middle_fails_and_the_others_count(build):
    verdict = build("c", ADD, RIGHT, WRONG, RIGHT)
    assert [result.passed for result in verdict.test_results] == [True, False, True]
    assert "Assertion" in verdict.test_results[1].error


@engine
def test_tests_that_do_not_compile_fail_and_code_that_does_not_is_an_error_of_its_own(build):
    assert build("c", ADD, RIGHT, "assert(nothing == 1);").status == "failed"
    assert build("c", "int add(int a", RIGHT).status == "compile_error"
    assert build("cpp", ADD + "#error no\n", RIGHT).status == "compile_error"


@engine
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_the_limits_of_a_compiled_program(build, language):
    loop = ADD.replace("return", "for (volatile int i = 0;; i = i + 1); return")
    assert build(language, loop, RIGHT, timeout_s=0.3).status == "timeout"
    grow = (
        "#include <cstdlib>\n#include <cstring>\n"
        if language == "cpp"
        else "#include <stdlib.h>\n#include <string.h>\n"
    )
    grow += ADD.replace("return", "for (;;) memset(malloc(1 << 20), 1, 1 << 20); return")
    assert build(language, grow, RIGHT, memory_mb=128).status == "memory_exceeded"
    shout = "#include <stdio.h>\n" + ADD.replace("return", 'for (;;) puts("out"); return')
    assert build(language, shout, RIGHT).status == "output_exceeded"


@engine
def test_a_hundred_megabytes_fit_where_they_may(build):
    code = """
        #include <stdlib.h>
        int add(int size, int b) {
            volatile char *all = malloc(size);
            for (int i = 0; i < size; i += 4096) all[i] = 1;
            return all[size / 2 / 4096 * 4096];
        }
    """
    assert build("c", code, "assert(add(100 << 20, 0) == 1);", memory_mb=128).status == "passed"
    assert build("c", code, "assert(add(200 << 20, 0) == 1);", memory_mb=128).status == "memory_exceeded"


@engine
def test_the_second_time_nothing_is_compiled(build):
    code = (
        f'#include <stdio.h>\nint main(void) {{ int x; scanf("%d", &x); printf("%d", x + {time.time_ns() % 10**9}); }}'
    )
    took = []
    for stdin in ("1", "2"):
        started = time.monotonic()
        verdict = build("c", code, stdin=stdin)
        took.append(time.monotonic() - started)
        assert verdict.stdout == str(int(stdin) + int(code.split(" + ")[1].split(")")[0]))
    assert took[1] < took[0] / 2


@engine
def test_45_what_a_compiler_leaves_is_not_there_for_the_next(build):
    marked = '#include "mark.h"\nint main(void) { return MARK; }'
    assert build("c", marked, files={"mark.h": "#define MARK 0"}).status == "passed"
    assert build("c", marked).status == "compile_error"
    places = ("mark.h", "/build/mark.h", "/tmp/mark.h", "/dev/shm/mark.h")
    look = "".join(f'#if __has_include("{place}")\n#error\n#endif\n' for place in places)
    assert build("c", look + ADD, RIGHT).status == "passed"
    assert build("bash", "ls -A /build /tmp /dev/shm | tr '\\n' ' '").stdout.split() == [
        *("/build:", "/dev/shm:", "/tmp:", "main.sh")
    ]


@engine
def test_41_links_that_a_compiler_leaves_are_not_collected(build):
    files = {"out/main.c": "int main(void) { return 7; }"}
    code = "int main(void) { return 0; }"
    assert build("c", code, files=files).status in ("passed", "compile_error", "crashed")
    assert build("c", code, files={"Makefile": "x", "out/evil": "#!/bin/sh\n", ".gcc": "x"}).status == "passed"


@engine
@pytest.mark.parametrize("name", ["sandbox.c", "main.c", "extra.c"])
def test_15_22_a_jobs_own_file_does_not_take_the_place_of_the_harness(build, name):
    forged = "#include <unistd.h>\nint main(void) { _exit(0); }\nint add(int a, int b) { return 3; }\n"
    verdict = build("c", ADD, WRONG, files={name: forged})
    assert verdict.status in ("failed", "compile_error"), verdict
    assert verdict.tests_passed == 0


@engine
def test_15_configuration_beside_a_javascript_program_changes_no_verdict(build):
    forged = "module.exports = () => {}; module.exports.strictEqual = () => {}; process.exit(0);"
    files = {
        "package.json": '{"type": "module", "main": "evil.js", "imports": {"#a": "./evil.js"}}',
        "node_modules/assert/index.js": forged,
        "node_modules/node:assert/index.js": forged,
        "tsconfig.json": "{}",
        ".npmrc": "node-options=--require ./evil.js",
        "evil.js": forged,
        "sandbox.cjs": forged,
        "main.mjs": "process.exit(0)",
    }
    for value, expected in ((3, "passed"), (0, "failed")):
        verdict = build(
            "javascript", f"function add() {{ return {value} }}", "assert.strictEqual(add(), 3)", files=files
        )
        assert verdict.status == expected, verdict


@engine
def test_15_start_files_beside_a_shell_program_change_no_verdict(build):
    files = dict.fromkeys([".bashrc", ".bash_profile", ".profile", ".inputrc", "main.sh", "code.sh"], "exit 0\n")
    verdict = build("bash", "add() { echo 0; }", "[[ $(add 1 2) == 3 ]]", files=files)
    assert (verdict.status, verdict.tests_run) == ("failed", 1)
