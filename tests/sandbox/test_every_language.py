"""Every language of the table does in a container what `language_programs.py` says: `make test-languages`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from language_programs import PROGRAMS, Programs

from sandbox.image import best_image, connect
from sandbox.languages import LANGUAGES
from sandbox.pool import SandboxPool
from sandbox.verdict import Job, Limits, SandboxError, Verdict

pytestmark = [pytest.mark.engine, pytest.mark.parametrize("name", PROGRAMS)]
TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def widest() -> Iterator[SandboxPool]:
    """A pool of the image with most languages; without any image the test skips with the command that builds one."""
    try:
        with closing(connect()) as engine:
            opened = SandboxPool(workers=1, image=best_image(engine), rerun_timeouts="never")
    except SandboxError as missing:
        pytest.skip(str(missing))
    with opened:
        yield opened


@pytest.fixture
def workshop(widest: SandboxPool, name: str) -> SandboxPool:
    """That pool, for a language that it has."""
    if name not in widest.languages:
        pytest.skip(f"{name} is not in the image with most languages; `make test-languages` builds one with all")
    return widest


def run(
    workshop: SandboxPool, name: str, code: str, tests: tuple[str, ...] = (), *, timeout_s: float = TIMEOUT_S
) -> Verdict:
    """The verdict, within the memory that the language's programs are given."""
    limits = Limits(timeout_s=timeout_s, memory_mb=PROGRAMS[name].memory_mb)
    return workshop.run(Job(language=name, code=code, tests=tests, stdin="sandbox\n", limits=limits))


def passed(verdict: Verdict) -> list[bool]:
    return [result.passed for result in verdict.test_results]


def programs(name: str) -> Programs:
    return PROGRAMS[name]


def test_a_program_reads_stdin_and_writes_stdout(workshop, name):
    verdict = run(workshop, name, programs(name).hello)
    assert (verdict.status, verdict.stdout.strip()) == ("passed", "hello, sandbox"), verdict


def test_right_code_passes_every_test(workshop, name):
    verdict = run(workshop, name, programs(name).add, programs(name).right)
    assert (verdict.status, verdict.tests_run, verdict.tests_passed) == ("passed", 3, 3), verdict


def test_a_wrong_test_in_the_middle_fails_alone(workshop, name):
    first, _, last = programs(name).right
    verdict = run(workshop, name, programs(name).add, (first, programs(name).wrong, last))
    assert (verdict.status, passed(verdict)) == ("failed", [True, False, True]), verdict


def test_a_crash_is_no_pass(workshop, name):
    verdict = run(workshop, name, programs(name).crash, programs(name).right)
    assert (verdict.status in ("failed", "crashed"), verdict.tests_passed) == (True, 0), verdict


def test_an_endless_loop_times_out(workshop, name):
    verdict = run(workshop, name, programs(name).loop, programs(name).right[:1], timeout_s=3.0)
    assert (verdict.status, verdict.tests_passed) == ("timeout", 0), verdict


def test_memory_without_end_is_told_apart(workshop, name):
    verdict = run(workshop, name, programs(name).memory, programs(name).right[:1])
    assert (verdict.status, verdict.tests_passed) == ("memory_exceeded", 0), verdict


def test_an_early_exit_is_no_pass(workshop, name):
    verdict = run(workshop, name, programs(name).exit, programs(name).right)
    assert (verdict.status != "passed", verdict.tests_passed) == (True, 0), verdict


def test_a_broken_program_names_its_line(workshop, name):
    verdict = run(workshop, name, programs(name).broken, programs(name).right)
    assert verdict.tests_passed == 0
    assert programs(name).complaint in verdict.stderr + verdict.stdout, verdict
    if LANGUAGES[name].compile:
        assert verdict.status == "compile_error", verdict
    else:
        assert verdict.status in ("compile_error", "crashed", "failed"), verdict


def test_the_codes_own_main_does_not_run_with_tests(workshop, name):
    if not programs(name).with_main:
        pytest.skip("this language has no entry point to set aside")
    verdict = run(workshop, name, programs(name).with_main, programs(name).right)
    assert (verdict.status, verdict.tests_passed) == ("passed", 3), verdict


def test_what_is_particular_to_the_language(workshop, name):
    for code, tests in programs(name).more:
        verdict = run(workshop, name, code, tests)
        assert (verdict.status, verdict.tests_passed) == ("passed", len(tests)), verdict
