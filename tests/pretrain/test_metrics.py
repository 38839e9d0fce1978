"""Records on disk, cut to where a run resumes, and lines for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pretrain.errors import RunFolderError
from pretrain.metrics import Metrics, Progress, describe

pytestmark = pytest.mark.train


def record(step: int, **changes: Any) -> dict[str, Any]:
    fields = {"loss": 1 / (step + 1), "grad_norm": 0.1, "learning_rate": 1e-3, "tokens_per_s": 100.0 * step}
    return {"step": step, "tokens": step, "mfu": 0.5, "skipped": False} | fields | changes


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    pytest.importorskip("torch")
    opened = Metrics(tmp_path, keep_to=-1)
    for step in range(1, 6):
        opened.write(record(step))
    opened.close()
    return opened


def test_floats_come_back_to_the_last_bit(metrics: Metrics) -> None:
    assert [entry["loss"] for entry in metrics.read()] == [1 / (step + 1) for step in range(1, 6)]


def test_a_resumed_run_forgets_the_steps_it_will_take_again(metrics: Metrics) -> None:
    again = Metrics(metrics.path.parent, keep_to=3)
    again.close()
    assert [entry["step"] for entry in again.read()] == [1, 2, 3]


def test_a_torn_last_line_is_dropped(metrics: Metrics) -> None:
    with metrics.path.open("a") as stream:
        stream.write('{"step": 6, "lo')
    assert metrics.read()[-1]["step"] == 5
    again = Metrics(metrics.path.parent, keep_to=9)
    again.write(record(6))
    again.close()
    assert json.loads(metrics.path.read_text().splitlines()[-1])["step"] == 6


@pytest.mark.parametrize("torn", ['{"step": 6, "heldout_bits_per_byte": {"python": 3.1}', '{"step": 6, "s": "\xe2'])
def test_wherever_the_last_line_was_torn_it_is_dropped(metrics: Metrics, torn: str) -> None:
    with metrics.path.open("ab") as stream:
        stream.write(torn.encode("latin-1"))
    assert [entry["step"] for entry in metrics.read()] == [1, 2, 3, 4, 5]


def test_a_sample_may_hold_any_line_end(metrics: Metrics) -> None:
    metrics.write(record(6, samples=["a\u2028b\x85c\rd\n"]))
    assert metrics.read()[-1]["samples"] == ["a\u2028b\x85c\rd\n"]


def test_a_line_damaged_in_the_middle_is_named(metrics: Metrics) -> None:
    metrics.path.write_text(metrics.path.read_text().replace('"step": 2', '"step: 2'))
    with pytest.raises(RunFolderError, match=r"metrics.jsonl: damaged, .*; --restart begins anew"):
        metrics.read()


def test_the_summary_has_ends_and_medians(metrics: Metrics) -> None:
    for step, score in ((0, 8.0), (5, 2.0)):
        metrics.write({"step": step, "heldout_bits_per_byte": {"all": score}, "samples": []})
    summary = metrics.summary()
    assert (summary["first_loss"], summary["last_loss"]) == (1 / 2, 1 / 6)
    assert summary["tokens_per_s"] == 300.0
    assert summary["heldout_bits_per_byte"] == {"first": {"all": 8.0}, "last": {"all": 2.0}}


def test_tensorboard_holds_the_same_losses(metrics: Metrics) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(metrics.path.parent / "tensorboard")).Reload()
    assert [event.value for event in events.Scalars("loss")] == pytest.approx([1 / (s + 1) for s in range(1, 6)])


def test_a_full_disk_is_one_line(metrics: Metrics) -> None:
    metrics.path = Path("/dev/full")
    with pytest.raises(RunFolderError, match="/dev/full: cannot be written, no space left on device"):
        metrics.write(record(6))


def test_an_unknown_peak_reads_as_not_available() -> None:
    assert "MFU n/a" in describe(record(1, mfu=None))


def test_off_a_terminal_lines_are_few_and_the_last_step_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(start=0, stop=100, shown=True)
    for step in range(1, 101):
        progress.step(record(step))
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) <= 3
    assert lines[-1].startswith("step 100 of 100")


def test_other_processes_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(start=0, stop=1, shown=False)
    progress.step(record(1))
    progress.say("x")
    assert capsys.readouterr().err == ""
