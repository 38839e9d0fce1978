"""Runs that need no sandbox, for tests of what lies around it: a recipe, seeds, a teacher's words, the command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import synth.cli
from synth.generate import Order, Result, generate

RECIPE = """
about: A task and its answer.
steps:
  - ask: {template: task.j2, tags: [instruction, response]}
  - emit: {instruction: "{{ instruction }}", response: "{{ response }}"}
"""
PROGRAM = (sys.executable, "-c", "from synth.cli import main; main()")
ROOT = Path(synth.cli.__file__).parents[1]
"""Of the code under test, which an installed `synth` need not be."""
WORDS = tuple(
    f"{head}{tail}" for head in "bdfgklmnprstvz" for tail in ("ado", "eka", "ilo", "ura", "ona", "ehi", "asu")
)


def teach(body: dict[str, Any]) -> str:
    """A task in made-up words: always the same for one request, never near those for others."""
    generator = random.Random(json.dumps(body["messages"], sort_keys=True))
    task, solution = (" ".join(generator.choices(WORDS, k=40)) for _ in range(2))
    return f"<instruction>{task}</instruction><response>{solution}</response>"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRun:
    """A recipe and its seeds under `home`, and the commands that cook them there."""

    home: Path
    recipe: str = RECIPE
    num_seeds: int = 20

    def __post_init__(self) -> None:
        (self.home / "plain").mkdir()
        (self.home / "plain" / "recipe.yaml").write_text(self.recipe)
        (self.home / "plain" / "task.j2").write_text("Write about {{ seed.text }}")
        rows = [json.dumps({"text": f"subject {number}"}) for number in range(self.num_seeds)]
        (self.home / "seeds.jsonl").write_text("\n".join(rows))

    def command(self, base_url: str, *more: str, out: str | Path = "run") -> list[str]:
        """`synth generate` over all seeds; start it in `home`."""
        flags = ["--recipe", "plain", "--seeds", "seeds.jsonl", "--teacher", "openai:scripted"]
        return [*PROGRAM, "generate", *flags, "--base-url", base_url, "--out", str(out), *more]

    def run(
        self, base_url: str, *more: str, out: str | Path = "run", key: str = "good", timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """The finished command."""
        return subprocess.run(
            self.command(base_url, *more, out=out),
            cwd=self.home,
            env=environment(key),
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def cook(self, base_url: str, *, out: str | Path = "run", **settings: Any) -> Result:
        """The same in this process; `settings` are those of an `Order`. Raises: `SynthError`."""
        named: dict[str, Any] = {"recipe": "plain", "seeds": "seeds.jsonl", "teacher": "openai:scripted"}
        with contextlib.chdir(self.home):
            return asyncio.run(generate(Order(**named, base_urls=(base_url,), out=Path(out), **settings)))

    def funnel(self, out: str | Path = "run") -> dict[str, Any]:
        """What the manifest says became of the seeds."""
        manifest = json.loads((self.home / out / "manifest.json").read_text())
        return dict(manifest["funnel"])

    def dataset(self, out: str | Path = "run") -> dict[str, bytes]:
        """Every file whose bytes must depend on the completions alone."""
        return dataset_in(self.home / out)


def dataset_in(run: Path) -> dict[str, bytes]:
    """Those files of a run folder, by their path in it."""
    files = [run / "samples.parquet", *sorted(path for path in (run / "export").rglob("*") if path.is_file())]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def environment(key: str = "good") -> dict[str, str]:
    """This one, with the code under test first and no endpoint but the one on the command line."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return {**kept, "OPENAI_API_KEY": key, "PYTHONPATH": str(ROOT)}


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The line that says why a command stopped.

    Raises:
        AssertionError: it did not fail with exactly one.
    """
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("synth: ")]
    assert len(lines) == 1, done.stderr
    assert done.stderr.splitlines()[-1] == lines[0], done.stderr
    return lines[0]
