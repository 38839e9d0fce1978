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

TYPESCRIPT = Programs(
    hello="import * as fs from 'fs';\nconst name: string = fs.readFileSync(0, 'utf8').trim();\nconsole.log(`hello, ${name}`);",
    add="function add(a: number, b: number): number { return a + b; }",
    right=(
        "assert.strictEqual(add(1, 2), 3)",
        "assert(add(-1, 1) === 0);",
        "const x: number = add(2, 2); assert.equal(x, 4);",
    ),
    wrong="assert.strictEqual(add(1, 2), 4);",
    crash="function add(a: number, b: number): number { throw new TypeError('no'); }",
    loop="function add(a: number, b: number): number { while (true); }",
    memory="function add(a: number, b: number): number { const all: number[][] = []; for (;;) all.push(new Array(1000).fill(a)); }",
    exit="function add(a: number, b: number): number { process.exit(0); }",
    broken="function add(a: number, b: number): number {\n  return 'a';\n}",
    complaint="main.ts(2,",
    more=(
        (
            "import assert from 'assert';\nexport class Node<T> { constructor(public name: T) {} }",
            ("assert(new Node('a').name === 'a')", "await null"),
        ),
        (
            "const name = 'x';\nexport const f = async (): Promise<Map<string, number>> => new Map([[name, 1]]);",
            ("assert.equal((await f()).get('x'), 1)",),
        ),
    ),
    memory_mb=256,
)

JAVA = Programs(
    hello='import java.util.Scanner;\n\npublic class Greeter {\n    public static void main(String[] args) {\n        System.out.println("hello, " + new Scanner(System.in).nextLine());\n    }\n}',
    add="class Solution {\n    static int add(int a, int b) { return a + b; }\n}",
    right=(
        "assert Solution.add(1, 2) == 3;",
        'assert Solution.add(-1, 1) == 0 : "zero";',
        "int x = Solution.add(2, 2);\nassert x == 4; // four",
    ),
    wrong="assert Solution.add(1, 2) == 4;",
    crash="class Solution {\n    static int add(int a, int b) { return new int[0][a]; }\n}".replace(
        "new int[0][a]", "((int[]) null)[a]"
    ),
    loop="class Solution {\n    static int add(int a, int b) { while (true); }\n}",
    memory="import java.util.*;\nclass Solution {\n    static int add(int a, int b) { List<int[]> all = new ArrayList<>(); while (true) all.add(new int[100000]); }\n}",
    exit="class Solution {\n    static int add(int a, int b) { System.exit(0); return 3; }\n}",
    broken="class Solution {\n    static int add(int a, int b) { return c; }\n}",
    complaint="Main.java:2",
    with_main="public class Solution {\n    public static int add(int a, int b) { return a + b; }\n    public static void main(String[] args) { System.exit(3); }\n}",
    more=(
        (
            "package com.example;\nimport java.util.*;\npublic final class Adder {\n  private Adder() {}\n  public static List<Integer> f(int a) { return List.of(a); }\n}\ninterface Shape { double area(); }\nrecord Point(int x, int y) implements Shape { public double area() { return x * y; } }",
            ("assert Adder.f(3).equals(List.of(3));", "assert new Point(2, 3).area() == 6.0;"),
        ),
        (
            "import java.util.*;\n\npublic static int add(int a, int b) {\n    return a + b;\n}\n// class\nint twice(int a) { return 2 * a; }",
            ("assert add(1, 2) == 3;", "assert twice(2) == 4;", "assert Solution.add(1, 2) == 3;"),
        ),
    ),
    memory_mb=512,
)

GO = Programs(
    hello='package main\n\nimport "fmt"\n\nfunc main() {\n\tvar name string\n\tfmt.Scan(&name)\n\tfmt.Println("hello,", name)\n}',
    add="package main\n\nfunc add(a, b int) int { return a + b }",
    right=(
        'if add(1, 2) != 3 {\n\tpanic("wrong")\n}',
        "assert(add(-1, 1) == 0)",
        'if x := add(2, 2); x != 4 { panic(fmt.Sprintf("got %d", x)) }',
    ),
    wrong="assert(add(1, 2) == 4)",
    crash="package main\n\nfunc add(a, b int) int { return []int{}[a] }",
    loop="package main\n\nfunc add(a, b int) int { for {} }",
    memory="package main\n\nfunc add(a, b int) int {\n\tvar all [][]int\n\tfor {\n\t\tx := make([]int, 100000)\n\t\tfor i := range x { x[i] = i }\n\t\tall = append(all, x)\n\t}\n}",
    exit='package main\n\nimport "os"\n\nfunc add(a, b int) int { os.Exit(0); return 0 }',
    broken="package main\n\nfunc add(a, b int) int { return c }",
    complaint="main.go:3",
    with_main='package main\n\nimport "os"\n\nfunc add(a, b int) int { return a + b }\nfunc main() { os.Exit(3) }',
    more=(
        (
            "func sort(a []int) []int { return a }\nfunc assert(a, b int) { if a != b { panic(a) } }",
            ("if !reflect.DeepEqual(sort([]int{1}), []int{1}) { panic(1) }", "assert(1, 1)"),
        ),
        (
            'package solution\n\nimport "errors"\n\ntype Stack[T any] struct{ items []T }\nfunc (s *Stack[T]) Push(x T) { s.items = append(s.items, x) }\nvar ErrX = errors.New("x")',
            (
                "s := &Stack[int]{}\ns.Push(1)\nassert(len(s.items) == 1)",
                'assert(errors.Is(ErrX, ErrX) && strings.Contains(ErrX.Error(), "x"))',
            ),
        ),
    ),
)

