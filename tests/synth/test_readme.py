"""The README's tutorial on recipes, run word for word against a scripted endpoint and real containers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scripted import Answer, Scripted, serve

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TASKS = {
    "count_tides": ("how many heights in a list are above the mean", "len([h for h in x if h > sum(x) / len(x)])"),
    "fee": (
        "the fee for a ship: ten coins a metre, and half of that for every metre past twenty",
        "x * 10 - max(x - 20, 0) * 5",
    ),
    "initials": (
        "the first letters of the words of a ship's name, in upper case",
        "''.join(w[0] for w in x.split()).upper()",
    ),
    "spread": ("the difference between the largest and the smallest depth in a list", "max(x) - min(x)"),
    "backwards": ("the entries of a log in reverse order, the newest first", "list(reversed(x))"),
}
INPUTS = {"fee": ("5", "20", "30"), "initials": ("'old red boat'", "'sea'", "'a b'")}
LISTS = ("[1, 2, 9]", "[4, 4, 7, 8]", "[3, 0]")


def teach(body: dict[str, Any]) -> Answer:
    """One of the tasks, its tests, or its solution: which one depends on the request alone."""
    prompt = body["messages"][-1]["content"]
    named = [name for name in TASKS if f"`{name}(x)`" in prompt]
    if not named:
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
        name = list(TASKS)[digest[0] % len(TASKS)]
        return f"Write a function `{name}(x)` that returns {TASKS[name][0]}."
    name = named[0]
    if "Write six to ten tests" in prompt:
        values = [(text, eval(TASKS[name][1], {"x": eval(text)})) for text in INPUTS.get(name, LISTS)]
        return "```python\n" + "\n".join(f"assert {name}({text}) == {value!r}" for text, value in values) + "\n```"
    return f"```python\ndef {name}(x):\n    return {TASKS[name][1]}\n```"


def tutorial() -> tuple[str, str]:
    """The commands of the tutorial, and the drawing that the README shows."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Your own recipe") : text.index("## The sandbox alone")]
    commands, drawing = re.findall(r"^```\n(.*?)^```$", section, re.M | re.S)
    return commands, drawing


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_the_tutorial_makes_a_data_set(tmp_path: Path) -> None:
    commands, drawing = tutorial()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    with serve(Scripted(teach)) as script:
        place = {"PATH": f"{BIN}:{os.environ['PATH']}", "OPENAI_BASE_URL": script.base_url, "COLUMNS": "200"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            env={**clean, **place},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    assert "tides: sound" in done.stdout
    manifest = json.loads((tmp_path / "runs" / "tides" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["funnel"]["kept"] == 3
    shown = [line.split() for line in drawing.splitlines() if "..." not in line]
    assert all(line in [said.split() for said in done.stdout.splitlines()] for line in shown)
    assert any("tide tables" in prompt or "harbour fees" in prompt for prompt in script.prompts())
