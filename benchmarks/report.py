"""The report page over many rows with whole stories: what writing it takes, its size, and how soon a reader can work.

A run is made up of the functions of Python's own library: each row has a scored seed, a task, four candidates, tests
and their verdicts, asked with the texts of the `educational` recipe, 25 kB of story a row. `synth report` writes the
page; headless Chromium opens it several times and uses it: filter, open a row far down, search. Medians are printed.

    python benchmarks/report.py [--rows 10000] [--times 5] [--keep FOLDER] [--shots FOLDER]

Hold: list, filter and an opened row in under 3 s at 10,000 rows. Not covered: other browsers; phones.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.sort(key=lambda path: Path(path) == Path(__file__).parent)  # this folder last: its sandbox.py is no package

from chromium import Page, find_browser, open_browser
from story_rows import make_rows

from synth.export import write_samples
from synth.figures import RunFacts
from synth.ledger import Ledger
from synth.runs import RunFolder, outcome, versions
from synth.sample import count_funnel

ROOT = Path(__file__).parent.parent
GIVE_UP_S = 100
READY = """new Promise((done) => {
  const [load] = performance.getEntriesByType("navigation");
  const look = () => {
    const marks = [MARKS].map((name) => performance.getEntriesByName(name)[0]?.startTime);
    if (marks.every(Boolean) && load.loadEventEnd) done([...marks, load.loadEventEnd]);
    else setTimeout(look, 5);
  };
  look();
})"""
"""Milliseconds after the navigation began at which each of MARKS was reached and the page was whole."""
LISTED, OPENED = '"rows-listed"', '"rows-listed", "row-opened"'
USE = """(async () => {
  const $ = (id) => document.getElementById(id), told = () => $("matches").textContent, times = [];
  const until = async (holds) => { while (!holds()) await new Promise((next) => setTimeout(next, 1)); };
  const timed = async (act, holds) => {
    const start = performance.now();
    act();
    await until(holds);
    times.push(performance.now() - start);
  };
  const opened = () => !$("detail").hasAttribute("aria-busy") && $("detail").querySelector(".facts");
  const choose = (reason) => { $("outcome").value = reason; $("outcome").dispatchEvent(new Event("change")); };
  const type = (word) => {
    $("matches").textContent = "";
    $("search").value = word;
    $("search").dispatchEvent(new Event("input"));
  };
  const searched = () => told() && !told().includes("searched");
  await timed(() => choose("drop:verify.failed"), () => told().includes(" of ") && opened());
  choose("all");
  await until(() => !told().includes(" of "));
  await timed(() => { location.hash = "FAR"; }, () => opened() && $("detail").textContent.includes("FAR"));
  await timed(() => type("quuxnowhere"), searched);
  $("deep").checked = true;
  await timed(() => type("zyzzyva"), searched);
  return times;
})()"""
UNFOLD = """(async () => {
  await new Promise((next) => setTimeout(next, 300));
  const events = [...document.querySelectorAll(".story details")];
  for (const one of [...events.slice(1, 3), events.at(-1)]) one.open = true;
  document.querySelector(".story").previousElementSibling.scrollIntoView({ behavior: "instant" });
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
        samples = asyncio.run(make_rows(num_rows, ledger))
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
    seconds, cpu_s = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    print(f"written in {seconds:.1f} s ({cpu_s:.1f} s of CPU), peak {usage.ru_maxrss / 1024:.0f} MB")
    size = folder.report.stat().st_size / 1e6
    print(f"size {size:.1f} MB, beside a ledger of {_ledger_mb(folder):.0f} MB", flush=True)


def _ledger_mb(folder: RunFolder) -> float:
    return (folder.path / "ledger.sqlite").stat().st_size / 1e6


async def read(browser: str, folder: RunFolder, times: int, shots: Path | None) -> None:
    """Opens and uses the page, and prints medians."""
    far = (folder.path / "far.txt").read_text()
    taken, cpu_ms = [], []
    async with open_browser(browser) as page:
        await page.resize(1280, 900)
        await page.call("Performance.enable")
        for _ in range(times):
            async with asyncio.timeout(GIVE_UP_S):
                await page.goto(folder.report)
                ready = await page.evaluate(READY.replace("MARKS", OPENED))
                cpu_ms.append(await thread_ms(page))
                taken.append([*ready, *await page.evaluate(USE.replace("FAR", far))])
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
    print(f"{'CPU until all loaded':<20}{cpu_ms[0]:>7,.0f} ms of the page's main thread, first opening")
    print(f"script heap {heap / 1e6:.0f} MB")


async def thread_ms(page: Page) -> float:
    """CPU time of the page's main thread so far: what a busy machine does not change."""
    metrics = (await page.call("Performance.getMetrics"))["metrics"]
    return 1e3 * next(float(metric["value"]) for metric in metrics if metric["name"] == "ThreadTime")


async def photograph(page: Page, folder: RunFolder, shots: Path) -> None:
    """Screenshots: light, dark, narrow, a row and its story."""
    shots.mkdir(parents=True, exist_ok=True)
    far = "#" + (folder.path / "far.txt").read_text()
    views = (
        ("light", 1280, 2600, False, "", False),
        ("dark", 1280, 2600, True, "", False),
        ("row", 1280, 900, False, far, False),
        ("story", 1280, 1400, False, far, True),
        ("story-dark", 1280, 1400, True, far, True),
        ("narrow", 390, 2800, False, "", False),
        ("narrow-row", 390, 844, True, far, False),
        ("narrow-story", 390, 844, False, far, True),
    )
    for name, width, height, dark, fragment, unfold in views:
        await page.resize(width, height, dark=dark)
        await page.goto(folder.report, fragment)
        # A narrow window opens no row by itself.
        await page.evaluate(READY.replace("MARKS", OPENED if fragment or width > 900 else LISTED))
        if unfold:
            await page.evaluate(UNFOLD)
        await page.screenshot(shots / f"{name}.png")


if __name__ == "__main__":
    main()
