"""`synth generate` in a real pseudo-terminal: drawn, drawn over in place, cleaned up; and plain where it must be so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import Scripted, serve
from terminal import terminal

SYNTH = Path(sys.executable).with_name("synth")
LONG = "x" * 90
RECIPE = f"""
about: Prose only.
seeds: seeds.jsonl
steps:
  - ask: {{template: t.j2, as: a}}
  - keep: {{if: "'no' not in a", drop: mine.{LONG}}}
  - emit: {{instruction: "{{{{ seed.text }}}}", response: "{{{{ a }}}}"}}
"""
NUM_SEEDS = 60
# A driver of its own: on the command line the plain lines are a quarter of a minute apart.
DRIVER = """
import asyncio, sys
from pathlib import Path
from rich.console import Console
from synth.forecast import Goal
from synth.generate import Order, generate
from synth.progress import Progress

order = Order(recipe="mine", base_urls=(sys.argv[1],), out=Path("run"), rows=30, concurrency=3)
with Progress(Console(stderr=True), Goal(rows=30), plain_every_s=0.2) as progress:
    asyncio.run(generate(order, watch=progress.update))
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a recipe that needs no sandbox, and seeds that differ."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "mine" / "t.j2").write_text("{{ seed.text }}")
    texts = [" ".join(f"w{number * 7 + place}" for place in range(7)) for number in range(NUM_SEEDS)]
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return tmp_path


@pytest.fixture
def endpoint() -> Iterator[Scripted]:
    """Every fourth answer is one that the recipe drops."""

    def answer(body: dict[str, object]) -> str:
        (text,) = [message["content"] for message in body["messages"]]  # type: ignore[attr-defined]
        number = int(re.findall(r"\d+", text)[0]) // 7
        return f"{text} {'no' if number % 4 == 0 else 'yes'}"

    with serve(Scripted(answer, delay_s=0.15)) as script:
        yield script


def generate(endpoint: Scripted, *flags: str) -> list[str | Path]:
    return [SYNTH, "generate", "--recipe", "mine", "--base-url", endpoint.base_url, "--concurrency", "4", *flags]


def bars(frame: str) -> int:
    return sum("━━━" in line for line in frame.splitlines())


@pytest.mark.parametrize("columns", [80, 60])
def test_the_display_is_drawn_over_in_place_and_leaves_nothing_behind(
    place: Path, endpoint: Scripted, columns: int
) -> None:
    with terminal(generate(endpoint, "--rows", "30", "--price", "1,2"), cwd=place, columns=columns) as shown:
        frames = list(shown.frames())
        assert shown.process.wait() == 0, shown.screen
    live = [frame for frame in frames if bars(frame)]
    assert len(set(live)) >= 3
    assert max(map(bars, live)) == 1, "one display at a time"
    assert any("of 30 rows kept" in frame and "cost $" in " ".join(frame.split()) for frame in live)
    assert any(LONG in "".join(frame.split()) for frame in live), "a long reason is shown whole"
    last = frames[-1]
    assert bars(last) == 0
    assert "in flight" not in last
    assert "a kept row, $" in last
    assert "".join(re.findall("x{9,}", last)) == LONG, "the summary folds it in its column"
    assert shown.screen.is_cursor_shown


def test_ctrl_c_gives_the_terminal_back(place: Path, endpoint: Scripted) -> None:
    with terminal(generate(endpoint), cwd=place, columns=80) as shown:
        for frame in shown.frames():
            if bars(frame) and endpoint.delivered and shown.process.poll() is None:
                shown.press(b"\x03")
                break
        frames = list(shown.frames())
        assert shown.process.wait() == 130
    assert bars(frames[-1]) == 0
    assert "interrupted; the same command again goes on from here" in frames[-1]
    assert shown.screen.is_cursor_shown


def test_a_dumb_terminal_gets_text_and_no_escape_codes(place: Path, endpoint: Scripted) -> None:
    with terminal(generate(endpoint, "--rows", "5"), cwd=place, columns=80, term="dumb") as shown:
        (last,) = list(shown.frames())[-1:]
        assert shown.process.wait() == 0
    assert "\x1b" not in shown.raw
    assert "5 of 5 rows kept" in last


def test_a_pipe_gets_plain_lines_now_and_then(place: Path, endpoint: Scripted) -> None:
    command = [sys.executable, "-c", DRIVER, endpoint.base_url]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if " of 30 rows kept" in line]
    assert len(lines) >= 3
    assert lines == sorted(lines, key=lambda line: int(line.split()[0]))
    assert lines[-1].startswith("30 of 30 rows kept")
    assert f"mine.{LONG} " in lines[-1]
    assert "\x1b" not in done.stderr
    assert done.stdout == ""


def test_a_terminal_with_stderr_in_a_pipe_gets_no_display(place: Path, endpoint: Scripted) -> None:
    script = f"exec {' '.join(map(str, generate(endpoint, '--rows', '5')))} 2> stderr.txt"
    with terminal(["/bin/sh", "-c", script], cwd=place, columns=80) as shown:
        frames = list(shown.frames())
        assert shown.process.wait() == 0
    assert "".join(frames).strip() == ""
    assert "\x1b" not in (place / "stderr.txt").read_text()
