"""Benchmark contamination in two stages: a sieve that is cheap, then proof for what it lets through.

1. `sieve.py`: a text must share several *telling* token grams with a passage of a benchmark, close together; grams
   that ordinary code has do not count, and a second set of grams is blind to names.
2. `runs.py`: how much of the passage do the longest common runs repeat, renamed or not (rule `run`)? And, where that
   leaves a doubt, `fingerprints.py`: is a Python function the same but for names, comments and layout (`fingerprint`)?

Rows of instructions are also dropped for a test set's entry points (`entry_points.py`; rule `entry_point`), files are
not. The preset `opencoder` is the rule of that paper instead: any use of an entry point, any ten tokens in a row that
a benchmark has too (`ten_gram`). Source: OpenCoder (arXiv 2411.04905), section 4.

Measured by `benchmarks/decontaminate.py`. Not covered: paraphrased tasks, translations between languages, and
solutions of a line or two, which anyone might write, without their task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from synth.curate.benchmarks import Benchmark, Task, load_benchmark
from synth.curate.entry_points import EntryPoints
from synth.curate.fingerprints import MIN_SHARE, Fingerprint, fingerprint, functions_in, share_of
from synth.curate.grams import TOKEN, tokenize
from synth.curate.passages import passages_of
from synth.curate.runs import best_run
from synth.curate.sieve import Seeds, Sieve
from synth.curate.ten_grams import TenGrams

__all__ = ["Benchmark", "Decontaminator", "Hit", "Task", "decontaminator", "load_benchmark"]

Rule = Literal["entry_point", "run", "fingerprint", "ten_gram"]
PRESETS = ("default", "opencoder")
_MAX_SHOWN = 500
_DOUBT = 0.2
"""Share of a passage that runs must repeat before functions are parsed."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Why a row is contaminated."""

    task: str
    """Which benchmark task, such as `HumanEval/12`."""
    rule: Rule
    text: str
    """What matched, cut short where it is long."""
    score: float = 1.0
    """The share of the task's prose or code that the row repeats, in [0, 1]."""
    part: int = 0
    """The number of the text, among those of the row, where the match begins."""
    start: int = 0
    """First character of the match in that text."""
    end: int = 0
    """One past its last character; past the end of the text where the match goes on in the next."""


