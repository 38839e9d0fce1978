"""The report page over many rows with whole stories: what writing it takes, its size, and how soon a reader can work.

A run is made up of the functions of Python's own library: each row has a scored seed, a task, four candidates, tests and
their verdicts, asked with the texts of the `educational` recipe. `synth report` writes the page; headless Chromium opens
it several times, each in a fresh tab, and uses it: filter, open a row far down, search. Medians are printed.

    python benchmarks/report.py [--rows 10000] [--times 5] [--keep FOLDER] [--shots FOLDER]

Hold: list, filter and an opened row in under 3 s at 10,000 rows. Not covered: other browsers, machines with less memory.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import dataclasses
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.append(sys.path.pop(0))  # this folder last: its sandbox.py is not the package

from chromium import Page, find_browser, open_browser

from sandbox.verdict import Job, TestResult, Verdict
from synth.calls import Completion, Request
from synth.export import write_samples
from synth.figures import RunFacts
from synth.ledger import Ledger
from synth.recipe import open_recipe
from synth.runs import RunFolder, outcome, versions
from synth.sample import Check, Provenance, Sample, TestOutcome, count_funnel

ROOT = Path(__file__).parent.parent
LANGUAGES = ("python", "python", "python", "javascript", "cpp", "bash")
RECIPES = ("educational", "educational", "mceval")
REASONS = ("verify.failed", "verify.failed", "verify.timeout", "parse.no_code", "seed.low_value", "dedup.near")
CANDIDATES = 4
GIVE_UP_S = 60
READY = """new Promise((done) => { const look = () => {
  const marks = ["rows-listed", "row-opened"].map((name) => performance.getEntriesByName(name)[0]?.startTime);
  const [load] = performance.getEntriesByType("navigation");
  if (marks.every(Boolean) && load.loadEventEnd) done([...marks, load.loadEventEnd]); else setTimeout(look, 5); }; look(); })"""
USE = """(async () => {
  const $ = (id) => document.getElementById(id), times = [];
  const until = async (holds) => { while (!holds()) await new Promise((next) => setTimeout(next, 1)); };
  const timed = async (act, holds) => { const start = performance.now(); act(); await until(holds); times.push(performance.now() - start); };
  const opened = () => !$("detail").hasAttribute("aria-busy") && $("detail").querySelector(".facts");
  const searched = (word) => { $("search").value = word; $("search").dispatchEvent(new Event("input")); };
  const idle = () => $("matches").textContent === "";
  const type = (word) => timed(() => { $("matches").textContent = ""; searched(word); }, () => !idle() && !$("matches").textContent.includes("searched"));
  await timed(() => { $("outcome").value = "drop:verify.failed"; $("outcome").dispatchEvent(new Event("change")); },
    () => $("matches").textContent.includes(" of ") && opened());
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  await until(() => !$("matches").textContent.includes(" of "));
  await timed(() => { location.hash = "FAR"; }, () => opened() && $("detail").textContent.includes("FAR"));
  await type("quuxnowhere");
  $("deep").checked = true;
  await type("zyzzyva");
  return times;
})()"""


def main() -> None:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000, help="(%(default)s)")
    parser.add_argument("--times", type=int, default=5, help="openings of the page (%(default)s)")
    parser.add_argument("--keep", type=Path, help="folder for the run, used again where it is there")
    parser.add_argument("--shots", type=Path, help="folder for screenshots")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = RunFolder(args.keep or Path(name) / "run")
        if not folder.manifest.exists():
            # Elsewhere: what this process once held would count as the peak of those it starts.
            maker = multiprocessing.get_context("spawn").Process(target=make_run, args=(folder, args.rows))
            maker.start()
            maker.join()
        write(folder)
        browser = find_browser()
        if browser is None:
            sys.exit("report: no chromium here; install one to see how soon the page can be used")
        asyncio.run(read(browser, folder, args.times, args.shots))


def make_run(folder: RunFolder, num_rows: int) -> None:
    """Leaves a run folder as `synth generate` does, and beside it the id of a row far down."""
    with Ledger(folder.path) as ledger:
        samples = asyncio.run(_cook(num_rows, ledger))
        spent = ledger.spent()
    write_samples(folder.samples, samples)
    facts = RunFacts(
        name="ten thousand rows",
        recipe="educational",
        teacher="a-teacher",
        command=f"synth generate --recipe educational --rows {num_rows}",
        seeds_source="doctest:stdlib",
        versions=versions(),
        seconds=3_600.0,
        calls=spent.calls,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        cost_usd=spent.cost_usd,
        finished="2025-01-01T00:00:00+00:00",
    )
    manifest = {"recipe": facts.recipe, "teacher": facts.teacher, "seeds_source": facts.seeds_source}
    funnel = count_funnel(samples, seeds=num_rows)
    folder.write_manifest(manifest | outcome(facts, funnel, rows=num_rows, stopped_by=""))
    (folder.path / "far.txt").write_text(samples[num_rows * 4 // 5].id)


async def _cook(num_rows: int, ledger: Ledger) -> list[Sample]:
    recipe = open_recipe("educational")
    prompts = {path.name: path.read_text() for path in sorted(recipe.folder.glob("*.j2")) if ".zh." not in path.name}
    functions = list(library_functions())
    samples = []
    for start in range(0, num_rows, 500):
        async with asyncio.TaskGroup() as group:
            for number in range(start, min(start + 500, num_rows)):
                samples.append(cook(number, random.Random(number), functions, prompts, ledger, group))
    return samples


def library_functions() -> Iterator[tuple[str, str]]:
    """Name and source of the functions of 5 to 60 lines in Python's own library."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        source = path.read_text("utf-8")
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and 5 <= (node.end_lineno or 0) - node.lineno <= 60:
                yield node.name, "\n".join(lines[node.lineno - 1 : node.end_lineno])


