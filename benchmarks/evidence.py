"""How often a row of each kind of evidence is really right: benchmark problems as seeds, judged by hidden tests.

The teacher gets a problem as the educational recipe writes it, two examples included, and answers with that recipe's
prompts: candidates, and tests. Each kind of evidence chooses among the same candidates; then the benchmark's own tests
judge what it kept. `none` is the first candidate as it comes. The seed's examples are the prompt's doctests; `mutated`
adds up to 12 inputs by type-aware mutation. Shares carry 95 % Wilson intervals. A second run asks and runs nothing
again: all answers are in the ledger under `--out`. Nothing is exported, so decontamination has no part in it.

    python benchmarks/evidence.py [--teacher local] [--tasks 30] [--candidates 4] [--out runs/evidence]
    python benchmarks/evidence.py --simulate 0.3,0.5,0.8 --tasks 60      no teacher: candidates right at these rates
    python benchmarks/evidence.py --benchmark mbpp.jsonl                 problems with `text`, `code` and `test_list`

A simulated teacher's wrong candidates are mutants of the right program (operators swapped, constants off by one) that
fail the hidden tests; half of them are the same mutant, a shared misreading, which also sets the expectations of the
tests that are wrong (15 %). Its right candidates differ in structure and not in what they do. It shows what the rules
do at a given error rate; how a real teacher errs it does not show. Of MBPP, two tests are the seed's.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import copy
import json
import math
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parent]  # sandbox.py is here too

from finetune.benchmarks import load_problems  # noqa: E402
from sandbox.pool import SandboxPool  # noqa: E402
from sandbox.verdict import Limits  # noqa: E402
from synth import controls, parse  # noqa: E402
from synth.calls import Request  # noqa: E402
from synth.endpoints import Spec, open_teacher  # noqa: E402
from synth.functions import lift_functions  # noqa: E402
from synth.ledger import Ledger  # noqa: E402
from synth.modules import SourceTree  # noqa: E402
from synth.mutate import mutated_calls  # noqa: E402
from synth.recipe import open_recipe  # noqa: E402
from synth.schema import Run  # noqa: E402
from synth.seeds import Seed  # noqa: E402
from synth.steps import Kitchen  # noqa: E402
from synth.teacher import Limits as TeacherLimits  # noqa: E402
from synth.trials import Runner, Trials  # noqa: E402
from synth.verify import Verified, Verifier  # noqa: E402

RECIPE = open_recipe("educational")
TEST_ERRORS, SHARED = 0.15, 0.5
MUTANTS = 8
TIMEOUT_S = 2.0
"""CPU seconds; the right programs need some hundredths, and mutants often never end."""
MODES: dict[str, dict[str, object]] = {
    "none": {},
    "self": {"evidence": ("self",), "more_tests": 0},
    "agreement": {"evidence": ("agreement",), "more_tests": 0},
    "agreement, mutated": {"evidence": ("agreement",)},
    "seed": {"evidence": ("seed",), "more_tests": 0, "min_tests": 2},
    "seed, mutated": {"evidence": ("seed",)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A problem as a seed, and what judges in the end."""

    id: str
    seed: Seed
    instruction: str
    hidden: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Answers:
    """What the teacher made of a task."""

    candidates: list[parse.Solution] = field(default_factory=list)
    first: parse.Solution | None = None
    """The first candidate, where it can be read."""
    tests: tuple[str, ...] = ()
    tokens: list[int] = field(default_factory=list)
    """Of each call: the candidates', then the tests'."""


@dataclass(slots=True)
class Tally:
    """What one kind of evidence came to."""

    kept: int = 0
    right: int = 0
    calls: int = 0
    tokens: int = 0


