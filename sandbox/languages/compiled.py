"""Languages that are compiled to machine code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.program import Language, indented, replacing

# In a translation unit of its own, so that no macro of the candidate reaches it, and through `syscall`, because
# programs name their own functions `open` and `write`.
C_HARNESS = """\
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
extern const int sandbox_count;
void sandbox_test(int number);
static char sandbox_path[4096];
static int sandbox_first;
__attribute__((constructor(101))) static void sandbox_read_environment(void) {
    char *path = getenv("SANDBOX_REPORT"), *first = getenv("SANDBOX_FIRST");
    if (!path || !first || strlen(path) >= sizeof sandbox_path) _exit(120);
    strcpy(sandbox_path, path);
    sandbox_first = atoi(first);
    memset(path, 0, strlen(path));
}
static void sandbox_report(const char *line) {
    long file = syscall(SYS_openat, AT_FDCWD, sandbox_path, O_WRONLY | O_APPEND);
    if (file < 0 || syscall(SYS_write, file, line, strlen(line)) < 0) _exit(121);
    syscall(SYS_close, file);
}
int main(void) {
    sandbox_report("begin\\n");
    for (int number = sandbox_first; number <= sandbox_count; number++) {
        char line[16], *digit = line + sizeof line;
        *--digit = 0;
        *--digit = '\\n';
        sandbox_test(number);
        for (int rest = number; rest; rest /= 10) *--digit = '0' + rest % 10;
        sandbox_report(digit);
    }
    sandbox_report("end\\n");
    return 0;
}
"""

TAKEN_BACK = "".join(
    f"#undef {name}\n"
    for name in (
        "NDEBUG __assert_fail __extension__ break case default do else exit for if int return sizeof switch void while"
        " sandbox_count sandbox_number sandbox_test"
    ).split()
)
"""Ahead of the tests: macros that would change what a test or the harness around it means."""

C = Language(
    name="c",
    packages=("gcc", "libc6-dev"),
    tests_are="statements: `assert(add(1, 2) == 3);`",
    plain={"main.c": "{code}"},
    sources={
        "main.c": "{code}\n\n"
        + TAKEN_BACK
        + """\
#include <assert.h>
#undef main
#define main _Static_assert(0, "a test is statements and has no main");
const int sandbox_count = {count};
void sandbox_test(int sandbox_number) {
switch (sandbox_number) {
{tests}default: break;
}
}
""",
        "sandbox.c": C_HARNESS,
    },
    test='case {number}: {\n#line 1 "test {number}"\n{test}\n;} break;\n',
    prepare=replacing(r"\bmain(?=\s*\()", "sandbox_main_set_aside"),
    compile=("sh", "-c", "gcc -std=gnu17 -O2 -w -o out/main *.c -lm -pthread"),
    run=("/build/out/main",),
    version=("gcc", "--version"),
)

CPP = Language(
    name="cpp",
    packages=("g++",),
    tests_are="statements: `assert(add(1, 2) == 3);`",
    plain={"main.cpp": "{code}"},
    sources={
        "main.cpp": "{code}\n\n"
        + TAKEN_BACK
        + """\
#include <cassert>
extern "C" {
extern const int sandbox_count;
const int sandbox_count = {count};
void sandbox_test(int sandbox_number);
}
void sandbox_test(int sandbox_number) {
switch (sandbox_number) {
{tests}default: break;
}
}
""",
        "sandbox.c": C_HARNESS,
    },
    test='case {number}: {\n#line 1 "test {number}"\n{test}\n;} break;\n',
    prepare=replacing(r"\bmain(?=\s*\()", "sandbox_main_set_aside"),
    compile=(
        "sh",
        "-c",
        "set -e; [ ! -e sandbox.c ] || gcc -O1 -c -o sandbox.o sandbox.c;"
        " g++ -std=gnu++20 -O2 -w -o out/main *.cpp $(ls *.o 2>/dev/null) -pthread",
    ),
    run=("/build/out/main",),
    compile_memory_mb=1024,
    version=("g++", "--version"),
)


GO_HARNESS = """\
package main