RUST = Programs(
    hello='use std::io;\n\nfn main() {\n    let mut name = String::new();\n    io::stdin().read_line(&mut name).unwrap();\n    println!("hello, {}", name.trim());\n}',
    add="fn add(a: i32, b: i32) -> i32 { a + b }",
    right=("assert_eq!(add(1, 2), 3);", "assert!(add(-1, 1) == 0)", "let x = add(2, 2); assert_eq!(x, 4); // four"),
    wrong="assert_eq!(add(1, 2), 4);",
    crash="fn add(a: i32, b: i32) -> i32 { vec![0][a as usize + 1] }",
    loop="fn add(a: i32, b: i32) -> i32 { loop {} }",
    memory="fn add(a: i32, b: i32) -> i32 { let mut all = vec![]; loop { all.push(vec![a; 100000]); } }",
    exit="fn add(a: i32, b: i32) -> i32 { std::process::exit(0) }",
    broken="fn add(a: i32, b: i32) -> i32 {\n    c\n}",
    complaint="main.rs:2",
    with_main="pub fn add(a: i32, b: i32) -> i32 { a + b }\n\nfn main() { std::process::exit(3); }",
    more=(
        (
            "use std::collections::HashMap;\n#[derive(Debug, PartialEq)]\nstruct P { x: i32 }\nfn f(s: Option<&str>) -> HashMap<char, usize> { let Some(s) = s else { return HashMap::new() }; s.chars().fold(HashMap::new(), |mut m, c| { *m.entry(c).or_insert(0) += 1; m }) }",
            (
                "assert_eq!(f(Some(\"aa\"))[&'a'], 2);",
                "assert_eq!(P { x: 1 }, P { x: 1 });",
                "use std::collections::HashSet; let h: HashSet<i32> = [1].into_iter().collect(); assert_eq!(h.len(), 1);",
            ),
        ),
    ),
)

CSHARP = Programs(
    hello='using System;\n\nclass Program\n{\n    static void Main()\n    {\n        Console.WriteLine("hello, " + Console.ReadLine());\n    }\n}',
    add="public class Solution\n{\n    public static int Add(int a, int b) { return a + b; }\n}",
    right=(
        "Assert(Solution.Add(1, 2) == 3);",
        "Debug.Assert(Solution.Add(-1, 1) == 0);",
        "var x = Solution.Add(2, 2);\nAssert(x == 4); // four",
    ),
    wrong="Debug.Assert(Solution.Add(1, 2) == 4);",
    crash='public class Solution\n{\n    public static int Add(int a, int b) { throw new System.InvalidOperationException("no"); }\n}',
    loop="public class Solution\n{\n    public static int Add(int a, int b) { while (true) {} }\n}",
    memory="using System.Collections.Generic;\npublic class Solution\n{\n    public static int Add(int a, int b) { var all = new List<int[]>(); while (true) { var x = new int[100000]; for (int i = 0; i < x.Length; i++) x[i] = i; all.Add(x); } }\n}",
    exit="public class Solution\n{\n    public static int Add(int a, int b) { System.Environment.Exit(0); return 0; }\n}",
    broken="public class Solution\n{\n    public static int Add(int a, int b) { return c; }\n}",
    complaint="main.cs(3,",
    with_main="public class Solution\n{\n    public static int Add(int a, int b) => a + b;\n    public static int Main(string[] args) => 3;\n}",
    more=(
        (
            "using System.Linq;\nusing System.Collections.Generic;\nnamespace Deep.Down\n{\n    public static class Tool { public static int Sum(IEnumerable<int> xs) => xs.Sum(); }\n}",
            ("Assert(Tool.Sum(new List<int> {1, 2}) == 3);", "Assert(new[] {1, 2}.SequenceEqual(new[] {1, 2}));"),
        ),
        (
            "using System;\n\nstatic int Add(int a, int b) => a + b;\nstatic int Twice(int a)\n{\n    return 2 * a;\n}",
            ("Assert(Add(1, 2) == 3);", "Assert(Twice(2) == 4);"),
        ),
    ),
)

