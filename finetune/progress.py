"""What a run shows and records while it trains: a live line on stderr, `metrics.jsonl`, and a clean stop on Ctrl-C.

`Watch` hooks into the trainer through four events of its callback interface.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from finetune.folder import OutFolder

Item = TypeVar("Item")


def say(text: str) -> None:
    """Nothing; one line on stderr, where everything but results goes."""
    print(f"finetune: {text}", file=sys.stderr, flush=True)


class Watch:
    """Follows one training run; `stopped` tells whether it ended early because a signal asked for it."""

    def __init__(self, folder: OutFolder, *, total_steps: int, done_steps: int) -> None:
        """`done_steps` is where the run goes on; the metrics after it are logged again."""
        records = folder.keep_metrics_to(done_steps)
        self.stopped = False
        self._folder = folder
        self._total_steps = total_steps
        self._earlier_tokens = max((record.get("tokens", 0) for record in records), default=0)
        self._last_tokens, self._last_time = 0, time.perf_counter()
        self._bar: Any = None
        self._done_steps = done_steps

    def as_callback(self) -> Any:
        """A transformers callback that reports to this watch."""
        from transformers import TrainerCallback

        callback = TrainerCallback()
        for event in ("on_step_begin", "on_step_end", "on_log"):
            setattr(callback, event, getattr(self, event))
        return callback

    def on_step_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Nothing; the clock of the first step starts here, not with the set-up."""
        if state.global_step == self._done_steps:
            self._last_time = time.perf_counter()

    def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
        """Nothing; the bar moves, and a requested stop saves a checkpoint first."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=state.global_step)
        if self.stopped and state.global_step < self._total_steps:
            control.should_save = True
            control.should_training_stop = True

    def on_log(self, _args: Any, state: Any, _control: Any, *, logs: dict[str, Any], **_: Any) -> None:
        """Nothing; one metrics line per logged step."""
        if "loss" not in logs:  # the trainer's closing summary, and evaluation, which `record` takes
            return
        now, tokens = time.perf_counter(), int(logs["num_tokens"])
        rate = (tokens - self._last_tokens) / (now - self._last_time)
        self._last_tokens, self._last_time = tokens, now
        self.record(
            step=state.global_step,
            epoch=round(state.epoch or 0.0, 4),
            loss=logs["loss"],
            token_accuracy=logs["mean_token_accuracy"],
            grad_norm=logs["grad_norm"],
            learning_rate=logs["learning_rate"],
            tokens=self._earlier_tokens + tokens,
            tokens_per_s=round(rate, 1),
        )
        line = f"loss {logs['loss']:.4f}, lr {logs['learning_rate']:.1e}, {rate:,.0f} tokens/s"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], figures=line)
        else:
            say(f"step {state.global_step}/{self._total_steps}: {line}")

    def record(self, **metrics: Any) -> None:
        """Nothing; one more line in `metrics.jsonl`."""
        with self._folder.metrics.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(metrics) + "\n")

    @contextmanager
    def running(self) -> Iterator[None]:
        """A context in which signals stop the run after its step and the live line shows, on a terminal."""
        handled = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if not sys.stderr.isatty():
                yield
                return
            with _live_line() as self._bar:
                self._bar.add_task("train", total=self._total_steps, completed=self._done_steps, figures="")
                yield
        finally:
            self._bar = None
            for number, handler in handled.items():
                signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
        say("stopping after this step, with a checkpoint; once more stops at once")


def track(name: str, items: Sequence[Item], *, skip: int = 0) -> Iterator[Item]:
    """The items after the first `skip`, with a live line on a terminal, elsewhere a line on stderr every tenth part."""
    if sys.stderr.isatty():
        with _live_line() as bar:
            task = bar.add_task(name, total=len(items), completed=skip, figures=name)
            for item in items[skip:]:
                yield item
                bar.advance(task)
        return
    for number, item in enumerate(items[skip:], skip + 1):
        yield item
        if number * 10 // len(items) > (number - 1) * 10 // len(items):
            say(f"{name} {number}/{len(items)}")


def _live_line() -> Any:
    """A rich progress line: steps, figures, time and ETA."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("step"),
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