import "os"

var sandbox_path, sandbox_first = os.Getenv("SANDBOX_REPORT"), os.Getenv("SANDBOX_FIRST")

func init() {
	os.Unsetenv("SANDBOX_REPORT")
	os.Unsetenv("SANDBOX_FIRST")
}

func sandbox_report(word string) {
	file, err := os.OpenFile(sandbox_path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		panic(err)
	}
	file.WriteString(word + "\\n")
	file.Close()
}

func sandbox_text(number int) string {
	text := ""
	for ; number > 0; number /= 10 {
		text = string(rune('0'+number%10)) + text
	}
	return text
}

func main() {
	first := 0
	for _, digit := range sandbox_first {
		first = 10*first + int(digit-'0')
	}
	sandbox_report("begin")
	for number := first; number <= sandbox_count; number++ {
		sandbox_test(number)
		sandbox_report(sandbox_text(number))
	}
	sandbox_report("end")
}
"""
GO_IMPORTS = {
    path.rpartition("/")[2]: path
    for path in """
    bufio bytes container/heap container/list context errors fmt io math math/big math/rand os reflect regexp sort
    strconv strings sync sync/atomic time unicode unicode/utf8 encoding/json
""".split()
}


def go_code(code: str, tested: bool) -> str:
    """The code in package main, which it may have left out."""
    if re.search(r"^package\s+\w+", code, re.M):
        code = re.sub(r"^package\s+\w+", "package main", code, count=1, flags=re.M)
    else:
        code = "package main; " + code
    return re.sub(r"^func\s+main\s*\(\s*\)", "func sandbox_main_set_aside()", code, flags=re.M) if tested else code


def go_prelude(code: str, tests: Sequence[str]) -> str:
    """Imports of what the tests name, and an `assert`, where the code has no such function."""
    text = "\n".join(tests)
    named = set(re.findall(r"\b([a-z]\w*)\.", text)) & GO_IMPORTS.keys()
    lines = [f'import "{GO_IMPORTS[name]}"' for name in sorted(named) if not defines(code, rf"(?:func|var)\s+{name}\b")]
    if not defines(code, r"func\s+assert\b"):
        lines.append('func assert(ok bool, _ ...any) {\n\tif !ok {\n\t\tpanic("assertion failed")\n\t}\n}')
    return "\n".join(lines)


def defines(code: str, pattern: str) -> bool:
    """Whether a line of the code begins so."""
    return re.search(rf"^\s*{pattern}", code, re.M) is not None


GO = Language(
    name="go",
    packages=("golang-go",),
    tests_are='statements: `if add(1, 2) != 3 { panic("wrong") }` or `assert(add(1, 2) == 3)`',
    plain={"main.go": "{code}"},
    sources={
        "main.go": "{code}",
        "sandbox.go": GO_HARNESS,
        "tests.go": """\
package main

{prelude}

const sandbox_count = {count}

func sandbox_test(sandbox_number int) {
	switch sandbox_number {
{tests}	}
}
""",
    },
    test="case {number}:\nfunc() {\n{test}\n}()\n",
    prepare=go_code,
    prelude=go_prelude,
    compile=("sh", "-c", "go build -o out/main *.go"),
    run=("/build/out/main",),
    environment={"GO111MODULE": "off", "CGO_ENABLED": "0", "GOCACHE": "/build/.cache", "GOFLAGS": "-p=2"},
    compile_memory_mb=768,
    version=("go", "version"),
)

RUST_HARNESS = """\
use std::io::Write;

fn report(path: &str, word: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("SANDBOX_REPORT");
    file.write_all(format!("{word}\\n").as_bytes()).expect("SANDBOX_REPORT");
}

