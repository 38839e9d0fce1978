"""The live display: honest rates, a quiet log where there is no terminal, stdout left alone."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from synth.budget import Budget
from synth.forecast import Goal
from synth.progress import WINDOW_S, Progress, Snapshot


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def at(kept: int, *, dropped: int = 0, calls: int | None = None) -> Snapshot:
    reasons = {"verify.failed": dropped} if dropped else {}
    return Snapshot(kept=kept, dropped=reasons, calls=kept if calls is None else calls, completion_tokens=100 * kept)


def run(progress: Progress, clock: Clock, steps: list[tuple[float, Snapshot]]) -> None:
    with progress:
        for seconds, snapshot in steps:
            clock.now += seconds
            progress.update(snapshot)


def said(steps: list[tuple[float, Snapshot]], **goal: Any) -> list[str]:
    """The plain lines of a run of (seconds passed, snapshot)."""
    file, clock = io.StringIO(), Clock()
    run(Progress(Console(file=file), Goal(**goal), clock=clock), clock, steps)
    return file.getvalue().splitlines()


def test_a_plain_line_at_most_every_quarter_minute_and_one_at_the_end() -> None:
    assert len(said([(1, at(number)) for number in range(100)])) == 100 // 15 + 1


def test_a_run_that_never_started_says_nothing() -> None:
    assert said([]) == []


def test_rate_and_time_left_follow_the_target() -> None:
    last = said([(0, at(0)), (30, at(10)), (30, at(20))], rows=60)[-1]
    assert last.startswith("20 of 60 rows kept, 20 rows/min, about 2 min 00 s left, 1 min 00 s so far; ")
    assert "33.3 tokens/s" in last


def test_seeds_that_run_out_before_the_target_end_the_run() -> None:
    last = said([(0, at(0)), (60, at(10, dropped=10))], rows=1000, seeds=40)[-1]
    assert "about 1 min 00 s left" in last
    assert "20 of 40 seeds done, dropped 10: verify.failed 10" in last


def test_rows_from_the_ledger_do_not_count_as_speed() -> None:
    replay = [(0.01, at(number, calls=500)) for number in range(501)]
    fresh = [(30.0, at(501, calls=505)), (30.0, at(502, calls=509))]
    assert "502 rows kept, 2 rows/min" in said(replay + fresh)[-1]


def test_the_rate_is_that_of_the_last_minutes() -> None:
    fast = [(1.0, at(number)) for number in range(100)]
    slow = [(60.0, at(100 + number)) for number in range(int(WINDOW_S // 60) + 3)]
    assert "1 rows/min" in said(fast + slow)[-1].split(", ")[1]


def test_no_rate_before_there_is_time_to_tell() -> None:
    (line,) = said([(0, at(0)), (0.5, at(3))], rows=10)
    assert "rows/min" not in line
    assert "left" not in line


def test_many_reasons_are_summed_up_and_still_add_up() -> None:
    dropped = {"a.a": 9, "b.b": 8, "c.c": 7, "d.d": 6, "e.e": 5, "f.f": 4}
    (line,) = said([(0, Snapshot(dropped=dropped))])
    assert "dropped 39: a.a 9, b.b 8, c.c 7, d.d 6, 2 more reasons 9" in line


def test_an_unknown_price_is_left_out_and_a_known_one_shown() -> None:
    assert "cost" not in said([(0, Snapshot())])[0]
    assert said([(0, Snapshot(cost_usd=0.125))])[0].endswith(", cost $0.12")


@pytest.mark.parametrize(
    ("window", "concurrency", "text"),
    [
        (None, None, "; 3 calls in flight, "),
        (8, 8, "; 3 of 8 calls in flight, "),
        (8, None, "; 3 of 8 calls in flight, "),
        (8, 64, "; 3 of 8 calls in flight (ceiling 64), "),
    ],
)
def test_the_window_is_shown_and_its_ceiling_where_it_is_lower(
    window: int | None, concurrency: int | None, text: str
) -> None:
    (line,) = said([(0, Snapshot(in_flight=3, window=window, concurrency=concurrency))])
    assert text in line


def test_what_the_calls_wait_for_is_said_in_one_line() -> None:
    (line,) = said([(0, Snapshot(waiting="rate-limited,\nnext call\x1b[2J in 12 s"))])
    assert line.endswith("; waiting: rate-limited, next call<U+001B>[2J in 12 s")
    assert "waiting" not in said([(0, at(1))])[0]


def test_the_forecast_and_the_cap_that_ends_it_early_are_said() -> None:
    rows = Snapshot(kept=10, calls=150, row_calls=120, row_tokens=6_000, row_cost_usd=0.5)
    line = said([(0, Snapshot()), (60, rows)], rows=1_000, budget=Budget(max_cost_usd=10.0))[-1]
    assert "; forecast: 12,000 calls, 600,000 tokens, $50.00, 1 h 40 min for 1,000 rows; " in line
    assert line.endswith("; --max-cost 10.0 ends the run at about 200 rows")
    assert "forecast" not in said([(0, Snapshot()), (60, rows)])[-1]


def test_a_hostile_reason_cannot_reach_the_terminal() -> None:
    (line,) = said([(0, Snapshot(dropped={"[red]a\x1b[2J": 1}))])
    assert "[red]a<U+001B>[2J 1" in line


def test_a_terminal_gets_a_live_display_that_cleans_up_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    file, clock = io.StringIO(), Clock()
    console = Console(file=file, force_terminal=True, width=100, color_system=None, _environ={"TERM": "xterm"})

    def fail() -> None:
        with Progress(console, Goal(rows=9), clock=clock) as progress:
            progress.update(at(3, dropped=2))
            print("a result")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    text = file.getvalue()
    assert "3 of 9 rows kept" in text
    assert "5 seeds done, dropped 2: verify.failed 2" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert capsys.readouterr().out == "a result\n"
