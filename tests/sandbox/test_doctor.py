"""What `prune` says."""

from __future__ import annotations

import pytest

from sandbox import cli
from sandbox.reaper import Removal


@pytest.mark.parametrize(
    ("found", "code", "says"),
    [
        ([], 0, "nothing to remove\n"),
        ([Removal(name="a"), Removal(name="b")], 0, "a\nb\n"),
        ([Removal(name="a", problem="busy")], 1, "a: cannot be removed (busy)\n"),
    ],
)
def test_prune_says_what_went_and_what_did_not(found, code, says, capsys):
    assert (cli.report_removals(found), capsys.readouterr().out) == (code, says)