pub fn run(count: usize, test: fn(usize)) {
    let path = std::env::var("SANDBOX_REPORT").expect("SANDBOX_REPORT");
    let first: usize = std::env::var("SANDBOX_FIRST").expect("SANDBOX_FIRST").parse().expect("SANDBOX_FIRST");
    std::env::remove_var("SANDBOX_REPORT");
    report(&path, "begin");
    for number in first..=count {
        test(number);
        report(&path, &number.to_string());
    }
    report(&path, "end");
}
"""

RUST = Language(
    name="rust",
    packages=("rustc-web",),
    tests_are="statements: `assert_eq!(add(1, 2), 3);`",
    plain={"main.rs": "{code}"},
    sources={
        "main.rs": """\
{code}

mod sandbox;
fn main() {
    sandbox::run({count}, sandbox_test)
}
fn sandbox_test(sandbox_number: usize) {
    match sandbox_number {
{tests}_ => {}
    }
}
""",
        "sandbox.rs": RUST_HARNESS,
    },
    test="{number} => {\n{test}\n}\n",
    prepare=replacing(r"\bfn\s+main\b(?=\s*\()", "fn sandbox_main_set_aside"),
    compile=(
        *("rustc", "--edition", "2021", "-A", "warnings", "-C", "opt-level=1", "-C", "debug-assertions=on"),
        *("-o", "out/main", "main.rs"),
    ),
    run=("/build/out/main",),
    compile_memory_mb=640,
    version=("rustc", "--version"),
)


FORTRAN_HARNESS = """\
module sandbox_harness
  implicit none
  character(4096) :: sandbox_path
  integer :: sandbox_first
contains
  subroutine sandbox_read
    character(16) :: text
    call get_environment_variable('SANDBOX_REPORT', sandbox_path)
    call get_environment_variable('SANDBOX_FIRST', text)
    read (text, *) sandbox_first
  end subroutine
  subroutine sandbox_report(word)
    character(*), intent(in) :: word
    integer :: file
    open (newunit=file, file=trim(sandbox_path), position='append', action='write', status='old')
    write (file, '(a)') trim(adjustl(word))
    close (file)
  end subroutine
  subroutine sandbox_passed(number)
    integer, intent(in) :: number
    character(16) :: text
    write (text, '(i0)') number
    call sandbox_report(text)
  end subroutine
end module
"""
FORTRAN_UNIT = re.compile(r"^[ \t]*(?:module(?!\s+procedure)|program)\s+\w+", re.M | re.I)


def fortran_code(code: str, tested: bool) -> str:
    """Modules as they are; functions without one get one; a main program becomes a subroutine."""
    if not tested:
        return code
    code = re.sub(r"^([ \t]*)program(\s+)\w+", r"\1subroutine\2sandbox_main", code, flags=re.M | re.I)
    code = re.sub(r"^([ \t]*end[ \t]*)program\b.*$", r"\1subroutine", code, flags=re.M | re.I)
    if re.search(r"^[ \t]*module(?!\s+procedure)\s+\w+", code, re.M | re.I):
        return code
    return f'module sandbox_code; contains\n# 1 "code.f90"\n{code}\nend module'


def fortran_prelude(code: str, tests: Sequence[str]) -> str:
    """Every module of the code is used."""
    del tests
    names = re.findall(r"^[ \t]*module\s+(?!procedure\b)(\w+)[ \t]*(?:!.*)?$", code, re.M | re.I)
    return "".join(f"use {name}\n" for name in names or ["sandbox_code"])


FORTRAN = Language(
    name="fortran",
    packages=("gfortran",),
    tests_are="statements: `call assert(add(1, 2) == 3)` or `if (...) error stop`",
    plain={"main.f90": "{code}"},
    sources={
        "code.f90": "{code}",
        "sandbox.f90": FORTRAN_HARNESS,
        "tests.f90": """\
