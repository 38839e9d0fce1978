"""Scripting languages, SQL among them. Nothing is compiled beforehand, except TypeScript."""

from __future__ import annotations

import re

from sandbox.program import Language, indented

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


# Debian has no types of node's own modules, so what they bring is `any`; the browser's types would double the time.
NODE_TYPES = """\
declare module '*';
declare namespace NodeJS { type Timeout = any; type ErrnoException = any; type ReadableStream = any; }
declare var assert: any, process: any, require: any, module: any, exports: any, global: any, console: any, Buffer: any,
    URL: any, URLSearchParams: any, TextEncoder: any, TextDecoder: any, fetch: any, performance: any, crypto: any,
    structuredClone: any, queueMicrotask: any, setTimeout: any, setInterval: any, setImmediate: any, clearTimeout: any,
    clearInterval: any, AbortController: any, EventTarget: any, Event: any;
declare const __dirname: string, __filename: string;
declare function sandbox_run(tests: (() => Promise<void>)[]): void;
"""

TYPESCRIPT = Language(
    name="typescript",
    packages=("node-typescript",),
    tests_are="statements, `await` included, that pass the type checker: `assert.strictEqual(add(1, 2), 3)`",
    plain={"main.ts": "{code}", "sandbox.cjs": NODE_HARNESS, "sandbox.d.ts": NODE_TYPES},
    sources={
        "main.ts": "{code}\n;sandbox_run([{tests}]);\n",
        "sandbox.cjs": NODE_HARNESS,
        "sandbox.d.ts": NODE_TYPES,
    },
    test="async () => {\n{test}\n},\n",
    # Everything is a module, so that no name of the code's collides with a global one.
    compile=(
        "sh",
        "-c",
        "tsc --target es2022 --lib es2022 --module commonjs --esModuleInterop --moduleDetection force --skipLibCheck"
        " --outDir out *.ts && mv out/main.js out/main.cjs && mv sandbox.cjs out/",
    ),
    run=("node", "--max-old-space-size={heap_mb}", "/build/out/sandbox.cjs"),
    compile_memory_mb=768,
    version=("tsc", "--version"),
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


RUBY = Language(
    name="ruby",
    packages=("ruby",),
    tests_are="statements: `assert add(1, 2) == 3` or `assert_equal 3, add(1, 2)`",
    plain={"main.rb": "{code}"},
    sources={
        "code.rb": "{code}",
        "main.rb": """\
sandbox_path, sandbox_first = ENV.delete('SANDBOX_REPORT'), ENV.delete('SANDBOX_FIRST').to_i
sandbox_report = ->(word) { File.open(sandbox_path, 'a') { |file| file.puts word } }
def assert(ok, message = 'assertion failed')
  raise message unless ok
end
def assert_equal(expected, actual, message = nil)
  raise message || "expected #{expected.inspect}, got #{actual.inspect}" unless expected == actual
end
load './code.rb'
sandbox_report.call 'begin'
{tests}sandbox_report.call 'end'
""",
    },
    test="if sandbox_first <= {number}\n-> {\n{test}\n}.call\nsandbox_report.call {number}\nend\n",
    run=("ruby", "main.rb"),
    version=("ruby", "--version"),
)


def php_code(code: str, tested: bool) -> str:
    """The code as PHP even where it has left out the tag."""
    del tested
    return code if re.search(r"<\?(?:php|=)", code) else "<?php " + code


PHP = Language(
    name="php",
    packages=("php-cli",),
    tests_are="statements: `assert(add(1, 2) === 3);`",
    plain={"main.php": "{code}"},
    sources={
        "code.php": "{code}",
        "main.php": """\
<?php
define('SANDBOX_PATH', getenv('SANDBOX_REPORT'));
define('SANDBOX_FIRST', (int) getenv('SANDBOX_FIRST'));
putenv('SANDBOX_REPORT');
unset($_SERVER['SANDBOX_REPORT'], $_ENV['SANDBOX_REPORT']);
function sandbox_report($word) { \\file_put_contents(SANDBOX_PATH, $word . "\\n", FILE_APPEND); }
require './code.php';
sandbox_report('begin');
{tests}sandbox_report('end');
""",
    },
    test="if (SANDBOX_FIRST <= {number}) {\n(function () {\n{test}\n;})();\nsandbox_report({number});\n}\n",
    prepare=php_code,
    run=(
        *("php", "-d", "memory_limit=-1", "-d", "zend.assertions=1", "-d", "assert.exception=1"),
        *("-d", "display_errors=stderr", "-d", "html_errors=0", "main.php"),
    ),
    version=("php", "--version"),
)

PERL = Language(
    name="perl",
    packages=("perl",),
    tests_are="statements: `assert(add(1, 2) == 3);` or `die unless ...`",
    plain={"main.pl": "{code}"},
    sources={
        "code.pl": "{code}",
        "main.pl": """\
my ($sandbox_path, $sandbox_first) = (delete $ENV{SANDBOX_REPORT}, delete $ENV{SANDBOX_FIRST});
my $sandbox_report = sub { open(my $file, '>>', $sandbox_path) or die; print $file "$_[0]\\n"; close($file) or die; };
sub assert { my ($ok, $message) = @_; die($message || 'assertion failed') unless $ok; }
defined(do './code.pl') or !$@ or die $@;
$sandbox_report->('begin');
{tests}$sandbox_report->('end');
""",
    },
    test="if ($sandbox_first <= {number}) {\nsub {\n{test}\n;}->();\n$sandbox_report->({number});\n}\n",
    run=("perl", "main.pl"),
    version=("perl", "--version"),
)


def lua_code(code: str, tested: bool) -> str:
    """The code without the `return` of a module at its end, which would hide the tests that follow."""
    return re.sub(r"^return\b[^\n]*\s*\Z", "\n", code, flags=re.M) if tested else code


LUA = Language(
    name="lua",
    packages=("lua5.4",),
    tests_are="statements: `assert(add(1, 2) == 3)`",
    plain={"main.lua": "{code}"},
    sources={
        "code.lua": "{code}\nsandbox_report('begin')\n{tests}sandbox_report('end')\n",
        "main.lua": """\
local path, first, open, exit = os.getenv('SANDBOX_REPORT'), tonumber(os.getenv('SANDBOX_FIRST')), io.open, os.exit
function sandbox_report(word)
  local file = open(path, 'a')
  file:write(word, '\\n')
  file:close()
end
sandbox_first = first
dofile('code.lua')
""",
    },
    test="if sandbox_first <= {number} then\ndo\n{test}\nend\nsandbox_report({number})\nend\n",
    prepare=lua_code,
    run=("lua5.4", "main.lua"),
    version=("lua5.4", "-v"),
)

R = Language(
    name="r",
    packages=("r-base-core",),
    tests_are="expressions that raise: `stopifnot(add(1, 2) == 3)`",
    plain={"main.R": "{code}"},
    sources={
        "code.R": "{code}",
        "main.R": """\
sandbox_path <- Sys.getenv("SANDBOX_REPORT")
sandbox_first <- as.integer(Sys.getenv("SANDBOX_FIRST"))
Sys.unsetenv("SANDBOX_REPORT")
sandbox_report <- function(word) base::cat(word, "\\n", sep = "", file = sandbox_path, append = TRUE)
lockBinding("sandbox_report", globalenv())
base::source("code.R")
sandbox_report("begin")
{tests}sandbox_report("end")
""",
    },
    test="if (sandbox_first <= {number}) {\nlocal({\n{test}\n})\nsandbox_report({number})\n}\n",
    run=("Rscript", "--vanilla", "main.R"),
    version=("Rscript", "--version"),
)

SQL_HARNESS = """\
import os
import sqlite3
import sys

TESTS = [{tests}]
PATH, FIRST = os.environ.pop("SANDBOX_REPORT", ""), int(os.environ.pop("SANDBOX_FIRST", "1"))


def report(word):
    with open(PATH, "a") as file:
        file.write(f"{word}\\n")


def statements(text):
    statement = ""
    for part in text.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if statement.strip("; \\n\\t"):
        yield statement.strip()


def run(script, shown):
    rows = []
    for statement in statements(script):
        cursor = base.execute(statement)
        rows = [] if cursor.description else rows
        for row in cursor:
            if shown:
                print("|".join("" if value is None else str(value) for value in row))
            elif not rows:
                rows.append(row)
    return rows


base = sqlite3.connect(":memory:", isolation_level=None)
base.execute("PRAGMA temp_store = memory")
try:
    run(open("code.sql", encoding="utf-8").read(), not PATH)
    if PATH:
        report("begin")
        for number, test in enumerate(TESTS, 1):
            if number >= FIRST:
                rows = run(test, False)
                if not rows or not rows[0][0]:
                    sys.exit(f"test {number}: the first value is {rows[0][0] if rows else 'missing'}, not true")
                report(number)
        report("end")
except sqlite3.Error as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""

SQL = Language(
    name="sql",
    packages=("python3",),
    tests_are="a query whose first value is true: `SELECT count(*) = 3 FROM orders;` (SQLite; the code runs before it)",
    plain={"code.sql": "{code}", "main.py": SQL_HARNESS},
    sources={"code.sql": "{code}", "main.py": SQL_HARNESS},
    test="{test},\n",
    prepare_test=repr,
    run=("python3", "-s", "-P", "main.py"),
    version=("python3", "-c", "import sqlite3; print(sqlite3.sqlite_version)"),
)


TCL = Language(
    name="tcl",
    packages=("tcl",),
    tests_are="commands: `assert {[add 1 2] == 3}`; `assert` raises where its expression is false",
    plain={"main.tcl": "{code}"},
    sources={
        "code.tcl": "{code}",
        "main.tcl": """\
set sandbox_path $env(SANDBOX_REPORT)
set sandbox_first $env(SANDBOX_FIRST)
unset env(SANDBOX_REPORT)
proc sandbox_report {word} {
  set file [open $::sandbox_path a]
  puts $file $word
  close $file
}
proc assert {condition} {
  if {![uplevel 1 [list expr $condition]]} { error "assertion failed: $condition" }
}
source code.tcl
sandbox_report begin
{tests}sandbox_report end
exit 0
""",
    },
    test="if {$sandbox_first <= {number}} {\napply {{} {\n{test}\n}}\nsandbox_report {number}\n}\n",
    run=("tclsh", "main.tcl"),
    version=("sh", "-c", "echo 'puts [info patchlevel]' | tclsh"),
)

AWK = Language(
    name="awk",
    packages=("gawk",),
    tests_are="statements: `assert(add(1, 2) == 3)`; the code's functions are called, its rules see no input",
    plain={"main.awk": "{code}"},
    sources={
        "code.awk": "{code}",
        "main.awk": """\
BEGIN {
  sandbox_path = ENVIRON["SANDBOX_REPORT"]
  sandbox_first = ENVIRON["SANDBOX_FIRST"] + 0
  delete ENVIRON["SANDBOX_REPORT"]
}
@include "code.awk"
{prelude}
function sandbox_report(word) {
  print word >> sandbox_path
  close(sandbox_path)
}
BEGIN {
sandbox_report("begin")
{tests}sandbox_report("end")
exit 0
}
""",
    },
    test="if (sandbox_first <= {number}) {\n{test}\nsandbox_report({number})\n}\n",
    prelude=lambda code, _: (
        ""
        if re.search(r"^\s*func(?:tion)?\s+assert\b", code, re.M)
        else 'function assert(ok) { if (!ok) { print "assertion failed" > "/dev/stderr"; exit 1 } }'
    ),
    run=("gawk", "-f", "main.awk"),
    version=("gawk", "--version"),
)

OCTAVE = Language(
    name="octave",
    packages=("octave",),
    tests_are="statements: `assert(add(1, 2) == 3)`",
    plain={"main.m": "{code}"},
    sources={
        "code.m": "1;{code}\n",
        "main.m": """\
1;
global sandbox_path sandbox_first
sandbox_path = getenv("SANDBOX_REPORT");
sandbox_first = str2double(getenv("SANDBOX_FIRST"));
unsetenv("SANDBOX_REPORT");
function sandbox_report(word)
  global sandbox_path
  file = fopen(sandbox_path, "a");
  fprintf(file, "%s\\n", word);
  fclose(file);
end
source("code.m");
sandbox_report("begin");
{tests}sandbox_report("end");
""",
    },
    test='if sandbox_first <= {number}\n{test}\nsandbox_report("{number}");\nend\n',
    run=("octave-cli", "--no-gui", "--no-history", "--norc", "--quiet", "main.m"),
    version=("octave-cli", "--version"),
)

RAKU = Language(
    name="raku",
    packages=("raku",),
    tests_are="statements: `die unless add(1, 2) == 3` or `assert add(1, 2) == 3`",
    plain={"main.raku": "{code}"},
    sources={
        "main.raku": """\
{code}
;{
my $sandbox-path = %*ENV<SANDBOX_REPORT>:delete;
my $sandbox-first = %*ENV<SANDBOX_FIRST>.Int;
sub sandbox-report($word) { $sandbox-path.IO.spurt("$word\\n", :append) }
sub assert($ok) { die 'assertion failed' unless $ok }
sandbox-report('begin');
{tests}sandbox-report('end');
}
""",
    },
    test="if $sandbox-first <= {number} {\n{\n{test}\n};\nsandbox-report({number});\n}\n",
    run=("raku", "main.raku"),
    version=("raku", "--version"),
)

COFFEESCRIPT = Language(
    name="coffeescript",
    packages=("coffeescript",),
    tests_are="statements: `assert.strictEqual add(1, 2), 3`; `assert` is node's",
    plain={"main.coffee": "{code}", "sandbox.cjs": NODE_HARNESS},
    sources={
        "main.coffee": "{code}\n\nsandbox_run [\n{tests}]\n",
        "sandbox.cjs": NODE_HARNESS,
    },
    test="  ->\n{test}\n    return\n",
    prepare_test=indented,
    compile=("sh", "-c", "coffee -b -c -o out main.coffee && mv out/main.js out/main.cjs && mv sandbox.cjs out/"),
    run=("node", "--max-old-space-size={heap_mb}", "/build/out/sandbox.cjs"),
    version=("coffee", "--version"),
)