RUBY = Programs(
    hello='puts "hello, #{gets.strip}"',
    add="def add(a, b)\n  a + b\nend",
    right=("assert add(1, 2) == 3", "assert_equal 0, add(-1, 1)", "x = add(2, 2)\nraise 'no' unless x == 4 # four"),
    wrong="assert_equal 4, add(1, 2)",
    crash="def add(a, b)\n  nil + a\nend",
    loop="def add(a, b)\n  loop {}\nend",
    memory="def add(a, b)\n  all = []\n  loop { all << 'x' * 1_000_000 }\nend",
    exit="def add(a, b)\n  exit 0\nend",
    broken="def add(a, b)\n  a + )\nend",
    complaint="code.rb:2",
    with_main="def add(a, b) = a + b\nexit 3 if __FILE__ == $0",
    more=(
        (
            "class Stack\n  def initialize = @items = []\n  def push(x) = @items.push(x)\nend\n__END__\ndata",
            ("assert Stack.new.push(1) == [1]",),
        ),
    ),
)

PHP = Programs(
    hello='<?php\n$name = trim(fgets(STDIN));\necho "hello, $name\\n";',
    add="<?php\nfunction add($a, $b) { return $a + $b; }",
    right=("assert(add(1, 2) === 3);", "assert(add(-1, 1) == 0)", "$x = add(2, 2);\nassert($x === 4); // four"),
    wrong="assert(add(1, 2) === 4);",
    crash="<?php\nfunction add($a, $b) { return undefined_function($a); }",
    loop="<?php\nfunction add($a, $b) { while (true); }",
    memory="<?php\nfunction add($a, $b) { $all = []; while (true) $all[] = str_repeat('x', 1000000); }",
    exit="<?php\nfunction add($a, $b) { exit(0); }",
    broken="<?php\nfunction add($a, $b) {\n  return $a + ;\n}",
    complaint="on line 3",
    more=(
        ("function add(int $a, int $b): int { return $a + $b; }", ("assert(add(1, 2) === 3);",)),
        (
            "<?php\ndeclare(strict_types=1);\nnamespace App;\nclass Stack { public array $items = []; }\n?>\n",
            ("assert((new \\App\\Stack)->items === []);",),
        ),
    ),
)

PERL = Programs(
    hello='my $name = <STDIN>; chomp $name; print "hello, $name\\n";',
    add="use strict;\nuse warnings;\nsub add { my ($a, $b) = @_; return $a + $b; }",
    right=("assert(add(1, 2) == 3);", "die 'no' unless add(-1, 1) == 0", "my $x = add(2, 2);\nassert($x == 4); # four"),
    wrong="assert(add(1, 2) == 4);",
    crash="sub add { die 'no' }",
    loop="sub add { 1 while 1 }",
    memory="sub add { my @all; push @all, 'x' x 1_000_000 while 1 }",
    exit="sub add { exit 0 }",
    broken="sub add {\n  return $_[0] +;\n}",
    complaint="code.pl line 2",
    more=(
        (
            "package Stack;\nsub new { bless { items => [] }, shift }\nsub size { scalar @{ $_[0]{items} } }\n0;\n__END__\ndata",
            ("assert(Stack->new->size == 0);",),
        ),
    ),
)

LUA = Programs(
    hello='local name = io.read("l")\nprint("hello, " .. name)',
    add="local function add(a, b)\n  return a + b\nend",
    right=("assert(add(1, 2) == 3)", "assert(add(-1, 1) == 0, 'zero')", "local x = add(2, 2)\nassert(x == 4) -- four"),
    wrong="assert(add(1, 2) == 4)",
    crash="function add(a, b) error('no') end",
    loop="function add(a, b) while true do end end",
    memory="function add(a, b)\n  local all = {}\n  while true do all[#all + 1] = string.rep('x', 1000000) .. #all end\nend",
    exit="function add(a, b) os.exit(0) end",
    broken="function add(a, b)\n  return a +\nend",
    complaint="code.lua:3",
    more=(
        ("local M = {}\nfunction M.add(a, b)\n  return a + b\nend\nreturn M\n", ("assert(M.add(1, 2) == 3)",)),
        (
            "local Stack = {}\nStack.__index = Stack\nfunction Stack.new() return setmetatable({}, Stack) end",
            ("assert(#Stack.new() == 0)",),
        ),
    ),
)