program sandbox_main_program
{prelude}use sandbox_harness
implicit none
integer :: sandbox_number
call sandbox_read
call sandbox_report('begin')
do sandbox_number = sandbox_first, {count}
select case (sandbox_number)
{tests}case default
end select
call sandbox_passed(sandbox_number)
end do
call sandbox_report('end')
contains
subroutine assert(ok)
logical, intent(in) :: ok
if (.not. ok) error stop 'assertion failed'
end subroutine
end program
""",
    },
    test="case ({number})\nblock\n{test}\nend block\n",
    prepare=fortran_code,
    prelude=fortran_prelude,
    compile=(
        "sh",
        "-c",
        "gfortran -cpp -ffree-line-length-none -O2 -w -fcheck=bounds -o out/main"
        " $(ls sandbox.f90 code.f90 tests.f90 main.f90 2>/dev/null)",
    ),
    run=("/build/out/main",),
    version=("gfortran", "--version"),
)

PASCAL_HARNESS = """\
unit sandbox_harness;
{$mode objfpc}{$H+}
interface
function sandbox_first: longint;
procedure sandbox_report(const word: string);
procedure sandbox_passed(number: longint);
implementation
uses sysutils;
var path: string; first: longint;
function sandbox_first: longint;
begin
  sandbox_first := first;
end;
procedure sandbox_report(const word: string);
var f: text;
begin
  assign(f, path);
  append(f);
  writeln(f, word);
  close(f);
end;
procedure sandbox_passed(number: longint);
begin
  sandbox_report(IntToStr(number));
end;
initialization
  path := GetEnvironmentVariable('SANDBOX_REPORT');
  first := StrToInt(GetEnvironmentVariable('SANDBOX_FIRST'));
end.
"""


def pascal_code(code: str, tested: bool) -> str:
    """The declarations, without the main block, using the harness."""
    if not tested:
        return code
    code = re.sub(r"^begin\b(?:(?!^begin\b).)*?^end\.\s*\Z", "", code, flags=re.M | re.S | re.I)
    code = re.sub(r"^[ \t]*program\b[^;]*;", "", code, count=1, flags=re.M | re.I)
    if re.search(r"^[ \t]*uses\b", code, re.M | re.I):
        return re.sub(r"^([ \t]*uses)\b", r"\1 sandbox_harness,", code, count=1, flags=re.M | re.I)
    return "uses sandbox_harness, sysutils; " + code


PASCAL = Language(
    name="pascal",
    packages=("fp-compiler", "fp-units-base", "fp-units-fcl"),
    tests_are="statements: `assert(add(1, 2) = 3);`",
    plain={"main.pas": "{code}"},
    sources={
        "main.pas": """\
{code}
var sandbox_number: longint;
begin
sandbox_report('begin');
for sandbox_number := sandbox_first to {count} do
begin
case sandbox_number of
0: ;
{tests}end;
sandbox_passed(sandbox_number);
end;
sandbox_report('end');
end.
""",
        "sandbox_harness.pas": PASCAL_HARNESS,
    },
    test="{number}: begin\n{test}\nend;\n",
    prepare=pascal_code,
    compile=("fpc", "-v0ew", "-O2", "-Sa", "-Mobjfpc", "-Sh", "-oout/main", "main.pas"),
    run=("/build/out/main",),
    version=("fpc", "-iV"),
)

D_HARNESS = """\
module sandbox_harness;
import std.conv : to;
import std.file : append;
import std.process : environment;

void sandbox_run(int count, void function(int) test) {
    string path = environment["SANDBOX_REPORT"];
    int first = environment["SANDBOX_FIRST"].to!int;
    environment.remove("SANDBOX_REPORT");
    append(path, "begin\\n");
    foreach (number; first .. count + 1) {
        test(number);
        append(path, number.to!string ~ "\\n");
    }
    append(path, "end\\n");
}
"""

D = Language(
    name="d",
    packages=("ldc",),
    tests_are="statements: `assert(add(1, 2) == 3);`",
    plain={"main.d": "{code}"},
    sources={
        "main.d": """\
{code}

void sandbox_test(int sandbox_number) {
    switch (sandbox_number) {
{tests}default:
    }
}
void main() {
    import sandbox_harness : sandbox_run;
    sandbox_run({count}, &sandbox_test);
}
""",
        "sandbox_harness.d": D_HARNESS,
    },
    test="case {number}: {\n{test}\n} break;\n",
    prepare=replacing(r"\bmain(?=\s*\()", "sandbox_main_set_aside"),
    compile=("sh", "-c", "ldc2 -O1 --of=out/main --od=. *.d"),
    run=("/build/out/main",),
    compile_memory_mb=768,
    version=("ldc2", "--version"),
)

NIM = Language(
    name="nim",
    packages=("nim", "gcc", "libc6-dev"),
    tests_are="statements: `doAssert add(1, 2) == 3`",
    plain={"main.nim": "{code}"},
    sources={
        "code.nim": "{code}",
        "sandbox_harness.nim": """\
