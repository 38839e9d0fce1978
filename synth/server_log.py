"""What a server's log says, in a line for people: what it is doing while it starts, and why it ended.

Read as vLLM and llama.cpp write it; a log of another shape is answered with its last line.
Not covered: the log itself and the processes behind it (`launch.py`, `guard.py`).
"""

from __future__ import annotations

import re
from pathlib import Path

from synth.figures import visible

MAX_CHARS = 300
PREFIX = re.compile(
    r"(\([\w-]+ pid=\d+\) )?(?P<level>[A-Z]+) [\d-]+ [\d:]+ (\[[^]]+\] )?"  # (Worker pid=7) INFO 11-25 09:06:18 [a:1]
    r"|\([\w-]+ pid=\d+\) "
    r"|\d+(\.\d+){3} (?P<letter>[A-Z]) (\w+ +)?(?=\S+: )"  # 0.00.018.937 I srv
)
"""What stands before the words: nothing that a user needs."""
STEP = re.compile(
    r"(?=\S).*(architecture|checkpoint|compil|captur|download|graph|initializ|init engine|kv cache|load|warm)", re.I
)
"""A line that tells how far a start is: these steps take minutes with a large model. Indented are tracebacks."""
NO_STEP = re.compile(r"warn|error|exception|^Route: ", re.I)
ERROR = re.compile(r"(?:[\w.-]+: )?error: .|[A-Za-z_][\w.]*(?:Error|Exception)(?:: |$)", re.I)
"""The line that ends a traceback or a refusal of the command line."""
SECOND_HAND = re.compile(
    r"Engine core initialization failed|See (stack trace|root cause)|failed to load model|model loading error"
    r"|Failed to init server",
    re.I,
)
"""How outer layers tell that an inner one failed; that one's own error stands before."""
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def current_step(log: Path) -> str:
    """What the server is doing, as it last said it: `Loading safetensors checkpoint shards: 50% Completed | 1/2`."""
    for level, said in reversed(_lines(log)):
        if level in ("", "I") and STEP.match(said) and not NO_STEP.search(said):
            return _cut(said, 100)
    return "starting"


def last_words(log: Path) -> str:
    """Why the server ended: its last error that is not second hand, else its last line."""
    lines = _lines(log)
    faults = [index for index, (level, said) in enumerate(lines) if level == "E" or ERROR.match(said)]
    at_first_hand = [index for index in faults if not SECOND_HAND.search(lines[index][1])]
    if faults:
        index = (at_first_hand or faults)[-1]
        # pydantic says in the next line, indented, what is wrong
        more = [said for _, said in lines[index + 1 : index + 2] if said.startswith("  ")]
        return _cut(" ".join([lines[index][1], *more]), MAX_CHARS)
    words = [said for _, said in lines if not said.startswith("guard: ")]
    return _cut((words or [said for _, said in lines] or ["it said nothing"])[-1], MAX_CHARS)


def _lines(log: Path) -> list[tuple[str, str]]:
    """The level and the words of each line that has any; a progress bar is as many lines as it was drawn times.

    Levels are `I`, `W` and `E`, empty where a line names none. vLLM's `ERROR` counts as none: every line of a
    traceback has it, and only the last one is the error.
    """
    text = COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace"))
    parsed = []
    for line in text.splitlines():
        prefix = PREFIX.match(line)
        level = (prefix["letter"] or (prefix["level"] or "")[:1].replace("E", "")) if prefix else ""
        said = visible(line[prefix.end() :] if prefix else line)
        if said.strip():
            parsed.append((level, said))
    return parsed


def _cut(text: str, size: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= size else f"{text[: size - 3]}..."