R = Programs(
    hello='name <- readLines(file("stdin"), n = 1)\ncat("hello, ", name, "\\n", sep = "")',
    add="add <- function(a, b) a + b",
    right=(
        "stopifnot(add(1, 2) == 3)",
        "stopifnot(identical(add(-1, 1), 0))",
        "x <- add(2, 2)\nif (x != 4) stop('no') # four",
    ),
    wrong="stopifnot(add(1, 2) == 4)",
    crash="add <- function(a, b) stop('no')",
    loop="add <- function(a, b) repeat {}",
    memory="add <- function(a, b) { all <- list(); repeat all[[length(all) + 1]] <- rnorm(1e5) }",
    exit="add <- function(a, b) quit(status = 0)",
    broken="add <- function(a, b) {\n  a + )\n}",
    complaint="code.R:2",
)

SQL = Programs(
    hello="CREATE TABLE t (name TEXT); INSERT INTO t VALUES ('sandbox; x');\nSELECT 'hello, ' || substr(name, 1, 7) FROM t;",
    add="CREATE TABLE sums (a INTEGER, b INTEGER, s INTEGER);\nINSERT INTO sums VALUES (1, 2, 3), (-1, 1, 0);",
    right=(
        "SELECT s = 3 FROM sums WHERE a = 1;",
        "SELECT count(*) = 2 FROM sums",
        "INSERT INTO sums VALUES (2, 2, 4);\nSELECT s = 4 FROM sums WHERE a = 2; -- four",
    ),
    wrong="SELECT s = 4 FROM sums WHERE a = 1;",
    crash="CREATE VIEW sums AS SELECT a FROM nowhere;",
    loop="CREATE VIEW sums AS WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n) SELECT count(*) AS s, 1 AS a FROM n;",
    memory="CREATE VIEW sums AS WITH RECURSIVE n(a) AS (SELECT randomblob(1000000) UNION SELECT randomblob(1000000) FROM n) SELECT count(*) AS s, 1 AS a FROM n;",
    exit="SELECT 1;",
    broken="CREATE TABLE sums (a INTEGER);\nSELEC 1;",
    complaint='near "SELEC"',
)

HASKELL = Programs(
    hello='module Main where\n\nmain :: IO ()\nmain = do\n  name <- getLine\n  putStrLn ("hello, " ++ name)',
    add="add :: Int -> Int -> Int\nadd a b = a + b",
    right=("add 1 2 == 3", "add (-1) 1 == 0", "let x = add 2 2\nin x == 4 -- four"),
    wrong="add 1 2 == 4",
    crash='add :: Int -> Int -> Int\nadd a b = error "no"',
    loop="add :: Int -> Int -> Int\nadd a b = add b a",
    memory="import qualified Data.Map as M\nadd :: Int -> Int -> Int\nadd a b = go M.empty 0 where go m i = if i < 0 then M.size m else go (M.insert i (show i) m) (i + 1)",
    exit="import System.Exit\nimport System.IO.Unsafe\nadd :: Int -> Int -> Int\nadd a b = unsafePerformIO exitSuccess",
    broken="add :: Int -> Int -> Int\nadd a b = a + c",
    complaint="Code.hs:2",
    with_main="module Adder (add, T(..)) where\nimport System.Exit\ndata T = T\nadd :: Int -> Int -> Int\nadd a b = a + b\nmain :: IO ()\nmain = exitFailure",
    more=(
        (
            "{-# LANGUAGE TupleSections #-}\n-- a comment\n\nimport Data.List (sort)\nimport qualified Data.Map as Map\n\ncount :: String -> Map.Map Char Int\ncount = Map.fromListWith (+) . map (,1)",
            ("Map.toList (count \"aab\") == [('a', 2), ('b', 1)]", "sort [2, 1] == [1, 2]"),
        ),
    ),
)

OCAML = Programs(
    hello='let () = print_endline ("hello, " ^ read_line ())',
    add="let add a b = a + b",
    right=("assert (add 1 2 = 3)", "assert (add (-1) 1 = 0);", "let x = add 2 2 in assert (x = 4) (* four *)"),
    wrong="assert (add 1 2 = 4)",
    crash='let add a b = failwith "no"',
    loop="let rec add a b = add b a",
    memory="let add a b = let all = ref [] in while true do all := Bytes.make 1000000 'x' :: !all done; a + b",
    exit="let add a b = exit 0",
    broken="let add a b =\n  a + c",
    complaint='"main.ml", line 2',
    more=(
        (
            "module M = Map.Make(String);;\ntype t = A | B of int\nlet f = function A -> 0 | B n -> n;;",
            ("assert (f (B 2) = 2);;", "assert (M.is_empty M.empty)"),
        ),
    ),
)