import std/os, std/strutils
let path = getEnv("SANDBOX_REPORT")
let sandbox_first* = parseInt(getEnv("SANDBOX_FIRST"))
delEnv("SANDBOX_REPORT")
proc sandbox_report*(word: string) =
  let file = open(path, fmAppend)
  file.writeLine(word)
  file.close()
""",
        "main.nim": """\
from sandbox_harness import nil
include code
sandbox_harness.sandbox_report("begin")
{tests}sandbox_harness.sandbox_report("end")
""",
    },
    test=(
        "if sandbox_harness.sandbox_first <= {number}:\n  block:\n{test}\n"
        '  sandbox_harness.sandbox_report("{number}")\n'
    ),
    prepare=replacing(r"\bwhen\s+isMainModule\b", "when false"),
    prepare_test=indented,
    compile=(
        *("nim", "c", "--hints:off", "--warnings:off", "--nimcache:/build/cache", "-d:danger", "--assertions:on"),
        *("--checks:on", "--mm:orc", "-o:out/main", "main.nim"),
    ),
    run=("/build/out/main",),
    version=("nim", "--version"),
)

ASSEMBLY = Language(
    name="assembly",
    packages=("nasm", "gcc", "libc6-dev"),
    tests_are="C statements over the exported labels: `assert(add(1, 2) == 3);` (NASM, x86-64)",
    plain={"main.asm": "{code}"},
    sources={
        "main.asm": "{code}",
        "main.c": C.sources["main.c"].replace("{code}", "{prelude}"),
        "sandbox.c": C_HARNESS,
    },
    test=C.test,
    prepare=replacing(r"\b(?:main|_start)\b", "sandbox_main_set_aside"),
    prelude=lambda code, _: " ".join(
        f"long {name}();" for name in re.findall(r"^\s*global\s+(?!main\b|_start\b)(\w+)", code, re.M)
    ),
    # A program of its own may begin at `main` with the C library, or at `_start` without.
    compile=(
        "sh",
        "-c",
        "set -e; nasm -f elf64 -o main.o main.asm; [ -e main.c ] || grep -qw main main.asm || bare=-nostartfiles;"
        " gcc -std=gnu17 -O1 -w -no-pie $bare -o out/main main.o $(ls *.c 2>/dev/null) -lm",
    ),
    run=("/build/out/main",),
    version=("nasm", "--version"),
)

CRYSTAL = Language(
    name="crystal",
    packages=("crystal", "gcc"),
    tests_are='statements: `raise "wrong" unless add(1, 2) == 3` or `assert add(1, 2) == 3`',
    plain={"main.cr": "{code}"},
    sources={
        "code.cr": "{code}",
        "main.cr": """\
SANDBOX_PATH  = ENV["SANDBOX_REPORT"]
SANDBOX_FIRST = ENV["SANDBOX_FIRST"].to_i
ENV.delete("SANDBOX_REPORT")
def sandbox_report(word)
  File.open(SANDBOX_PATH, "a") { |file| file.puts word }
end
def assert(ok, message = "assertion failed")
  raise message unless ok
end
require "./code"
sandbox_report("begin")
{tests}sandbox_report("end")
""",
    },
    test="if SANDBOX_FIRST <= {number}\n->{\n{test}\n}.call\nsandbox_report({number})\nend\n",
    compile=("crystal", "build", "--threads", "2", "-o", "out/main", "main.cr"),
    run=("/build/out/main",),
    environment={"CRYSTAL_CACHE_DIR": "/build/.cache"},
    compile_memory_mb=768,
    version=("crystal", "--version"),
)
