"""The ledger: what is in a key, what survives a kill, who may write."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.verdict import Verdict
from synth.calls import Completion, Request
from synth.errors import RunFolderError
from synth.ledger import Ledger

REQUEST = Request(teacher="t", messages=({"role": "user", "content": "hi"},), sampling={"temperature": 0.5})
ANSWER = Completion(
    text="hello", finish_reason="stop", prompt_tokens=3, completion_tokens=2, cost_usd=0.25, seconds=1.5
)


@pytest.mark.parametrize(
    "change",
    [
        {"teacher": "u"},
        {"messages": ({"role": "user", "content": "hi!"},)},
        {"sampling": {"temperature": 0.6}},
        {"sampling": {"temperature": 0.5, "max_tokens": 1}},
        {"index": 1},
    ],
)
def test_whatever_could_change_the_answer_changes_the_key(change: dict[str, object]) -> None:
    assert dataclasses.replace(REQUEST, **change).key != REQUEST.key  # type: ignore[arg-type]


def test_key_does_not_depend_on_the_order_of_settings() -> None:
    a = dataclasses.replace(REQUEST, sampling={"temperature": 0.5, "max_tokens": 9})
    b = dataclasses.replace(REQUEST, sampling={"max_tokens": 9, "temperature": 0.5})
    assert a.key == b.key


def test_completion_and_request_come_back_as_they_went_in(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add_completion(REQUEST, ANSWER)
        assert ledger.completion(REQUEST.key) == ANSWER
        assert ledger.request(REQUEST.key) == REQUEST
        assert ledger.completion("other") is None


def test_verdict_and_job_come_back_as_they_went_in(tmp_path: Path) -> None:
    verdict = Verdict(status="failed", tests_run=2, tests_passed=1, stderr="é\n")
    with Ledger(tmp_path) as ledger:
        ledger.add_verdict("k", {"code": "x = 'é'"}, verdict)
        assert ledger.verdict("k") == verdict
        assert ledger.job("k") == {"code": "x = 'é'"}


def test_spent_adds_up_over_sessions(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add_completion(REQUEST, ANSWER)
        ledger.add_completion(REQUEST, ANSWER)  # the same call twice is paid once
    with Ledger(tmp_path) as ledger:
        ledger.add_completion(dataclasses.replace(REQUEST, index=1), ANSWER)
        spent = ledger.spent()
    assert (spent.calls, spent.prompt_tokens, spent.completion_tokens, spent.cost_usd) == (2, 6, 4, 0.5)
    assert (ledger.paid.calls, ledger.paid.cost_usd) == (2, 0.5)


def test_second_writer_is_turned_away_by_name(tmp_path: Path) -> None:
    with Ledger(tmp_path), pytest.raises(RunFolderError, match=f"pid {os.getpid()}.*--out"):
        Ledger(tmp_path)


def test_folder_is_free_again_after_closing(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    Ledger(tmp_path).close()


def test_reader_is_let_in_while_a_run_writes(tmp_path: Path) -> None:
    with Ledger(tmp_path) as writer:
        writer.add_completion(REQUEST, ANSWER)
        with Ledger(tmp_path, read_only=True) as reader:
            assert reader.spent().calls == 1


def test_sigkill_right_after_adding_loses_nothing_and_frees_the_folder(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom synth.ledger import *\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "for i in range(50):\n"
        "    request = Request(teacher='t', messages=(), sampling={}, index=i)\n"
        "    ledger.add_completion(request, Completion(text=str(i), finish_reason='stop'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    with Ledger(tmp_path) as ledger:
        assert ledger.spent().calls == 50


def test_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(RunFolderError, match=r"ledger\.sqlite: cannot be used as a ledger.*--out"):
        Ledger(tmp_path)


def test_reading_where_no_run_is_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run here"):
        Ledger(tmp_path, read_only=True)


def test_full_disk_is_one_line_that_says_how_to_go_on(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        (pages,) = ledger._db.execute("PRAGMA page_count").fetchone()
        ledger._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to a full disk
        with pytest.raises(RunFolderError, match="disk is full; free some space, then run the same command again"):
            ledger.add_completion(REQUEST, dataclasses.replace(ANSWER, text="x" * 1_000_000))
        assert ledger.completion(REQUEST.key) is None


def test_ledger_goes_on_after_a_full_disk(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        (pages,) = ledger._db.execute("PRAGMA page_count").fetchone()
        ledger._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(RunFolderError):
            ledger.add_completion(REQUEST, dataclasses.replace(ANSWER, text="x" * 1_000_000))
        ledger._db.execute("PRAGMA max_page_count = 1000000")
        ledger.add_completion(REQUEST, ANSWER)
        assert ledger.completion(REQUEST.key) == ANSWER


def test_folder_is_free_again_after_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(RunFolderError, match="cannot be used"):
        Ledger(tmp_path)
    (tmp_path / "ledger.sqlite").unlink()
    Ledger(tmp_path).close()
