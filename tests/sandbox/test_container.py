"""What the host knows of its own processes and of the code it sends inside."""

from __future__ import annotations

from sandbox.container import start_time, supervisor_version


def test_no_process_has_no_start_time():
    assert start_time(1)
    assert start_time(2**22 + 1) == ""


def test_the_supervisor_version_is_stable_within_a_process():
    assert supervisor_version() == supervisor_version()
