"""Jobs in languages other than Python: compiled, run, run again behind a test that ended the program, and judged.

    judge_job(job, language, exchange, cache)   the verdict as plain data, of as many runs as it takes

Each exchange with a container stands alone: what a compiler made comes back to the host and goes out again, so compiler
and program share nothing but those bytes, run under different uids and may run in different containers, and what was
compiled once is not compiled again. A test counts as passed when the harness reported it *and* whatever came after it
was reported too, up to the end and a clean exit; see `program.py` for the harness.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.program import Language, Program, assemble
from sandbox.verdict import Job, Limits

Exchange = Callable[[Mapping[str, Any], int], dict[str, Any]]
"""(request, memory limit in MiB) -> the supervisor's answer."""
CACHE_BYTES = 256 << 20
MAX_ERROR_CHARS = 400
ABORTED = 6
"""SIGABRT: how a failed assertion ends a program in C and its kin."""


class ArtifactCache:
    """What compilers made, by what they were given; the least recently used go first."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._kept: OrderedDict[str, tuple[int, dict[str, Any]]] = OrderedDict()
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> dict[str, Any] | None:
        """The artifacts under `key`."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][1]

    def put(self, key: str, artifacts: dict[str, Any]) -> None:
        """Nothing; the artifacts are kept, if they fit at all."""
        size = sum(len(content) for _, content in artifacts.values())
        with self._lock:
            if size > self._max_bytes or key in self._kept:
                return
            self._kept[key] = (size, artifacts)
            self._num_bytes += size
            while self._num_bytes > self._max_bytes:
                self._num_bytes -= self._kept.popitem(last=False)[1][0]


def judge_job(
    job: Job, language: Language, exchange: Exchange, cache: ArtifactCache, image_digest: str
) -> dict[str, Any]:
    """The verdict on `job` as plain data."""
    program = assemble(language, job.code, job.tests, memory_mb=job.limits.memory_mb)
    artifacts: dict[str, Any] = {}
    if program.compile:
        built = compile_program(program, job, exchange, cache, image_digest)
        if built["status"] != "passed":
            return not_compiled(built, job, language, exchange)
        artifacts = built["artifacts"]
    if not job.tests:
        return verdict_of(exchange(run_request(program, job, artifacts, job.limits.timeout_s), job.limits.memory_mb))
    return run_tests(program, job, artifacts, exchange)


def compile_program(
    program: Program, job: Job, exchange: Exchange, cache: ArtifactCache, image_digest: str
) -> dict[str, Any]:
    """How the compiler ended, with the `artifacts` it made."""
    facts = [image_digest, program.compile, dict(program.environment), dict(program.files), dict(job.files)]
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    known = cache.get(key)
    if known is not None:
        return {"status": "passed", "artifacts": known}
    limits = Limits(timeout_s=program.compile_timeout_s, memory_mb=program.compile_memory_mb)
    memory_mb = max(limits.memory_mb, job.limits.memory_mb)
    request = request_of(
        argv=program.compile,
        files={**job.files, **program.files},
        environment=program.environment,
        timeout_s=limits.timeout_s,
        output_kb=limits.output_kb,
        collect=True,
    )
    built = exchange(request, memory_mb)
    if built["status"] == "passed":
        cache.put(key, built["artifacts"])
    return built


def not_compiled(built: dict[str, Any], job: Job, language: Language, exchange: Exchange) -> dict[str, Any]:
    """The verdict where the compiler ended with an error or met a limit.

    With tests, the code alone decides whose fault it is: where that compiles, the tests are at fault, and the code
    has failed them; none was run.
    """
    at_fault = "compile_error"
    if job.tests and built["status"] == "crashed":
        alone = assemble(language, job.code, (), memory_mb=job.limits.memory_mb, check=True)
        again = compile_program(alone, job, exchange, ArtifactCache(0), "")
        at_fault = "failed" if again["status"] == "passed" else at_fault
    status = at_fault if built["status"] == "crashed" else built["status"]
    return verdict_of(built) | {"status": status, "stderr": built["stderr"] or built["stdout"], "stdout": ""}