FORTRAN = Programs(
    hello="program greet\n  implicit none\n  character(99) :: name\n  read (*, '(a)') name\n  write (*, '(a)') 'hello, ' // trim(name)\nend program greet",
    add="integer function add(a, b)\n  integer, intent(in) :: a, b\n  add = a + b\nend function add",
    right=(
        "call assert(add(1, 2) == 3)",
        "if (add(-1, 1) /= 0) error stop 'no'",
        "integer :: x\nx = add(2, 2)\ncall assert(x == 4) ! four",
    ),
    wrong="call assert(add(1, 2) == 4)",
    crash="integer function add(a, b)\n  integer, intent(in) :: a, b\n  error stop 'no'\nend function add",
    loop="integer function add(a, b)\n  integer, intent(in) :: a, b\n  integer, volatile :: i\n  do\n    i = i + 1\n  end do\nend function add",
    memory="integer function add(a, b)\n  integer, intent(in) :: a, b\n  integer, allocatable :: x(:)\n  integer :: n\n  add = 0\n  n = 1000000\n  do\n    if (allocated(x)) deallocate (x)\n    allocate (x(n))\n    x = a\n    add = x(n)\n    n = n * 2\n  end do\nend function add",
    exit="integer function add(a, b)\n  integer, intent(in) :: a, b\n  add = a\n  call exit(0)\nend function add",
    broken="integer function add(a, b)\n  integer, intent(in) :: a, b\n  add = a + * b\nend function add",
    complaint="code.f90:3",
    with_main="module adder\n  implicit none\ncontains\n  integer function add(a, b)\n    integer, intent(in) :: a, b\n    add = a + b\n  end function add\nend module adder\n\nprogram main\n  use adder\n  call exit(add(1, 2))\nend program main",
)

PASCAL = Programs(
    hello="program Greet;\nvar name: string;\nbegin\n  readln(name);\n  writeln('hello, ', name);\nend.",
    add="function add(a, b: integer): integer;\nbegin\n  add := a + b;\nend;",
    right=("assert(add(1, 2) = 3);", "assert(add(-1, 1) = 0)", "if add(2, 2) <> 4 then halt(1); // four"),
    wrong="assert(add(1, 2) = 4);",
    crash="uses SysUtils;\nfunction add(a, b: integer): integer;\nbegin\n  raise Exception.Create('no');\nend;",
    loop="function add(a, b: integer): integer;\nbegin\n  while true do a := b;\n  add := a;\nend;",
    memory="function add(a, b: integer): integer;\nvar p: pointer;\nbegin\n  while true do begin getmem(p, 1000000); fillchar(p^, 1000000, 1); end;\n  add := 0;\nend;",
    exit="function add(a, b: integer): integer;\nbegin\n  halt(0);\n  add := 0;\nend;",
    broken="function add(a, b: integer): integer;\nbegin\n  add := c;\nend;",
    complaint="main.pas(3,",
    with_main="program Adder;\n\nuses SysUtils, Math;\n\nfunction add(a, b: integer): integer;\nbegin\n  add := a + b;\nend;\n\nbegin\n  halt(3);\nend.\n",
)

ERLANG = Programs(
    hello='-module(greet).\n-export([main/0]).\n\nmain() ->\n    Name = string:trim(io:get_line("")),\n    io:format("hello, ~s~n", [Name]).',
    add="-module(adder).\n-export([add/2]).\n\nadd(A, B) -> A + B.",
    right=("3 = add(1, 2)", "?assertEqual(0, adder:add(-1, 1)).", "X = add(2, 2),\n?assert(X =:= 4)"),
    wrong="?assertEqual(4, add(1, 2))",
    crash="add(_, _) -> error(no).",
    loop="add(A, B) -> add(B, A).",
    memory="add(A, B) -> grow([A + B]).\ngrow(L) -> grow([lists:seq(1, 1000) | L]).",
    exit="add(_, _) -> halt(0).",
    broken="add(A, B) ->\n    A + C.",
    complaint="main.erl:2",
)

ELIXIR = Programs(
    hello='name = IO.gets("") |> String.trim()\nIO.puts("hello, #{name}")',
    add="defmodule Solution do\n  def add(a, b), do: a + b\nend",
    right=(
        "assert Solution.add(1, 2) == 3",
        "assert Solution.add(-1, 1) == 0",
        "x = Solution.add(2, 2)\nassert x == 4 # four",
    ),
    wrong="assert Solution.add(1, 2) == 4",
    crash='defmodule Solution do\n  def add(_, _), do: raise("no")\nend',
    loop="defmodule Solution do\n  def add(a, b), do: add(b, a)\nend",
    memory="defmodule Solution do\n  def add(a, b), do: grow([a, b])\n  def grow(l), do: grow([Enum.to_list(1..1000) | l])\nend",
    exit="defmodule Solution do\n  def add(_, _), do: System.halt(0)\nend",
    broken="defmodule Solution do\n  def add(a, b), do: a + c\nend",
    complaint="code.exs:2",
)

