"""The languages a sandbox image can carry: one entry each, in the order of the image's layers.

An entry says which Debian packages bring the language and how code and tests become a program (`program.py`). What the
harnesses have in common: code comes first in its file, so that compilers name the user's own lines; a test is a scope
of its own where the language has scopes; the harness's names begin with `sandbox_`; it is a file of its own where the
language allows, and takes the report's name out of the environment before any code of the candidate runs.

Long because it is a table. Not covered: assertions run in the candidate's process, so a candidate that sets out to
forge the report can (`runner.py` says more).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from sandbox.program import Language, replacing
from sandbox.verdict import JobError

PYTHON = Language(
    name="python",
    packages=("python3",),
    tests_are="statements: `assert add(1, 2) == 3`",
    plain={"main.py": "{code}"},  # code with tests runs in the supervisor's fork server, which needs no harness
    run=("python3", "main.py"),
    version=("python3", "--version"),
)

NODE_HARNESS = """\
'use strict';
const { openSync, writeSync, closeSync, readFileSync } = require('node:fs');
const { runMain, createRequire } = require('node:module');
const { Script } = require('node:vm');
const assert = require('node:assert');
const { stringify } = JSON;
const path = process.env.SANDBOX_REPORT;
const first = Number(process.env.SANDBOX_FIRST);
delete process.env.SANDBOX_REPORT;
delete process.env.SANDBOX_FIRST;

function report(word) {
  const file = openSync(path, 'a');
  writeSync(file, word + '\\n');
  closeSync(file);
}

async function sandbox_run(tests) {
  report('begin');
  for (let number = first; number <= tests.length; number++) {
    await tests[number - 1]();
    report(String(number));
  }
  report('end');
}

// A file is a CommonJS script where it compiles as one, else an ES module.
function file() {
  const common = __dirname + '/main.cjs';
  try {
    new Script('(async function () {' + readFileSync(common, 'utf8') + '\\n})', { filename: common });
  } catch (error) {
    if (/import|export/.test(error.message)) return __dirname + '/main.mjs';
  }
  try {
    new Script('(function () {' + readFileSync(common, 'utf8') + '\\n})', { filename: common });
  } catch (error) {
    if (/await/.test(error.message)) return __dirname + '/main.mjs';
  }
  return common;
}

process.argv[1] = file();
if (!path) {
  runMain(process.argv[1]);
} else {
  globalThis.assert = assert;
  globalThis.require = createRequire(process.cwd() + '/');
  console.assert = assert;
  Object.defineProperty(globalThis, 'sandbox_run', { value: sandbox_run });
  if (process.argv[1].endsWith('.cjs')) require(process.argv[1]);  // so that it is not `require.main`
  else import(process.argv[1]);
}
"""

JAVASCRIPT = Language(
    name="javascript",
    packages=("nodejs",),
    tests_are="statements, `await` included: `assert.strictEqual(add(1, 2), 3)`; `assert` is node's",
    plain={"main.cjs": "{code}", "main.mjs": "{code}", "sandbox.cjs": NODE_HARNESS},
    sources={
        "main.cjs": "{code}\n;sandbox_run([{tests}]);\n",
        "main.mjs": "{code}\n;sandbox_run([{tests}]);\n",
        "sandbox.cjs": NODE_HARNESS,
    },
    test="async () => {\n{test}\n},\n",
    run=("node", "--max-old-space-size={heap_mb}", "sandbox.cjs"),
    version=("node", "--version"),
)

BASH = Language(
    name="bash",
    packages=("bash",),
    tests_are="commands, all of which must succeed: `[[ $(add 1 2) == 3 ]]`",
    plain={"main.sh": "{code}"},
    sources={
        "code.sh": "{code}",
        "main.sh": """\
readonly sandbox_path=$SANDBOX_REPORT sandbox_first=$SANDBOX_FIRST
unset SANDBOX_REPORT SANDBOX_FIRST
"$BASH" -n ./code.sh || exit 2
source ./code.sh
sandbox_report() { builtin printf '%s\\n' "$1" >>"$sandbox_path"; }
sandbox_failed() { builtin printf 'test %s failed: %s\\n' "$sandbox_number" "$1" >&2; builtin exit 1; }
sandbox_report begin
trap 'sandbox_failed "$BASH_COMMAND"' ERR
{tests}
sandbox_report end
builtin exit 0
""",
    },
    test="""\
if ((sandbox_first <= {number})); then
sandbox_number={number}
:
{test}
if (($? != 0)); then sandbox_failed 'its last command'; fi
sandbox_report {number}
fi
""",
    run=("bash", "main.sh"),
    version=("bash", "--version"),
)

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

C = Language(
    name="c",
    packages=("gcc", "libc6-dev"),
    tests_are="statements: `assert(add(1, 2) == 3);`",
    plain={"main.c": "{code}"},
    sources={
        "main.c": """\
{code}

#undef NDEBUG
#include <assert.h>
#undef exit
#undef if
#undef return
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
        "main.cpp": """\
{code}

#undef NDEBUG
#include <cassert>
#undef exit
#undef if
#undef return
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

LANGUAGES = {language.name: language for language in (PYTHON, JAVASCRIPT, BASH, C, CPP)}


def find_languages(names: Iterable[str]) -> tuple[Language, ...]:
    """The languages of these names in the table's order, each once. Raises `JobError` with the nearest name."""
    wanted = set(names)
    for name in sorted(wanted - LANGUAGES.keys()):
        near = difflib.get_close_matches(name, LANGUAGES, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise JobError(f"language: must be one of {', '.join(sorted(LANGUAGES))}, got {name!r}{meant}")
    return tuple(language for name, language in LANGUAGES.items() if name in wanted)
