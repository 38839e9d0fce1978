"""A run with drops and twins that needs no sandbox: recipe, seeds, a teacher's words, and the commands that cook it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plain_run import PROGRAM, WORDS, dataset_in, environment

from synth.generate import Order, Result, generate
from synth.merge import merge
from synth.shards import Shard

RECIPE = """
about: A task and its answer.
steps:
  - ask: {template: task.j2, tags: [instruction]}
  - ask: {template: solve.j2, tags: [response]}
  - emit: {instruction: "{{ instruction }}", response: "{{ response }}"}
"""


def teach(body: dict[str, Any]) -> str:
    """Made-up words, the same for one request; one task in five comes without its tag, one in seven is the last's."""
    prompt, _, _ = body["messages"][-1]["content"].partition("\n")
    generator = random.Random(prompt)
    if prompt.startswith("Solve"):
        return f"<response>{' '.join(generator.choices(WORDS, k=40))}</response>"
    number = int(prompt.split()[-1])
    if number % 5 == 4:
        return "I do not know."
    if number % 7 == 3:
        generator = random.Random(prompt.removesuffix(str(number)) + str(number - 1))
    return f"<instruction>{' '.join(generator.choices(WORDS, k=40))}</instruction>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The recipe and its seeds under `home`, and the commands that cook them there."""

    home: Path
    base_url: str
    num_seeds: int = 40

    def __post_init__(self) -> None:
        folder = self.home / "plain"
        folder.mkdir()
        (folder / "recipe.yaml").write_text(RECIPE)
        (folder / "task.j2").write_text("Write about subject {{ seed.text }}")
        (folder / "solve.j2").write_text("Solve {{ instruction }}\nfor subject {{ seed.text }}")
        self.write_seeds(range(self.num_seeds))

    def write_seeds(self, numbers: range) -> None:
        """Replaces the seeds."""
        (self.home / "seeds.jsonl").write_text("\n".join(json.dumps({"text": str(number)}) for number in numbers))

    def command(self, *more: str, out: str = "run") -> list[str]:
        """`synth generate` over all seeds; start it in `home`."""
        flags = ["--recipe", "plain", "--seeds", "seeds.jsonl", "--teacher", "openai:scripted"]
        return [*PROGRAM, "generate", *flags, "--base-url", self.base_url, "--out", out, *more]

    def generate(self, *more: str, out: str = "run") -> subprocess.CompletedProcess[str]:
        """The finished command."""
        return self.run(self.command(*more, out=out))

    def cook(self, *, out: str = "run", shard: str | None = None, **settings: Any) -> Result:
        """`generate` in this process, under the settings of an `Order`. Raises: `SynthError`."""
        flags = ["--recipe", "plain", "--out", out, *(["--shard", shard] if shard else [])]
        order = Order(
            recipe="plain",
            seeds="seeds.jsonl",
            teacher="openai:scripted",
            base_urls=(self.base_url,),
            out=Path(out),
            shard=Shard.parse(shard) if shard else None,
            command=shlex.join(["synth", "generate", *flags]),
            **settings,
        )
        with contextlib.chdir(self.home):
            return asyncio.run(generate(order))

    def cook_shards(self, count: int, **settings: Any) -> None:
        """All of them, in this process, into `run`."""
        for index in range(count):
            self.cook(shard=f"{index}/{count}", **settings)

    def merge(self, rows: int | None = None, *, out: str = "run") -> Result:
        """`synth merge` in this process of all shards in `out`. Raises: `SynthError`."""
        with contextlib.chdir(self.home):
            return merge(sorted(Path(out, "shards").iterdir()), Path(out), rows=rows)

    def synth(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command, finished."""
        return self.run([*PROGRAM, *words])

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """The finished process."""
        return subprocess.run(
            command, cwd=self.home, env=environment(), capture_output=True, text=True, timeout=240, check=False
        )

    def dataset(self, out: str = "run") -> dict[str, bytes]:
        """Every file whose bytes must depend on the completions alone."""
        return dataset_in(self.home / out)

    def manifest(self, out: str = "run") -> dict[str, Any]:
        """Of a finished run."""
        return dict(json.loads((self.home / out / "manifest.json").read_text()))