COMMONLISP = Programs(
    hello='(format t "hello, ~a~%" (read-line))',
    add="(defun add (a b) (+ a b))",
    right=("(assert (= (add 1 2) 3))", "(assert (zerop (add -1 1)))", "(let ((x (add 2 2))) (assert (= x 4))) ; four"),
    wrong="(assert (= (add 1 2) 4))",
    crash='(defun add (a b) (error "no"))',
    loop="(defun add (a b) (loop))",
    memory="(defvar *all* nil)\n(defun add (a b) (loop (push (make-array 100000 :initial-element a) *all*)))",
    exit="(require :sb-posix)\n(defun add (a b) (sb-ext:exit :code 0 :abort t))",
    broken="(defun add (a b)\n  (+ a b)",
    complaint="end of file",
)

SCHEME = Programs(
    hello='(use-modules (ice-9 rdelim))\n(display (string-append "hello, " (read-line)))\n(newline)',
    add="(define (add a b) (+ a b))",
    right=("(assert (= (add 1 2) 3))", "(assert (zero? (add -1 1)))", "(define x (add 2 2))\n(assert (= x 4)) ; four"),
    wrong="(assert (= (add 1 2) 4))",
    crash="(define (add a b) (car a))",
    loop="(define (add a b) (add b a))",
    memory="(define all '())\n(define (add a b) (set! all (cons (make-vector 100000 a) all)) (add a b))",
    exit="(define (add a b) (exit 0))",
    broken="(define (add a b)\n  (+ a b)",
    complaint="code.scm:2",
)

RACKET = Programs(
    hello='#lang racket\n(printf "hello, ~a\\n" (read-line))',
    add="(define (add a b) (+ a b))",
    right=(
        "(assert (= (add 1 2) 3))",
        '(unless (zero? (add -1 1)) (error "no"))',
        "(define x (add 2 2))\n(assert (= x 4)) ; four",
    ),
    wrong="(assert (= (add 1 2) 4))",
    crash="#lang racket/base\n(define (add a b) (car a))",
    loop="#lang racket\n(define (add a b) (add b a))",
    memory="#lang racket\n(define (add a b) (let loop ([all '()]) (loop (cons (make-vector 100000 a) all))))",
    exit="#lang racket\n(define (add a b) (exit 0))",
    broken="#lang racket\n(define (add a b)\n  (+ a c))",
    complaint="main.rkt:3",
)

PROLOG = Programs(
    hello=":- initialization(main).\nmain :- read_line_to_string(user_input, Name), format('hello, ~w~n', [Name]).",
    add="add(A, B, C) :- C is A + B.",
    right=("add(1, 2, 3)", "add(-1, 1, X), X =:= 0.", "add(2, 2, X),\nX == 4 % four"),
    wrong="add(1, 2, 4)",
    crash="add(_, _, _) :- throw(no).",
    loop="add(A, B, C) :- add(B, A, C).",
    memory="add(A, B, C) :- numlist(1, 100000, L), add([L|A], B, C), atom(C).",
    exit="add(_, _, _) :- halt(0).",
    broken="add(A, B, C) :-\n  C is A + B).",
    complaint="code.pl:2",
    more=((":- dynamic fact/1.\nfact(1).\nfact(2).", ("findall(X, fact(X), [1, 2])", "assertz(fact(3)), fact(3)")),),
)

D = Programs(
    hello='import std.stdio, std.string;\nvoid main() { writeln("hello, ", readln().strip); }',
    add="int add(int a, int b) { return a + b; }",
    right=(
        "assert(add(1, 2) == 3);",
        'assert(add(-1, 1) == 0, "zero");',
        "auto x = add(2, 2); assert(x == 4); // four",
    ),
    wrong="assert(add(1, 2) == 4);",
    crash='int add(int a, int b) { throw new Exception("no"); }',
    loop="int add(int a, int b) { for (;;) {} }",
    memory="int add(int a, int b) { int[][] all; for (;;) { auto x = new int[100000]; x[] = a; all ~= x; } }",
    exit="import core.stdc.stdlib;\nint add(int a, int b) { exit(0); return 0; }",
    broken="int add(int a, int b) {\n  return a + c;\n}",
    complaint="main.d(2)",
    with_main="int add(int a, int b) { return a + b; }\nint main() { return 3; }",
)

