"""The `sandbox` command: build the image, run one file, verify many, look after the engine."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from sandbox.console import DONE, FAILED, exit_code
from sandbox.verdict import Job, JobError, Limits, SandboxError


def main() -> None:
    """Nothing; the process exits with 0 done, 1 failed, 2 bad usage, 130 interrupted."""
    args = parser().parse_args()
    sys.exit(exit_code(lambda: int(args.command(args)), name="sandbox", known=(SandboxError, OSError)))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="sandbox", description="Run untrusted code in hardened Docker containers.")
    root.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="build the sandbox image if it is not there")
    build.add_argument("--languages", default="python", help="comma-separated (default: %(default)s)")
    build.set_defaults(command=build_command)

    run = commands.add_parser("run", help="run one program; exit 0 only if it passed")
    run.add_argument("file", metavar="FILE", help="the program, or - for stdin")
    run.add_argument("--tests", metavar="FILE", help="tests, run after the program in its namespace")
    run.add_argument("--timeout", type=float, default=Limits().timeout_s, metavar="S", help="CPU seconds (%(default)s)")
    run.add_argument("--memory", type=int, default=Limits().memory_mb, metavar="MB", help="MiB (%(default)s)")
    run.add_argument("--json", action="store_true", help="print the whole verdict as JSON")
    run.set_defaults(command=run_command)

    verify = commands.add_parser("verify", help="run JSON lines of jobs, write verdicts in the same order")
    verify.add_argument("input", metavar="IN.jsonl", help="jobs, or - for stdin")
    verify.add_argument("output", metavar="OUT.jsonl", help="verdicts, or - for stdout")
    verify.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="containers (%(default)s)")
    verify.set_defaults(command=verify_command)

    doctor = commands.add_parser("doctor", help="check engine, image, limits, and one real run")
    doctor.set_defaults(command=doctor_command)

    prune = commands.add_parser("prune", help="remove containers whose owner is gone")
    prune.add_argument("--all", action="store_true", help="also containers in use, and the images")
    prune.set_defaults(command=prune_command)
    return root


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def build_command(args: argparse.Namespace) -> int:
    """Exit code of `sandbox build`; prints the image's tag."""
    from sandbox.image import ensure_image

    print(ensure_image(name.strip() for name in args.languages.split(",")))
    return DONE


def run_command(args: argparse.Namespace) -> int:
    """Exit code of `sandbox run`: 0 if the program passed."""
    from sandbox.pool import SandboxPool

    code = sys.stdin.read() if args.file == "-" else read_source(args.file)
    tests = (read_source(args.tests),) if args.tests else ()
    job = Job(code=code, tests=tests, limits=Limits(timeout_s=args.timeout, memory_mb=args.memory))
    with SandboxPool(workers=1) as pool:
        verdict = pool.run(job)
    if args.json:
        print(json.dumps(verdict.to_json()))
    else:
        sys.stdout.write(verdict.stdout)
        sys.stderr.write(verdict.stderr)
        for result in verdict.test_results:
            if not result.passed:
                print(f"{args.tests}: {result.error}", file=sys.stderr)
        print(f"{verdict.status} ({verdict.cpu_s:.3f} s CPU, {verdict.peak_memory_mb:.0f} MB)", file=sys.stderr)
    return DONE if verdict.status == "passed" else FAILED


def read_source(path: str) -> str:
    """The file's text. Raises `JobError` when it is not UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise JobError(f"{path}: must be UTF-8, got byte {error.object[error.start]:#04x} at {error.start}") from None


def verify_command(args: argparse.Namespace) -> int:
    """Exit code of `sandbox verify`; memory stays flat however long the input is.

    A malformed line stops the command with its number. Everything before it has been run; those verdicts are kept in
    `OUT.jsonl.partial`, and `OUT.jsonl` appears only when it is whole.
    """
    from sandbox.jobs import read_jobs
    from sandbox.pool import SandboxPool

    counts: dict[str, int] = {}
    with open_input(args.input) as lines, SandboxPool(workers=args.workers) as pool, open_output(args.output) as out:
        started = shown = time.monotonic()
        for verdict in pool.run_all(read_jobs(lines, args.input)):
            out.write(json.dumps(verdict.to_json()) + "\n")
            counts[verdict.status] = counts.get(verdict.status, 0) + 1
            if time.monotonic() - shown > 1 and sys.stderr.isatty():
                shown = time.monotonic()
                print(f"\r{summary(counts, shown - started)} ", end="", file=sys.stderr, flush=True)
        print(summary(counts, time.monotonic() - started), file=sys.stderr)
    return DONE


def summary(counts: dict[str, int], elapsed_s: float) -> str:
    """`3 jobs, 120/s: 2 passed, 1 failed`."""
    total = sum(counts.values())
    each = ", ".join(f"{count} {status}" for status, count in sorted(counts.items(), key=lambda item: -item[1]))
    return f"{total} jobs, {total / max(elapsed_s, 1e-9):.0f}/s" + (f": {each}" if each else "")


@contextlib.contextmanager
def open_input(path: str) -> Iterator[BinaryIO]:
    """The lines of a file, or of stdin for `-`."""
    if path == "-":
        yield sys.stdin.buffer
    else:
        with Path(path).open("rb") as file:
            yield file


@contextlib.contextmanager
def open_output(path: str) -> Iterator[TextIO]:
    """A file that takes its name when it is whole, and is called `path.partial` until then; stdout for `-`."""
    if path == "-":
        yield sys.stdout
        return
    partial = Path(f"{path}.partial")
    with partial.open("w", encoding="utf-8") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def doctor_command(_: argparse.Namespace) -> int:
    """Exit code of `sandbox doctor`."""
    from sandbox.doctor import diagnose

    good = [report(*check) for check in diagnose()]
    return DONE if all(good) else FAILED


def report(name: str, good: bool, detail: str) -> bool:
    """Whether the check is good; it was printed."""
    print(f"{'ok ' if good else 'BAD'}  {name:<8} {detail}")
    return good


def prune_command(args: argparse.Namespace) -> int:
    """Exit code of `sandbox prune`; prints what it removed."""
    from sandbox.doctor import prune

    for name in prune(everything=args.all):
        print(name)
    return DONE
