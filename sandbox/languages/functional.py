"""Functional and logic languages, and the Lisps."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.program import Language, indented

HASKELL_HARNESS = """\
module Sandbox (run) where

import Control.Exception (evaluate)
import Control.Monad (forM_, unless)
import System.Environment (getEnv, unsetEnv)
import System.Exit (exitWith, ExitCode (..))
import System.IO

run :: [Bool] -> IO ()
run tests = do
  path <- getEnv "SANDBOX_REPORT"
  first <- read <$> getEnv "SANDBOX_FIRST"
  unsetEnv "SANDBOX_REPORT"
  let report word = appendFile path (word ++ "\\n")
  report "begin"
  forM_ (drop (first - 1) (zip [1 :: Int ..] tests)) $ \\(number, test) -> do
    ok <- evaluate test
    unless ok $ do
      hPutStrLn stderr ("test " ++ show number ++ " is False")
      exitWith (ExitFailure 1)
    report (show number)
  report "end"
"""
HASKELL_MODULE = re.compile(r"^module\s+[\w.]+\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*where", re.M)
HASKELL_HEAD = re.compile(r"(?:\s+|--[^\n]*\n|\{-(?s:.*?)-\})*")
HASKELL_IMPORT = re.compile(r"^import\b.*(?:\n[ \t]+\S.*)*", re.M)


def haskell_code(code: str, tested: bool) -> str:
    """The code as module `Code`, all of which the tests see."""
    if not tested:
        return code
    if match := HASKELL_MODULE.search(code):
        lines = "\n" * match[0].count("\n")
        return f"{code[: match.start()]}module Code where{lines}{code[match.end() :]}"
    head = HASKELL_HEAD.match(code)
    end = head.end() if head else 0
    start = code.rfind("\n", 0, end) + 1
    line = code.count("\n", 0, start) + 1
    return f'{code[:start]}module Code where\n{{-# LINE {line} "Code.hs" #-}}\n{code[start:]}'


def haskell_prelude(code: str, tests: Sequence[str]) -> str:
    """The code's own language extensions cannot be seen from the tests, but its imports can."""
    del tests
    return "\n".join(match[0] for match in HASKELL_IMPORT.finditer(code))


HASKELL = Language(
    name="haskell",
    packages=("ghc",),
    tests_are="an expression that is True: `add 1 2 == 3`",
    plain={"Main.hs": "{code}"},
    sources={
        "Code.hs": "{code}",
        "Sandbox.hs": HASKELL_HARNESS,
        "Main.hs": """\
module Main (main) where
{prelude}
import Code hiding (main)
import qualified Sandbox

main :: IO ()
main = Sandbox.run sandboxTests

sandboxTests :: [Bool]
sandboxTests =
{tests}    []
""",
    },
    test="    (\n{test}\n    ) :\n",
    prepare=haskell_code,
    prepare_test=indented,
    prelude=haskell_prelude,
    # A program of one module may call it as it likes.
    compile=("ghc", "-v0", "-w", "-O1", "-outputdir", "obj", "-o", "out/main", "Main.hs"),
    run=("/build/out/main",),
    compile_memory_mb=768,
    version=("ghc", "--version"),
)

OCAML_HARNESS = """\
let path = Sys.getenv "SANDBOX_REPORT"
let first = int_of_string (Sys.getenv "SANDBOX_FIRST")
let () = Unix.putenv "SANDBOX_REPORT" ""
let report word =
  let file = open_out_gen [Open_wronly; Open_append] 0 path in
  output_string file (word ^ "\\n");
  close_out file
let run count test =
  report "begin";
  for number = first to count do
    test number;
    report (string_of_int number)
  done;
  report "end"
"""

OCAML = Language(
    name="ocaml",
    packages=("ocaml-nox",),
    tests_are="expressions of type unit: `assert (add 1 2 = 3)`",
    plain={"main.ml": "{code}"},
    sources={
        "main.ml": """\
{code}
;;
let sandbox_test = function
{tests}| _ -> ()
;;
let () = Sandbox.run {count} sandbox_test
""",
        "sandbox.ml": OCAML_HARNESS,
    },
    test="| {number} -> begin\n{test}\nend\n",
    prepare_test=lambda test: test.rstrip().removesuffix(";;"),
    compile=(
        "sh",
        "-c",
        "ocamlopt -w -a -I +threads unix.cmxa str.cmxa $([ ! -e sandbox.ml ] || echo sandbox.ml) main.ml -o out/main",
    ),
    run=("/build/out/main",),
    version=("ocamlopt", "--version"),
)

COMMON_LISP = Language(
    name="commonlisp",
    packages=("sbcl",),
    tests_are="forms: `(assert (= (add 1 2) 3))`",
    plain={"main.lisp": "{code}"},
    sources={
        "code.lisp": "{code}",
        "main.lisp": """\
(require :sb-posix)
(defvar *sandbox-path* (sb-posix:getenv "SANDBOX_REPORT"))
(defvar *sandbox-first* (parse-integer (sb-posix:getenv "SANDBOX_FIRST")))
(sb-posix:unsetenv "SANDBOX_REPORT")
(defun sandbox-report (word)
  (with-open-file (file *sandbox-path* :direction :output :if-exists :append)
    (format file "~a~%" word)))
(load "code.lisp")
(sandbox-report "begin")
{tests}(sandbox-report "end")
""",
    },
    test="(when (<= *sandbox-first* {number})\n(funcall (lambda ()\n{test}\n))\n(sandbox-report {number}))\n",
    run=("sbcl", "--dynamic-space-size", "{heap_mb}MB", "--script", "main.lisp"),
    version=("sbcl", "--version"),
)

