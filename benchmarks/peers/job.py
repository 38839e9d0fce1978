"""What every client of `benchmarks/generate.py` is given: a file of rows, an endpoint, and how many calls at once.

Drivers run under the peers' own interpreters, so this needs the standard library alone.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = "Answer with one Python function in a fenced block.\n\n{{ text }}"
SAMPLING = {"temperature": 0.7, "max_tokens": 256}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One prompt a row."""

    base_url: str
    model: str
    concurrency: int
    rows: list[str]
    folder: Path
    """An empty one, for whatever a peer writes."""

    @property
    def prompts(self) -> list[str]:
        """The prompt of every row."""
        return [self.prompt(row) for row in self.rows]

    def prompt(self, row: str) -> str:
        """The prompt of a row."""
        return TEMPLATE.replace("{{ text }}", row)


def read_job() -> Job:
    """The job on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=Path, required=True, help='JSON Lines, each {"text": ...}')
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args()
    lines = args.rows.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line)["text"] for line in lines]
    return Job(base_url=args.base_url, model=args.model, concurrency=args.concurrency, rows=rows, folder=args.folder)