def cook(
    number: int,
    draw: random.Random,
    functions: list[tuple[str, str]],
    prompts: dict[str, str],
    ledger: Ledger,
    group: asyncio.TaskGroup,
) -> Sample:
    """One row, whose calls and verdicts are on their way into the ledger."""
    name, seed = draw.choice(functions)
    words = sorted({*ast.dump(ast.parse("x")), *seed.split()})
    instruction = f"Write `{name}_{number}`, given that {' '.join(draw.choices(words, k=draw.randint(20, 160)))}."
    tests = tuple(f"assert {name}_{number}({draw.randint(0, 999)}) == {draw.randint(0, 999)}" for _ in range(5))
    language = draw.choice(LANGUAGES)
    dropped = draw.choice(REASONS) if draw.random() < 0.45 else None
    completions, asked, spent = [], [], [0, 0, 0.0]
    codes = [_variant(seed, draw) for _ in range(CANDIDATES)]
    answers = ["<score>4</score> " + seed[:80], f"<instruction>{instruction}</instruction>"]
    answers += [f"Here it is.\n\n```{language}\n{code}\n```\nIt takes linear time." for code in codes]
    answers.append("```python\n" + "\n".join(tests) + "\n```")
    for step, answer in enumerate(answers):
        template = list(prompts)[min(step, len(prompts) - 1)] if step < 2 else "solve.j2" if step < 6 else "tests.j2"
        prompt = f"{prompts.get(template, '')}\n\n{seed if step < 2 else instruction}"
        request = Request(
            teacher="a-teacher",
            messages=({"role": "system", "content": "You write code."}, {"role": "user", "content": prompt}),
            sampling={"temperature": 0.2, "max_tokens": 1024, "row": number},
            index=max(step - 2, 0) if step < 6 else 0,
        )
        tokens = (len(prompt) // 4, len(answer) // 4)
        cost = (tokens[0] * 0.15 + tokens[1] * 0.6) / 1e6
        made = Completion(
            text=answer, finish_reason="stop", prompt_tokens=tokens[0], completion_tokens=tokens[1], cost_usd=cost
        )
        group.create_task(ledger.record_completion(request, made))
        completions.append(request.key)
        asked.append(template)
        spent = [spent[0] + tokens[0], spent[1] + tokens[1], spent[2] + cost]
    verdicts, num_passed = [], 0 if dropped and dropped.startswith("verify") else draw.randint(1, CANDIDATES)
    for place, code in enumerate(codes):
        job = Job(code=code, tests=tests, language=language)
        holds = place < num_passed
        results = tuple(TestResult(passed=holds, error="" if holds else "AssertionError: 3 != 4") for _ in tests)
        stderr = "" if holds else f'Traceback (most recent call last):\n  File "main", line {number}\nAssertionError\n'
        verdict = Verdict(
            status="passed" if holds else "failed",
            stdout=f"{number}\n",
            stderr=stderr,
            tests_run=5,
            test_results=results,
        )
        key = job.identity("image", "1")
        group.create_task(ledger.record_verdict(key, dataclasses.asdict(job), verdict))
        verdicts.append(key)
    holds = num_passed > 0
    outcomes = tuple(TestOutcome(test=test, passed=holds, error="" if holds else "AssertionError") for test in tests)
    return Sample(
        recipe=RECIPES[number % len(RECIPES)],
        seed_id=f"stdlib/{name}",
        instruction=instruction,
        response=answers[2],
        code=codes[0],
        entry_point=f"{name}_{number}",
        tests=tests,
        evidence=draw.choice(("seed", "agreement", "self")) if dropped is None else "none",
        round_trip=draw.random() < 0.3,
        language=language,
        check=Check(
            status="passed" if holds else "failed",
            outcomes=outcomes,
            num_candidates=CANDIDATES,
            num_candidates_passed=num_passed,
        ),
        scores={"difficulty": float(5 - num_passed), "value": 4.0},
        provenance=Provenance(
            teacher="a-teacher",
            templates=dict.fromkeys(prompts, "0123456789ab"),
            seed_source="doctest:stdlib",
            completions=tuple(completions),
            asked=tuple(asked),
            verdicts=tuple(verdicts),
            ran=tuple(f"candidate {place + 1}" for place in range(CANDIDATES)),
            calls=len(completions),
            prompt_tokens=int(spent[0]),
            completion_tokens=int(spent[1]),
            cost_usd=spent[2],
        ),
        dropped=dropped,
        detail="test 1 of 5: AssertionError: 3 != 4" if dropped else "",
    )


def _variant(code: str, draw: random.Random) -> str:
    """The code with one of its lines marked, so that no two are the same."""
    lines = code.split("\n")
    lines[draw.randrange(len(lines))] += f"  # {draw.getrandbits(40):x}"
    return "\n".join(lines)


def write(folder: RunFolder) -> None:
    """Runs `synth report` and prints what it took."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("synth")), "report", str(folder.path)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"synth report ended with {process.returncode}")
    seconds = time.perf_counter() - started
    print(
        f"written in {seconds:.1f} s ({usage.ru_utime + usage.ru_stime:.1f} s of CPU), peak {usage.ru_maxrss / 1024:.0f} MB"
    )
    print(
        f"size {folder.report.stat().st_size / 1e6:.1f} MB, beside a ledger of {_ledger_mb(folder):.0f} MB", flush=True
    )


def _ledger_mb(folder: RunFolder) -> float:
    return (folder.path / "ledger.sqlite").stat().st_size / 1e6


async def read(browser: str, folder: RunFolder, times: int, shots: Path | None) -> None:
    """Opens and uses the page, and prints medians."""
    far = (folder.path / "far.txt").read_text()
    taken = []
    async with open_browser(browser) as page:
        await page.resize(1280, 900)
        for _ in range(times):
            await page.goto(folder.report)
            async with asyncio.timeout(GIVE_UP_S):
                taken.append([*await page.evaluate(READY), *await page.evaluate(USE.replace("FAR", far))])
        heap = await page.evaluate("performance.memory.usedJSHeapSize")
        if shots:
            await photograph(page, folder, shots)
    labels = (
        "rows listed",
        "first row opened",
        "page whole",
        "filter",
        "open a row far down",
        "search rows",
        "stories",
    )
    for label, figures in zip(labels, zip(*taken, strict=True), strict=True):
        print(f"{label:<20}{statistics.median(figures):>7,.0f} ms  ({min(figures):,.0f} to {max(figures):,.0f})")
    usable = [max(one[:2]) + one[3] + one[4] for one in taken]
    print(f"{'list, filter, open':<20}{statistics.median(usable):>7,.0f} ms  (hold: under 3,000)")
    print(f"script heap {heap / 1e6:.0f} MB")


async def photograph(page: Page, folder: RunFolder, shots: Path) -> None:
    """Screenshots: light, dark, narrow, a row and its story."""
    shots.mkdir(parents=True, exist_ok=True)
    far = "#" + (folder.path / "far.txt").read_text()
    story = "[...document.querySelectorAll('.story details')].slice(1, 3).concat([...document.querySelectorAll('.story details')].slice(-1)).forEach((one) => { one.open = true; })"
    scroll = "document.querySelector('.story').previousElementSibling.scrollIntoView({behavior: 'instant'})"
    views = (
        ("light", 1280, 2600, False, "", ""),
        ("dark", 1280, 2600, True, "", ""),
        ("row", 1280, 900, False, far, ""),
        ("story", 1280, 1400, False, far, f"{story}; {scroll}"),
        ("story-dark", 1280, 1400, True, far, f"{story}; {scroll}"),
        ("narrow", 390, 2800, False, "", ""),
        ("narrow-row", 390, 844, True, far, ""),
        ("narrow-story", 390, 844, False, far, f"{story}; {scroll}"),
    )
    for name, width, height, dark, fragment, act in views:
        await page.resize(width, height, dark=dark)
        await page.goto(folder.report, fragment)
        await page.evaluate(READY.replace('"row-opened"', '"rows-listed"') if not fragment and width < 600 else READY)
        await page.evaluate(f"(async () => {{ await new Promise((next) => setTimeout(next, 300)); {act} }})()")
        await page.screenshot(shots / f"{name}.png")


if __name__ == "__main__":
    main()