NIM = Programs(
    hello='let name = stdin.readLine()\necho "hello, ", name',
    add="proc add(a, b: int): int =\n  a + b",
    right=("doAssert add(1, 2) == 3", "assert add(-1, 1) == 0", "let x = add(2, 2)\ndoAssert x == 4 # four"),
    wrong="doAssert add(1, 2) == 4",
    crash='proc add(a, b: int): int =\n  raise newException(ValueError, "no")',
    loop="proc add(a, b: int): int =\n  while true: discard",
    memory="proc add(a, b: int): int =\n  var all: seq[seq[int]]\n  while true: all.add(newSeq[int](100000))",
    exit="proc add(a, b: int): int =\n  quit(0)",
    broken="proc add(a, b: int): int =\n  a + c",
    complaint="code.nim(2,",
    with_main="proc add(a, b: int): int = a + b\nwhen isMainModule:\n  quit(3)",
)

ASSEMBLY = Programs(
    hello='global main\nextern scanf, printf\nsection .data\n  in_f db "%98s", 0\n  out_f db "hello, %s", 10, 0\nsection .bss\n  name resb 99\nsection .text\nmain:\n  push rbp\n  mov rdi, in_f\n  mov rsi, name\n  xor eax, eax\n  call scanf\n  mov rdi, out_f\n  mov rsi, name\n  xor eax, eax\n  call printf\n  xor eax, eax\n  pop rbp\n  ret\n',
    add="global add\nsection .text\nadd:\n  movsxd rax, edi\n  movsxd rsi, esi\n  add rax, rsi\n  ret",
    right=("assert(add(1, 2) == 3);", "assert(add(-1, 1) == 0)", "long x = add(2, 2); assert(x == 4); // four"),
    wrong="assert(add(1, 2) == 4);",
    crash="global add\nsection .text\nadd:\n  mov rax, [0]\n  ret",
    loop="global add\nsection .text\nadd:\n  jmp add",
    memory="global add\nextern malloc\nsection .text\nadd:\n  push rbx\n.more:\n  mov edi, 4096\n  call malloc\n  mov [rax], rax\n  jmp .more",
    exit="global add\nextern exit\nsection .text\nadd:\n  push rbx\n  xor edi, edi\n  call exit",
    broken="global add\nsection .text\nadd:\n  mov rax, nowhere\n  ret",
    complaint="main.asm:4",
    with_main="global add, main\nglobal add\nglobal main\nsection .text\nadd:\n  movsxd rax, edi\n  movsxd rsi, esi\n  add rax, rsi\n  ret\nmain:\n  mov eax, 3\n  ret".replace(
        "global add, main\n", ""
    ),
)

CRYSTAL = Programs(
    hello='puts "hello, #{gets}"',
    add="def add(a, b)\n  a + b\nend",
    right=("assert add(1, 2) == 3", 'raise "no" unless add(-1, 1) == 0', "x = add(2, 2)\nassert x == 4 # four"),
    wrong="assert add(1, 2) == 4",
    crash='def add(a, b)\n  raise "no"\n  a\nend',
    loop="def add(a, b)\n  while true\n  end\n  a\nend",
    memory="def add(a, b)\n  all = [] of Array(Int32)\n  while true\n    all << Array.new(100000, 1)\n  end\n  a\nend",
    exit="def add(a, b)\n  exit 0\n  a\nend",
    broken="def add(a, b)\n  a + )\nend",
    complaint="code.cr:2",
)

TCL = Programs(
    hello='gets stdin name\nputs "hello, $name"',
    add="proc add {a b} {\n  expr {$a + $b}\n}",
    right=("assert {[add 1 2] == 3}", "if {[add -1 1] != 0} {error no}", "set x [add 2 2]\nassert {$x == 4} ;# four"),
    wrong="assert {[add 1 2] == 4}",
    crash="proc add {a b} { error no }",
    loop="proc add {a b} { while 1 {} }",
    memory="proc add {a b} { while 1 { lappend all [string repeat [llength [info level 0]] 1000000] } }",
    exit="proc add {a b} { exit 0 }",
    broken="proc add {a b} {\n  expr {$a + $b}\n",
    complaint="missing close-brace",
)

AWK = Programs(
    hello='{ print "hello, " $1 }',
    add="function add(a, b) {\n  return a + b\n}",
    right=("assert(add(1, 2) == 3)", "if (add(-1, 1) != 0) exit 1", "x = add(2, 2); assert(x == 4) # four"),
    wrong="assert(add(1, 2) == 4)",
    crash="function add(a, b) { return a / (b - b) }",
    loop="function add(a, b) { while (1); }",
    memory='function add(a, b) { while (1) all[n++] = sprintf("%1000000s", n) }',
    exit="function add(a, b) { exit 0 }",
    broken="function add(a, b) {\n  return a + )\n}",
    complaint="code.awk:2",
)