def load_tasks(benchmark: str, limit: int) -> list[Task]:
    """The first problems whose examples make tests, evenly spread."""
    made = list(humaneval() if benchmark == "humaneval" else mbpp(Path(benchmark)))
    num = min(limit, len(made))
    return [made[index * len(made) // num] for index in range(num)]


def humaneval() -> Iterator[Task]:
    """Problems of one function, with two doctests or more that its canonical solution passes."""
    with tempfile.TemporaryDirectory() as scratch:
        for problem in load_problems("humaneval"):
            path = Path(scratch) / f"{problem.id.replace('/', '_')}.py"
            path.write_text(problem.prompt + problem.canonical, encoding="utf-8")
            for found in lift_functions(SourceTree(path.parent, frozenset()), path, Counter()):
                if found.name == problem.entry_point and found.summary:
                    seed = Seed(
                        id=problem.id,
                        text=found.text,
                        code=found.code,
                        entry_point=found.name,
                        signature=found.signature,
                        summary=found.summary,
                        examples=found.examples,
                        tests=found.tests,
                    )
                    shown = {"task": found.summary, "seed": seed}
                    instruction = RECIPE.render("instruction.j2", "en", shown)
                    yield Task(id=problem.id, seed=seed, instruction=instruction, hidden=(problem.test,))


def mbpp(path: Path) -> Iterator[Task]:
    """Rows with a function that three tests or more call."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        code, tests = row["code"].replace("\r", ""), tuple(row["test_list"])
        name = controls.entry_point(tests, parse.defined_names(code))
        parameters = controls.parameters(code, name)
        if len(tests) < 3 or parameters is None:
            continue
        signature = f"def {name}({', '.join(parameters)})"
        seed = Seed(id=str(row["task_id"]), text=code, code=code, entry_point=name, tests=tests[:2])
        text = f"{row.get('text') or row['prompt']}\n\n```python\n{signature}:\n```\n\nExample: `{tests[0]}`"
        yield Task(id=f"MBPP/{row['task_id']}", seed=seed, instruction=text, hidden=tests[2:])


async def ask(kitchen: Kitchen, task: Task, num: int) -> Answers:
    """The teacher's candidates and tests, from the ledger where it was asked before."""
    assert kitchen.teacher is not None
    teacher, answers = kitchen.teacher, Answers()

    def request(index: int) -> Request:
        template = "solve.j2" if index < num else "tests.j2"
        sampling = {
            "temperature": 0.5 if 0 < index < num else 0,
            "max_tokens": 512,
            "seed": index,
            "stop": ["\n```\n\n"],
        }
        messages = RECIPE.render_chat(template, "en", {"instruction": task.instruction})
        return Request(teacher=teacher.name, messages=messages, sampling=sampling, index=index)

    asked = (kitchen.answer(request(index), teacher) for index in range(num + 1))
    for index, completion in enumerate(await asyncio.gather(*asked)):
        answers.tokens.append(completion.prompt_tokens + completion.completion_tokens)
        try:
            if index == num:
                answers.tests = parse.read_asserts(completion.text)
                continue
            solution = parse.read_code(completion.text, entry_point=task.seed.entry_point)
        except parse.Unparsable:
            continue
        answers.candidates.append(solution)
        answers.first = solution if index == 0 else answers.first
    return answers


async def simulate(trials: Trials, task: Task, num: int, rate: float) -> Answers:
    """Candidates that are right at `rate`, and tests of which some expect what the shared misreading gives."""
    chance = random.Random(f"{task.id}:{rate}")
    some = mutants(task.seed.code)[:MUTANTS]
    fine = await asyncio.gather(*(is_right(trials, code, task) for code in some))
    wrong = [code for code, is_fine in zip(some, fine, strict=True) if not is_fine]
    calls = mutated_calls(task.seed.tests, 40)[-8:]
    outputs = await trials.outputs(task.seed.code, calls, "")
    misread = await trials.outputs(wrong[0], calls, "") if wrong else outputs
    tests = []
    for call, value, other in zip(calls, outputs, misread, strict=True):
        if value is not None:
            expected = controls.assertion(call, value)
            if chance.random() < TEST_ERRORS:
                expected = controls.assertion(call, other) if other not in (None, value) else expected
                expected = controls.corrupted(expected) or expected if other == value else expected
            tests.append(expected)
    codes = []
    for index in range(num):
        if not wrong or chance.random() < rate:
            codes.append(reworded(task.seed.code, task.seed.entry_point, index))
        else:
            codes.append(wrong[0] if chance.random() < SHARED else chance.choice(wrong))
    candidates = [parse.Solution(code=code, functions=parse.defined_names(code)) for code in codes]
    return Answers(candidates=candidates, first=candidates[0], tests=tuple(tests), tokens=[0] * (num + 1))


def reworded(code: str, name: str, number: int) -> str:
    """The same program with another structure: it binds a number that it does not use."""
    tree = ast.parse(code)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    function.body.insert(0, ast.parse(f"unused = {number}").body[0])
    return ast.unparse(tree)


OTHER_OPERATOR: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.And: ast.Or, ast.Or: ast.And, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def mutants(code: str) -> list[str]:
    """Programs with one operator swapped or one number off by one, in an order of their own."""
    tree = ast.parse(code)
    found = []
    for position in range(sum(1 for _ in ast.walk(tree))):
        twin = copy.deepcopy(tree)
        changed = next(other for number, other in enumerate(ast.walk(twin)) if number == position)
        match changed:
            case ast.Constant() if type(changed.value) is int:
                changed.value += 1
            case ast.BinOp() | ast.BoolOp() if type(changed.op) in OTHER_OPERATOR:
                changed.op = OTHER_OPERATOR[type(changed.op)]()
            case ast.Compare() if type(changed.ops[0]) in OTHER_OPERATOR:
                changed.ops[0] = OTHER_OPERATOR[type(changed.ops[0])]()
            case _:
                continue
        found.append(ast.unparse(twin))
    random.Random(code).shuffle(found)
    return found


async def is_right(trials: Trials, code: str, task: Task) -> bool:
    """Whether the hidden tests pass."""
    return (await trials.run(code, task.hidden, "the hidden tests")).status == "passed"


async def judge(runner: Runner, trials: Trials, task: Task, answers: Answers, tallies: dict[str, Tally]) -> None:
    """Adds what each kind of evidence makes of the answers."""
    for mode, settings in MODES.items():
        tally = tallies[mode]
        by_seed = mode.startswith("seed")
        spent = answers.tokens[:1] if mode == "none" else answers.tokens[:-1] if by_seed else answers.tokens
        tally.calls += len(spent)
        tally.tokens += sum(spent)
        kept = answers.first
        if mode != "none":
            seed = task.seed if by_seed else replace(task.seed, tests=())
            shown = "" if mode == "seed" else task.instruction  # two examples are shown, and all there is
            verifier = Verifier(Run.model_validate({"timeout_s": TIMEOUT_S, **settings}), runner, {})
            outcome = await verifier.verify(seed, answers.candidates, answers.tests, shown)
            kept = outcome.solution if isinstance(outcome, Verified) else None
        if kept is not None:
            tally.kept += 1
            tally.right += await is_right(trials, kept.code, task)


def wilson(right: int, kept: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    z, share = 1.96, right / kept
    middle = share + z * z / (2 * kept)
    spread = z * math.sqrt(share * (1 - share) / kept + z * z / (4 * kept * kept))
    return (middle - spread) / (1 + z * z / kept), (middle + spread) / (1 + z * z / kept)


def show(title: str, tallies: dict[str, Tally]) -> None:
    """Prints one table."""
    print(
        f"\n{title}\n{'evidence':<20}{'kept':>6}{'right':>7}  {'share (95 %)':<20}{'calls/row':>10}{'tokens/row':>12}"
    )
    for mode, tally in tallies.items():
        if not tally.kept:
            print(f"{mode:<20}{0:>6}")
            continue
        low, high = wilson(tally.right, tally.kept)
        share = f"{tally.right / tally.kept:.2f} ({low:.2f}-{high:.2f})"
        per = f"{tally.calls / tally.kept:>10.1f}{tally.tokens / tally.kept:>12,.0f}"
        print(f"{mode:<20}{tally.kept:>6}{tally.right:>7}  {share:<20}{per}", flush=True)


async def ask_all(options: argparse.Namespace, ledger: Ledger, tasks: Sequence[Task]) -> tuple[str, list[Answers]]:
    """Who was asked, and the answers; all of them before anything runs, for both want the machine."""
    spec = Spec.parse(options.teacher, options.base_url or ())
    limits = TeacherLimits(concurrency=spec.concurrency)
    log = options.out / "teacher.log"
    async with open_teacher(spec, limits=limits, price=None, log=log, say=lambda _: None) as teacher:
        kitchen = Kitchen(recipe=RECIPE, ledger=ledger, teacher=teacher)
        answers = []
        for number, task in enumerate(tasks, start=1):
            print(f"\rtask {number} of {len(tasks)}", end="", file=sys.stderr, flush=True)
            answers.append(await ask(kitchen, task, options.candidates))
    return str(spec), answers


async def main(options: argparse.Namespace) -> None:
    """Asks, judges, prints."""
    tasks = load_tasks(options.benchmark, options.tasks)
    rates = [float(rate) for rate in options.simulate.split(",")] if options.simulate else []
    what = f"{options.candidates} candidates, {len(tasks)} tasks of {options.benchmark}"
    with Ledger(options.out) as ledger, ThreadPoolExecutor(2) as threads:
        teacher, answered = ("", []) if rates else await ask_all(options, ledger, tasks)
        with SandboxPool(workers=2, rerun_timeouts="never") as pool:
            runner = Runner(pool, ledger, threads)
            trials = Trials(runner, {}, language="python", limits=Limits(timeout_s=TIMEOUT_S))
            for rate in rates:
                made = [await simulate(trials, task, options.candidates, rate) for task in tasks]
                show(f"simulated, {rate:.0%} right, {what}", await judge_all(runner, trials, tasks, made))
            if not rates:
                show(f"{teacher}, {what}", await judge_all(runner, trials, tasks, answered))


async def judge_all(
    runner: Runner, trials: Trials, tasks: Sequence[Task], answered: Sequence[Answers]
) -> dict[str, Tally]:
    """What each kind of evidence came to over all tasks."""
    tallies = {mode: Tally() for mode in MODES}
    for task, answers in zip(tasks, answered, strict=True):
        await judge(runner, trials, task, answers, tallies)
    return tallies


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", default="humaneval", help="humaneval, or a JSON Lines file of MBPP")
    parser.add_argument("--teacher", help="as for synth generate")
    parser.add_argument("--base-url", action="append")
    parser.add_argument("--tasks", type=int, default=30)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--simulate", default="", help="shares of right candidates, such as 0.3,0.5,0.8")
    parser.add_argument("--out", type=Path, default=Path("runs/evidence"))
    asyncio.run(main(parser.parse_args()))
