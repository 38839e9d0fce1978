"""For each language the same few programs: what every language must be able to say in the sandbox.

`hello` reads a name and prints `hello, NAME`. The others bring `add` for two whole numbers, right or wrong in one way.
"""

# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """The programs of one language."""

    hello: str
    add: str
    right: tuple[str, ...]
    """Three tests of `add` that pass."""
    wrong: str
    """One that does not."""
    crash: str
    """`add` ends the process by an error."""
    loop: str
    """`add` never ends."""
    memory: str
    """`add` takes memory until there is no more."""
    exit: str
    """`add` ends the process as if all were well."""
    broken: str
    """Not a program."""
    complaint: str
    """What the compiler or interpreter says about it: the line, where it names one."""
    with_main: str = ""
    """`add` and an entry point that must not run when there are tests."""
    more: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Code with tests that pass: what is particular to the language."""
    memory_mb: int = 256


JAVASCRIPT = Programs(
    hello="process.stdin.on('data', data => console.log('hello, ' + data.toString().trim()));",
    add="function add(a, b) { return a + b; }",
    right=(
        "assert.strictEqual(add(1, 2), 3)",
        "assert(add(-1, 1) === 0);",
        "assert.deepStrictEqual([add(2, 2)], [4]) // 4",
    ),
    wrong="assert.strictEqual(add(1, 2), 4);",
    crash="function add(a, b) { throw new TypeError('no'); }",
    loop="function add(a, b) { while (true); }",
    memory="function add(a, b) { const all = []; for (;;) all.push(new Array(1000).fill(a)); }",
    exit="function add(a, b) { process.exit(0); }",
    broken="function add(a, b) {\n  return a +;\n}",
    complaint="main.cjs:2",
    with_main="function add(a, b) { return a + b; }\nif (require.main === module) process.exit(3);",
    more=(
        ("export const add = (a, b) => a + b;", ("assert.equal(add(1, 2), 3)", "await null; assert(add(1, 1) == 2)")),
        ("import fs from 'node:fs';\nexport default function add(a, b) { return a + b }", ("assert(add(1, 2) === 3)",)),
        ("const three = await Promise.resolve(3);", ("const assert = require('assert'); assert(three === 3)",)),
        (
            "const assert = require('assert');\nmodule.exports = { f: x => 'import x' };",
            ("assert(module.exports.f())",),
        ),
        ("exports.f = async () => 1", ("assert.equal(await exports.f(), 1)", "console.assert(true)")),
    ),
)

BASH = Programs(
    hello='read -r name\necho "hello, $name"',
    add="add() {\n  local i=0\n  ((i++))\n  echo $(($1 + $2))\n}",
    right=("[[ $(add 1 2) == 3 ]]", 'test "$(add -1 1)" -eq 0 # zero', "x=$(add 2 2)\n[ $x = 4 ]\n! [ $x = 5 ]"),
    wrong="[[ $(add 1 2) == 4 ]]\ntrue",
    crash="add() { kill -SEGV $$; }",
    loop="add() { while :; do :; done; }",
    memory="add() { local all=x; while :; do all=$all$all; done; }",
    exit="add() { exit 0; }\nexit 0",
    broken="add() {\n  if [ $1 ]; then\n}",
    complaint="line 3",
    with_main='add() { echo $(($1 + $2)); }\nif [[ "${BASH_SOURCE[0]}" == "$0" ]]; then exit 3; fi',
    more=(
        ("set -euo pipefail\nadd() { echo $(($1 + $2)); }", ("[[ $(add 1 2) == 3 ]]", "add 1 2 | grep -q 3")),
        ("f() { ((n++)); false; true; }", ("n=0\nf\n[[ $n == 1 ]]", "if f; then true; fi")),
    ),
)

C = Programs(
    hello='#include <stdio.h>\nint main(void) { char n[99]; scanf("%98s", n); printf("hello, %s\\n", n); return 0; }',
    add="int add(int a, int b) { return a + b; }",
    right=("assert(add(1, 2) == 3);", "assert(add(-1, 1) == 0)", "int x = add(2, 2); assert(x == 4); // four"),
    wrong="assert(add(1, 2) == 4);",
    crash="int add(int a, int b) { return *(volatile int *)0; }",
    loop="int add(int a, int b) { for (volatile int i = 0;; i++); }",
    memory="#include <stdlib.h>\n#include <string.h>\nint add(int a, int b) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }",
    exit="#include <stdlib.h>\nint add(int a, int b) { exit(0); }",
    broken="int add(int a, int b) {\n  return a + c;\n}",
    complaint="main.c:2",
    with_main="int add(int a, int b) { return a + b; }\nint main(int argc, char **argv) { return 3; }",
    more=(
        (
            "#include <stdbool.h>\n#define exit(x) _exit(0)\nbool open(int a) { return a; }\nbool write(int a) { return !a; }",
            ("assert(open(1))", "assert(write(0));"),
        ),
    ),
)

CPP = Programs(
    hello="#include <iostream>\nint main() { std::string n; std::cin >> n; std::cout << \"hello, \" << n << '\\n'; }",
    add="int add(int a, int b) { return a + b; }",
    right=("assert(add(1, 2) == 3);", "assert(add(-1, 1) == 0);", "auto x = add(2, 2); assert(x == 4); // four"),
    wrong="assert(add(1, 2) == 4);",
    crash="#include <vector>\nint add(int a, int b) { return std::vector<int>{}.at(a); }",
    loop="int add(int a, int b) { for (volatile int i = 0;; i = i + 1); }",
    memory="#include <vector>\nint add(int a, int b) { std::vector<long> all; for (;;) all.push_back(a); }",
    exit="#include <cstdlib>\nint add(int a, int b) { std::exit(0); }",
    broken="int add(int a, int b) {\n  return a + c;\n}",
    complaint="main.cpp:2",
    with_main="#include <bits/stdc++.h>\nusing namespace std;\nint add(int a, int b) { return a + b; }\nint main() { return 3; }",
    more=(
        (
            "#include <string>\n#include <vector>\ntemplate <class T> T twice(T x) { return x + x; }",
            (
                'assert(twice(std::string("a")) == "aa");',
                "assert((std::vector<int>{twice(1), 2}) == (std::vector<int>{2, 2}));",
            ),
        ),
    ),
)

PROGRAMS = {
    "javascript": JAVASCRIPT,
    "bash": BASH,
    "c": C,
    "cpp": CPP,
}
