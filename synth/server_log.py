"""What a server's log says, in a line for people: what it is doing while it starts, and why it ended.

Read as vLLM and llama.cpp write it; a log of another shape is answered with its last line.
Not covered: the log itself and the processes behind it (`launch.py`, `guard.py`).
"""

from __future__ import annotations

import re
from pathlib import Path

from synth.figures import visible

MAX_CHARS = 300
PREFIX = re.compile(r"^(\([\w-]+ pid=\d+\) )?(?:(?P<level>[A-Z]+) [\d-]+ [\d:]+ (\[[^]]+\] )?)?")
"""`(EngineCore pid=1541) INFO 11-25 09:06:05 [core.py:133] `: nothing that a user needs."""
STEP = re.compile(
    r"(?=\S).*(architecture|checkpoint|compil|captur|download|graph|initializ|init engine|kv cache|load|warm)", re.I
)
"""The words of a line that tells how far a start is: these steps take minutes with a large model."""
NO_STEP = re.compile(r"warn|error", re.I)
ERROR = re.compile(r"(?:[\w.-]+: )?error: .|[A-Za-z_][\w.]*(?:Error|Exception)(?:: |$)", re.I)
"""The line that ends a traceback or a refusal of the command line."""
SECOND_HAND = re.compile(r"Engine core initialization failed|See (stack trace|root cause)", re.I)
"""How vLLM's outer processes tell that an inner one failed; that one's own error stands before."""
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def current_step(log: Path) -> str:
    """What the server is doing, as it last said it: `Loading safetensors checkpoint shards: 50% Completed | 1/2`."""
    for line in reversed(_lines(log)):
        found = PREFIX.match(line)
        said = line[found.end() :] if found else line
        level = found["level"] if found else None
        # indented are tracebacks and usage
        if level in (None, "INFO") and STEP.match(said) and not NO_STEP.search(said):
            return _cut(said, 100)
    return "starting"


def last_words(log: Path) -> str:
    """Why the server ended: its last error that is not second hand, else its last line."""
    lines = [PREFIX.sub("", line) for line in _lines(log)]
    faults = [index for index, line in enumerate(lines) if ERROR.match(line)]
    at_first_hand = [index for index in faults if not SECOND_HAND.search(lines[index])]
    if faults:
        index = (at_first_hand or faults)[-1]
        return _cut(" ".join(lines[index].split() + _goes_on(lines[index + 1 :])), MAX_CHARS)
    said = [line for line in lines if line.strip() and not line.startswith("guard: ")]
    return _cut((said or lines or ["it said nothing"])[-1], MAX_CHARS)


def _goes_on(following: list[str]) -> list[str]:
    """The words of the line after an error, where it is indented: pydantic puts there what is wrong."""
    return following[0].split() if following and following[0].startswith("  ") else []


def _lines(log: Path) -> list[str]:
    """The lines that say something, without colours; a progress bar is as many lines as it was drawn times."""
    text = COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace"))
    return [visible(line) for line in text.splitlines() if line.strip()]


def _cut(text: str, size: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= size else f"{text[: size - 3]}..."