class Decontaminator:
    """Searches rows for any of several benchmarks."""

    def __init__(
        self, benchmarks: Sequence[Benchmark], *, preset: str = "default", use_entry_points: bool = True
    ) -> None:
        """Without `use_entry_points` it looks for repeated text alone, which is right for source files.

        Raises: `ValueError` for an unknown preset.
        """
        if preset not in PRESETS:
            raise ValueError(f"decontaminate: unknown preset {preset!r}; known: {', '.join(PRESETS)}")
        tasks = [task for benchmark in benchmarks for task in benchmark.tasks]
        self._entry_points = EntryPoints(tasks if use_entry_points else ())
        self._ten_grams = TenGrams(tasks) if preset == "opencoder" else None
        self._passages = [passage for benchmark in benchmarks for passage in passages_of(benchmark)]
        self._sieve = Sieve(self._passages if self._ten_grams is None else ())
        self._names = {task.id: task.entry_point for task in tasks}
        self._fingerprints: dict[int, list[Fingerprint]] = {}

    def find(self, *texts: str) -> Hit | None:
        """The hit in a row's texts (instruction, response, code, tests), entry points before repeated text."""
        return self.find_many([texts])[0]

    def find_many(self, rows: Sequence[Sequence[str]]) -> list[Hit | None]:
        """What `find` says of each row, in a fraction of the time where rows are short."""
        hits = [self._find_entry_point(texts) for texts in rows]
        if self._ten_grams is not None:
            return [hit or self._find_ten_gram(texts) for hit, texts in zip(hits, rows, strict=True)]
        open_rows = [number for number, hit in enumerate(hits) if hit is None]
        joined = ["\n".join(rows[number]) for number in open_rows]
        for number, text, seeds in zip(open_rows, joined, self._sieve.seeds(joined), strict=True):
            if seeds:
                hits[number] = self._find_repeated(rows[number], text, seeds)
        return hits

    def find_text(self, *texts: str) -> Hit | None:
        """What `find` says of texts that may well use a name that an entry point has too: seeds, source files."""
        joined = "\n".join(texts)
        (seeds,) = self._sieve.seeds([joined])
        return self._find_repeated(texts, joined, seeds) if seeds else None

    def _find_entry_point(self, texts: Sequence[str]) -> Hit | None:
        for part, text in enumerate(texts):
            if (use := self._entry_points.find(text)) is not None:
                shown = text[use.start : use.end].strip()
                return Hit(use.task, "entry_point", shown, 1.0, part, use.start, use.end)
        return None

    def _find_ten_gram(self, texts: Sequence[str]) -> Hit | None:
        assert self._ten_grams is not None
        for part, text in enumerate(texts):
            if (found := self._ten_grams.find(text)) is not None:
                return Hit(found.task, "ten_gram", found.text, 1.0, part, found.start, found.end)
        return None

    def _find_repeated(self, texts: Sequence[str], joined: str, seeds: dict[int, Seeds]) -> Hit | None:
        """The passage of which most is repeated; of equals the first."""
        tokens = tokenize(joined)
        runs = [(number, best_run(tokens, self._passages[number], places)) for number, places in seeds.items()]
        hits = [(number, run) for number, run in runs if run is not None and run.is_hit]
        if hits:
            number, run = max(hits, key=lambda hit: (hit[1].share, hit[1].worth, -hit[0]))
            start, end = _chars(joined, run.start, run.end)
            return _hit(self._passages[number].task, "run", run.share, texts, joined, start, end)
        doubtful = {number for number, run in runs if run is not None and run.share >= _DOUBT}
        if not doubtful:
            return None
        spans = [match.span() for match in TOKEN.finditer(joined)]
        near = {number: (spans[seeds[number][0][0]][0], spans[seeds[number][-1][0]][1]) for number in doubtful}
        return self._find_function(texts, joined, near)

    def _find_function(self, texts: Sequence[str], joined: str, near: dict[int, tuple[int, int]]) -> Hit | None:
        """The function most like one of the passages', each looked for near its range of characters."""
        best: tuple[float, int, int, int] | None = None  # share, minus number, characters
        known: dict[tuple[int, int], Fingerprint | None] = {}
        for number in sorted(near):
            wanted = self._functions_of(number)
            for function in functions_in(joined, *near[number]) if wanted else ():
                span = function.start, function.end
                if span not in known:
                    known[span] = fingerprint(joined[slice(*span)])
                there = known[span]
                share = max((share_of(mine, there) for mine in wanted), default=0.0) if there is not None else 0.0
                if share >= MIN_SHARE and (best is None or (share, -number) > best[:2]):
                    best = (share, -number, *span)
        if best is None:
            return None
        return _hit(self._passages[-best[1]].task, "fingerprint", best[0], texts, joined, best[2], best[3])

    def _functions_of(self, number: int) -> list[Fingerprint]:
        """The fingerprints of a passage: of its entry point, or of every function where it has none of that name."""
        if number not in self._fingerprints:
            passage = self._passages[number]
            functions = list(functions_in(passage.text))
            named = [function for function in functions if function.name == self._names[passage.task]]
            made = [fingerprint(passage.text[function.start : function.end]) for function in named or functions]
            self._fingerprints[number] = [found for found in made if found is not None]
        return self._fingerprints[number]


@lru_cache(maxsize=2)
def decontaminator(names: tuple[str, ...] = ("humaneval",)) -> Decontaminator:
    """The one against the benchmarks of these names, made once in a process."""
    return Decontaminator([load_benchmark(name) for name in names])


def _hit(task: str, rule: Rule, score: float, texts: Sequence[str], joined: str, start: int, end: int) -> Hit:
    """A hit with its place in one of `texts`, given its place in all of them `joined` by line ends."""
    shown = joined[start:end].strip()
    part = begin = 0
    while part + 1 < len(texts) and start > begin + len(texts[part]):
        begin += len(texts[part]) + 1
        part += 1
    shown = shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + "..."
    return Hit(task, rule, shown, round(score, 3), part, start - begin, end - begin)


def _chars(text: str, first: int, last: int) -> tuple[int, int]:
    """The characters of the tokens from `first` to `last`, which is not one of them."""
    spans = [match.span() for number, match in enumerate(TOKEN.finditer(text)) if number in (first, last - 1)]
    return spans[0][0], spans[-1][1]