def run_tests(program: Program, job: Job, artifacts: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    """The verdict of as many runs as there are tests that end the program, and one more."""
    results: list[dict[str, Any]] = []
    left_s = job.limits.timeout_s
    totals = {"duration_s": 0.0, "cpu_s": 0.0, "peak_memory_mb": 0.0}
    first_failure: dict[str, Any] = {}
    while True:
        request = run_request(program, job, artifacts, left_s, first=len(results) + 1)
        answer = exchange(request, job.limits.memory_mb)
        begun, passed, finished = read_report(answer["report"], first=len(results) + 1, last=len(job.tests))
        results += [{"passed": True, "error": ""}] * passed
        for name in totals:
            totals[name] = max(totals[name], answer[name]) if "peak" in name else totals[name] + answer[name]
        clean = answer["status"] == "passed"
        if finished and clean:
            break
        first_failure = first_failure or answer
        limit = answer["status"] in ("timeout", "memory_exceeded", "output_exceeded")
        if limit or not begun or finished or len(results) == len(job.tests):
            break  # a limit is the whole job's; a program that fails around its tests fails for each
        results.append({"passed": False, "error": why(answer)})
        left_s = job.limits.timeout_s - totals["cpu_s"]
        if answer["signal"] not in (None, ABORTED) or left_s <= 0.01 or len(results) == len(job.tests):
            break
    status = status_of(first_failure, results) if first_failure else "passed"
    return verdict_of(first_failure or answer) | totals | {"status": status, **counts(results)}


def read_report(lines: list[str], *, first: int, last: int) -> tuple[bool, int, bool]:
    """(whether the tests were reached, how many from `first` on passed, whether the end was reached).

    A line that is not the next one to be expected spoils all behind it.
    """
    if not lines or lines[0] != "begin":
        return False, 0, False
    passed = 0
    for line in lines[1:]:
        number = first + passed
        if number > last:
            return True, passed, line == "end" and lines[-1] == line and len(lines) == passed + 2
        if line != str(number):
            return True, passed, False
        passed += 1
    return True, passed, False


def status_of(told: dict[str, Any], results: list[dict[str, Any]]) -> str:
    """The status of a job that did not pass, from the first run that went wrong and the results of all."""
    if told["status"] in ("timeout", "memory_exceeded", "output_exceeded"):
        return str(told["status"])
    reached = bool(results)
    if told["signal"] not in (None, ABORTED) or (not reached and told["status"] == "crashed"):
        return "crashed"
    return "failed"


def why(answer: dict[str, Any]) -> str:
    """The last line a program left on stderr, or how it ended."""
    lines = [line.strip() for line in answer["stderr"].splitlines() if line.strip()]
    ended = f"signal {answer['signal']}" if answer["signal"] else f"exit code {answer['exit_code']}"
    return (lines[-1] if lines else f"the program ended with {ended} before the test did")[:MAX_ERROR_CHARS]


def verdict_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without what is only between host and supervisor."""
    return {key: value for key, value in answer.items() if key not in ("report", "artifacts")} | counts([])


def counts(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The results with their numbers."""
    passed = sum(result["passed"] for result in results)
    return {"tests_run": len(results), "tests_passed": passed, "test_results": results}


def run_request(
    program: Program, job: Job, artifacts: dict[str, Any], timeout_s: float, *, first: int = 1
) -> dict[str, Any]:
    """The request for one run of the program."""
    return request_of(
        argv=program.run,
        files={**job.files, **({} if program.compile else program.files)},
        environment=program.environment,
        timeout_s=timeout_s,
        output_kb=job.limits.output_kb,
        artifacts=artifacts,
        stdin=job.stdin,
        first=first,
        num_tests=len(job.tests),
    )


def request_of(
    *,
    argv: tuple[str, ...],
    files: Mapping[str, str],
    environment: Mapping[str, str],
    timeout_s: float,
    output_kb: int,
    artifacts: Mapping[str, Any] | None = None,
    stdin: str = "",
    collect: bool = False,
    first: int = 1,
    num_tests: int = 0,
) -> dict[str, Any]:
    """A request as the supervisor reads it."""
    return {
        "kind": "program",
        "argv": argv,
        "files": dict(files),
        "environment": dict(environment),
        "artifacts": dict(artifacts or {}),
        "collect": collect,
        "stdin": stdin,
        "first": first,
        "num_tests": num_tests,
        "timeout_s": timeout_s,
        "wall_s": wall_limit_s(timeout_s),
        "output_kb": output_kb,
    }


def wall_limit_s(timeout_s: float) -> float:
    """The wall-clock backstop: generous, so that a busy machine turns no honest run into a timeout."""
    return 4 * timeout_s + 5
