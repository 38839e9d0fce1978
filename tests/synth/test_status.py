"""`synth status`: what was paid and what a kept row took, while a run goes on, after it, and once it is begun again."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from synth.calls import Completion, Request
from synth.ledger import Ledger
from synth.runs import RunFolder

SYNTH = Path(sys.executable).with_name("synth")


def status(run: Path, *flags: str) -> str:
    done = subprocess.run([SYNTH, "status", run, *flags], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def pay(ledger: Ledger, calls: int, *, first: int = 0, cost_usd: float | None = 0.25) -> None:
    for index in range(first, first + calls):
        request = Request(teacher="t", messages=(), sampling={}, index=index)
        paid = Completion(text="x", finish_reason="stop", prompt_tokens=90, completion_tokens=10, cost_usd=cost_usd)
        ledger.add_completion(request, paid)


def finish(run: Path, **changes: Any) -> None:
    funnel = {"seeds": 9, "kept": 3, "dropped": {"verify.failed": 6}, "unfinished": 0}
    facts = {
        "funnel": funnel,
        "calls": 12,
        "finished": "2026-01-02T03:04:05+00:00",
        "command": "synth generate --recipe r",
    }
    RunFolder(run).write_manifest({**facts, **changes})


def test_rows_so_far_and_what_each_took_are_told_while_a_run_writes(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.note_progress({"kept": 3, "dropped": {"verify.failed": 4, "parse.no_code": 1}, "seeds": 8})
        pay(ledger, 12)
        text = status(tmp_path)
        facts = json.loads(status(tmp_path, "--json"))
    assert f"{tmp_path}: not finished\n" in text
    assert "3 kept of 8 seeds so far" in text
    assert "    4 verify.failed" in text
    assert "  a row   4 calls, 400 tokens, " in text
    assert text.rstrip().endswith(", $1.00")
    assert facts["funnel"]["dropped"] == {"verify.failed": 4, "parse.no_code": 1}
    assert facts["per_kept_row"]["cost_per_row"] == 1.0
    assert facts["finished"] is False


def test_a_finished_run_is_told_by_its_manifest(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        pay(ledger, 12)
        ledger.note_progress({"kept": 2, "dropped": {}, "seeds": 2})  # the last word before the end
    finish(tmp_path)
    text = status(tmp_path)
    assert "finished 2026-01-02T03:04:05+00:00\n" in text
    assert "3 kept of 9 seeds\n" in text
    assert "4 calls, 400 tokens" in text
    assert "again   synth generate --recipe r" in text


def test_a_run_begun_again_is_told_by_its_ledger(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        pay(ledger, 12)
    finish(tmp_path)
    with Ledger(tmp_path) as ledger:
        pay(ledger, 8, first=12)
        ledger.note_progress({"kept": 5, "dropped": {"verify.failed": 7}, "seeds": 12})
    text = status(tmp_path)
    assert ", more was paid since\n" in text
    assert "5 kept of 12 seeds so far" in text
    assert "  a row   4 calls, 400 tokens, " in text


def test_no_row_kept_yet_has_no_price(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        pay(ledger, 2)
        ledger.note_progress({"kept": 0, "dropped": {"ask.refused": 1}, "seeds": 1})
    assert "  a row   none kept yet" in status(tmp_path)


def test_an_unknown_price_is_not_free(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        pay(ledger, 2, cost_usd=None)
        ledger.note_progress({"kept": 1, "dropped": {}, "seeds": 1})
    text = status(tmp_path)
    assert "price not known" in text
    assert "$" not in text


def test_a_ledger_from_before_progress_was_noted_is_read(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        pay(ledger, 2)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.execute("DROP TABLE progress")
    db.close()
    text = status(tmp_path)
    assert "paid    2 calls" in text
    assert "rows" not in text


def test_a_reason_of_a_recipe_cannot_reach_the_terminal(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.note_progress({"kept": 0, "dropped": {"a.\x1b[2J": 1}, "seeds": 1})
    assert "a.<U+001B>[2J" in status(tmp_path)
