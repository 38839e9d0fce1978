"""Fingerprints: rewording a program does not make it another, changing what it does does."""

from __future__ import annotations

import pytest

from synth.fingerprint import fingerprint

REWORDED = {
    "bash": ("add() {\n local c=$(($1+$2))\n echo $c\n}", "plus() {\n local d=$(($1 + $2))\n echo $d # sum\n}"),
    "c": (
        "int add(int a, int b) { int c = a + b; return c; }",
        "int sum(int x, int y)\n{ int z = x + y; /**/ return z; }",
    ),
    "clojure": ("(defn add [a b] (+ a b))", "(defn plus [x y] (+ x y)) ; sum"),
    "elixir": ("def add(a, b), do: a + b", "def plus(x, y), do: x + y"),
    "go": ("func add(a, b int) int { c := a + b; return c }", "func plus(x, y int) int { z := x + y; return z }"),
    "haskell": ("add :: Int -> Int\nadd a b = a + b", "plus :: Int -> Int\nplus x y = x + y -- sum"),
    "java": (
        "class S { int add(int a, int b) { return a + b; } }",
        "class T { int sum(int x, int y) { return x + y; } }",
    ),
    "javascript": ("function add(a, b) { return 'x' + a + b; }", 'function sum(x,y){return "x"+x+y;}'),
    "lua": ("local function add(a, b)\n  return a + b\nend", "local function plus(x, y)\n  return x + y -- sum\nend"),
    "ocaml": ("let add a b = a + b", "let plus x y = (* sum *) x + y"),
    "php": ("<?php\nfunction add($a, $b) { return $a + $b; }", "<?php\nfunction plus($x, $y) { return $x + $y; }"),
    "prolog": ("add(A, B, C) :- C is A + B.", "plus(X, Y, Z) :- Z is X + Y."),
    "r": ("add <- function(a, b) { c <- a + b\n c }", "plus <- function(x, y) { z <- x + y\n z }"),
    "ruby": ("def add(a, b)\n  a.map { |q| q + b }\nend", "def plus(x, y)\n  x.map { |w| w + y }\nend"),
    "rust": (
        "fn add(a: i32, b: i32) -> i32 { let c = a + b; c }",
        "fn sum(x: i32, y: i32) -> i32 { let z = x + y; z }",
    ),
    "scheme": ("(define (add a b) (let ((c (+ a b))) c))", "(define (plus x y) (let ((z (+ x y))) z))"),
    "typescript": ("const add = (a: number, b: number) => a + b;", "const plus = (x: number, y: number) => x + y;"),
}


@pytest.mark.parametrize("language", REWORDED)
def test_reworded_program_is_the_same_and_a_changed_one_is_not(language: str) -> None:
    one, other = REWORDED[language]
    assert fingerprint(one, language) == fingerprint(other, language)
    assert fingerprint(one.replace("+", "-"), language) != fingerprint(other, language)


def test_what_the_program_calls_is_part_of_it() -> None:
    assert fingerprint("f = lambda x: sum(x)", "python") != fingerprint("f = lambda x: max(x)", "python")
    assert fingerprint("(define (f a) (car a))", "scheme") != fingerprint("(define (f a) (cdr a))", "scheme")


def test_hostile_source_is_read_without_harm() -> None:
    assert fingerprint("(" * 50_000 + "f(" * 5_000, "c")
