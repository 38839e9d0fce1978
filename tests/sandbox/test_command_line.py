"""The command as manifests show it."""

from __future__ import annotations

import pytest

from sandbox.console import command_line


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("/opt/venv/bin/pretrain", "pretrain"),
        ("pretrain", "pretrain"),
        ("/opt/site-packages/pretrain/cli.py", "pretrain"),  # `python -m pretrain.cli`
    ],
)
def test_a_command_can_be_pasted(monkeypatch: pytest.MonkeyPatch, program: str, shown: str) -> None:
    monkeypatch.setattr("sys.argv", [program, "pack", "--data", "my corpus", "--out", "a"])
    assert command_line() == f"{shown} pack --data 'my corpus' --out a"


def test_a_file_name_that_is_no_text_can_be_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["synth", "generate", "--seeds", "caf\udce9.jsonl"])
    assert command_line() == r"synth generate --seeds 'caf\udce9.jsonl'"