SCHEME = Language(
    name="scheme",
    packages=("guile-3.0",),
    tests_are="expressions: `(assert (= (add 1 2) 3))`; `assert` raises on #f",
    plain={"main.scm": "{code}"},
    sources={
        "code.scm": "{code}",
        "main.scm": """\
(define sandbox-path (getenv "SANDBOX_REPORT"))
(define sandbox-first (string->number (getenv "SANDBOX_FIRST")))
(unsetenv "SANDBOX_REPORT")
(define (sandbox-report word)
  (let ((file (open-file sandbox-path "a")))
    (display word file)
    (newline file)
    (close-port file)))
(define-syntax-rule (assert ok) (if (not ok) (error "assertion failed" 'ok)))
(load "code.scm")
(sandbox-report "begin")
{tests}(sandbox-report "end")
""",
    },
    test="(if (<= sandbox-first {number}) (begin\n(let ()\n{test}\n#t)\n(sandbox-report {number})))\n",
    run=("guile", "--no-auto-compile", "-s", "main.scm"),
    environment={"GUILE_AUTO_COMPILE": "0"},
    version=("guile", "--version"),
)


def racket_code(code: str, tested: bool) -> str:
    """The code with the language it left out."""
    del tested
    return code if re.search(r"^\s*(?:;.*\n\s*)*(?:#lang|\(module)\b", code) else "#lang racket " + code


RACKET = Language(
    name="racket",
    packages=("racket",),
    tests_are="expressions: `(assert (= (add 1 2) 3))`; `assert` raises on #f",
    plain={"main.rkt": "{code}"},
    sources={
        "main.rkt": """\
{code}

(require (prefix-in sandbox- (file "/tmp/sandbox.rkt")))
(sandbox-run (list
{tests}))
""",
        "sandbox.rkt": """\
#lang racket/base
(provide run assert)
(define path (getenv "SANDBOX_REPORT"))
(define first (string->number (getenv "SANDBOX_FIRST")))
(void (putenv "SANDBOX_REPORT" ""))
(define (report word)
  (call-with-output-file path #:exists 'append (lambda (file) (display word file) (newline file))))
(define (assert ok) (unless ok (error "assertion failed")))
(define (run tests)
  (report "begin")
  (for ([test tests] [number (in-naturals 1)] #:when (<= first number))
    (with-handlers ([void (lambda (error)
                            ((error-display-handler) (if (exn? error) (exn-message error) "raised") error)
                            (exit 1))])
      (test))
    (report number))
  (report "end"))
""",
    },
    test="(lambda () (let ([assert sandbox-assert])\n{test}\n))\n",
    prepare=racket_code,
    run=("racket", "main.rkt"),
    version=("racket", "--version"),
)

PROLOG = Language(
    name="prolog",
    packages=("swi-prolog-nox",),
    tests_are="goals that must succeed: `add(1, 2, X), X =:= 3`",
    plain={"main.pl": "{code}"},
    sources={
        "code.pl": "{code}",
        "main.pl": """\
:- style_check(-singleton).
:- discontiguous sandbox_test/1.
:- getenv('SANDBOX_REPORT', Path), nb_setval(sandbox_path, Path), unsetenv('SANDBOX_REPORT').
sandbox_report(Word) :-
    nb_getval(sandbox_path, Path), open(Path, append, File), writeln(File, Word), close(File).
sandbox_fail(Number, Why) :-
    format(user_error, 'test ~w failed: ~p~n', [Number, Why]), halt(1).
sandbox_run(Number) :-
    ( catch(sandbox_test(Number), Error, sandbox_fail(Number, Error)) -> true ; sandbox_fail(Number, false) ),
    sandbox_report(Number).
{tests}
:- dynamic sandbox_broken/0.
:- multifile user:message_hook/3.
user:message_hook(error(syntax_error(_), _), error, _) :- assertz(sandbox_broken), fail.
sandbox_main :-
    ( catch(load_files(code, [if(true)]), Error, (print_message(error, Error), halt(1))) -> true ; halt(1) ),
    ( sandbox_broken -> halt(1) ; true ),
    sandbox_report(begin),
    getenv('SANDBOX_FIRST', Text), atom_number(Text, First),
    forall(between(First, {count}, Number), sandbox_run(Number)),
    sandbox_report(end).
:- sandbox_main, halt(0).
""",
    },
    test="sandbox_test({number}) :-\n{test}\n.\n",
    prepare_test=lambda test: test.rstrip().removesuffix("."),
    run=("swipl", "--stack-limit={heap_mb}m", "-q", "-t", "halt", "main.pl"),
    version=("swipl", "--version"),
)