OCTAVE = Programs(
    hello='name = input("", "s");\nprintf("hello, %s\\n", name);',
    add="function c = add(a, b)\n  c = a + b;\nend",
    right=("assert(add(1, 2) == 3)", "assert(add(-1, 1), 0);", "x = add(2, 2);\nassert(x == 4) % four"),
    wrong="assert(add(1, 2) == 4)",
    crash='function c = add(a, b)\n  error("no");\nend',
    loop="function c = add(a, b)\n  while true\n  end\nend",
    memory="function c = add(a, b)\n  c = {};\n  while true\n    c{end + 1} = rand(1000);\n  end\nend",
    exit="function c = add(a, b)\n  exit(0);\nend",
    broken="function c = add(a, b)\n  c = a + ;\nend",
    complaint="parse error",
    memory_mb=384,
)

RAKU = Programs(
    hello='my $name = get;\nsay "hello, $name";',
    add="sub add($a, $b) { $a + $b }",
    right=("assert add(1, 2) == 3", "die 'no' unless add(-1, 1) == 0;", "my $x = add(2, 2);\nassert $x == 4; # four"),
    wrong="assert add(1, 2) == 4",
    crash="sub add($a, $b) { die 'no' }",
    loop="sub add($a, $b) { loop {} }",
    memory="sub add($a, $b) { my @all; loop { @all.push('x' x 1_000_000 ~ @all.elems) } }",
    exit="sub add($a, $b) { exit 0 }",
    broken="sub add($a, $b) {\n  $a + )\n}",
    complaint="main.raku:2",
)

COFFEESCRIPT = Programs(
    hello="process.stdin.on 'data', (data) -> console.log 'hello, ' + data.toString().trim()",
    add="add = (a, b) -> a + b",
    right=("assert.strictEqual add(1, 2), 3", "assert add(-1, 1) is 0", "x = add 2, 2\nassert.equal x, 4 # four"),
    wrong="assert.strictEqual add(1, 2), 4",
    crash="add = (a, b) -> throw new Error 'no'",
    loop="add = (a, b) ->\n  loop a\n  return",
    memory="add = (a, b) ->\n  all = []\n  loop all.push new Array(1000).fill a",
    exit="add = (a, b) -> process.exit 0",
    broken="add = (a, b) ->\n  a + )",
    complaint="main.coffee:2",
)

CLOJURE = Programs(
    hello='(println (str "hello, " (read-line)))',
    add="(ns adder)\n(defn add [a b] (+ a b))",
    right=("(assert (= (add 1 2) 3))", "(assert (zero? (add -1 1)))", "(let [x (add 2 2)] (assert (= x 4))) ; four"),
    wrong="(assert (= (add 1 2) 4))",
    crash='(defn add [a b] (throw (Exception. "no")))',
    loop="(defn add [a b] (recur b a))",
    memory="(defn add [a b] (loop [all []] (recur (conj all (long-array 100000)))))",
    exit="(defn add [a b] (System/exit 0))",
    broken="(defn add [a b]\n  (+ a c))",
    complaint="code.clj:2",
    memory_mb=512,
)

GROOVY = Programs(
    hello='def name = System.in.newReader().readLine()\nprintln "hello, ${name}"',
    add="def add(a, b) {\n  a + b\n}",
    right=("assert add(1, 2) == 3", "assert add(-1, 1) == 0 : 'zero'", "def x = add(2, 2)\nassert x == 4 // four"),
    wrong="assert add(1, 2) == 4",
    crash="def add(a, b) { throw new Exception('no') }",
    loop="def add(a, b) { while (true) {} }",
    memory="def add(a, b) { def all = []; while (true) all << new long[100000] }",
    exit="def add(a, b) { System.exit(0) }",
    broken="def add(a, b) {\n  a + )\n}",
    complaint="main.groovy: 2",
    memory_mb=512,
)

PROGRAMS = {
    "javascript": JAVASCRIPT,
    "bash": BASH,
    "c": C,
    "cpp": CPP,
    "typescript": TYPESCRIPT,
    "java": JAVA,
    "go": GO,
    "rust": RUST,
    "csharp": CSHARP,
    "ruby": RUBY,
    "php": PHP,
    "perl": PERL,
    "lua": LUA,
    "r": R,
    "sql": SQL,
    "haskell": HASKELL,
    "ocaml": OCAML,
    "commonlisp": COMMONLISP,
    "scheme": SCHEME,
    "prolog": PROLOG,
    "racket": RACKET,
    "fortran": FORTRAN,
    "pascal": PASCAL,
    "d": D,
    "nim": NIM,
    "assembly": ASSEMBLY,
    "crystal": CRYSTAL,
    "erlang": ERLANG,
    "elixir": ELIXIR,
    "clojure": CLOJURE,
    "groovy": GROOVY,
    "tcl": TCL,
    "awk": AWK,
    "raku": RAKU,
    "coffeescript": COFFEESCRIPT,
    "octave": OCTAVE,
}
